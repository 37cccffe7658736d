/**
 * Volumes of the CPU engine: voxels in shared memory, so that worker threads get them without a copy. Shared memory
 * is collected late: that of released volumes and spectra is used again.
 */
import type { Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import { type Shape, voxelCount } from '../math/grid.ts';

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
  private readonly free = new Map<number, SharedArrayBuffer[]>();

  /** Zeros. */
  allocate(voxels: number): Float32Array {
    const reused = this.free.get(4 * voxels)?.pop();
    if (reused) return new Float32Array(reused).fill(0);
    const { data, error } = tryAllocate(voxels);
    if (data) return data;
    // Free blocks of other sizes may be all that is in the way.
    this.free.clear();
    const again = tryAllocate(voxels);
    if (again.data) return again.data;
    throw new LocScaleError('out-of-memory', `No memory for a volume of ${(4 * voxels) / 2 ** 20} MiB.`, {
      hint: 'Close other programs, or use a machine with more memory.',
      cause: error,
    });
  }

  create(shape: Shape): CpuVolume {
    return this.adopt(this.allocate(voxelCount(shape)), shape);
  }

  /** A volume of these voxels, in shared memory. */
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
    for (const { buffer, byteLength } of arrays) {
      // Views of a part of a buffer were made by the caller, and so was their memory.
      if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength !== byteLength) continue;
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
}

function tryAllocate(voxels: number): { data?: Float32Array; error?: unknown } {
  try {
    return { data: new Float32Array(new SharedArrayBuffer(4 * voxels)) };
  } catch (error) {
    return { error };
  }
}
