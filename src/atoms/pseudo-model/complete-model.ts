/**
 * Completes a partial atomic model with pseudo-atoms in the unmodelled part of the mask (hybrid, method 5).
 */
import type { OperationHooks } from '../../engine/engine.ts';
import { HEAP } from '../../engine/host-memory.ts';
import { LocScaleError, named } from '../../errors.ts';
import { type AtomSet, joinAtomSets } from '../../math/atoms/atom-set.ts';
import { IMPLAUSIBLE_FACTOR } from '../../math/inputs/mask-volume.ts';
import { molecularNumbers } from '../../math/scaling/molecular-numbers.ts';
import { fillMask, type PseudoModel, type PseudoModelJob } from './build.ts';
import { findUnmodelled, type Unmodelled } from './find-unmodelled.ts';
import { makeModelMask } from './model-mask.ts';

/** Radius around atoms if the resolution is unknown, A (LocScale). */
const DEFAULT_RADIUS = 3;

export interface CompletionJob extends Omit<PseudoModelJob, 'mask' | 'molecularWeightKiloDalton'> {
  readonly model: AtomSet;
  /** Confidence map, or a mask; (z, y, x), x fastest. */
  readonly confidence: ArrayLike<number>;
  /** Confidence threshold of the mask (-th); LocScale: 0.99. */
  readonly maskThreshold: number;
  /** Radius of the mask around the model, angstrom. */
  readonly resolution?: number;
  /** -avg_w, voxels; LocScale: 3. */
  readonly averagingWindow: number;
}

export interface CompletedModel {
  /** The model, then the pseudo-atoms (B factor 0). */
  readonly atoms: AtomSet;
  readonly pseudoModel: PseudoModel;
  /** 1 where the theoretical-profile rule applies, else 0. */
  readonly differenceMask: Float32Array;
  readonly unmodelledVoxels: number;
}

/** Reach of the model's blurred atoms, A. */
const FAR_RADIUS = 8;
/** Fraction of the mask beyond that radius that is more than specks of noise. */
const FAR_SHARE = 0.1;

function countMask({ confidence, maskThreshold }: CompletionJob): number {
  let voxels = 0;
  for (let i = 0; i < confidence.length; i++) if (confidence[i] >= maskThreshold) voxels++;
  return voxels;
}

/**
 * The number of atoms that protein has in the volume of the difference mask. (As in the original, without the
 * factor 1 / 1.55 of whole pseudo-models, which accounts for the rim of a confidence mask: averaging has
 * removed the rim.)
 */
export async function completeModel(job: CompletionJob, hooks: OperationHooks = {}): Promise<CompletedModel> {
  const { model, confidence, shape, voxelSize, averagingWindow, memory = HEAP } = job;
  const radiusAngstrom = job.resolution ?? DEFAULT_RADIUS;
  const modelMask = makeModelMask({ ...job, atoms: model, radiusAngstrom }, memory);
  const find = (around: ArrayLike<number>, window: number): Unmodelled =>
    findUnmodelled(
      {
        ...{ confidence, modelMask: around, shape, averagingWindow: window },
        threshold: job.maskThreshold,
      },
      memory,
    );
  const averaged = find(modelMask, averagingWindow);
  // Averaging removes a mask full of holes entirely, such as FDR masks of noisy maps, however much of it is
  // unmodelled.
  const farRadius = Math.max(FAR_RADIUS, radiusAngstrom);
  const far = find(makeModelMask({ ...job, atoms: model, radiusAngstrom: farRadius }, memory), 1);
  memory.freeHost(far.differenceMask);
  const torn = far.voxels > IMPLAUSIBLE_FACTOR * averaged.voxels && far.voxels > FAR_SHARE * countMask(job);
  if (torn) memory.freeHost(averaged.differenceMask);
  const { differenceMask, voxels } = torn ? find(modelMask, 1) : averaged;
  const count = molecularNumbers(voxels, voxelSize).atoms;
  if (count === 0) {
    throw new LocScaleError('bad-input', 'The atomic model leaves no part of the mask unmodelled.', {
      parameter: 'reference',
      hint: `Run without ${named('reference', 'hybrid-model')}.`,
    });
  }
  const pseudoModel = await fillMask({ ...job, mask: differenceMask, count }, hooks);
  return {
    atoms: joinAtomSets(model, pseudoModel.atoms),
    pseudoModel,
    differenceMask,
    unmodelledVoxels: voxels,
  };
}
