/** Helpers of voxel-wise operations. Volumes of equal shape on one device have equal slabs. */
import type { GpuVolume, Slab } from './volume.ts';

/** Number of voxels in a slab. */
export function slabVoxels(volume: GpuVolume, slab: Slab): number {
  return slab.planes * volume.shape[1] * volume.shape[2];
}
