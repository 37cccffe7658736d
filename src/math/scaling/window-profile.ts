/**
 * Radial profile of one window by its definition (method 4) in float64, for a few windows to be displayed.
 * Engines, which need profiles at all voxels, use sliding transforms (window-profiles).
 */
import { type Shape, voxelCount } from '../grid.ts';
import {
  HANN_MEAN_SQUARE,
  hannWeight,
  type RadialProfileKind,
  shellCountOf,
  shellWeights,
  type WindowTaper,
} from './windows.ts';

/**
 * The window [v - h, v + h) around voxel (z, y, x) of a map; voxels outside the box are `padValue`. (z, y,
 * x).
 */
export function cutWindow(
  map: ArrayLike<number>,
  [nz, ny, nx]: Shape,
  [cz, cy, cx]: readonly [z: number, y: number, x: number],
  windowVoxels: number,
  padValue: number,
  window: Float64Array = new Float64Array(windowVoxels ** 3),
): Float64Array {
  const w = windowVoxels;
  const h = w / 2;
  for (let i = 0, to = 0; i < w; i++) {
    const z = cz - h + i;
    for (let j = 0; j < w; j++) {
      const y = cy - h + j;
      const rowInside = z >= 0 && z < nz && y >= 0 && y < ny;
      const row = (z * ny + y) * nx;
      for (let k = 0; k < w; k++, to++) {
        const x = cx - h + k;
        window[to] = rowInside && x >= 0 && x < nx ? map[row + x] : padValue;
      }
    }
  }
  return window;
}

/** Profile of a window: P_r = mean of |F| over the coefficients of shell r, F the orthonormal transform. */
export type WindowProfile = (window: Float64Array) => Float64Array;

/** Tables and scratch memory are reused: create one function for many windows. */
export function createWindowProfile(
  windowVoxels: number,
  kind: RadialProfileKind,
  taper?: WindowTaper,
): WindowProfile {
  const w = windowVoxels;
  const { a, b, c, shell, multiplicity, counts } = shellWeights(w, kind);
  const h = w / 2;
  const cos = Float64Array.from({ length: w }, (_, i) => Math.cos((2 * Math.PI * i) / w));
  const sin = Float64Array.from({ length: w }, (_, i) => Math.sin((2 * Math.PI * i) / w));
  // Along y and z only frequencies that belong to a shell: 0 ... h, or also the negative ones.
  const ks = [...new Set([...b, ...a])].sort((left, right) => left - right);
  const n = ks.length;
  const placeOf = (k: number): number => k - ks[0];
  /** [(c * w + y) * w + z], then [(c * n + b) * w + z], then [(c * n + b) * n + a]; re and im. */
  const alongX = new Float64Array(2 * (h + 1) * w * w);
  const alongY = new Float64Array(2 * (h + 1) * n * w);
  const alongZ = new Float64Array(2 * (h + 1) * n * n);
  const places = Int32Array.from(a, (_, i) => 2 * ((c[i] * n + placeOf(b[i])) * n + placeOf(a[i])));
  const edge = Float64Array.from({ length: w }, (_, i) => (taper === undefined ? 1 : hannWeight(i - h, w)));
  const scale = 1 / Math.sqrt(voxelCount([w, w, w]) * (taper === undefined ? 1 : HANN_MEAN_SQUARE));

  return (window) => {
    for (let kx = 0; kx <= h; kx++)
      for (let z = 0; z < w; z++)
        for (let y = 0; y < w; y++) {
          const from = (z * w + y) * w;
          let re = 0;
          let im = 0;
          for (let x = 0, turn = 0; x < w; x++, turn = (turn + kx) % w) {
            const value = window[from + x] * (edge[x] * edge[y] * edge[z]);
            re += value * cos[turn];
            im -= value * sin[turn];
          }
          const to = 2 * ((kx * w + y) * w + z);
          alongX[to] = re;
          alongX[to + 1] = im;
        }
    for (let kx = 0; kx <= h; kx++) {
      for (let j = 0; j < n; j++)
        for (let z = 0; z < w; z++)
          transformLine(alongX, 2 * (kx * w * w + z), 2 * w, ks[j], alongY, 2 * ((kx * n + j) * w + z));
      for (let j = 0; j < n; j++)
        for (let i = 0; i < n; i++)
          transformLine(alongY, 2 * (kx * n + j) * w, 2, ks[i], alongZ, 2 * ((kx * n + j) * n + i));
    }
    const profile = new Float64Array(shellCountOf(w));
    for (let i = 0; i < places.length; i++)
      profile[shell[i]] += multiplicity[i] * Math.hypot(alongZ[places[i]], alongZ[places[i] + 1]);
    return profile.map((sum, r) => (scale * sum) / counts[r]);
  };

  /** One coefficient of a line of w complex numbers, `stride` apart. */
  function transformLine(
    line: Float64Array,
    first: number,
    stride: number,
    k: number,
    out: Float64Array,
    to: number,
  ): void {
    let re = 0;
    let im = 0;
    const step = ((k % w) + w) % w;
    for (let i = 0, turn = 0, at = first; i < w; i++, at += stride, turn = (turn + step) % w) {
      re += line[at] * cos[turn] + line[at + 1] * sin[turn];
      im += line[at + 1] * cos[turn] - line[at] * sin[turn];
    }
    out[to] = re;
    out[to + 1] = im;
  }
}
