/** Dispatch sizes of the voxel-wise kernels. */
import type { GpuDevice } from './device.ts';

/** Threads per workgroup of the voxel-wise shaders, in their @workgroup_size. */
export const VOXEL_THREADS = 256;

/** Voxels per workgroup of the shaders that count or reduce, THREADS * VOXELS_PER_THREAD there. */
export const PART_VOXELS = 4096;

/**
 * Workgroups for `count` items, `itemsPerGroup` each. Beyond the limit of one dimension they continue in the
 * next: the shader's group index is y * groups.x + x, and the last row may have groups beyond the end.
 */
export function linearWorkgroups(
  gpu: Pick<GpuDevice, 'limits'>,
  count: number,
  itemsPerGroup: number = VOXEL_THREADS,
): [number, number] {
  const groups = Math.ceil(count / itemsPerGroup);
  const rows = Math.ceil(groups / gpu.limits.workgroupsPerDimension);
  return rows === 0 ? [0, 0] : [Math.ceil(groups / rows), rows];
}
