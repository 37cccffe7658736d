/**
 * A low-pass that differs from voxel to voxel (shaders/local-filter.wgsl): bin by bin, filtered and blended.
 */
import { requireSameShape } from '../engine/checks.ts';
import type { FilterBin } from '../math/fourier/local-filter.ts';
import type { GpuDevice } from './device.ts';
import { getKernel } from './kernel-cache.ts';
import { radialFilter } from './radial-filter.ts';
import { makeVolume, submitPass, withScratch } from './scratch.ts';
import { slabVoxels } from './slabs.ts';
import { destroyVolume, type GpuVolume } from './volume.ts';
import { linearWorkgroups } from './workgroups.ts';

export async function localFilter(
  gpu: GpuDevice,
  source: GpuVolume,
  cutoffs: GpuVolume,
  bins: readonly FilterBin[],
): Promise<GpuVolume> {
  requireSameShape(source, cutoffs);
  const name = 'local-filter';
  const kernel = await getKernel(gpu, name);
  const { volume } = await makeVolume(gpu, name, source.shape, async (out) => {
    for (const { transfer, below, at, above } of bins) {
      const filtered = await radialFilter(gpu, source, transfer);
      try {
        await withScratch(gpu, async (scratch) => {
          submitPass(gpu, name, (pass) => {
            out.slabs.forEach((slab, i) => {
              const voxels = slabVoxels(out, slab);
              const parameters = scratch.uniform(name, [
                ['u32', voxels],
                ['f32', below],
                ['f32', at],
                ['f32', above],
              ]);
              const bound = {
                parameters,
                filtered: filtered.slabs[i].buffer,
                cutoffs: cutoffs.slabs[i].buffer,
                out: slab.buffer,
              };
              kernel.run(pass, bound, linearWorkgroups(gpu, voxels));
            });
          });
          await gpu.finish();
        });
      } finally {
        destroyVolume(gpu, filtered);
      }
    }
  });
  return volume;
}
