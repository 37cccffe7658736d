/** Builds a pseudo-model from a map and its mask: number, positions and elements of atoms (method 8). */
import type { OperationHooks } from '../../engine/engine.ts';
import { HEAP, type HostMemory } from '../../engine/host-memory.ts';
import { LocScaleError, named } from '../../errors.ts';
import type { AtomSet } from '../../math/atoms/atom-set.ts';
import { voxelCount } from '../../math/grid.ts';
import { molecularNumbers } from '../../math/scaling/molecular-numbers.ts';
import { allowedVoxels } from './allowed-voxels.ts';
import { composeAtoms } from './composition.ts';
import { type PlacementJob, placeAtoms } from './place-atoms.ts';
import { type SolvedAtoms, type SolverSettings, solvePseudoModel } from './solve.ts';

export interface PseudoModelJob extends Omit<PlacementJob, 'count'>, SolverSettings {
  /** The density that attracts the atoms; (z, y, x), x fastest, like the mask. */
  readonly map: Float32Array;
  /** Determines the number of atoms instead of the mask volume (-mw). */
  readonly molecularWeightKiloDalton?: number;
  /** Memory for arrays as large as the map. Default: the JS heap. */
  readonly memory?: HostMemory;
}

export interface PseudoModel extends Omit<SolvedAtoms, 'positions'> {
  /** B factors are 0: they are refined against the map afterwards. */
  readonly atoms: AtomSet;
}

export async function buildPseudoModel(
  job: PseudoModelJob,
  hooks: OperationHooks = {},
): Promise<PseudoModel> {
  const numbers = molecularNumbers(countMask(job.mask), job.voxelSize, job.molecularWeightKiloDalton);
  return fillMask({ ...job, count: numbers.pseudoModelAtoms }, hooks);
}

/** Places and solves `count` atoms. */
export async function fillMask(
  job: Pick<PseudoModelJob, 'memory' | 'map'> & PlacementJob & SolverSettings,
  hooks: OperationHooks,
): Promise<PseudoModel> {
  if (job.count < 1) {
    throw new LocScaleError('bad-input', 'The mask is so small that it holds no pseudo-atom.', {
      hint: `Give another mask with ${named('mask')}.`,
    });
  }
  const { mask, shape, seed, memory = HEAP } = job;
  const voxels = voxelCount(shape);
  const held = memory.allocateHost(Math.ceil(voxels / 4));
  try {
    const allowed = allowedVoxels(mask, shape, new Uint8Array(held.buffer, held.byteOffset, voxels));
    const placed = placeAtoms({ ...job, allowed });
    const { positions, ...solved } = await solvePseudoModel({ ...job, allowed, positions: placed }, hooks);
    return { ...solved, atoms: composeAtoms(positions, seed) };
  } finally {
    memory.freeHost(held);
  }
}

export function countMask(mask: ArrayLike<number>): number {
  let voxels = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] > 0.5) voxels++;
  return voxels;
}
