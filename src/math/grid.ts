/**
 * The sampling grid of a map. Everything inside the program is ordered (z, y, x) with x fastest;
 * files in another axis order are transposed on reading and back on writing (formats/mrc.ts).
 */

/** Number of voxels along (z, y, x). */
export type Shape = readonly [nz: number, ny: number, nx: number];

export interface Grid {
  readonly shape: Shape;
  /** Voxel size in angstrom along (z, y, x). */
  readonly voxelSize: readonly [z: number, y: number, x: number];
  /** Position of voxel (0, 0, 0) in angstrom, (z, y, x): ORIGIN if set, else NSTART x voxel size. */
  readonly origin: readonly [z: number, y: number, x: number];
}

export function voxelCount(shape: Shape): number {
  return shape[0] * shape[1] * shape[2];
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}

/** "96 x 96 x 100" in the order users know, x first. */
export function describeShape(shape: Shape): string {
  return `${shape[2]} x ${shape[1]} x ${shape[0]}`;
}

/** Mean voxel size in angstrom; the method is isotropic and `readMaps` refuses anisotropic grids. */
export function isotropicVoxelSize(grid: Grid): number {
  return (grid.voxelSize[0] + grid.voxelSize[1] + grid.voxelSize[2]) / 3;
}
