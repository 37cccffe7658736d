/**
 * Takes atoms apart that a solver left too close: each pass moves both atoms of every pair closer than the
 * distance by half of what they lack, inside the mask. Not in the original: there the pull of the map, as
 * strong as the neighbours' push is allowed to become, holds a third of the atoms closer than 80 % of the
 * distance, however many the iterations. A few passes free nearly all of them.
 */
import { createCellList, nearestDistances } from '../../math/atoms/cell-list.ts';
import type { Shape } from '../../math/grid.ts';
import type { RandomSource } from '../../math/statistics/random.ts';
import { moveInside } from './allowed-voxels.ts';

/** Enough is when so many atoms have no neighbour within so much of the distance. */
const SEPARATED_SHARE = 0.95;
const CLOSE = 0.8;
const MOST_PASSES = 50;

export interface Separation {
  readonly passes: number;
  /** Share of atoms without a neighbour within 80 % of the distance. */
  readonly separatedShare: number;
}

/** `positions`: x, y, z in voxels, moved in place; `distance` in voxels. */
export function separateAtoms(
  allowed: Uint8Array,
  shape: Shape,
  positions: Float64Array,
  distance: number,
  random: RandomSource,
): Separation {
  const count = positions.length / 3;
  const list = createCellList(count, distance);
  const moves = new Float64Array(positions.length);
  for (let passes = 0; ; passes++) {
    const separatedShare = shareOfSeparated(positions, distance);
    if (separatedShare >= SEPARATED_SHARE || passes === MOST_PASSES) return { passes, separatedShare };
    moves.fill(0);
    list.rebuild(positions);
    list.forEachPair((i, j, dx, dy, dz, r2) => {
      const r = Math.sqrt(r2);
      const factor = (distance - r) / (2 * r);
      // Coinciding atoms have no direction: any will do.
      const away = r > 0 ? [dx * factor, dy * factor, dz * factor] : [0, 0, 0].map(() => random.gaussian());
      for (let axis = 0; axis < 3; axis++) {
        moves[3 * i + axis] += away[axis];
        moves[3 * j + axis] -= away[axis];
      }
    });
    for (let i = 0; i < count; i++) {
      for (let axis = 0; axis < 3; axis++)
        moveInside(positions, i, axis, moves[3 * i + axis], allowed, shape);
    }
  }
}

function shareOfSeparated(positions: Float64Array, distance: number): number {
  if (positions.length === 0) return 1;
  const nearest = nearestDistances(positions, distance);
  return nearest.filter((r) => r >= CLOSE * distance).length / nearest.length;
}
