/**
 * Masks by density, and operations on masks: in the command mask and in runs that scale. In this order masks are
 * combined with others, holes filled, the largest pieces kept, extended, their edge softened, inverted.
 */
import type { Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { tanhLowPass } from '../math/fourier/radial-transfer.ts';
import { fillHoles, largestPieces, onesWhere } from '../math/masks/pieces.ts';
import { extendRegion, softEdge } from '../math/masks/shape-mask.ts';
import type { MapInput } from './map-input.ts';
import type { InputMaps } from './read-maps.ts';
import type { Run } from './run.ts';

/** Operations that need no other mask, in the order in which they are applied. */
export interface MaskOperations {
  readonly fillHoles?: boolean;
  /** So many of the largest connected pieces. */
  readonly keepPieces?: number;
  /** A; negative ones make the mask smaller. */
  readonly extendAngstrom?: number;
  /** A: from 1 to 0 along a cosine, outside the mask. */
  readonly softEdgeAngstrom?: number;
}

/**
 * Operations on a mask, in the order in which they are applied. Masks may be on another grid with
 * `matchGrid`.
 */
export interface MaskShaping extends MaskOperations {
  /** Other masks, counted from 0.5. */
  readonly unite?: MapInput;
  readonly intersect?: MapInput;
  readonly subtract?: MapInput;
  readonly invert?: boolean;
}

/**
 * What a run that scales does to its mask, or to the mask it is given. The run is then that with the mask which
 * `runMask` makes.
 */
export interface MaskShape extends MaskOperations {
  /**
   * The mask is where the map has at least this density, instead of by false-discovery rate; a given mask is
   * counted from this value on, instead of 0.5.
   */
  readonly threshold?: number;
  /** Low-pass before the density is compared with the threshold, A; without a given mask. */
  readonly lowPass?: number;
}

/** Where a mask is at least 0.5 it holds. */
export const MASK_THRESHOLD = 0.5;

/** A region as a map of 0 and 1, and the number of its voxels. */
export interface Region {
  readonly mask: Volume;
  readonly voxels: number;
}

/** Voxels of at least `density`, of the map low-passed at `lowPass` (A). Throws 'bad-input' if there are none. */
export async function regionOfDensity(
  map: Volume,
  voxelSize: number,
  { density, lowPass }: { readonly density: number; readonly lowPass?: number },
  run: Run,
): Promise<Region> {
  const { engine } = run;
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

/** A mask after its operations. */
export interface ShapedMask {
  /** From 0 to 1. */
  readonly values: Float32Array;
  /** Voxels before the edge is softened and the mask is inverted. */
  readonly voxels: number;
}

/** Releases `mask`, which counts from 0.5. Throws 'bad-input' if nothing is left of it. */
export async function shapedMask(
  mask: Volume,
  shaping: MaskShaping,
  { grid: { shape }, voxelSize }: InputMaps,
  run: Run,
): Promise<ShapedMask> {
  const { engine } = run;
  const { unite, intersect, subtract, keepPieces, extendAngstrom, softEdgeAngstrom, invert } = shaping;
  let region: Uint8Array = await engine.inspect(mask, countedFrom);
  run.release(mask);
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
  refuseEmpty(
    region,
    `it is narrower than twice ${named('extendAngstrom')}`,
    `Make it smaller by less, or leave ${named('extendAngstrom')} out.`,
  );
  const voxels = region.reduce((sum, value) => sum + value, 0);
  const values = softEdge(region, shape, (softEdgeAngstrom ?? 0) / voxelSize);
  if (invert === true) for (let i = 0; i < values.length; i++) values[i] = 1 - values[i];
  return { values, voxels };
}

/** Whether there is anything to do. */
export function hasShaping(shaping: MaskShaping): boolean {
  const { unite, intersect, subtract, fillHoles, keepPieces, extendAngstrom, softEdgeAngstrom, invert } =
    shaping;
  return [unite, intersect, subtract, fillHoles, keepPieces, extendAngstrom, softEdgeAngstrom, invert].some(
    (value) => value !== undefined && value !== false,
  );
}

/** Whether the user has decided what the mask is: it then counts like one that is given. */
export function isShapedByUser(shape: MaskShape = {}): boolean {
  return shape.threshold !== undefined || hasShaping(shape);
}

/** 1 where a mask is at least 0.5. */
function countedFrom(values: Float32Array): Uint8Array {
  return onesWhere(values, (value) => value >= MASK_THRESHOLD);
}

/** Throws if operations have left nothing. */
function refuseEmpty(
  region: Uint8Array,
  why: string,
  hint = 'Check that the masks belong to the same map.',
): void {
  if (region.includes(1)) return;
  throw new LocScaleError('bad-input', `Nothing is left of the mask: ${why}.`, { hint });
}
