/**
 * What voxel-wise operations ask of volumes in slabs. Volumes of equal shape on one device have equal slabs.
 */
import type { GpuVolume, Slab } from './volume.ts';

export function slabVoxels(volume: GpuVolume, slab: Slab): number {
  return slab.planes * volume.shape[1] * volume.shape[2];
}
