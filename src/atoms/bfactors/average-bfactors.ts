/**
 * Prepares B factors for simulating a reference (method 8): averages over spheres, and a shift that makes the
 * B factors of the sharpest atoms 0.
 */

import { LocScaleError } from '../../errors.ts';
import { createCellList } from '../../math/atoms/cell-list.ts';

/** LocScale averages the B factors of the final model over spheres of this radius, A. */
export const FINAL_AVERAGING_RADIUS = 25;
/** LocScale shifts B factors so that this percentage of them is at or below 0. */
const SHIFT_PERCENT = 1;

/**
 * Mean of `values` (one per atom) over all atoms closer than `radius` (A), the atom itself included.
 * `positions`: x, y, z of each atom in A. Periodic images of the box are not considered.
 */
export function averageOverNeighbours(
  positions: Float64Array,
  values: ArrayLike<number>,
  radius: number,
): Float64Array {
  const count = values.length;
  const sums = Float64Array.from(values);
  if (!(radius > 0)) return sums;
  const members = new Uint32Array(count).fill(1);
  const list = createCellList(count, radius);
  list.rebuild(positions);
  list.forEachPair((i, j) => {
    sums[i] += values[j];
    sums[j] += values[i];
    members[i]++;
    members[j]++;
  });
  for (let i = 0; i < count; i++) sums[i] /= members[i];
  return sums;
}

/** B factors averaged over spheres about each atom; A^2, radius in A. */
export function averageBFactors(
  atoms: { readonly positions: Float64Array; readonly bFactors: Float64Array },
  radius: number = FINAL_AVERAGING_RADIUS,
): Float64Array {
  return averageOverNeighbours(atoms.positions, atoms.bFactors, radius);
}

export interface ShiftedBFactors {
  readonly bFactors: Float64Array;
  /** The shift that was subtracted, A^2. */
  readonly shift: number;
}

/**
 * B factors minus their 1st percentile, none below 0. A percentile below 0 counts as 0, as in the original:
 * the shift never increases B factors.
 */
export function shiftBFactors(bFactors: Float64Array): ShiftedBFactors {
  const shift = Math.max(0, percentile(bFactors, SHIFT_PERCENT));
  return { bFactors: bFactors.map((b) => Math.max(0, b - shift)), shift };
}

/** Percentile with linear interpolation between order statistics (numpy's default); percent 0 ... 100. */
export function percentile(values: ArrayLike<number>, percent: number): number {
  if (values.length === 0) throw new LocScaleError('internal', 'A percentile of no values was requested.');
  const sorted = Float64Array.from(values).sort();
  const at = (percent / 100) * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}
