/**
 * Windows of a map in float64, by the definitions of method 4: cut out, transformed by sums, their radial
 * profiles, and the centre of a window whose shells are multiplied. What fast results are compared with, here
 * and in the tests.
 */
import type { Shape } from '../math/grid.ts';
import type { RadialProfileKind } from '../math/scaling/windows.ts';

export interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** The window [v - h, v + h) around a voxel, (z, y, x) order. */
export function cutWindow(
  data: ArrayLike<number>,
  shape: Shape,
  index: number,
  w: number,
  padValue: number,
): Float64Array {
  const [nz, ny, nx] = shape;
  const h = w / 2;
  const z0 = Math.floor(index / (ny * nx)) - h;
  const y0 = (Math.floor(index / nx) % ny) - h;
  const x0 = (index % nx) - h;
  const window = new Float64Array(w ** 3);
  for (let i = 0; i < w ** 3; i++) {
    const z = z0 + Math.floor(i / (w * w));
    const y = y0 + (Math.floor(i / w) % w);
    const x = x0 + (i % w);
    const inside = z >= 0 && z < nz && y >= 0 && y < ny && x >= 0 && x < nx;
    window[i] = inside ? data[(z * ny + y) * nx + x] : padValue;
  }
  return window;
}

/** Orthonormal transform of a real window: full complex spectrum, raw indices (a * w + b) * w + c. */
export type WindowTransform = (window: Float64Array) => Spectrum;

/** Sums by the definition of the DFT, axis after axis, for c = 0 ... h; the rest by Friedel symmetry. */
export function makeWindowTransform(w: number): WindowTransform {
  const h = w / 2;
  const cos = Float64Array.from({ length: w * w }, (_, i) =>
    Math.cos((2 * Math.PI * ((Math.floor(i / w) * (i % w)) % w)) / w),
  );
  const sin = Float64Array.from({ length: w * w }, (_, i) =>
    Math.sin((2 * Math.PI * ((Math.floor(i / w) * (i % w)) % w)) / w),
  );
  return (window) => {
    // along[axis]: the transforms along x, then y, then z, stored as [outer][inner][c].
    let re = new Float64Array(w * w * (h + 1));
    let im = new Float64Array(w * w * (h + 1));
    for (let row = 0; row < w * w; row++) {
      for (let c = 0; c <= h; c++) {
        let sumRe = 0;
        let sumIm = 0;
        for (let x = 0; x < w; x++) {
          sumRe += window[row * w + x] * cos[c * w + x];
          sumIm -= window[row * w + x] * sin[c * w + x];
        }
        re[row * (h + 1) + c] = sumRe;
        im[row * (h + 1) + c] = sumIm;
      }
    }
    for (const [lines, stride] of [
      [w, h + 1],
      [1, w * (h + 1)],
    ]) {
      const nextRe = new Float64Array(re.length);
      const nextIm = new Float64Array(re.length);
      for (let line = 0; line < lines; line++) {
        const base = lines === 1 ? 0 : line * w * stride;
        for (let k = 0; k < w; k++) {
          for (let i = 0; i < stride; i++) {
            let sumRe = 0;
            let sumIm = 0;
            for (let x = 0; x < w; x++) {
              const from = base + x * stride + i;
              sumRe += re[from] * cos[k * w + x] + im[from] * sin[k * w + x];
              sumIm += im[from] * cos[k * w + x] - re[from] * sin[k * w + x];
            }
            nextRe[base + k * stride + i] = sumRe;
            nextIm[base + k * stride + i] = sumIm;
          }
        }
      }
      re = nextRe;
      im = nextIm;
    }
    const out = { re: new Float64Array(w ** 3), im: new Float64Array(w ** 3) };
    const scale = w ** -1.5;
    for (let a = 0; a < w; a++) {
      for (let b = 0; b < w; b++) {
        for (let c = 0; c < w; c++) {
          const mate = c > h;
          const from = mate
            ? (((w - a) % w) * w + ((w - b) % w)) * (h + 1) + (w - c)
            : (a * w + b) * (h + 1) + c;
          const to = (a * w + b) * w + c;
          out.re[to] = scale * re[from];
          out.im[to] = scale * (mate ? -im[from] : im[from]);
        }
      }
    }
    return out;
  };
}

/** Exact where the length is an integer, which Math.hypot does not promise. */
function length(a: number, b: number, c: number): number {
  return Math.sqrt(a * a + b * b + c * c);
}

/**
 * Mean |F| over floor(radius) = r, r = 0 ... h; 'octant' on raw indices of the half c <= h, 'sphere' on
 * signed ones.
 */
export function windowProfile(spectrum: Spectrum, w: number, kind: RadialProfileKind): number[] {
  const h = w / 2;
  const sums = new Array<number>(h + 1).fill(0);
  const counts = new Array<number>(h + 1).fill(0);
  const fold = (k: number): number => (kind === 'sphere' && k > h ? k - w : k);
  for (let a = 0; a < w; a++) {
    for (let b = 0; b < w; b++) {
      for (let c = 0; c < (kind === 'octant' ? h + 1 : w); c++) {
        const r = Math.floor(length(fold(a), fold(b), fold(c)));
        if (r > h) continue;
        const i = (a * w + b) * w + c;
        sums[r] += Math.hypot(spectrum.re[i], spectrum.im[i]);
        counts[r]++;
      }
    }
  }
  return sums.map((sum, r) => sum / counts[r]);
}

/**
 * Centre voxel of the inverse transform of F * interp(|f|; s_r), linear up to and constant beyond 0.5
 * cycles/voxel.
 */
export function scaledCentre(spectrum: Spectrum, w: number, scaleFactors: readonly number[]): number {
  const h = scaleFactors.length - 1;
  const perShell = w / 2 / h;
  let sum = 0;
  for (let a = 0; a < w; a++) {
    for (let b = 0; b < w; b++) {
      for (let c = 0; c < w; c++) {
        const radius = length(Math.min(a, w - a), Math.min(b, w - b), Math.min(c, w - c)) / perShell;
        const lower = Math.min(Math.floor(radius), h);
        const upper = Math.min(lower + 1, h);
        const factor = scaleFactors[lower] + (radius - lower) * (scaleFactors[upper] - scaleFactors[lower]);
        // exp(2 pi i (a + b + c) / 2) = (-1)^(a + b + c); the imaginary parts cancel between Friedel mates.
        sum += ((a + b + c) % 2 === 0 ? factor : -factor) * spectrum.re[(a * w + b) * w + c];
      }
    }
  }
  return sum * w ** -1.5;
}
