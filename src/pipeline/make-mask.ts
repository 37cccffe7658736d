/**
 * Masks on request, as a run of their own: from where the map stands out from its noise, from a density, from
 * the atoms of a model or from the non-zero region of a masked map; then, in this order, combined with other
 * masks, holes filled, the largest pieces kept, extended, its edge softened, inverted.
 */
import { noAtomInMap, placeModel } from '../atoms/place-model.ts';
import type { Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Structure } from '../formats/structure.ts';
import { tanhLowPass } from '../math/fourier/radial-transfer.ts';
import type { Grid } from '../math/grid.ts';
import { CUBIC_ANGSTROM_PER_DALTON } from '../math/inputs/mask-volume.ts';
import { regionAroundAtoms } from '../math/masks/around-atoms.ts';
import { fillHoles, largestPieces, onesWhere } from '../math/masks/pieces.ts';
import { extendRegion, softEdge } from '../math/masks/shape-mask.ts';
import { molecularNumbers } from '../math/scaling/molecular-numbers.ts';
import type { LocScaleContext } from './context.ts';
import { resolveMap } from './fsc.ts';
import type { FscCurve } from './half-maps.ts';
import type { LocScaleJob } from './job.ts';
import type { MapInput } from './map-input.ts';
import { prepareMask, type ScalingMask } from './mask.ts';
import { nonZeroRegionOf } from './mask-sources.ts';
import { completeParameters, DEFAULT_MODEL_RADIUS, type LocScaleParameters } from './parameters.ts';
import { type InputMaps, readMaps } from './read-maps.ts';
import { usableResolutions } from './resolutions.ts';
import { type Run, withRun } from './run.ts';

/** What a mask is made from. */
export type MaskSource =
  /** Where the confidence reaches 1 - rate. */
  | { readonly kind: 'FDR' }
  /** From this density on, of the map low-passed at `lowPass` (A) if given. */
  | { readonly kind: 'threshold'; readonly density: number; readonly lowPass?: number }
  /** Within the radius (A; default 3) of the atoms. */
  | { readonly kind: 'model'; readonly structure: Structure; readonly radiusAngstrom?: number }
  | { readonly kind: 'non-zero region' };

/**
 * Operations on a mask, in the order in which they are applied. Masks may be on another grid with
 * `matchGrid`.
 */
export interface MaskShaping {
  /** Other masks, counted from 0.5. */
  readonly unite?: MapInput;
  readonly intersect?: MapInput;
  readonly subtract?: MapInput;
  readonly fillHoles?: boolean;
  /** So many of the largest connected pieces. */
  readonly keepPieces?: number;
  /** A; negative ones make the mask smaller. */
  readonly extendAngstrom?: number;
  /** A: from 1 to 0 along a cosine, outside the mask. */
  readonly softEdgeAngstrom?: number;
  readonly invert?: boolean;
}

/** How to make a mask. */
export interface MaskSettings extends MaskShaping {
  /** Default: FDR. */
  readonly source?: MaskSource;
}

/** What `runMask` returns. */
export interface MaskResult extends ScalingMask {
  /** Mass that protein in the mask would have, kDa. */
  readonly kiloDalton: number;
  /** The map that was masked, with `keepMap`. */
  readonly map?: Volume;
  readonly fsc?: FscCurve;
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** A run that ends with a mask. The volumes stay on the engine: release them. */
export function runMask(
  input: LocScaleJob['input'],
  given: Partial<LocScaleParameters>,
  context: LocScaleContext,
  { source = { kind: 'FDR' }, ...shaping }: MaskSettings = {},
): Promise<MaskResult> {
  return withRun({ ...context, keepConfidence: true }, async (run) => {
    const { unite, intersect, subtract } = shaping;
    const others = [unite, intersect, subtract].filter((mask) => mask !== undefined);
    const maps = await readMaps({ input, mayBeMasked: source.kind !== 'FDR' }, run, { masks: others });
    const parameters = usableResolutions(completeParameters(given, false), maps.grid, run);
    const { map, fsc } = await resolveMap(maps, parameters, run);
    const made =
      source.kind === 'FDR'
        ? await prepareMask({ userMask: undefined, map, maps, parameters }, run)
        : await run.step('mask', 'Making the mask', () => makeFrom(source, map, maps, parameters, run));
    const shaped = Object.values(shaping).some((value) => value !== undefined && value !== false)
      ? await run.step('mask', 'Shaping the mask', () => shapeMask(made, shaping, maps, parameters, run))
      : made;
    const kept = context.keepMap ? map : undefined;
    run.keep(shaped.mask, shaped.confidence, kept);
    return {
      ...{ ...shaped, map: kept, fsc },
      kiloDalton: (shaped.maskVoxels * maps.voxelSize ** 3) / CUBIC_ANGSTROM_PER_DALTON / 1000,
      ...{ grid: maps.grid, header: maps.header, timings: run.timings, warnings: run.warnings },
    };
  });
}

/** A mask that needs no noise: from a density, atoms, or zeros of the map. */
async function makeFrom(
  source: Exclude<MaskSource, { kind: 'FDR' }>,
  map: Volume,
  maps: InputMaps,
  parameters: LocScaleParameters,
  run: Run,
): Promise<ScalingMask> {
  const { mask, voxels } = await regionOf(source, map, maps, run);
  return {
    ...{ mask, maskVoxels: voxels, confidence: undefined, noise: undefined },
    origin: { source: source.kind },
    molecule: molecularNumbers(voxels, maps.voxelSize, parameters.molecularWeightKiloDalton),
  };
}

/** The region as a map of 0 and 1, and the number of its voxels. */
async function regionOf(
  source: Exclude<MaskSource, { kind: 'FDR' }>,
  map: Volume,
  { grid, voxelSize, zeroShare }: InputMaps,
  run: Run,
): Promise<{ mask: Volume; voxels: number }> {
  const { engine } = run;
  switch (source.kind) {
    case 'non-zero region':
      refuseUnmasked(zeroShare);
      return nonZeroRegionOf(map, run);
    case 'threshold': {
      const { density, lowPass } = source;
      const smooth =
        lowPass === undefined ? map : await engine.radialFilter(map, tanhLowPass(lowPass, voxelSize));
      const found = await engine.binarise(smooth, density);
      const { max } = await engine.statistics(smooth);
      if (smooth !== map) run.release(smooth);
      if (found.voxels === 0)
        throw new LocScaleError('bad-input', `No voxel reaches a density of ${density}.`, {
          parameter: 'threshold',
          expected: `a density of at most ${max.toPrecision(4)}, the largest of the map`,
          found: String(density),
          hint: 'Look for a level in ChimeraX; low-passed maps have lower densities.',
        });
      return found;
    }
    case 'model': {
      const { atoms, outside } = placeModel(source.structure, grid);
      if (outside.count > 0)
        run.warn(
          `${outside.count} of ${outside.count + atoms.count} atoms of the model lie outside the map, ` +
            `up to ${outside.farthestAngstrom.toFixed(1)} A.`,
        );
      if (atoms.count === 0) throw noAtomInMap(grid, 'model');
      const region = regionAroundAtoms(atoms, grid, source.radiusAngstrom ?? DEFAULT_MODEL_RADIUS);
      const raw = await engine.upload(Float32Array.from(region), grid.shape);
      const found = await engine.binarise(raw, 0.5);
      run.release(raw);
      return found;
    }
  }
}

/** Maps with fewer zeros are not masked, but may be padded or have a few by chance. */
const LEAST_ZEROS = 0.02;

/** Throws if too few voxels are exactly 0 for the zeros to be a mask. */
function refuseUnmasked(zeroShare: number): void {
  if (zeroShare >= LEAST_ZEROS) return;
  throw new LocScaleError('bad-input', 'The map is not masked: its non-zero region is the whole box.', {
    expected: `at least ${100 * LEAST_ZEROS} % of its voxels exactly 0`,
    found: `${(100 * zeroShare).toFixed(1)} %`,
    hint: `Make the mask of a density with ${named('threshold')}, or without either.`,
  });
}

/** Its volume is that of the mask before its edge is softened and it is inverted. */
async function shapeMask(
  made: ScalingMask,
  shaping: MaskShaping,
  { grid: { shape }, voxelSize }: InputMaps,
  { molecularWeightKiloDalton }: LocScaleParameters,
  run: Run,
): Promise<ScalingMask> {
  const { engine } = run;
  const { unite, intersect, subtract, keepPieces, extendAngstrom, softEdgeAngstrom, invert } = shaping;
  let region: Uint8Array = await engine.inspect(made.mask, countedFrom);
  run.release(made.mask);
  const combine = async (
    other: MapInput | undefined,
    what: string,
    by: (a: number, b: number) => number,
  ): Promise<void> => {
    if (other === undefined) return;
    const volume = await run.upload(other);
    const others = await engine.inspect(volume, countedFrom);
    run.release(volume);
    region = region.map((value, i) => by(value, others[i]));
    refuseEmpty(region, `${what} ${other.name}`);
  };
  await combine(unite, 'it was united with', (a, b) => a | b);
  await combine(intersect, 'it has nothing in common with', (a, b) => a & b);
  await combine(subtract, 'all of it lies in', (a, b) => a & (1 - b));
  if (shaping.fillHoles === true) region = fillHoles(region, shape);
  if (keepPieces !== undefined) region = largestPieces(region, shape, keepPieces);
  if (extendAngstrom !== undefined) region = extendRegion(region, shape, extendAngstrom / voxelSize);
  refuseEmpty(region, `it is narrower than twice ${named('extendAngstrom')}`);
  const maskVoxels = region.reduce((sum, value) => sum + value, 0);
  const values = softEdge(region, shape, (softEdgeAngstrom ?? 0) / voxelSize);
  if (invert === true) for (let i = 0; i < values.length; i++) values[i] = 1 - values[i];
  const molecule = molecularNumbers(maskVoxels, voxelSize, molecularWeightKiloDalton);
  return { ...made, mask: await engine.upload(values, shape), maskVoxels, molecule };
}

/** 1 where a mask is at least 0.5. */
function countedFrom(values: Float32Array): Uint8Array {
  return onesWhere(values, (value) => value >= 0.5);
}

/** Throws if operations have left nothing. */
function refuseEmpty(region: Uint8Array, why: string): void {
  if (region.includes(1)) return;
  throw new LocScaleError('bad-input', `Nothing is left of the mask: ${why}.`, {
    hint: 'Check that the masks belong to the same map, and the distances.',
  });
}
