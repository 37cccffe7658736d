/** A pseudo-model from a map and its mask: how many atoms, where, of which elements (method 8). */
import type { OperationHooks } from '../../engine/engine.ts';
import { LocScaleError, named } from '../../errors.ts';
import type { AtomSet } from '../../math/atoms/atom-set.ts';
import { molecularNumbers } from '../../math/scaling/molecular-numbers.ts';
import { composeAtoms } from './composition.ts';
import { type PlacementJob, placeAtoms } from './place-atoms.ts';
import { type SolvedAtoms, type SolverSettings, solvePseudoModel } from './solve.ts';

export interface PseudoModelJob extends Omit<PlacementJob, 'count'>, SolverSettings {
  /** What the atoms climb; (z, y, x), x fastest, like the mask. */
  readonly map: Float32Array;
  /** Replaces the volume of the mask in the number of atoms (-mw). */
  readonly molecularWeightKiloDalton?: number;
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
  job: PlacementJob & SolverSettings & { readonly map: Float32Array },
  hooks: OperationHooks,
): Promise<PseudoModel> {
  if (job.count < 1) {
    throw new LocScaleError('bad-input', 'The mask is so small that it holds no pseudo-atom.', {
      hint: `Give another mask with ${named('mask')}.`,
    });
  }
  const { positions, ...solved } = await solvePseudoModel({ ...job, positions: placeAtoms(job) }, hooks);
  return { ...solved, atoms: composeAtoms(positions, job.seed) };
}

export function countMask(mask: ArrayLike<number>): number {
  let voxels = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] > 0.5) voxels++;
  return voxels;
}
