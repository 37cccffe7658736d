/**
 * Local resolution voxel by voxel, in float64: the oracle. Both windows [v - h, v + h) are cut out, weighted,
 * transformed as a whole, and the products of their coefficients summed over shells of rounded radius.
 */

import { cutWindow } from '../../src/bench/window-oracle.ts';
import type { Shape } from '../../src/math/grid.ts';
import { referenceFft3d, signedIndex } from './reference-fft.ts';

export interface DirectResolutionInput {
  readonly shape: Shape;
  readonly half1: ArrayLike<number>;
  readonly half2: ArrayLike<number>;
  readonly windowVoxels: number;
  readonly weights: 'hann' | 'box';
  readonly voxelSize: number;
  readonly threshold: number;
  readonly padValues: readonly [number, number];
}

export interface DirectResolution {
  /** FSC of shells r = 0 ... windowVoxels / 2. */
  readonly curve: number[];
  /** Angstrom. */
  readonly resolution: number;
}

export function directLocalResolution(input: DirectResolutionInput, index: number): DirectResolution {
  const { shape, half1, half2, windowVoxels: w, padValues, threshold, voxelSize } = input;
  const [a, b] = [half1, half2].map((half, i) =>
    referenceFft3d(weighted(cutWindow(half, shape, index, w, padValues[i]), input), undefined, [w, w, w]),
  );
  const sums = Array.from({ length: w / 2 + 1 }, () => [0, 0, 0]);
  for (let i = 0; i < w ** 3; i++) {
    const [kz, ky, kx] = [Math.floor(i / (w * w)), Math.floor(i / w) % w, i % w].map((k) =>
      signedIndex(k, w),
    );
    const shell = Math.round(Math.hypot(kz, ky, kx));
    if (shell > w / 2) continue;
    sums[shell][0] += a.re[i] * b.re[i] + a.im[i] * b.im[i];
    sums[shell][1] += a.re[i] ** 2 + a.im[i] ** 2;
    sums[shell][2] += b.re[i] ** 2 + b.im[i] ** 2;
  }
  const curve = sums.map(([cross, one, other]) => cross / Math.sqrt(one * other));
  return { curve, resolution: (w * voxelSize) / crossingOf(curve, threshold) };
}

function weighted(window: Float64Array, { windowVoxels: w, weights }: DirectResolutionInput): Float64Array {
  if (weights === 'box') return window;
  const t = (i: number): number => 0.5 * (1 - Math.cos((2 * Math.PI * i) / w));
  return window.map((value, i) => value * t(Math.floor(i / (w * w))) * t(Math.floor(i / w) % w) * t(i % w));
}

/** First shell coordinate at which the broken line through the curve, from shell 1 on, falls below. */
function crossingOf(curve: readonly number[], threshold: number): number {
  const below = curve.findIndex((value, r) => r >= 1 && value < threshold);
  if (below < 0) return curve.length - 1;
  if (below === 1) return 1;
  const [high, low] = [curve[below - 1], curve[below]];
  return below - 1 + (high - threshold) / (high - low);
}
