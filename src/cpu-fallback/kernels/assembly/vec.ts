// Small vector helpers shared by the kernels. A "lane group" is four float32 values in one v128.

// @ts-ignore: decorator
@inline
export function lowPairs(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 4, 1, 5);
}

// @ts-ignore: decorator
@inline
export function highPairs(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 6, 3, 7);
}

// @ts-ignore: decorator
@inline
export function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<f64>(a, b, 0, 2);
}

// @ts-ignore: decorator
@inline
export function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<f64>(a, b, 1, 3);
}

/** Stores the transpose of rows r0..r3 at four addresses `pitch` bytes apart. */
// @ts-ignore: decorator
@inline
export function storeTransposed(r0: v128, r1: v128, r2: v128, r3: v128, to: usize, pitch: usize): void {
  const a = lowPairs(r0, r1);
  const b = lowPairs(r2, r3);
  const c = highPairs(r0, r1);
  const d = highPairs(r2, r3);
  v128.store(to, lowHalves(a, b));
  v128.store(to + pitch, highHalves(a, b));
  v128.store(to + 2 * pitch, lowHalves(c, d));
  v128.store(to + 3 * pitch, highHalves(c, d));
}
