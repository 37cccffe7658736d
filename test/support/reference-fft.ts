/**
 * Float64 mixed-radix FFT for tests on whole maps: plain recursion on the prime factors of the length.
 * Written for clarity; checked against naive-dft.ts.
 */
import type { ShellRule } from '../../src/math/fourier/fsc.ts';
import type { Shape } from '../../src/math/grid.ts';
import { type ComplexArray, transformLines } from './naive-dft.ts';

/** Unnormalised transform of one line. */
export function referenceFft(re: Float64Array, im: Float64Array, inverse = false): ComplexArray {
  const n = re.length;
  const { cos, sin } = twiddlesOf(n);
  const sign = inverse ? 1 : -1;
  const out = { re: new Float64Array(n), im: new Float64Array(n) };
  const [partRe, partIm] = [new Float64Array(n), new Float64Array(n)];
  // Transform of every step-th value from `first` into out[to ... to + length).
  const recurse = (first: number, step: number, to: number, length: number): void => {
    if (length === 1) {
      out.re[to] = re[first];
      out.im[to] = im[first];
      return;
    }
    const radix = smallestFactor(length);
    const part = length / radix;
    for (let j = 0; j < radix; j++) recurse(first + j * step, step * radix, to + j * part, part);
    for (let k = 0; k < part; k++) {
      for (let j = 0; j < radix; j++) {
        partRe[j] = out.re[to + j * part + k];
        partIm[j] = out.im[to + j * part + k];
      }
      for (let m = k; m < length; m += part) {
        let sumRe = 0;
        let sumIm = 0;
        // (j m step) mod n
        let phase = 0;
        for (let j = 0; j < radix; j++) {
          const s = sign * sin[phase];
          sumRe += partRe[j] * cos[phase] - partIm[j] * s;
          sumIm += partRe[j] * s + partIm[j] * cos[phase];
          phase += m * step;
          if (phase >= n) phase -= n;
        }
        out.re[to + m] = sumRe;
        out.im[to + m] = sumIm;
      }
    }
  };
  recurse(0, 1, 0, n);
  return out;
}

const twiddles = new Map<number, { cos: Float64Array; sin: Float64Array }>();

function twiddlesOf(n: number): { cos: Float64Array; sin: Float64Array } {
  let found = twiddles.get(n);
  if (found === undefined) {
    found = {
      cos: Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n)),
      sin: Float64Array.from({ length: n }, (_, i) => Math.sin((2 * Math.PI * i) / n)),
    };
    twiddles.set(n, found);
  }
  return found;
}

function smallestFactor(n: number): number {
  for (let f = 2; f * f <= n; f++) if (n % f === 0) return f;
  return n;
}

/** Unnormalised transform of a volume (z, y, x); full complex result. */
export function referenceFft3d(
  re: ArrayLike<number>,
  im: ArrayLike<number> | undefined,
  shape: Shape,
  inverse = false,
): ComplexArray {
  const out = {
    re: Float64Array.from(re),
    im: im === undefined ? new Float64Array(re.length) : Float64Array.from(im),
  };
  transformLines(out, shape, (lineRe, lineIm) => referenceFft(lineRe, lineIm, inverse));
  return out;
}

/** Signed frequency index of raw index i on an axis of n: 0 ... , -n/2 for i = n/2 of an even axis. */
export function signedIndex(i: number, n: number): number {
  return i < n / 2 ? i : i - n;
}

export interface ReferenceShellSums {
  readonly cross: Float64Array;
  readonly powerA: Float64Array;
  readonly powerB: Float64Array;
  readonly counts: Float64Array;
}

/**
 * Shell sums of two spectra over floor(|f| * min(shape)) = r, r = 0 ... floor(min(shape) / 2) - 1.
 * 'half': the half c = 0 ... nx/2 of Fourier space as it is, as the original sums (its coefficients with
 * c = 0 appear with both Friedel mates, the others with one); 'full': all coefficients.
 */
export function referenceShellSums(
  a: ComplexArray,
  b: ComplexArray,
  shape: Shape,
  space: 'half' | 'full',
  rule: ShellRule = 'floor',
): ReferenceShellSums {
  const [nz, ny, nx] = shape;
  const edge = Math.min(nz, ny, nx);
  const shells = Math.floor(edge / 2);
  const sums = {
    cross: new Float64Array(shells),
    powerA: new Float64Array(shells),
    powerB: new Float64Array(shells),
    counts: new Float64Array(shells),
  };
  for (let z = 0; z < nz; z++) {
    const fz = (signedIndex(z, nz) * edge) / nz;
    for (let y = 0; y < ny; y++) {
      const fy = (signedIndex(y, ny) * edge) / ny;
      for (let x = 0; x < (space === 'half' ? Math.floor(nx / 2) + 1 : nx); x++) {
        const fx = (signedIndex(x, nx) * edge) / nx;
        const radius = Math.sqrt(fz * fz + fy * fy + fx * fx);
        const r = rule === 'floor' ? Math.floor(radius) : Math.round(radius);
        if (r >= shells) continue;
        const i = (z * ny + y) * nx + x;
        sums.cross[r] += a.re[i] * b.re[i] + a.im[i] * b.im[i];
        sums.powerA[r] += a.re[i] ** 2 + a.im[i] ** 2;
        sums.powerB[r] += b.re[i] ** 2 + b.im[i] ** 2;
        sums.counts[r]++;
      }
    }
  }
  return sums;
}
