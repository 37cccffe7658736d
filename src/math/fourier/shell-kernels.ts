/**
 * Local scaling as convolutions (method 4): out(v) = sum_r s_r(v) (map * K_r)(v), where K_r is the
 * w^3 kernel whose DFT is the hat function h_r(|f|), the linear interpolation between shells.
 */
import { hannWeight, type WindowTaper } from '../scaling/windows.ts';

/**
 * Weights of the two shells between which |f| (in units of 1 / (window voxel), i.e. |(a, b, c)|) lies:
 * `lower` gets 1 - t and `lower + 1` gets t; beyond the last shell h the weight of h is 1.
 */
export function shellInterpolation(radius: number, h: number): { lower: number; t: number } {
  if (radius >= h) return { lower: h, t: 0 };
  const lower = Math.floor(radius);
  return { lower, t: radius - lower };
}

/** Size of the kernels of tapered windows relative to the window: bands of steep gains must not leak. */
const TAPERED_REACH = 2;

/** Edge of the shell kernels, voxels. */
export function shellKernelVoxels(windowVoxels: number, taper?: WindowTaper): number {
  return taper === undefined ? windowVoxels : TAPERED_REACH * windowVoxels;
}

/**
 * K_r(d) = w^-3 sum_f h_r(|f|) cos(2 pi f.d / w) for d = (dz, dy, dx) with 0 <= d_i <= h, r = 0 ... h,
 * in float64: array [r] of (h+1)^3 values, dx fastest. K_r is even in every component of d; a window
 * [v - h, v + h) holds d = -h ... h - 1.
 *
 * With a taper the sum is over the frequencies of a box of W = 2w, h_r(w |f| / W), and K_r is multiplied by
 * the Hann window of that box: the interpolation between shells is that of the whole map to a few percent,
 * and decays so fast that low frequencies do not leak to high shells. They still sum to the delta.
 */
export function shellKernels(windowVoxels: number, taper?: WindowTaper): Float64Array[] {
  const shells = windowVoxels / 2;
  const w = shellKernelVoxels(windowVoxels, taper);
  const perShell = w / windowVoxels;
  const h = w / 2;
  const n = h + 1;
  // Frequencies fold onto 0 ... h: every one of 1 ... h-1 stands for +f and -f.
  const cosines = new Float64Array(n * n);
  for (let d = 0; d < n; d++) {
    for (let f = 0; f < n; f++) {
      const multiplicity = f === 0 || f === h ? 1 : 2;
      cosines[d * n + f] = multiplicity * Math.cos((2 * Math.PI * ((d * f) % w)) / w);
    }
  }
  const edge = Float64Array.from({ length: n }, (_, d) => (taper === undefined ? 1 : hannWeight(d, w)));
  return hats(n, perShell, shells).map((hat) => {
    let values = hat;
    for (let axis = 0; axis < 3; axis++) values = transformLastAxis(values, cosines, n);
    return applyEdge(values, 1 / (w * w * w), edge);
  });
}

/** h_r at n^3 frequencies, `perShell` of them per shell. */
function hats(n: number, perShell: number, shells: number): Float64Array[] {
  const all = Array.from({ length: shells + 1 }, () => new Float64Array(n * n * n));
  for (let a = 0, i = 0; a < n; a++) {
    for (let b = 0; b < n; b++) {
      for (let c = 0; c < n; c++, i++) {
        const { lower, t } = shellInterpolation(Math.sqrt(a * a + b * b + c * c) / perShell, shells);
        all[lower][i] = 1 - t;
        if (lower < shells) all[lower + 1][i] = t;
      }
    }
  }
  return all;
}

/** In place: (z, y, x) times `norm` and the weight of each coordinate. */
function applyEdge(values: Float64Array, norm: number, edge: Float64Array): Float64Array {
  const n = edge.length;
  for (let dz = 0, i = 0; dz < n; dz++)
    for (let dy = 0; dy < n; dy++)
      for (let dx = 0; dx < n; dx++, i++) values[i] = values[i] * norm * edge[dz] * edge[dy] * edge[dx];
  return values;
}

/** Contracts the last axis with `cosines` and rotates the axes, so that three calls transform all. */
function transformLastAxis(values: Float64Array, cosines: Float64Array, n: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < n * n; i++) {
    for (let d = 0; d < n; d++) {
      let sum = 0;
      for (let f = 0; f < n; f++) sum += values[i * n + f] * cosines[d * n + f];
      out[d * n * n + i] = sum;
    }
  }
  return out;
}
