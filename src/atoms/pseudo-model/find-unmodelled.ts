/**
 * Finds the part of the mask that an atomic model leaves out (`--complete_model`): confidence mask minus the
 * mask around the model, averaged over a window of -avg_w voxels.
 *
 * The original averages in integer arithmetic, which truncates along every axis, so that only voxels whose
 * whole window is unmodelled remain: an erosion, which is reproduced here.
 */
import { HEAP, type HostMemory } from '../../engine/host-memory.ts';
import type { Shape } from '../../math/grid.ts';

export interface UnmodelledJob {
  /** Confidence map, or a mask; (z, y, x), x fastest. */
  readonly confidence: ArrayLike<number>;
  /** Confidence threshold of the mask. LocScale: 0.99. */
  readonly threshold: number;
  /** Above 0.5 around the model (`makeModelMask`). */
  readonly modelMask: ArrayLike<number>;
  readonly shape: Shape;
  /** Edge of the averaging window in voxels (-avg_w); LocScale: 3. */
  readonly averagingWindow: number;
}

export interface Unmodelled {
  /** 1 where pseudo-atoms belong, else 0; ready for the engine. */
  readonly differenceMask: Float32Array;
  readonly voxels: number;
}

/** The difference mask is allocated in `memory`; the caller frees it. */
export function findUnmodelled(job: UnmodelledJob, memory: HostMemory = HEAP): Unmodelled {
  const { confidence, modelMask, shape } = job;
  // The threshold is rounded to float32, like confidence.
  const threshold = Math.fround(job.threshold);
  let differenceMask = memory.allocateHost(confidence.length);
  for (let i = 0; i < confidence.length; i++)
    differenceMask[i] = confidence[i] >= threshold && !(modelMask[i] > 0.5) ? 1 : 0;
  const strides = [1, shape[2], shape[1] * shape[2]];
  let eroded = memory.allocateHost(confidence.length);
  strides.forEach((stride, k) => {
    erodeLines(differenceMask, shape[2 - k], stride, job.averagingWindow, eroded);
    [differenceMask, eroded] = [eroded, differenceMask];
  });
  memory.freeHost(eroded);
  let voxels = 0;
  for (let i = 0; i < differenceMask.length; i++) voxels += differenceMask[i];
  return { differenceMask, voxels };
}

/**
 * 1 where all `edge` voxels from -floor(edge / 2) on are 1, along one axis; the faces of the box are mirrors.
 */
function erodeLines(mask: Float32Array, n: number, stride: number, edge: number, out: Float32Array): void {
  const before = Math.floor(edge / 2);
  for (let i = 0; i < mask.length; i++) {
    const position = Math.floor(i / stride) % n;
    let all = 1;
    for (let k = -before; k < edge - before && all === 1; k++)
      all = mask[i + (mirror(position + k, n) - position) * stride];
    out[i] = all;
  }
}

/** d c b a | a b c d | d c b a */
function mirror(index: number, n: number): number {
  const folded = ((index % (2 * n)) + 2 * n) % (2 * n);
  return folded < n ? folded : 2 * n - 1 - folded;
}
