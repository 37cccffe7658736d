/**
 * Copies boxes of voxels with a halo from a volume in slabs to a tile buffer, with the pad value outside the
 * volume. One dispatch per slab that the tile touches.
 */
import { type Shape, voxelCount } from '../math/grid.ts';
import type { GpuDevice } from './device.ts';
import type { Bound, Kernel, UniformField } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import { createUniformSlots } from './uniform-slots.ts';
import type { GpuVolume } from './volume.ts';
import { linearWorkgroups } from './workgroups.ts';

/** First voxel (z, y, x); may be negative. */
export type TileStart = readonly [z: number, y: number, x: number];

/** The prepared kernel, shared by all jobs of an engine. */
export interface TileCopy {
  /** What is verified before the first tile. */
  readonly kernels: readonly Kernel[];
  /**
   * tile[z, y, x] = volume[start + (z, y, x)], `padValue` outside. `tile` takes 4 * voxelCount(size) bytes.
   */
  gather(
    pass: GPUComputePassEncoder,
    volume: GpuVolume,
    start: TileStart,
    size: Shape,
    padValue: number,
    tile: Bound,
  ): void;
  /** Must be called when all recorded copies have been submitted: their parameter slots are reused. */
  submitted(): void;
  /** Frees the parameter slots. */
  destroy(): void;
}

/** Planes of a tile taken from one slab. */
export interface TileRange {
  /** Index of the slab in the volume. */
  readonly slab: number;
  /** First tile plane and number of planes. */
  readonly firstPlane: number;
  /** Planes of the tile, at least 1. */
  readonly planes: number;
}

/**
 * Assigns the planes of a tile to slabs. The first slab also gets the planes before the volume and the last
 * one those after it, so that every plane is written exactly once.
 */
export function tileRanges(
  slabs: readonly { readonly firstPlane: number; readonly planes: number }[],
  startPlane: number,
  planes: number,
): TileRange[] {
  const ranges: TileRange[] = [];
  slabs.forEach((slab, i) => {
    const from = i === 0 ? startPlane : Math.max(startPlane, slab.firstPlane);
    const end = startPlane + planes;
    const to = i === slabs.length - 1 ? end : Math.min(end, slab.firstPlane + slab.planes);
    if (to > from) ranges.push({ slab: i, firstPlane: from - startPlane, planes: to - from });
  });
  return ranges;
}

/** Compiled once per engine. */
export async function createTileCopy(gpu: GpuDevice): Promise<TileCopy> {
  const gather = await getKernel(gpu, 'tile-copy', 'gather');
  const slots = createUniformSlots(gpu, 'tile-copy');

  function parametersOf(
    volume: GpuVolume,
    range: TileRange,
    start: TileStart,
    size: Shape,
    pad: number,
  ): UniformField[] {
    const slab = volume.slabs[range.slab];
    return [
      ['u32', range.firstPlane],
      ['u32', range.planes * size[1] * size[2]],
      ['u32', size[1]],
      ['u32', size[2]],
      ['i32', start[0] - slab.firstPlane],
      ['i32', start[1]],
      ['i32', start[2]],
      ['i32', slab.planes],
      ['i32', volume.shape[1]],
      ['i32', volume.shape[2]],
      ['f32', pad],
    ];
  }

  return {
    kernels: [gather],
    gather(pass, volume, start, size, padValue, tile) {
      for (const range of tileRanges(volume.slabs, start[0], size[0])) {
        const parameters = slots.write(parametersOf(volume, range, start, size, padValue));
        gather.run(
          pass,
          { parameters, volume: volume.slabs[range.slab].buffer, tile },
          linearWorkgroups(gpu, voxelCount([range.planes, size[1], size[2]])),
        );
      }
    },
    submitted: slots.reset,
    destroy: slots.destroy,
  };
}
