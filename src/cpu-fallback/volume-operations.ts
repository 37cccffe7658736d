/**
 * Voxel-wise operations on ranges of shared volumes. Sums are float64, ranges do not depend on the threads.
 */
import type { Shape } from '../math/grid.ts';
import { blockGrid } from '../math/scaling/occupancy.ts';
import type { PartialStatistics } from '../math/statistics/moments.ts';

/** (a + b) / 2 in float32, as the GPU computes it. */
export function averageRange(
  a: Float32Array,
  b: Float32Array,
  out: Float32Array,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) out[i] = Math.fround(a[i] + b[i]) / 2;
}

/** Returns the number of voxels set. */
export function binariseRange(
  volume: Float32Array,
  threshold: number,
  out: Float32Array,
  from: number,
  to: number,
): number {
  let voxels = 0;
  for (let i = from; i < to; i++) {
    const set = volume[i] >= threshold;
    out[i] = set ? 1 : 0;
    if (set) voxels++;
  }
  return voxels;
}

/** Statistics of voxels `from` to `to`: of all, or where the mask is above 0.5 (`inside`) or not. */
export function rangeStatistics(
  volume: Float32Array,
  from: number,
  to: number,
  mask: Float32Array | undefined,
  inside: boolean,
): PartialStatistics {
  if (mask === undefined) return denseStatistics(volume, from, to);
  let count = 0;
  let sum = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let zeros = 0;
  let nonFinite = 0;
  for (let i = from; i < to; i++) {
    if (mask[i] > 0.5 !== inside) continue;
    const value = volume[i];
    if (!Number.isFinite(value)) {
      nonFinite++;
      continue;
    }
    count++;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
    if (value === 0) zeros++;
  }
  const mean = count > 0 ? sum / count : 0;
  let squares = 0;
  for (let i = from; i < to; i++) {
    if (mask[i] > 0.5 !== inside) continue;
    const deviation = volume[i] - mean;
    if (Number.isFinite(deviation)) squares += deviation * deviation;
  }
  return { count, mean, squares, min, max, zeros, nonFinite };
}

/** The same for all voxels, in a loop without a mask test. */
function denseStatistics(volume: Float32Array, from: number, to: number): PartialStatistics {
  let sum = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let zeros = 0;
  let nonFinite = 0;
  for (let i = from; i < to; i++) {
    const value = volume[i];
    // NaN or infinite.
    if (value - value !== 0) {
      nonFinite++;
      continue;
    }
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
    if (value === 0) zeros++;
  }
  const count = to - from - nonFinite;
  const mean = count > 0 ? sum / count : 0;
  let squares = 0;
  for (let i = from; i < to; i++) {
    const deviation = volume[i] - mean;
    if (deviation - deviation === 0) squares += deviation * deviation;
  }
  return { count, mean, squares, min, max, zeros, nonFinite };
}

/** Mask voxels in blocks of block^3, for planes of blocks from <= bz < to: counts ordered (bz, by, bx). */
export function blockOccupancy(
  mask: Float32Array,
  shape: Shape,
  block: number,
  from: number,
  to: number,
): Uint32Array {
  const [nz, ny, nx] = shape;
  const [, by, bx] = blockGrid(shape, block);
  const counts = new Uint32Array((to - from) * by * bx);
  for (let z = from * block; z < Math.min(nz, to * block); z++) {
    const plane = (Math.floor(z / block) - from) * by * bx;
    for (let y = 0; y < ny; y++) {
      const base = plane + Math.floor(y / block) * bx;
      const row = (z * ny + y) * nx;
      for (let x = 0; x < nx; x++) if (mask[row + x] > 0.5) counts[base + Math.floor(x / block)]++;
    }
  }
  return counts;
}
