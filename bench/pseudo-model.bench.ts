/**
 * Pseudo-models: atoms in a generated mask at the density that LocScale gives them (one per 25 A^3), moved by
 * 50 iterations of either method and taken apart. The time is that of `solvePseudoModel`, on the calling
 * thread.
 */

import { allowedVoxels } from '../src/atoms/pseudo-model/allowed-voxels.ts';
import { placeAtoms } from '../src/atoms/pseudo-model/place-atoms.ts';
import { type SolverJob, solvePseudoModel } from '../src/atoms/pseudo-model/solve.ts';
import { solveGradient } from '../src/atoms/pseudo-model/solve-gradient.ts';
import { makeBlobMaps } from '../src/bench/blob-map.ts';
import { measure } from '../src/bench/clock.ts';
import { checkGate, type Gate } from '../src/bench/gate.ts';
import type { Shape } from '../src/math/grid.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import { directGradientSolver } from '../test/support/direct-pseudo-model.ts';
import type { BenchContext } from './context.ts';
import type { PseudoModelResult } from './results.ts';

const VOXEL_SIZE = 1.4;
const DISTANCE = 1.2;
const ITERATIONS = 50;
const CUBIC_ANGSTROM_PER_ATOM = 25;
/** Rounding of another order of summation, grown tenfold by the collisions of each of 8 iterations. */
const LIMIT = 1e-9;

export async function benchPseudoModel(context: BenchContext): Promise<PseudoModelResult[]> {
  const { oneThread, quick, say } = context;
  const gate = await checkDirect();
  const results: PseudoModelResult[] = [];
  for (const [edge, atoms] of quick
    ? [[48, 2000]]
    : ([
        [96, 20_000],
        [160, 100_000],
      ] as const)) {
    const fill = (atoms * CUBIC_ANGSTROM_PER_ATOM) / VOXEL_SIZE ** 3 / edge ** 3;
    const { map, mask, shape } = await makeBlobMaps(oneThread, edge, fill);
    const place = { mask, shape, voxelSize: VOXEL_SIZE, origin: [0, 0, 0], seed: 1 } as const;
    const positions = placeAtoms({ ...place, count: atoms });
    for (const method of ['gradient', 'kick'] as const) {
      const job: SolverJob = {
        ...{ ...place, map, positions, method },
        ...{ iterations: ITERATIONS, distanceAngstrom: DISTANCE },
      };
      const { iterations, separationPasses, separatedShare } = await solvePseudoModel(job);
      const timing = await measure(() => solvePseudoModel(job), { runs: quick ? 1 : 3 });
      results.push({ atoms, method, iterations, separationPasses, separatedShare, gate, timing });
      say(`  ${atoms} atoms, ${method}, ${iterations} iterations: ${(timing.median * 1000).toFixed(0)} ms`);
    }
  }
  return results;
}

/** Few atoms on a noise map, against all pairs. */
async function checkDirect(): Promise<Gate> {
  const shape: Shape = [20, 20, 20];
  const random = createRandom(20);
  const map = Float32Array.from({ length: 8000 }, () => random.gaussian());
  const mask = new Float32Array(8000).fill(1);
  const allowed = allowedVoxels(mask, shape);
  const positions = placeAtoms({ mask, shape, voxelSize: 1, origin: [0, 0, 0], count: 600, seed: 2 });
  const direct = directGradientSolver({ map, allowed, shape, positions, distance: 0.9, iterations: 8 });
  await solveGradient({ map, allowed, shape }, positions, 0.9, 8, async () => undefined);
  return checkGate('gradient solver against all pairs', positions, direct, LIMIT);
}
