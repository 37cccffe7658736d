/** Comparisons of two maps. */

/**
 * Pearson correlation over the voxels where `mask` is above 0.5, or over all, in float64; NaN where either
 * map is constant there.
 */
export function correlationInside(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  mask?: ArrayLike<number>,
): number {
  const isOutside = (i: number): boolean => mask !== undefined && !(mask[i] > 0.5);
  let count = 0;
  let sumA = 0;
  let sumB = 0;
  for (let i = 0; i < a.length; i++) {
    if (isOutside(i)) continue;
    count++;
    sumA += a[i];
    sumB += b[i];
  }
  const meanA = sumA / count;
  const meanB = sumB / count;
  let aa = 0;
  let bb = 0;
  let ab = 0;
  for (let i = 0; i < a.length; i++) {
    if (isOutside(i)) continue;
    const da = a[i] - meanA;
    const db = b[i] - meanB;
    aa += da * da;
    bb += db * db;
    ab += da * db;
  }
  return ab / Math.sqrt(aa * bb);
}
