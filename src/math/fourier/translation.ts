/**
 * A periodic volume moved by a part of a voxel: coefficient k of an axis of n voxels times exp(-2 pi i k s /
 * n). The plane k = n/2 of an even axis belongs to +n/2 and -n/2 alike and gets the mean of both factors, cos
 * (pi s), so that the volume stays real.
 */

/** The factors of `count` coefficients from 0 on, (re, im); k > n/2 stands for k - n. */
export function translationFactors(n: number, count: number, shift: number): Float32Array {
  const factors = new Float32Array(2 * count);
  for (let k = 0; k < count; k++) {
    const angle = (-2 * Math.PI * (2 * k <= n ? k : k - n) * shift) / n;
    factors[2 * k] = Math.cos(angle);
    factors[2 * k + 1] = 2 * k === n ? 0 : Math.sin(angle);
  }
  return factors;
}
