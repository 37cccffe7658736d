/**
 * Volumes of the CPU engine: voxels in shared memory (arena.ts), which worker threads read without a copy. If
 * memory cannot be shared the engine has no threads and uses plain memory.
 */
import type { Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import { hasSharedMemory } from '../platform/index.ts';
import { Arena } from './arena.ts';

/** A volume of this engine: (z, y, x), x fastest, float32. */
export interface CpuVolume extends Volume {
  /** float32 (z, y, x), a piece of the arena. */
  readonly data: Float32Array;
  /** `download` returned its voxels, which may be read after the volume is released. */
  downloaded: boolean;
}

/** All volumes of an engine, in one arena. */
export class VolumeMemory {
  /** Bytes of all live volumes. */
  volumeBytes = 0;
  /** Volumes not yet released. */
  private readonly live = new Set<CpuVolume>();
  /** Shared memory where threads can have it. */
  private readonly arena = new Arena(hasSharedMemory);

  /** Allocates a volume of zeros. */
  allocate(voxels: number): Float32Array {
    try {
      return this.arena.allocate(voxels);
    } catch (error) {
      throw new LocScaleError('out-of-memory', `No memory for a volume of ${(4 * voxels) / 2 ** 20} MiB.`, {
        hint: 'Close other programs, or use a machine with more memory.',
        cause: error,
      });
    }
  }

  /** A new volume; its content is undefined. */
  create(shape: Shape): CpuVolume {
    return this.adopt(this.allocate(voxelCount(shape)), shape);
  }

  /** Whether voxels can be adopted without a copy; foreign plain memory may still be in use by its owner. */
  canAdopt(data: Float32Array): boolean {
    return hasSharedMemory ? data.buffer instanceof SharedArrayBuffer : this.arena.holds(data);
  }

  /** Wraps voxels that `canAdopt` accepts as a volume. */
  adopt(data: Float32Array, shape: Shape): CpuVolume {
    this.volumeBytes += data.byteLength;
    const volume = { shape, data, downloaded: false };
    this.live.add(volume);
    return volume;
  }

  /** The voxels of a live volume of this engine. */
  own(volume: Volume): Float32Array {
    if (this.live.has(volume as CpuVolume)) return (volume as CpuVolume).data;
    throw new LocScaleError('internal', 'This volume was released, or belongs to another engine.');
  }

  /** The voxels for a reader outside the engine, who may keep them. */
  handOut(volume: Volume): Float32Array {
    const data = this.own(volume);
    (volume as CpuVolume).downloaded = true;
    return data;
  }

  release(volumes: readonly Volume[]): void {
    for (const volume of volumes as readonly CpuVolume[]) {
      // Guard against double release, which would free the same memory twice.
      if (!this.live.delete(volume)) continue;
      this.volumeBytes -= volume.data.byteLength;
      if (volume.downloaded) this.arena.handOver(volume.data);
      else this.arena.free(volume.data);
    }
  }

  /** Scratch arrays, which are not volumes. */
  recycle(...arrays: Float32Array[]): void {
    for (const array of arrays) this.arena.free(array);
  }

  /** Forgets all volumes, when the engine is closed. */
  clear(): void {
    this.live.clear();
    this.arena.clear();
  }
}
