/**
 * Measures of maps that several commands share: FSC within a mask, agreement with a model map, sharpening by
 * one B factor. All take volumes of an engine and leave them unchanged; voxels are cubes of `voxelSize` (A).
 */
import type { Engine, Volume } from '../engine/engine.ts';
import type { Structure } from '../formats/structure.ts';
import { atomSetOf } from '../math/atoms/atom-set.ts';
import { qScores } from '../math/atoms/q-score.ts';
import { firstCrossing } from '../math/fourier/fsc.ts';
import {
  correctForMask,
  firstRandomisedShell,
  type MaskedFsc,
  shellCentres,
  shellCorrelation,
} from '../math/fourier/masked-fsc.ts';
import { tabulateTransfer } from '../math/fourier/radial-transfer.ts';
import { type Grid, voxelCount } from '../math/grid.ts';
import { fitGuinier, type GuinierFit, guinierTransfer, signalWeight } from '../math/scaling/guinier.ts';
import { correlationOf } from '../math/statistics/correlation.ts';
import { GUINIER_START } from './parameters.ts';

/** Threshold of the map–model FSC: a model has no noise. */
const MODEL_THRESHOLD = 0.5;

/**
 * FSC of half maps within a mask (0 to 1, with soft edges), corrected for the mask by random phases at high
 * resolution, which depend only on the seed.
 */
export async function measureMaskedFsc(
  engine: Engine,
  halves: readonly [Volume, Volume],
  mask: Volume,
  voxelSize: number,
  seed = 1,
): Promise<MaskedFsc> {
  const edge = Math.min(...mask.shape);
  const spectra = await engine.shellSpectra(...halves, 'nearest');
  const unmasked = shellCorrelation(spectra);
  const frequency = shellCentres(unmasked.length, edge, voxelSize);
  const masked = await maskedCorrelation(engine, halves, mask);
  const first = firstRandomisedShell(unmasked);
  if (first === undefined) return correctForMask(frequency, unmasked, masked);
  const changed: Volume[] = [];
  try {
    for (const [i, half] of halves.entries())
      changed.push(await engine.randomisePhases(half, { from: (first - 0.5) / edge, seed: 2 * seed + i }));
    const randomised = await maskedCorrelation(engine, changed as [Volume, Volume], mask);
    return correctForMask(frequency, unmasked, masked, randomised);
  } finally {
    engine.release(...changed);
  }
}

/** FSC of two maps times a mask, shells of rounded radius. */
async function maskedCorrelation(
  engine: Engine,
  volumes: readonly [Volume, Volume],
  mask: Volume,
): Promise<number[]> {
  const a = await multiplyVolumes(engine, volumes[0], mask);
  const b = await multiplyVolumes(engine, volumes[1], mask);
  const correlation = shellCorrelation(await engine.shellSpectra(a, b, 'nearest'));
  engine.release(a, b);
  return correlation;
}

/** The product of two maps, voxel by voxel. */
export async function multiplyVolumes(engine: Engine, volume: Volume, mask: Volume): Promise<Volume> {
  const product = engine.allocateHost(voxelCount(volume.shape));
  await engine.inspect(mask, (weights) => product.set(weights));
  await engine.inspect(volume, (voxels) => {
    for (let i = 0; i < product.length; i++) product[i] *= voxels[i];
  });
  return engine.upload(product, volume.shape);
}

/** A mask with edges softened over `edgeAngstrom`, by a Gaussian of a third of that. */
export async function softenMask(
  engine: Engine,
  mask: Volume,
  voxelSize: number,
  edgeAngstrom = 6,
): Promise<Volume> {
  const sigma = edgeAngstrom / 3 / voxelSize;
  const soft = await engine.radialFilter(
    mask,
    tabulateTransfer((f) => Math.exp(-2 * (Math.PI * sigma * f) ** 2)),
  );
  // Rounding may leave values slightly outside.
  const host = engine.allocateHost(voxelCount(mask.shape));
  await engine.inspect(soft, (voxels) => {
    for (let i = 0; i < host.length; i++) host[i] = Math.min(1, Math.max(0, voxels[i]));
  });
  engine.release(soft);
  return engine.upload(host, mask.shape);
}

/** Correlation of two maps inside a mask (above 0.5), or over the box. */
export async function mapModelCorrelation(
  engine: Engine,
  map: Volume,
  model: Volume,
  mask?: Volume,
): Promise<number> {
  const a = await engine.download(map);
  const b = await engine.download(model);
  return correlationOf(a, b, mask && (await engine.download(mask)));
}

/**
 * Q-score of every atom of a model in a map (math/atoms/q-score.ts), in the order of its atoms; NaN for
 * hydrogens. `grid`: of the map, in whose frame the atoms are.
 */
export async function measureQScores(
  engine: Engine,
  map: Volume,
  grid: Grid,
  { atoms }: Structure,
): Promise<Float64Array> {
  const heavy = atoms.filter(({ element }) => !isHydrogen(element));
  const { positions } = atomSetOf(heavy);
  const levels = await engine.statistics(map);
  const found = await engine.inspect(map, (voxels) => qScores(voxels, grid, positions, levels));
  let next = 0;
  return Float64Array.from(atoms, ({ element }) => (isHydrogen(element) ? Number.NaN : found[next++]));
}

/** Hydrogens have no Q-score: at these resolutions the map does not show them. */
function isHydrogen(element: string): boolean {
  return element === 'H' || element === 'D';
}

/** FSC of a map with the map of a model. */
export interface MapModelFsc {
  /** Centres of the shells, 1/A. */
  readonly frequency: readonly number[];
  readonly correlation: readonly number[];
  /** Resolution in A at which it falls below 0.5; undefined if it never does. */
  readonly resolution: number | undefined;
}

/** FSC of a map and a model map, both multiplied by the mask if there is one. */
export async function mapModelFsc(
  engine: Engine,
  map: Volume,
  model: Volume,
  voxelSize: number,
  mask?: Volume,
): Promise<MapModelFsc> {
  const correlation = mask
    ? await maskedCorrelation(engine, [map, model], mask)
    : shellCorrelation(await engine.shellSpectra(map, model, 'nearest'));
  const frequency = shellCentres(correlation.length, Math.min(...map.shape), voxelSize);
  return { frequency, correlation, resolution: firstCrossing(frequency, correlation, MODEL_THRESHOLD) };
}

/** RMS amplitudes of a map per shell. */
export interface ShellAmplitudes {
  /** 1/A. */
  readonly frequency: readonly number[];
  readonly original: readonly number[];
  /** Times sqrt(2 FSC / (1 + FSC)). */
  readonly weighted: readonly number[];
}

/** A map sharpened by one B factor, and how that was found. */
export interface GlobalSharpening {
  readonly sharpened: Volume;
  /** Added B factor: minus that of the map's decay, unless one was given, A^2. */
  readonly bFactor: number;
  /** Undefined if the B factor was given or no line could be fitted. */
  readonly fit: GuinierFit | undefined;
  readonly amplitudes: ShellAmplitudes;
}

/**
 * Sharpens a map by one global B factor, up to its resolution (A). `correlation`: FSC per shell of its half
 * maps (best the masked one), which weights the fit and the map. `bFactor`: instead of the fitted one.
 * `fitRange`: of the Guinier plot, A; default 10 A to the resolution.
 */
export async function sharpenGlobally(
  engine: Engine,
  map: Volume,
  voxelSize: number,
  settings: {
    readonly resolution: number;
    readonly correlation?: readonly number[];
    readonly bFactor?: number;
    readonly fitRange?: readonly [from: number, to: number];
  },
): Promise<GlobalSharpening> {
  const { resolution, correlation, fitRange = [GUINIER_START, resolution] } = settings;
  const { powerA, counts } = await engine.shellSpectra(map, map, 'nearest');
  const frequency = shellCentres(powerA.length, Math.min(...map.shape), voxelSize);
  const value = correlation && signalWeight(correlation);
  const original = Array.from(powerA, (power, r) => Math.sqrt(power / counts[r]));
  const weighted = original.map((amplitude, r) => amplitude * (value ? value[r] : 1));
  const fit = settings.bFactor === undefined ? fitGuinier(frequency, weighted, fitRange) : undefined;
  const bFactor = settings.bFactor ?? -(fit?.bFactor ?? 0);
  const transfer = guinierTransfer(-bFactor, resolution, voxelSize, value && { frequency, value });
  const sharpened = await engine.radialFilter(map, transfer);
  return { sharpened, bFactor, fit, amplitudes: { frequency, original, weighted } };
}
