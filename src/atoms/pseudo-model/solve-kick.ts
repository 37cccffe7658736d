/**
 * Kick solver of the pseudo-model (method 8): atoms with a neighbour at most the distance away are kicked by
 * up to 1 voxel along each axis, until three consecutive iterations find none. Kicks out of the mask are
 * rejected (the original accepts them).
 */
import { nearestDistances } from '../../math/atoms/cell-list.ts';
import type { Shape } from '../../math/grid.ts';
import type { RandomSource } from '../../math/statistics/random.ts';
import { moveInside } from './allowed-voxels.ts';
import type { Pause } from './pause.ts';

const QUIET_ITERATIONS = 3;

/** `positions`: x, y, z in voxels, moved in place; `distance` in voxels. Returns the iterations made. */
export async function solveKick(
  allowed: Uint8Array,
  shape: Shape,
  positions: Float64Array,
  distance: number,
  iterations: number,
  random: RandomSource,
  pause: Pause,
): Promise<number> {
  let quiet = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    let kicked = 0;
    nearestDistances(positions, distance).forEach((nearest, i) => {
      if (nearest > distance) return;
      kicked++;
      for (let axis = 0; axis < 3; axis++)
        moveInside(positions, i, axis, 2 * random.uniform() - 1, allowed, shape);
    });
    quiet = kicked === 0 ? quiet + 1 : 0;
    await pause(iteration + 1, iterations);
    if (quiet === QUIET_ITERATIONS) return iteration + 1;
  }
  return iterations;
}
