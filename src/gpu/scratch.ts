/** Buffers and volumes for the duration of one operation, and the submission of its passes. */
import { LocScaleError, named } from '../errors.ts';
import type { Shape } from '../math/grid.ts';
import { type GpuDevice, STORAGE } from './device.ts';
import type { UniformField } from './kernel.ts';
import { createUniform } from './kernel.ts';
import { createVolume, destroyVolume, type GpuVolume } from './volume.ts';

/** Allocation scope of one operation. */
export interface Scratch {
  /** Readable and writable by shaders; throws 'out-of-memory' where a limit is exceeded. */
  storage(label: string, bytes: number): GPUBuffer;
  /** Fields in the order of the shader's struct, 4 bytes each. */
  uniform(label: string, fields: readonly UniformField[]): GPUBuffer;
  /** A read-only table. */
  table(label: string, values: Uint32Array | Float32Array): GPUBuffer;
}

/**
 * Runs `work` with buffers that are destroyed when it ends. Work submitted by then still completes: WebGPU
 * retains a destroyed buffer's memory until the queue no longer needs it.
 */
export async function withScratch<T>(gpu: GpuDevice, work: (scratch: Scratch) => Promise<T>): Promise<T> {
  const buffers: GPUBuffer[] = [];
  const own = (buffer: GPUBuffer): GPUBuffer => {
    buffers.push(buffer);
    return buffer;
  };
  try {
    return await work({
      storage: (label, bytes) => own(gpu.createBuffer(label, bytes, STORAGE)),
      uniform: (label, fields) => own(createUniform(gpu, label, fields)),
      table: (label, values) => {
        const buffer = own(gpu.createBuffer(label, values.byteLength, STORAGE));
        // Deno's wgpu aborts the process on an empty write.
        if (values.length > 0) gpu.device.queue.writeBuffer(buffer, 0, values as Uint32Array<ArrayBuffer>);
        return buffer;
      },
    });
  } finally {
    for (const buffer of buffers) gpu.destroyBuffer(buffer);
  }
}

/** A new volume; throws 'out-of-memory' at once, not when it is used. */
export async function allocateVolume(gpu: GpuDevice, label: string, shape: Shape): Promise<GpuVolume> {
  gpu.device.pushErrorScope('out-of-memory');
  let volume: GpuVolume | undefined;
  let refused: GPUError | null = null;
  try {
    volume = createVolume(gpu, label, shape);
  } finally {
    refused = await gpu.device.popErrorScope().catch(() => null);
  }
  if (!refused) return volume;
  destroyVolume(gpu, volume);
  throw new LocScaleError('out-of-memory', `The GPU ${gpu.name} has no memory for a volume (${label}).`, {
    hint: `Use ${named('engine', 'cpu')}, or a GPU with more memory.`,
    cause: refused,
  });
}

/** A new volume filled by `fill`; destroyed again if that fails. */
export async function makeVolume<T>(
  gpu: GpuDevice,
  label: string,
  shape: Shape,
  fill: (volume: GpuVolume) => Promise<T>,
): Promise<{ volume: GpuVolume; result: T }> {
  const volume = await allocateVolume(gpu, label, shape);
  try {
    return { volume, result: await fill(volume) };
  } catch (error) {
    destroyVolume(gpu, volume);
    throw error;
  }
}

/** Submits one compute pass without waiting for it. */
export function submitPass(
  gpu: GpuDevice,
  label: string,
  record: (pass: GPUComputePassEncoder) => void,
): void {
  gpu.check();
  const encoder = gpu.device.createCommandEncoder({ label });
  const pass = encoder.beginComputePass({ label });
  record(pass);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}
