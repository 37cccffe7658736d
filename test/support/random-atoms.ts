/** Seeded atoms with positions anywhere in a box and around it. */
import type { AtomSet } from '../../src/math/atoms/atom-set.ts';
import type { Grid } from '../../src/math/grid.ts';
import { createRandom } from '../../src/math/statistics/random.ts';

export interface RandomAtomOptions {
  readonly seed: number;
  readonly elements?: readonly string[];
  readonly bFactors?: readonly [least: number, most: number];
  /** How far outside the box atoms may lie, in units of the box. */
  readonly beyond?: number;
}

export function randomAtoms(count: number, grid: Grid, options: RandomAtomOptions): AtomSet {
  const { seed, elements = ['C', 'N', 'O', 'S'], bFactors = [20, 120], beyond = 0 } = options;
  const random = createRandom(seed);
  const positions = new Float64Array(3 * count);
  for (let i = 0; i < positions.length; i++) {
    const axis = 2 - (i % 3);
    const turn = (1 + 2 * beyond) * random.uniform() - beyond;
    positions[i] = grid.origin[axis] + turn * grid.shape[axis] * grid.voxelSize[axis];
  }
  return {
    count,
    positions,
    elements: Array.from({ length: count }, () => elements[random.integer(0, elements.length - 1)]),
    bFactors: Float64Array.from(
      { length: count },
      () => bFactors[0] + (bFactors[1] - bFactors[0]) * random.uniform(),
    ),
    occupancies: Float64Array.from({ length: count }, () => 0.2 + 0.8 * random.uniform()),
  };
}
