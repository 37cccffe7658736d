/** Minimum, maximum, mean and deviation of voxels, accumulated in float64. */

/** Statistics for the header of a map. */
export interface DensityStatistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Root mean square deviation from the mean (divided by N). */
  readonly rms: number;
}

/** Statistics in float64, two passes: sums of squares about the mean do not cancel. */
export function densityStatistics(data: Float32Array): DensityStatistics {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const mean = sum / data.length;
  let squares = 0;
  for (let i = 0; i < data.length; i++) {
    const deviation = data[i] - mean;
    squares += deviation * deviation;
  }
  return { min, max, mean, rms: Math.sqrt(squares / data.length) };
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
