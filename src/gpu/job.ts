/**
 * Buffers of a GPU job: allocated together, so that missing memory is detected before the first tile, and
 * destroyed together. A plan that does not fit is replaced by a smaller one.
 */
import { isLocScaleError, LocScaleError, named } from '../errors.ts';
import { type GpuDevice, STORAGE, toError } from './device.ts';

/** Anything that owns GPU resources. */
export interface Destroyable {
  /** Called once; further use is an error of the caller. */
  destroy(): void;
}

/** Allocation scope of a job. */
export interface JobBuffers {
  /** Zero at first: WebGPU clears buffers. Throws 'out-of-memory' where a limit is exceeded. */
  storage(label: string, bytes: number): GPUBuffer;
  /** Destroyed with the job. */
  own<T extends Destroyable>(part: T): T;
  /** Throws 'out-of-memory' if an allocation has failed by now: call it before results of commands are read. */
  granted(): Promise<void>;
}

/** Builds a job's buffers and kernels; a failed allocation throws 'out-of-memory' here rather than later. */
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
  const openScopes = (): void => {
    gpu.device.pushErrorScope('validation');
    gpu.device.pushErrorScope('out-of-memory');
  };
  const closeScopes = (): Promise<[refused: GPUError | null, wrong: GPUError | null]> =>
    Promise.all([gpu.device.popErrorScope(), gpu.device.popErrorScope()]);
  const granted = async (): Promise<void> => {
    const [refused, wrong] = await closeScopes();
    openScopes();
    // Commands that use a refused buffer are wrong only for that.
    if (refused)
      throw new LocScaleError('out-of-memory', `The GPU ${gpu.name} ran out of memory.`, {
        hint:
          `Close other programs that use the GPU, use a smaller window (${named('windowVoxels')}), or ` +
          `${named('engine', 'cpu')}.`,
        cause: refused,
      });
    if (wrong) throw toError(wrong, gpu.name);
  };
  openScopes();
  try {
    const job = await build({ storage, own, granted });
    await granted();
    return { ...job, destroy };
  } catch (error) {
    destroy();
    throw error;
  } finally {
    await closeScopes().catch(() => null);
  }
}

/**
 * The result of `attempt`; after an out-of-memory error the device is recovered before the error is rethrown.
 */
export async function withRecovery<Result>(gpu: GpuDevice, attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    if (isLocScaleError(error) && error.tag === 'out-of-memory') await gpu.recover();
    throw error;
  }
}

/**
 * Tries a plan; if the GPU has less memory than assumed, halves its bytes until it works or no plan is that
 * small (`planWithin` then throws).
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
