/** Moves placed pseudo-atoms into the density, at a distance from each other (method 8). */
import type { OperationHooks } from '../../engine/engine.ts';
import { LocScaleError } from '../../errors.ts';
import type { Shape } from '../../math/grid.ts';
import { createRandom } from '../../math/statistics/random.ts';
import { allowedVoxels, nearestVoxel } from './allowed-voxels.ts';
import { createPause } from './pause.ts';
import { SEED_STREAMS } from './place-atoms.ts';
import { separateAtoms } from './separate.ts';
import { solveGradient } from './solve-gradient.ts';
import { solveKick } from './solve-kick.ts';

export type PseudoModelMethod = 'gradient' | 'kick';

export interface SolverSettings {
  readonly method: PseudoModelMethod;
  /** LocScale: 50 (-pm_it). */
  readonly iterations: number;
  /** Minimum distance of atoms, A; LocScale: 1.2 (-dst). */
  readonly distanceAngstrom: number;
}

export interface SolverJob extends SolverSettings {
  /** Not used by the method 'kick'. (z, y, x), x fastest, like the mask. */
  readonly map: Float32Array;
  /** Atoms stay where it is above 0.5. */
  readonly mask: ArrayLike<number>;
  /** `allowedVoxels` of the mask, if already computed. */
  readonly allowed?: Uint8Array;
  readonly shape: Shape;
  readonly voxelSize: number;
  readonly origin: readonly [z: number, y: number, x: number];
  /** x, y, z of each atom in angstrom, in the mask; not modified. */
  readonly positions: Float64Array;
  readonly seed: number;
}

export interface SolvedAtoms {
  /** x, y, z of each atom in angstrom. */
  readonly positions: Float64Array;
  /** Number of iterations; 'kick' may end early. */
  readonly iterations: number;
  /** Number of separation passes afterwards. */
  readonly separationPasses: number;
  /**
   * Fraction of atoms without a neighbour within 80 % of the distance: at least 0.95 unless the mask is too
   * full.
   */
  readonly separatedShare: number;
}

export async function solvePseudoModel(job: SolverJob, hooks: OperationHooks = {}): Promise<SolvedAtoms> {
  const { map, shape, voxelSize, origin, seed } = job;
  const allowed = job.allowed ?? allowedVoxels(job.mask, shape);
  const distance = job.distanceAngstrom / voxelSize;
  const offset = [origin[2], origin[1], origin[0]];
  const positions = job.positions.map((p, k) => (p - offset[k % 3]) / voxelSize);
  refuseOutside(positions, allowed, shape);
  const pause = createPause(hooks);
  let iterations = job.iterations;
  if (job.method === 'gradient') {
    await solveGradient({ map, allowed, shape }, positions, distance, iterations, pause);
  } else {
    const random = createRandom(seed, SEED_STREAMS.kicks);
    iterations = await solveKick(allowed, shape, positions, distance, iterations, random, pause);
  }
  const random = createRandom(seed, SEED_STREAMS.separation);
  const { passes, separatedShare } = separateAtoms(allowed, shape, positions, distance, random);
  return {
    positions: positions.map((p, k) => offset[k % 3] + p * voxelSize),
    iterations,
    separationPasses: passes,
    separatedShare,
  };
}

function refuseOutside(positions: Float64Array, allowed: Uint8Array, shape: Shape): void {
  for (let i = 0; i < positions.length / 3; i++) {
    const voxel = nearestVoxel(positions, i, shape);
    if (voxel >= 0 && allowed[voxel] === 1) continue;
    throw new LocScaleError('internal', `Pseudo-atom ${i} does not start in the mask.`);
  }
}
