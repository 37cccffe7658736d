/** Adds the contribution of one bin of a local low-pass filter (shaders/local-filter.wgsl). */
import type { FilterBin } from '../math/fourier/local-filter.ts';
import type { GpuDevice } from './device.ts';
import { submitPass, withScratch } from './scratch.ts';
import { slabVoxels } from './slabs.ts';
import { getVerifiedKernel } from './verified-kernel.ts';
import type { GpuVolume } from './volume.ts';
import { linearWorkgroups } from './workgroups.ts';

/** Shader file, and label in errors. */
const NAME = 'local-filter';

/** out += weight of the bin at each voxel times `filtered`. */
export async function addFiltered(
  gpu: GpuDevice,
  filtered: GpuVolume,
  cutoffs: GpuVolume,
  { below, at, above }: FilterBin,
  out: GpuVolume,
): Promise<void> {
  const kernel = await getVerifiedKernel(gpu, NAME);
  await withScratch(gpu, async (scratch) => {
    submitPass(gpu, NAME, (pass) => {
      out.slabs.forEach((slab, i) => {
        const voxels = slabVoxels(out, slab);
        const parameters = scratch.uniform(NAME, [
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
}
