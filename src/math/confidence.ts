/** FDR confidence map (method 2). */
export interface NoiseBox {
  /** First voxel (z, y, x). */
  readonly start: readonly [z: number, y: number, x: number];
  /** Edge in voxels. */
  readonly size: number;
}
