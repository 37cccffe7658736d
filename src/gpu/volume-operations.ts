/** Voxel-wise operations: average, binarise, block occupancy, voxels of the noise boxes. */

import { requireSameShape } from '../engine/checks.ts';
import type { BoxStatistics } from '../engine/engine.ts';
import { voxelCount } from '../math/grid.ts';
import { blockGrid, OCCUPANCY_BLOCK, type Occupancy } from '../math/scaling/occupancy.ts';
import { combineNoise, type NoiseBox, noiseEstimate } from '../math/statistics/confidence.ts';
import { keyAtLeast } from '../math/statistics/float-order.ts';
import type { GpuDevice } from './device.ts';
import { makeVolume, submitPass, withScratch } from './scratch.ts';
import { slabVoxels } from './slabs.ts';
import { createTileCopy } from './tile-copy.ts';
import { getVerifiedKernel, verifyKernel } from './verified-kernel.ts';
import type { GpuVolume } from './volume.ts';
import { linearWorkgroups, PART_VOXELS } from './workgroups.ts';

export { confidenceMap } from './confidence-map.ts';
export { statistics } from './statistics.ts';

/** (a + b) / 2 in float32. */
export async function average(gpu: GpuDevice, a: GpuVolume, b: GpuVolume): Promise<GpuVolume> {
  requireSameShape(a, b);
  const kernel = await getVerifiedKernel(gpu, 'average');
  const { volume } = await makeVolume(gpu, 'average', a.shape, (out) =>
    withScratch(gpu, async (scratch) => {
      submitPass(gpu, 'average', (pass) => {
        out.slabs.forEach((slab, i) => {
          const voxels = slabVoxels(out, slab);
          const parameters = scratch.uniform('average', [['u32', voxels]]);
          const bound = { parameters, a: a.slabs[i].buffer, b: b.slabs[i].buffer, out: slab.buffer };
          kernel.run(pass, bound, linearWorkgroups(gpu, voxels));
        });
      });
    }),
  );
  return volume;
}

/** 1 where volume >= threshold, else 0; `voxels` counts the ones. */
export async function binarise(
  gpu: GpuDevice,
  volume: GpuVolume,
  threshold: number,
): Promise<{ mask: GpuVolume; voxels: number }> {
  const kernel = await getVerifiedKernel(gpu, 'binarise');
  const key = keyAtLeast(threshold);
  const { volume: mask, result } = await makeVolume(gpu, 'mask', volume.shape, (out) =>
    withScratch(gpu, async (scratch) => {
      const counts = scratch.storage('binarise counts', 4 * out.slabs.length);
      submitPass(gpu, 'binarise', (pass) => {
        out.slabs.forEach((slab, i) => {
          const voxels = slabVoxels(out, slab);
          const parameters = scratch.uniform('binarise', [
            ['u32', voxels],
            ['u32', key],
            ['u32', i],
          ]);
          const bound = { parameters, volume: volume.slabs[i].buffer, mask: slab.buffer, counts };
          kernel.run(pass, bound, linearWorkgroups(gpu, voxels, PART_VOXELS));
        });
      });
      return new Uint32Array(await gpu.read(counts, 0, 4 * out.slabs.length));
    }),
  );
  return { mask, voxels: result.reduce((sum, count) => sum + count, 0) };
}

/** Voxels above 0.5 in blocks of `block`^3. */
export async function blockOccupancy(
  gpu: GpuDevice,
  mask: GpuVolume,
  block: number = OCCUPANCY_BLOCK,
): Promise<Occupancy> {
  const kernel = await getVerifiedKernel(gpu, 'occupancy');
  const blocks = blockGrid(mask.shape, block);
  const bytes = 4 * voxelCount(blocks);
  return withScratch(gpu, async (scratch) => {
    const counts = scratch.storage('block occupancy', bytes);
    submitPass(gpu, 'occupancy', (pass) => {
      for (const { firstPlane, planes, buffer } of mask.slabs) {
        const firstBlock = Math.floor(firstPlane / block);
        const parameters = scratch.uniform('occupancy', [
          ['u32', block],
          ['u32', firstBlock],
          ['u32', firstPlane],
          ['u32', planes],
          ['u32', mask.shape[1]],
          ['u32', mask.shape[2]],
        ]);
        // A block whose planes lie in two slabs is counted by both dispatches.
        const blockPlanes = Math.ceil((firstPlane + planes) / block) - firstBlock;
        kernel.run(pass, { parameters, mask: buffer, counts }, [blocks[2], blocks[1], blockPlanes]);
      }
    });
    return { blocks, counts: new Uint32Array(await gpu.read(counts, 0, bytes)) };
  });
}

/**
 * Mean and variance (divided by N) of the noise boxes. Their voxels, a small fraction of the map, are
 * gathered and read back; the host computes in float64 like the CPU engine.
 */
export async function noiseStatistics(
  gpu: GpuDevice,
  volume: GpuVolume,
  boxes: readonly NoiseBox[],
): Promise<BoxStatistics> {
  const tiles = await createTileCopy(gpu);
  try {
    for (const kernel of tiles.kernels) await verifyKernel(gpu, kernel, 'gather');
    const voxels = await withScratch(gpu, async (scratch) => {
      // Whole planes of a box that fit one binding.
      const parts = boxes.flatMap(({ start, size }, box) => {
        const most = Math.max(1, Math.floor(gpu.limits.bindingBytes / (4 * size * size)));
        return Array.from({ length: Math.ceil(size / most) }, (_, i) => {
          const planes = Math.min(most, size - i * most);
          const bytes = 4 * planes * size * size;
          const tile = scratch.storage('noise box', bytes);
          return { box, start, size, z: i * most, planes, bytes, tile };
        });
      });
      submitPass(gpu, 'noise boxes', (pass) => {
        for (const { start, size, z, planes, tile } of parts) {
          tiles.gather(pass, volume, [start[0] + z, start[1], start[2]], [planes, size, size], 0, tile);
        }
      });
      const data = boxes.map((box) => new Float32Array(box.size ** 3));
      for (const { box, size, z, bytes, tile } of parts) {
        data[box].set(new Float32Array(await gpu.read(tile, 0, bytes)), z * size * size);
      }
      return data;
    });
    const perBox = boxes.map(({ size }, i) => {
      const { mean, variance } = noiseEstimate(voxels[i], [size, size, size], [{ start: [0, 0, 0], size }]);
      return { mean, variance };
    });
    return { ...combineNoise(boxes, perBox), perBox };
  } finally {
    tiles.destroy();
  }
}
