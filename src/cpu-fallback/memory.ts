/**
 * Volumes of the CPU engine: voxels in shared memory, so that worker threads get them without a copy; where memory
 * cannot be shared the engine has no threads, and plain memory does. Shared memory is collected late: that of released
 * volumes and spectra is used again.
 */
import type { Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import { hasSharedMemory } from '../platform/index.ts';

export interface CpuVolume extends Volume {
  readonly data: Float32Array;
  /** Its voxels were handed out, and may still be read after the volume is released. */
  downloaded: boolean;
}

export class VolumeMemory {
  /** Of all volumes that live. */
  volumeBytes = 0;
  private readonly live = new Set<CpuVolume>();
  /** Free memory by size. */
  private readonly free = new Map<number, ArrayBufferLike[]>();
  /** Of all memory that was allocated here. */
  private readonly allocated = new WeakSet<ArrayBufferLike>();

  /** Zeros. */
  allocate(voxels: number): Float32Array {
    const reused = this.free.get(4 * voxels)?.pop();
    if (reused) return new Float32Array(reused).fill(0);
    const { data, error } = this.tryAllocate(voxels);
    if (data) return data;
    // Free blocks of other sizes may be all that is in the way.
    this.free.clear();
    const again = this.tryAllocate(voxels);
    if (again.data) return again.data;
    throw new LocScaleError('out-of-memory', `No memory for a volume of ${(4 * voxels) / 2 ** 20} MiB.`, {
      hint: 'Close other programs, or use a machine with more memory.',
      cause: error,
    });
  }

  create(shape: Shape): CpuVolume {
    return this.adopt(this.allocate(voxelCount(shape)), shape);
  }

  /** Whether voxels can stay where they are: plain memory of others may still be in use there. */
  canAdopt({ buffer }: Float32Array): boolean {
    return hasSharedMemory ? buffer instanceof SharedArrayBuffer : this.allocated.has(buffer);
  }

  /** A volume of these voxels, which `canAdopt` accepts. */
  adopt(data: Float32Array, shape: Shape): CpuVolume {
    this.volumeBytes += data.byteLength;
    const volume = { shape, data, downloaded: false };
    this.live.add(volume);
    return volume;
  }

  /** The voxels of a volume that lives here. */
  own(volume: Volume): Float32Array {
    if (this.live.has(volume as CpuVolume)) return (volume as CpuVolume).data;
    throw new LocScaleError('internal', 'This volume was released, or belongs to another engine.');
  }

  handOut(volume: Volume): Float32Array {
    const data = this.own(volume);
    (volume as CpuVolume).downloaded = true;
    return data;
  }

  release(volumes: readonly Volume[]): void {
    for (const volume of volumes as readonly CpuVolume[]) {
      // A second release must not put the same memory to use twice.
      if (!this.live.delete(volume)) continue;
      this.volumeBytes -= volume.data.byteLength;
      if (!volume.downloaded) this.recycle(volume.data);
    }
  }

  recycle(...arrays: Float32Array[]): void {
    for (const array of arrays) {
      const { buffer, byteLength } = array;
      // Views of a part of a buffer were made by the caller, and so was their memory.
      if (!this.canAdopt(array) || buffer.byteLength !== byteLength) continue;
      const list = this.free.get(byteLength);
      if (list) list.push(buffer);
      else this.free.set(byteLength, [buffer]);
    }
  }

  /** Idle memory is given back. */
  trim(): void {
    this.free.clear();
  }

  clear(): void {
    this.live.clear();
    this.free.clear();
  }

  private tryAllocate(voxels: number): { data?: Float32Array; error?: unknown } {
    try {
      const buffer = hasSharedMemory ? new SharedArrayBuffer(4 * voxels) : new ArrayBuffer(4 * voxels);
      this.allocated.add(buffer);
      return { data: new Float32Array(buffer) };
    } catch (error) {
      return { error };
    }
  }
}
