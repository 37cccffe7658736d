/**
 * Fourier resampling without a Fourier transform, float64: along each axis the new values are a matrix
 * times the old ones, R[j, i] = 1/n sum_k w_k cos(2 pi k (j/m - i/n)) over the signed frequencies that both
 * axes have. The pair +-min(n, m)/2 of an even minimum counts half each in padding (n values have one such
 * coefficient, shared by both) and in full in cropping (m values see both). The definition of
 * src/math/fourier/resample-plan.ts, summed over k.
 */
import type { Shape } from '../../src/math/grid.ts';

export function resamplingMatrix(from: number, to: number): Float64Array {
  const least = Math.min(from, to);
  const matrix = new Float64Array(from * to);
  for (let j = 0; j < to; j++) {
    for (let i = 0; i < from; i++) {
      // j/m - i/n as a fraction of whole numbers, so that the angle is reduced exactly.
      const turn = j * from - i * to;
      const cosine = (k: number): number =>
        Math.cos((2 * Math.PI * ((k * turn) % (from * to))) / (from * to));
      let sum = 1;
      for (let k = 1; 2 * k < least; k++) sum += 2 * cosine(k);
      if (least % 2 === 0) sum += (to < from ? 2 : 1) * cosine(least / 2);
      matrix[j * from + i] = sum / from;
    }
  }
  return matrix;
}

export function resampleDirectly(data: ArrayLike<number>, from: Shape, to: Shape): Float64Array {
  let values = Float64Array.from(data);
  const shape: [number, number, number] = [...from];
  for (const axis of [0, 1, 2]) {
    if (from[axis] === to[axis]) continue;
    const [n, m] = [from[axis], to[axis]];
    const matrix = resamplingMatrix(n, m);
    const inner = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
    const outer = shape.slice(0, axis).reduce((product, length) => product * length, 1);
    const next = new Float64Array(outer * m * inner);
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < m; j++) {
        for (let i = 0; i < n; i++) {
          const weight = matrix[j * n + i];
          const source = (o * n + i) * inner;
          const target = (o * m + j) * inner;
          for (let q = 0; q < inner; q++) next[target + q] += weight * values[source + q];
        }
      }
    }
    values = next;
    shape[axis] = m;
  }
  return values;
}
