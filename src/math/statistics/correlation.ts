/** Pearson's correlation of two maps, over all voxels or those where a mask is above 0.5. */
export function correlationOf(a: ArrayLike<number>, b: ArrayLike<number>, mask?: ArrayLike<number>): number {
  const inside = (i: number): boolean => mask === undefined || mask[i] > 0.5;
  let [count, sumA, sumB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    if (!inside(i)) continue;
    count++;
    sumA += a[i];
    sumB += b[i];
  }
  const [meanA, meanB] = [sumA / count, sumB / count];
  let [aa, bb, ab] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    if (!inside(i)) continue;
    const [x, y] = [a[i] - meanA, b[i] - meanB];
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  // Constant maps, or no voxels: nothing to correlate.
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}
