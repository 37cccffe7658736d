/**
 * A volume on the GPU: z-slabs, each in its own buffer, which fits one binding. A volume that fits one
 * binding has one slab.
 */
import type { Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import { type GpuDevice, STORAGE } from './device.ts';

/** Consecutive planes of a volume. */
export interface Slab {
  /** z of the first plane in the volume. */
  readonly firstPlane: number;
  /** Number of planes, equal in all slabs but the last. */
  readonly planes: number;
  /** float32, (z - firstPlane, y, x), dense. */
  readonly buffer: GPUBuffer;
}

/** The GPU engine's `Volume`; other code sees only its shape. */
export interface GpuVolume extends Volume {
  /** In the order of z, without gaps. */
  readonly slabs: readonly Slab[];
}

/** Planes per slab for planes of `planeBytes`: as many as fit in one binding and one buffer. */
export function planesPerSlab(gpu: GpuDevice, planes: number, planeBytes: number): number {
  const most = Math.floor(gpu.limits.slabBytes / planeBytes);
  if (most < 1) {
    throw new LocScaleError(
      'out-of-memory',
      `One plane of the map (${planeBytes} bytes) exceeds the binding limit of ${gpu.name}.`,
      {
        hint: `Use ${named('engine', 'cpu')}.`,
      },
    );
  }
  // Slabs of equal size.
  return Math.ceil(planes / Math.ceil(planes / most));
}

/** Uninitialised memory is zero in WebGPU. */
export function createVolume(gpu: GpuDevice, label: string, shape: Shape): GpuVolume {
  const [nz, ny, nx] = shape;
  const thickness = planesPerSlab(gpu, nz, 4 * ny * nx);
  const slabs: Slab[] = [];
  try {
    for (let z = 0; z < nz; z += thickness) {
      const planes = Math.min(thickness, nz - z);
      slabs.push({ firstPlane: z, planes, buffer: gpu.createBuffer(label, 4 * planes * ny * nx, STORAGE) });
    }
  } catch (error) {
    for (const slab of slabs) gpu.destroyBuffer(slab.buffer);
    throw error;
  }
  return { shape, slabs };
}

/** Frees the GPU memory at once, not when it is collected. */
export function destroyVolume(gpu: GpuDevice, volume: GpuVolume): void {
  for (const slab of volume.slabs) gpu.destroyBuffer(slab.buffer);
}

/** Copies voxels to the GPU, slab by slab. */
export function writeVolume(gpu: GpuDevice, volume: GpuVolume, data: Float32Array): void {
  const [, ny, nx] = volume.shape;
  if (data.length !== voxelCount(volume.shape)) {
    throw new LocScaleError(
      'internal',
      `A volume of ${volume.shape.join(' x ')} cannot have ${data.length} voxels.`,
    );
  }
  for (const { firstPlane, planes, buffer } of volume.slabs) {
    const part = data.subarray(firstPlane * ny * nx, (firstPlane + planes) * ny * nx);
    gpu.device.queue.writeBuffer(buffer, 0, part as Float32Array<ArrayBuffer>);
  }
}

/** Reads all slabs into `out`, (z, y, x), x fastest. */
export async function readVolume(
  gpu: GpuDevice,
  volume: GpuVolume,
  out: Float32Array,
): Promise<Float32Array> {
  const [, ny, nx] = volume.shape;
  for (const { firstPlane, planes, buffer } of volume.slabs) {
    const bytes = new Uint8Array(out.buffer, out.byteOffset + 4 * firstPlane * ny * nx, 4 * planes * ny * nx);
    await gpu.readInto(buffer, 0, bytes);
  }
  return out;
}
