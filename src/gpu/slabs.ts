/** What voxel-wise operations ask of volumes in slabs. */
import type { Volume } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import { describeShape, sameShape } from '../math/grid.ts';
import type { GpuVolume, Slab } from './volume.ts';

export function slabVoxels(volume: GpuVolume, slab: Slab): number {
  return slab.planes * volume.shape[1] * volume.shape[2];
}

/** Volumes of equal shape on one device have equal slabs. */
export function requireSameShape(a: Volume, b: Volume): void {
  if (sameShape(a.shape, b.shape)) return;
  throw new LocScaleError('internal', 'Volumes of different shape cannot be combined.', {
    expected: describeShape(a.shape),
    found: describeShape(b.shape),
  });
}
