/**
 * Translation of a periodic volume without a Fourier transform, float64: along each axis the new values are a
 * matrix times the old ones, T[j, i] = 1/n sum_k cos(2 pi k (j - i - s) / n) over the signed frequencies,
 * that of n/2 once.
 */
import type { Shape } from '../../src/math/grid.ts';

function translationMatrix(n: number, shift: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => {
    const turn = Math.floor(at / n) - (at % n) - shift;
    let sum = 0;
    for (let k = Math.floor(n / 2); k > -n / 2; k--) sum += Math.cos((2 * Math.PI * k * turn) / n);
    return sum / n;
  });
}

export function translateDirectly(
  data: ArrayLike<number>,
  shape: Shape,
  shift: readonly number[],
): Float64Array {
  let values = Float64Array.from(data);
  for (const axis of [0, 1, 2]) {
    const n = shape[axis];
    const inner = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
    const matrix = translationMatrix(n, shift[axis]);
    values = values.map((_, at) => {
      const j = Math.floor(at / inner) % n;
      const start = at - j * inner;
      let sum = 0;
      for (let i = 0; i < n; i++) sum += matrix[j * n + i] * values[start + i * inner];
      return sum;
    });
  }
  return values;
}
