/**
 * Buffers of a job on the GPU: made together, so that memory that is missing is known before the first tile,
 * and destroyed together. A plan that the GPU refuses is replaced by a smaller one.
 */
import { isLocScaleError, LocScaleError, named } from '../errors.ts';
import { type GpuDevice, STORAGE } from './device.ts';

export interface Destroyable {
  destroy(): void;
}

export interface JobBuffers {
  storage(label: string, bytes: number): GPUBuffer;
  /** Destroyed with the job. */
  own<T extends Destroyable>(part: T): T;
}

/**
 * Builds a job's buffers and kernels; an allocation that the GPU refuses is an 'out-of-memory' error here,
 * not later.
 */
export async function buildJob<Job extends object>(
  gpu: GpuDevice,
  name: string,
  build: (buffers: JobBuffers) => Promise<Job>,
): Promise<Job & Destroyable> {
  const parts: Destroyable[] = [];
  const own = <T extends Destroyable>(part: T): T => {
    parts.push(part);
    return part;
  };
  const storage = (label: string, bytes: number): GPUBuffer => {
    const buffer = gpu.createBuffer(`${name} ${label}`, bytes, STORAGE);
    own({ destroy: () => gpu.destroyBuffer(buffer) });
    return buffer;
  };
  const destroy = (): void => {
    for (const part of parts.reverse()) part.destroy();
  };
  gpu.device.pushErrorScope('out-of-memory');
  const closeScope = (): Promise<GPUError | null> => gpu.device.popErrorScope();
  let job: Job;
  try {
    job = await build({ storage, own });
  } catch (error) {
    await closeScope().catch(() => null);
    destroy();
    throw error;
  }
  const refused = await closeScope();
  if (!refused) return { ...job, destroy };
  destroy();
  throw new LocScaleError('out-of-memory', `The GPU ${gpu.name} ran out of memory.`, {
    hint: `Close other programs that use the GPU, use a smaller window (${named('windowVoxels')}), or ${named('engine', 'cpu')}.`,
    cause: refused,
  });
}

/** The result of `attempt`; a device that ran out of memory can go on with less once the error is thrown. */
export async function withRecovery<Result>(gpu: GpuDevice, attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    if (isLocScaleError(error) && error.tag === 'out-of-memory') await gpu.recover();
    throw error;
  }
}

/**
 * Tries a plan; where the GPU has less memory than assumed, a plan of half its bytes, until it works or none
 * is that small (`planWithin` then throws).
 */
export async function withSmallerPlans<Plan extends { readonly bytes: number }, Result>(
  gpu: GpuDevice,
  first: Plan,
  planWithin: (bytes: number) => Plan,
  attempt: (plan: Plan) => Promise<Result>,
): Promise<Result> {
  for (let plan = first; ; plan = planWithin(plan.bytes / 2)) {
    try {
      return await attempt(plan);
    } catch (error) {
      if (!isLocScaleError(error) || error.tag !== 'out-of-memory') throw error;
      if (!(await gpu.recover())) throw error;
    }
  }
}
