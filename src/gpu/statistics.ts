/**
 * Minimum, maximum, mean and standard deviation of a volume. The GPU reduces parts of 4096 voxels to moments
 * (shaders/statistics.wgsl), which the host merges in float64 by Chan's formula.
 */

import { requireSameShape } from '../engine/checks.ts';
import type { VolumeStatistics } from '../engine/engine.ts';
import {
  finishStatistics,
  mergeStatistics,
  NO_VOXELS,
  type PartialStatistics,
} from '../math/statistics/moments.ts';
import type { GpuDevice } from './device.ts';
import { submitPass, withScratch } from './scratch.ts';
import { slabVoxels } from './slabs.ts';
import { decodePart, PART_WORDS } from './statistics-parts.ts';
import { getVerifiedKernel } from './verified-kernel.ts';
import type { GpuVolume } from './volume.ts';
import { linearWorkgroups, PART_VOXELS } from './workgroups.ts';

/** Over all voxels, or over those where `where.mask` is above 0.5 (`inside`) or not. */
export async function statistics(
  gpu: GpuDevice,
  volume: GpuVolume,
  where?: { readonly mask: GpuVolume; readonly inside: boolean },
): Promise<VolumeStatistics> {
  if (where) requireSameShape(volume, where.mask);
  const kernel = await getVerifiedKernel(gpu, 'statistics');
  const choice = where ? (where.inside ? 1 : 2) : 0;
  return withScratch(gpu, async (scratch) => {
    const groups = volume.slabs.map((slab) => linearWorkgroups(gpu, slabVoxels(volume, slab), PART_VOXELS));
    const count = groups.reduce((sum, [x, y]) => sum + x * y, 0);
    const parts = scratch.storage('statistics parts', 4 * PART_WORDS * count);
    submitPass(gpu, 'statistics', (pass) => {
      let firstPart = 0;
      volume.slabs.forEach((slab, i) => {
        const parameters = scratch.uniform('statistics', [
          ['u32', slabVoxels(volume, slab)],
          ['u32', choice],
          ['u32', firstPart],
        ]);
        const mask = (where ? where.mask : volume).slabs[i].buffer;
        kernel.run(pass, { parameters, volume: slab.buffer, mask, parts }, groups[i]);
        firstPart += groups[i][0] * groups[i][1];
      });
    });
    const words = new Uint32Array(await gpu.read(parts, 0, 4 * PART_WORDS * count));
    let total: PartialStatistics = NO_VOXELS;
    for (let i = 0; i < count; i++) total = mergeStatistics(total, decodePart(words, i * PART_WORDS));
    return finishStatistics(total);
  });
}
