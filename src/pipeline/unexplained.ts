/**
 * Density of the map that its reference does not explain: ligands, glycans, lipids, a micelle that a model
 * lacks. Found by local powers of signal and reference (math/masks/unexplained.ts), from half maps, or in a
 * single map from what exceeds the noise of its solvent.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import type { StructureAtom } from '../formats/structure.ts';
import { tabulateTransfer } from '../math/fourier/radial-transfer.ts';
import { type Grid, isotropicVoxelSize, type Shape, voxelCount } from '../math/grid.ts';
import {
  type Blob,
  blobsOf,
  explainedLevels,
  type LocalPowers,
  unexplainedBytes,
  unexplainedRegion,
  WINDOW_PER_RESOLUTION,
  WINDOW_SAMPLES,
} from '../math/masks/unexplained.ts';
import type { ResolvedMap } from './fsc.ts';
import { independentHalves } from './masked-resolution.ts';
import { meanOutside } from './mean-outside.ts';
import type { LocScaleParameters } from './parameters.ts';
import type { ReferenceSource } from './references/source.ts';
import type { Run } from './run.ts';

/** A blob and the residue of the model nearest to it. */
export interface UnexplainedBlob extends Blob {
  readonly nearest?: {
    readonly chain: string;
    readonly residueNumber: number;
    readonly residueName: string;
    /** A, from the position of the blob to the nearest atom. */
    readonly distance: number;
  };
}

/** Density that the reference does not explain, as a map and as a list. */
export interface UnexplainedDensity {
  /** The map, low-passed at `lowPass`, where it is unexplained; 0 elsewhere. */
  readonly map: Volume;
  /** A. */
  readonly lowPass: number;
  /** Standard deviation of the windows, A. */
  readonly windowSigma: number;
  /** A^3; smaller pieces are left out. */
  readonly leastVolume: number;
  /** The largest first. */
  readonly blobs: readonly UnexplainedBlob[];
}

/** Finer detail says little about whether something is there, A. */
const FINEST_LOW_PASS = 4;
/** Voxels: squares of a map have twice its frequencies. */
const LEAST_LOW_PASS_VOXELS = 3;

/** The search, planned. */
export interface PlannedUnexplained {
  readonly usesHalfMaps: boolean;
  /** Most bytes in addition to the volumes that live before, the result among them. */
  readonly bytes: number;
  readonly resultBytes: number;
  find(reference: Volume, atoms: readonly StructureAtom[] | undefined): Promise<UnexplainedDensity>;
}

/** What the search reads besides the reference. */
export interface UnexplainedInputs {
  readonly resolved: ResolvedMap;
  readonly mask: Volume;
  readonly grid: Grid;
  readonly parameters: Pick<LocScaleParameters, 'referenceResolution'>;
}

/** Refuses runs without a reference map, before anything is computed. */
export function checkUnexplained(source: Pick<ReferenceSource, 'isMap'>): void {
  if (source.isMap) return;
  throw new LocScaleError('usage', 'Without a reference map there is nothing that could explain the map.', {
    parameter: 'unexplained',
    hint: 'Give a model or a reference map, or leave it out.',
  });
}

/** Plans the search; the reference may not exist yet. */
export function planUnexplained(inputs: UnexplainedInputs, run: Run): PlannedUnexplained {
  const { shape } = inputs.grid;
  const volume = 4 * voxelCount(shape);
  const { bytesOf } = run.engine;
  return {
    usesHalfMaps: independentHalves(inputs.resolved) !== undefined,
    bytes: Math.max(
      4 * volume + bytesOf.radialFilter(shape) + unexplainedBytes(shape),
      bytesOf.shellSpectra(shape),
    ),
    resultBytes: volume,
    find: (reference, atoms) => find(inputs, reference, atoms, run),
  };
}

/** Finds voxels where the map has signal and the reference does not, and lists them in pieces. */
async function find(
  { resolved, mask, grid, parameters }: UnexplainedInputs,
  reference: Volume,
  atoms: readonly StructureAtom[] | undefined,
  run: Run,
): Promise<UnexplainedDensity> {
  const voxelSize = isotropicVoxelSize(grid);
  const lowPass = Math.max(
    resolved.cutoff.cutoff,
    parameters.referenceResolution ?? 0,
    FINEST_LOW_PASS,
    LEAST_LOW_PASS_VOXELS * voxelSize,
  );
  const tools = toolsFor(run.engine, lowPass, voxelSize, mask);
  const measured = await measurePowers(resolved, reference, tools);
  const { engine } = run;
  const [signal, noise, ofReference] = measured;
  const leastVolume = (4 / 3) * Math.PI * (lowPass / 2) ** 3;
  const { blobs, region } = await engine.inspect(signal, (s) =>
    inspectIfVolume(engine, noise, (n) =>
      engine.inspect(ofReference, async (t) => {
        const powers: LocalPowers = { signal: s, noise: n, reference: t };
        const levels = await engine.inspect(mask, (inside) => explainedLevels(powers, inside));
        const byChance = typeof n === 'number' ? Math.sqrt(2) : 1;
        const found = unexplainedRegion(powers, levels, byChance / Math.sqrt(WINDOW_SAMPLES));
        const referenceScale = levels?.referenceScale ?? 0;
        return { region: found, blobs: blobsOf(found, grid, powers, { leastVolume, referenceScale }) };
      }),
    ),
  );
  engine.release(...measured.filter((volume) => typeof volume !== 'number'));
  const windowSigma = WINDOW_PER_RESOLUTION * lowPass;
  return {
    map: await densityIn(region, blobs.length > 0 ? resolved.map : undefined, tools),
    ...{ lowPass, windowSigma, leastVolume },
    blobs: blobs.map((blob) => ({ ...blob, nearest: atoms && nearestResidue(atoms, blob.position) })),
  };
}

/** What is common to all volumes of the search. */
interface Tools {
  readonly engine: Engine;
  readonly shape: Shape;
  readonly mask: Volume;
  /** Low-passed, times a gain per shell, less the level of the solvent. */
  lowPassed(volume: Volume, gain?: readonly number[]): Promise<Float32Array>;
  /** In Gaussian windows. */
  windowed(values: Float32Array): Promise<Volume>;
}

/** Low-pass (a tanh, as in docs/method.md) and Gaussian windows in multiples of the resolution. */
function toolsFor(engine: Engine, lowPass: number, voxelSize: number, mask: Volume): Tools {
  const { shape } = mask;
  const edge = Math.min(...shape);
  const cutoff = voxelSize / lowPass;
  const steepness = Math.PI / (0.2 * cutoff);
  const pass = (f: number): number =>
    0.5 * (Math.tanh(steepness * (f + cutoff)) - Math.tanh(steepness * (f - cutoff)));
  const sigma = (WINDOW_PER_RESOLUTION * lowPass) / voxelSize;
  const smooth = tabulateTransfer((f) => Math.exp(-2 * (Math.PI * sigma * f) ** 2));
  return {
    engine,
    shape,
    mask,
    async lowPassed(volume, gain) {
      const transfer = tabulateTransfer((f) => pass(f) * (gain ? interpolate(gain, f * edge) : 1));
      const filtered = await engine.radialFilter(volume, transfer);
      const level = await meanOutside(engine, filtered, mask);
      const values = engine.allocateHost(voxelCount(shape));
      await engine.inspect(filtered, (voxels) => {
        for (let i = 0; i < values.length; i++) values[i] = voxels[i] - level;
      });
      engine.release(filtered);
      return values;
    },
    async windowed(values) {
      const volume = await engine.upload(values, shape);
      const power = await engine.radialFilter(volume, smooth);
      engine.release(volume);
      return power;
    },
  };
}

/** Linear between entries; the last one beyond. */
function interpolate(values: readonly number[], at: number): number {
  const low = Math.min(Math.floor(at), values.length - 1);
  const high = Math.min(low + 1, values.length - 1);
  return values[low] + (at - low) * (values[high] - values[low]);
}

/** Signal, noise and reference in windows; the noise of a single map is one number. */
async function measurePowers(
  resolved: ResolvedMap,
  reference: Volume,
  tools: Tools,
): Promise<[signal: Volume, noise: Volume | number, reference: Volume]> {
  const { engine } = tools;
  const halves = independentHalves(resolved);
  const [a, b] = halves ?? [resolved.map, resolved.map];
  const { cross } = await engine.shellSpectra(a, b, 'nearest');
  const { powerA: ofReference } = await engine.shellSpectra(reference, reference, 'nearest');
  const gain = Array.from(cross, (power, r) =>
    ofReference[r] > 0 ? Math.sqrt(Math.max(0, power) / ofReference[r]) : 0,
  );
  const first = await tools.lowPassed(a);
  let signal: Volume;
  let noise: Volume | number;
  if (halves === undefined) {
    for (let i = 0; i < first.length; i++) first[i] *= first[i];
    const power = await tools.windowed(first);
    noise = await solventPower(power, tools);
    signal = await less(power, noise, engine);
    engine.release(power);
  } else {
    const second = await tools.lowPassed(b);
    // In their places: the product, and the power of half the difference, twice.
    for (let i = 0; i < first.length; i++) {
      const [p, q] = [first[i], second[i]];
      first[i] = p * q;
      second[i] = (p - q) ** 2 / 2;
    }
    signal = await tools.windowed(first);
    noise = await tools.windowed(second);
  }
  const square = await tools.lowPassed(reference, gain);
  for (let i = 0; i < square.length; i++) square[i] *= square[i];
  return [signal, noise, await tools.windowed(square)];
}

/**
 * Median power outside the mask: density that the mask leaves out is rare there. A mask that leaves next to
 * nothing out is none, and the median is that of the box.
 */
function solventPower(power: Volume, { engine, mask }: Tools): Promise<number> {
  return engine.inspect(mask, (inside) =>
    engine.inspect(power, (voxels) => {
      const step = Math.max(1, Math.floor(voxels.length / SOLVENT_SAMPLES));
      const outside: number[] = [];
      const all: number[] = [];
      for (let i = 0; i < voxels.length; i += step) {
        all.push(voxels[i]);
        if (inside[i] <= 0.5) outside.push(voxels[i]);
      }
      const sample = outside.length > LEAST_OUTSIDE * all.length ? outside : all;
      return sample.sort((a, b) => a - b)[Math.floor(sample.length / 2)] ?? 0;
    }),
  );
}

/** Voxels outside the mask whose mean is the level of the solvent. */
const SOLVENT_SAMPLES = 200_000;
const LEAST_OUTSIDE = 0.02;

/** The map minus a constant; the input is kept. */
async function less(volume: Volume, level: number, engine: Engine): Promise<Volume> {
  const values = engine.allocateHost(voxelCount(volume.shape));
  await engine.inspect(volume, (voxels) => {
    for (let i = 0; i < values.length; i++) values[i] = voxels[i] - level;
  });
  return engine.upload(values, volume.shape);
}

/** `body` on the voxels, or on the number. */
function inspectIfVolume<T>(
  engine: Engine,
  value: Volume | number,
  body: (value: Float32Array | number) => Promise<T>,
): Promise<T> {
  return typeof value === 'number' ? body(value) : engine.inspect(value, body);
}

/** The low-passed map in the region and a window around it; without a map 0. */
async function densityIn(region: Uint8Array, map: Volume | undefined, tools: Tools): Promise<Volume> {
  const { engine, shape } = tools;
  const allocate = (): Float32Array => engine.allocateHost(voxelCount(shape));
  if (map === undefined) return engine.upload(allocate(), shape);
  const inside = allocate();
  for (let i = 0; i < inside.length; i++) inside[i] = region[i];
  const near = await tools.windowed(inside);
  const density = await tools.lowPassed(map);
  await engine.inspect(near, (weights) => {
    // 1 in the region, half of which a window on its surface holds; rounding leaves traces far from it.
    for (let i = 0; i < density.length; i++)
      density[i] = weights[i] < LEAST_WEIGHT ? 0 : density[i] * Math.min(1, 2 * weights[i]);
  });
  engine.release(near);
  return engine.upload(density, shape);
}

const LEAST_WEIGHT = 0.05;

/** The atom nearest to a position (x, y, z) in A, as its residue. */
function nearestResidue(
  atoms: readonly StructureAtom[],
  [x, y, z]: Blob['position'],
): UnexplainedBlob['nearest'] {
  let nearest: StructureAtom | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const atom of atoms) {
    const square = (atom.x - x) ** 2 + (atom.y - y) ** 2 + (atom.z - z) ** 2;
    if (square < least) [least, nearest] = [square, atom];
  }
  if (nearest === undefined) return undefined;
  const { chain, residueNumber, residueName } = nearest;
  return { chain, residueNumber, residueName, distance: Math.sqrt(least) };
}
