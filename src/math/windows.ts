/**
 * The scaling window: its size, and which Fourier coefficients of it belong to which shell (method 4).
 */

/**
 * 'octant': LocScale's profile, raw unfolded indices a, b, c >= 0 (the default, equal to the original).
 * 'sphere': all signed frequencies, the better estimator.
 */
export type RadialProfileKind = 'octant' | 'sphere';

/** Edge of the scaling window in voxels: 25 A rounded up to an even integer. */
export function windowVoxelsFor(voxelSize: number, windowAngstrom = 25): number {
  const edge = Math.ceil(windowAngstrom / voxelSize);
  return edge % 2 === 0 ? edge : edge + 1;
}

/** Number of shells of a window's profile: r = 0 ... windowVoxels / 2. */
export function shellCountOf(windowVoxels: number): number {
  return windowVoxels / 2 + 1;
}
