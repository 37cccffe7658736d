/** The voxels around atoms, and how far two maps agree there. */
import { type Grid, isotropicVoxelSize, voxelCount } from '../grid.ts';

/** With fewer voxels a correlation says nothing: that of two is 1 or -1. */
const FEWEST_VOXELS = 4;

/**
 * A search for the voxels whose centre lies within `radius` (A) of any of some atoms, each voxel once;
 * `positions`: x, y, z of each atom in the map's frame, A. What lies outside the box is left out. The search
 * holds one byte per voxel.
 */
export function createVoxelSearch(grid: Grid, radius: number): (positions: ArrayLike<number>) => Uint32Array {
  const [nz, ny, nx] = grid.shape;
  const { origin } = grid;
  const voxelSize = isotropicVoxelSize(grid);
  const reach = radius / voxelSize;
  const seen = new Uint8Array(voxelCount(grid.shape));
  let found = new Uint32Array(1024);
  return (positions) => {
    let count = 0;
    for (let at = 0; at < positions.length; at += 3) {
      const x = (positions[at] - origin[2]) / voxelSize;
      const y = (positions[at + 1] - origin[1]) / voxelSize;
      const z = (positions[at + 2] - origin[0]) / voxelSize;
      const z1 = Math.min(nz - 1, Math.floor(z + reach));
      for (let iz = Math.max(0, Math.ceil(z - reach)); iz <= z1; iz++) {
        const acrossZ = Math.sqrt(Math.max(0, reach * reach - (iz - z) ** 2));
        const y1 = Math.min(ny - 1, Math.floor(y + acrossZ));
        for (let iy = Math.max(0, Math.ceil(y - acrossZ)); iy <= y1; iy++) {
          const left = reach * reach - (iz - z) ** 2 - (iy - y) ** 2;
          if (left < 0) continue;
          const across = Math.sqrt(left);
          const x0 = Math.max(0, Math.ceil(x - across));
          const x1 = Math.min(nx - 1, Math.floor(x + across));
          const row = (iz * ny + iy) * nx;
          if (count + x1 - x0 + 1 > found.length) {
            const larger = new Uint32Array(2 * found.length + x1 - x0 + 1);
            larger.set(found);
            found = larger;
          }
          for (let i = row + x0; i <= row + x1; i++) {
            if (seen[i] === 1) continue;
            seen[i] = 1;
            found[count++] = i;
          }
        }
      }
    }
    const voxels = found.slice(0, count);
    for (const i of voxels) seen[i] = 0;
    return voxels;
  };
}

/**
 * Pearson's correlation of two maps over these voxels, in float64; NaN for fewer than four, and where either
 * map is constant.
 */
export function correlationAt(voxels: Uint32Array, a: ArrayLike<number>, b: ArrayLike<number>): number {
  const count = voxels.length;
  if (count < FEWEST_VOXELS) return Number.NaN;
  let [sumA, sumB] = [0, 0];
  for (const i of voxels) {
    sumA += a[i];
    sumB += b[i];
  }
  const [meanA, meanB] = [sumA / count, sumB / count];
  let [aa, bb, ab] = [0, 0, 0];
  for (const i of voxels) {
    const [da, db] = [a[i] - meanA, b[i] - meanB];
    aa += da * da;
    bb += db * db;
    ab += da * db;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : Number.NaN;
}
