/**
 * Resampling of a periodic box from n to m voxels along each axis by cropping or padding its Fourier
 * transform. With X the transform of n values and k signed, the m new values are
 *   y[j] = 1/n sum_k Y[k] exp(2 pi i j k / m),   Y[k] = X[k] for |k| < min(n, m) / 2, and 0 beyond.
 * The plane |k| = min(n, m) / 2 of an even minimum:
 *   m > n: X[n/2] belongs to +n/2 and -n/2 alike, each gets half of it: y is the real function of least
 *          frequency through the values x, so that y at the positions of x is x.
 *   m < n: +m/2 and -m/2 fall on one index, which gets their sum, as when the function is sampled.
 * Padding and cropping back is the identity, and so is cropping and padding back of a map without
 * frequencies from min(n, m) / 2 on. Voxel i of n and voxel j of m lie at i / n and j / m of the box.
 */

import { type Shape, voxelCount } from '../grid.ts';
import { spectrumPitch } from './fft-plan.ts';

/** Sources of the coefficients of one axis: Y[k] = weight[k] (X[first[k]] + X[second[k]]); -1 means none. */
export interface AxisTaps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly weight: Float32Array;
}

/** For an axis with all its frequencies (y, z). Unsigned indices, k < 0 at n + k, lengths `to`. */
export function axisTaps(from: number, to: number): AxisTaps {
  const least = Math.min(from, to);
  const taps = {
    first: new Int32Array(to).fill(-1),
    second: new Int32Array(to).fill(-1),
    weight: new Float32Array(to).fill(1),
  };
  for (let k = -Math.floor((least - 1) / 2); 2 * k < least; k++) {
    taps.first[k < 0 ? to + k : k] = k < 0 ? from + k : k;
  }
  if (least % 2 !== 0) return taps;
  const nyquist = least / 2;
  taps.first[nyquist] = nyquist;
  if (to < from) taps.second[nyquist] = from - nyquist;
  if (to > from) {
    taps.first[to - nyquist] = nyquist;
    taps.weight[nyquist] = 0.5;
    taps.weight[to - nyquist] = 0.5;
  }
  return taps;
}

/**
 * For the axis of a half spectrum (x): coefficients 0 ... bins - 1 are kept, the last one times `lastWeight`.
 */
export interface HalfAxis {
  readonly bins: number;
  readonly lastWeight: number;
}

/**
 * The sum X[m/2] + X[-m/2] of cropping is twice the real part of X[m/2] once y and z are transformed back,
 * and the inverse transforms of both engines take no imaginary part there: twice the coefficient will do.
 */
export function halfAxis(from: number, to: number): HalfAxis {
  const least = Math.min(from, to);
  const lastWeight = least % 2 !== 0 || to === from ? 1 : to < from ? 2 : 0.5;
  return { bins: Math.floor(least / 2) + 1, lastWeight };
}

/** Factor of the coefficients for inverse transforms that divide by the number of voxels of `to`. */
export function resampleScale(from: Shape, to: Shape): number {
  return voxelCount(to) / voxelCount(from);
}

/**
 * Memory of resampling in bytes, excluding the input volume: the half spectrum between the passes (the new
 * rows and columns, the planes of the longer box) and the result. Buffers of threads and workgroups are
 * negligible.
 */
export function resampleBytes(from: Shape, to: Shape): number {
  return 8 * Math.max(from[0], to[0]) * to[1] * spectrumPitch(to[2]) + 4 * voxelCount(to);
}
