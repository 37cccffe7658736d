/**
 * A low-pass filter with a cut-off per voxel: the whole map is filtered at a series of cut-offs, and every
 * voxel interpolates between the two neighbouring ones, linearly in frequency.
 *
 *   out(v) = sum_j hat_j(1 / d(v)) (map low-passed at 1 / f_j)(v)
 */
import { type RadialTransfer, tanhLowPass } from './radial-transfer.ts';

export interface FilterBin {
  readonly transfer: RadialTransfer;
  /** Frequencies, 1/A: hat_j is 1 at `at` and falls to 0 at `below` and `above`. */
  readonly below: number;
  readonly at: number;
  readonly above: number;
}

/**
 * Ratio of neighbouring cut-offs. The filter's edge is 10 % of its cut-off wide (method 2); linear
 * interpolation over 5 % of it is within 0.03 of the gain of a filter at the cut-off itself.
 */
const RATIO = 1.05;

/** The bins that some voxel uses. `cutoffs`: A per voxel, 0 where there is none. */
export function filterBins(cutoffs: ArrayLike<number>, voxelSize: number): FilterBin[] {
  let largest = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < cutoffs.length; i++) {
    const d = cutoffs[i];
    if (!(d > 0)) continue;
    largest = Math.max(largest, d);
    smallest = Math.min(smallest, d);
  }
  if (largest === 0) return [];
  // Extends slightly beyond both ends, because frequencies are compared in float32.
  const first = 1 / (1.001 * largest);
  const count = Math.ceil(Math.log((1.001 * 1.001 * largest) / smallest) / Math.log(RATIO)) + 1;
  const frequency = (j: number): number => first * RATIO ** j;
  const used = new Uint8Array(count + 2);
  for (let i = 0; i < cutoffs.length; i++) {
    const d = cutoffs[i];
    if (!(d > 0)) continue;
    const j = Math.floor(Math.log(1 / d / first) / Math.log(RATIO));
    // One more on either side: rounding may move a voxel across a boundary.
    for (let k = Math.max(0, j - 1); k <= j + 2 && k < used.length; k++) used[k] = 1;
  }
  return Array.from(used.keys())
    .filter((j) => used[j] === 1)
    .map((j) => ({
      transfer: tanhLowPass(1 / frequency(j), voxelSize),
      below: frequency(j - 1),
      at: frequency(j),
      above: frequency(j + 1),
    }));
}

/** hat_j at frequency f. */
export function binWeight(f: number, below: number, at: number, above: number): number {
  return Math.max(0, f < at ? (f - below) / (at - below) : (above - f) / (above - at));
}
