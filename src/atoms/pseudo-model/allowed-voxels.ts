/**
 * Voxels where pseudo-atoms are allowed: in the mask, away from the faces of the box. Positions are in
 * voxels, x y z.
 */
import { type Shape, voxelCount } from '../../math/grid.ts';

/** Width of the border without atoms along each face of the box, in voxels (LocScale). */
const BORDER_VOXELS = 2;

/**
 * 1 where the mask is above 0.5 and the voxel is not in the border, else 0; (z, y, x), x fastest. `allowed`:
 * zeros, one byte per voxel.
 */
export function allowedVoxels(
  mask: ArrayLike<number>,
  shape: Shape,
  allowed: Uint8Array = new Uint8Array(voxelCount(shape)),
): Uint8Array {
  const [nz, ny, nx] = shape;
  for (let z = BORDER_VOXELS; z < nz - BORDER_VOXELS; z++) {
    for (let y = BORDER_VOXELS; y < ny - BORDER_VOXELS; y++) {
      for (let x = BORDER_VOXELS; x < nx - BORDER_VOXELS; x++) {
        const i = (z * ny + y) * nx + x;
        if (mask[i] > 0.5) allowed[i] = 1;
      }
    }
  }
  return allowed;
}

/** Index of the voxel nearest to atom `i`; -1 outside the box. */
export function nearestVoxel(positions: Float64Array, i: number, shape: Shape): number {
  const x = Math.round(positions[3 * i]);
  const y = Math.round(positions[3 * i + 1]);
  const z = Math.round(positions[3 * i + 2]);
  if (x < 0 || y < 0 || z < 0 || x >= shape[2] || y >= shape[1] || z >= shape[0]) return -1;
  return (z * shape[1] + y) * shape[2] + x;
}

/**
 * Moves atom `i` along x, y or z (axis 0, 1, 2) by `step` voxels unless it would leave the allowed voxels;
 * returns whether it moved. One axis at a time, so that an atom at the mask's surface slides along it.
 */
export function moveInside(
  positions: Float64Array,
  i: number,
  axis: number,
  step: number,
  allowed: Uint8Array,
  shape: Shape,
): boolean {
  const at = 3 * i + axis;
  const before = positions[at];
  positions[at] = before + step;
  const voxel = nearestVoxel(positions, i, shape);
  if (voxel >= 0 && allowed[voxel] === 1) return true;
  positions[at] = before;
  return false;
}
