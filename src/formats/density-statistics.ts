/** Minimum, maximum, mean and deviation of voxels, accumulated in float64. */

/** Statistics for the header of a map. */
export interface DensityStatistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Root mean square deviation from the mean (divided by N). */
  readonly rms: number;
}

/** Voxels whose sums are taken together: they stay in the L1 cache for the second pass. */
const PART_VOXELS = 4096;

/** Statistics in float64 of all voxels. */
export function densityStatistics(data: Float32Array): DensityStatistics {
  const sums = new DensitySums();
  sums.add(data);
  return sums.statistics;
}

/**
 * Statistics in float64 of voxels that are added piece by piece; pieces of a multiple of 4096 voxels give the bits
 * of the whole. Squares are summed about the mean of their part, in a second pass, and parts are combined by Chan,
 * Golub and LeVeque (1983): nothing cancels, however large the mean.
 */
export class DensitySums {
  private count = 0;
  private min = Infinity;
  private max = -Infinity;
  private mean = 0;
  private squares = 0;

  add(data: Float32Array): void {
    for (let from = 0; from < data.length; from += PART_VOXELS) {
      const part = statisticsOfPart(data, from, Math.min(from + PART_VOXELS, data.length));
      const count = this.count + part.count;
      const difference = part.mean - this.mean;
      this.mean += (difference * part.count) / count;
      this.squares += part.squares + (difference * difference * this.count * part.count) / count;
      this.count = count;
      if (part.min < this.min) this.min = part.min;
      if (part.max > this.max) this.max = part.max;
    }
  }

  get statistics(): DensityStatistics {
    const { min, max, mean } = this;
    return { min, max, mean, rms: Math.sqrt(this.squares / this.count) };
  }
}

/** `squares`: of the deviations from `mean`. */
function statisticsOfPart(
  data: Float32Array,
  from: number,
  to: number,
): { count: number; min: number; max: number; mean: number; squares: number } {
  let min = Infinity;
  let max = -Infinity;
  // Two sums, which do not wait for each other.
  let even = 0;
  let odd = 0;
  let i = from;
  for (; i + 1 < to; i += 2) {
    const a = data[i];
    const b = data[i + 1];
    even += a;
    odd += b;
    if (a < min) min = a;
    if (a > max) max = a;
    if (b < min) min = b;
    if (b > max) max = b;
  }
  if (i < to) {
    even += data[i];
    min = Math.min(min, data[i]);
    max = Math.max(max, data[i]);
  }
  const mean = (even + odd) / (to - from);
  let squares = 0;
  let further = 0;
  for (i = from; i + 1 < to; i += 2) {
    const a = data[i] - mean;
    const b = data[i + 1] - mean;
    squares += a * a;
    further += b * b;
  }
  if (i < to) squares += (data[i] - mean) ** 2;
  return { count: to - from, min, max, mean, squares: squares + further };
}

/** Accumulates the same statistics from a stream of voxels; NaN and infinite ones are counted separately. */
export class RunningStatistics {
  count = 0;
  min = Infinity;
  max = -Infinity;
  nonFinite = 0;
  private shift = 0;
  private sum = 0;
  private squares = 0;

  /** Adds voxels; values that are not finite are counted and left out. */
  add(values: Float32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const value = values[i];
      if (!Number.isFinite(value)) {
        this.nonFinite++;
        continue;
      }
      // Sums are taken about the first value, to avoid cancellation when the mean is large compared with the
      // deviation.
      if (this.count === 0) this.shift = value;
      const d = value - this.shift;
      this.count++;
      this.sum += d;
      this.squares += d * d;
      if (value < this.min) this.min = value;
      if (value > this.max) this.max = value;
    }
  }

  get mean(): number {
    return this.shift + this.sum / this.count;
  }

  get rms(): number {
    return Math.sqrt(Math.max(0, this.squares / this.count - (this.sum / this.count) ** 2));
  }
}
