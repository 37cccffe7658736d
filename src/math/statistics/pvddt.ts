/**
 * pVDDT (method 7): how significant the difference between the network's mean map and the locally
 * scaled map is, voxel by voxel, from -100 (density lost) over 0 (none) to 100 (density gained).
 *
 *   SE = sqrt(variance) / sqrt(N),  z = (mean - baseline) / calibrated(SE),  pVDDT = 200 Phi(z) - 100
 */
import { normalUpperTail } from './normal-tail.ts';

/** Standard errors as predicted and as they are: piecewise linear, rising. */
export interface CalibrationTable {
  readonly standardError: readonly number[];
  readonly calibrated: readonly number[];
}

/**
 * All arrays of one length, in the units of the network's output; `variance` is the biased one over
 * `passes` Monte-Carlo passes. 0 / 0 (no spread and no difference) counts as significant, as in the original.
 */
export function pvddtOf(
  mean: Float32Array,
  baseline: Float32Array,
  variance: Float32Array,
  passes: number,
  calibration?: CalibrationTable,
): Float32Array {
  const result = new Float32Array(mean.length);
  for (let i = 0; i < mean.length; i++) {
    const standardError = Math.sqrt(variance[i] / passes);
    const z = (mean[i] - baseline[i]) / calibrateStandardError(standardError, calibration);
    // 1 - 2 Q(z) for z >= 0 and its mirror image below: no digits are lost on either side.
    result[i] = Number.isNaN(z) ? 100 : Math.sign(z) * (100 - 200 * normalUpperTail(Math.abs(z)));
  }
  return result;
}

/** Piecewise linear through the table; constant before its first and after its last entry. */
export function calibrateStandardError(value: number, table: CalibrationTable | undefined): number {
  if (table === undefined) return value;
  const { standardError, calibrated } = table;
  const last = standardError.length - 1;
  if (value <= standardError[0]) return calibrated[0];
  if (!(value < standardError[last])) return calibrated[last];
  let low = 0;
  for (let high = last; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if (standardError[middle] <= value) low = middle;
    else high = middle;
  }
  const fraction = (value - standardError[low]) / (standardError[low + 1] - standardError[low]);
  return calibrated[low] + fraction * (calibrated[low + 1] - calibrated[low]);
}
