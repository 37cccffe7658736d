/**
 * The discrete Fourier transform by its definition, in float64: X[k] = sum_x v[x] exp(-2 pi i k x / n).
 * Phases are reduced modulo n before the cosine, so that the error does not grow with k x.
 */
import type { Shape } from '../../src/math/grid.ts';

export interface ComplexArray {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Unnormalised transform of one line; `inverse` changes the sign of the exponent only. */
export function naiveDft(
  re: ArrayLike<number>,
  im: ArrayLike<number> | undefined,
  inverse = false,
): ComplexArray {
  const n = re.length;
  const cos = new Float64Array(n);
  const sin = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    cos[i] = Math.cos((2 * Math.PI * i) / n);
    sin[i] = (inverse ? 1 : -1) * Math.sin((2 * Math.PI * i) / n);
  }
  const outRe = new Float64Array(n);
  const outIm = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    let sumRe = 0;
    let sumIm = 0;
    for (let x = 0, phase = 0; x < n; x++, phase = (phase + k) % n) {
      const imaginary = im === undefined ? 0 : im[x];
      sumRe += re[x] * cos[phase] - imaginary * sin[phase];
      sumIm += re[x] * sin[phase] + imaginary * cos[phase];
    }
    outRe[k] = sumRe;
    outIm[k] = sumIm;
  }
  return { re: outRe, im: outIm };
}

/** Unnormalised transform of a volume (z, y, x), x fastest, one axis after the other; full complex result. */
export function naiveDft3d(
  re: ArrayLike<number>,
  im: ArrayLike<number> | undefined,
  shape: Shape,
  inverse = false,
): ComplexArray {
  const out = {
    re: Float64Array.from(re),
    im: im === undefined ? new Float64Array(re.length) : Float64Array.from(im),
  };
  transformLines(out, shape, (lineRe, lineIm) => naiveDft(lineRe, lineIm, inverse));
  return out;
}

/** Applies a 1D transform along x, y and z of a complex volume, in place. */
export function transformLines(
  volume: ComplexArray,
  shape: Shape,
  transform: (re: Float64Array, im: Float64Array) => ComplexArray,
): void {
  const strides = [shape[1] * shape[2], shape[2], 1];
  for (const axis of [2, 1, 0]) {
    const n = shape[axis];
    const stride = strides[axis];
    const lineRe = new Float64Array(n);
    const lineIm = new Float64Array(n);
    for (let line = 0; line < volume.re.length / n; line++) {
      // First voxel of the line: index 0 along the axis.
      const start = Math.floor(line / stride) * n * stride + (line % stride);
      for (let i = 0; i < n; i++) {
        lineRe[i] = volume.re[start + i * stride];
        lineIm[i] = volume.im[start + i * stride];
      }
      const { re, im } = transform(lineRe, lineIm);
      for (let i = 0; i < n; i++) {
        volume.re[start + i * stride] = re[i];
        volume.im[start + i * stride] = im[i];
      }
    }
  }
}
