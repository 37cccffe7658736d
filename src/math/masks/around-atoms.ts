/** The region around atoms. */
import type { AtomSet } from '../atoms/atom-set.ts';
import { type Grid, isotropicVoxelSize } from '../grid.ts';

/**
 * 1 within `radius` (A; of all atoms, or of each) of an atom; (z, y, x). Atoms outside the box contribute the
 * part of their balls inside it.
 */
export function regionAroundAtoms(
  { count, positions }: Pick<AtomSet, 'count' | 'positions'>,
  grid: Grid,
  radius: number | ArrayLike<number>,
): Uint8Array {
  const [nz, ny, nx] = grid.shape;
  const voxelSize = isotropicVoxelSize(grid);
  const region = new Uint8Array(nz * ny * nx);
  const range = (centre: number, half: number, n: number): readonly [number, number] => [
    Math.max(0, Math.ceil(centre - half)),
    Math.min(n - 1, Math.floor(centre + half)),
  ];
  for (let atom = 0; atom < count; atom++) {
    const reach = (typeof radius === 'number' ? radius : radius[atom]) / voxelSize;
    const [x, y, z] = [0, 1, 2].map((k) => (positions[3 * atom + k] - grid.origin[2 - k]) / voxelSize);
    const [z0, z1] = range(z, reach, nz);
    for (let iz = z0; iz <= z1; iz++) {
      const [y0, y1] = range(y, Math.sqrt(Math.max(0, reach * reach - (iz - z) ** 2)), ny);
      for (let iy = y0; iy <= y1; iy++) {
        const rest = reach * reach - (iz - z) ** 2 - (iy - y) ** 2;
        if (rest < 0) continue;
        const [x0, x1] = range(x, Math.sqrt(rest), nx);
        const row = (iz * ny + iy) * nx;
        if (x1 >= x0) region.fill(1, row + x0, row + x1 + 1);
      }
    }
  }
  return region;
}
