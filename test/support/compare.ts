/** Figures by which float arrays are compared. */

/** |a - b| / |b|, Euclidean, over all elements or those where `where` is above 0.5. */
export function relativeL2(a: ArrayLike<number>, b: ArrayLike<number>, where?: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    if (where && !(where[i] > 0.5)) continue;
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}
