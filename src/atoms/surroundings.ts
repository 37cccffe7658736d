/** The region around a model's atoms, used to judge its fit, and as mask if no better one can be made. */
import type { HostMemory } from '../engine/host-memory.ts';
import type { AtomSet } from '../math/atoms/atom-set.ts';
import { type Grid, isotropicVoxelSize } from '../math/grid.ts';
import { makeModelMask } from './pseudo-model/model-mask.ts';

/** A; LocScale's radius if the resolution is unknown, about the reach of atoms' density at 3 A. */
const LEAST_RADIUS = 3;
/** Upper limit, A: with a larger radius the gaps between domains close. */
const LARGEST_RADIUS = 8;

/** Blurred atoms reach as far as the resolution. `resolution` in A, undefined if unknown. */
export function surroundingsRadius(resolution: number | undefined): number {
  return Math.min(Math.max(resolution ?? LEAST_RADIUS, LEAST_RADIUS), LARGEST_RADIUS);
}

/** 1 around the atoms, else 0; (z, y, x). */
export function surroundingsOf(
  atoms: AtomSet,
  grid: Grid,
  resolution: number | undefined,
  memory?: HostMemory,
): Uint8Array {
  const { shape, origin } = grid;
  const radiusAngstrom = surroundingsRadius(resolution);
  return makeModelMask({ atoms, shape, voxelSize: isotropicVoxelSize(grid), origin, radiusAngstrom }, memory);
}
