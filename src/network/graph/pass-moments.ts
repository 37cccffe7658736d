/**
 * Mean and variance (divided by N, as in the original) over the Monte-Carlo passes of a batch of cubes, per
 * value, without storing the passes. Welford's recurrence
 *   mean_n = mean_(n-1) + (x - mean_(n-1)) / n,   squares_n = squares_(n-1) + (x - mean_(n-1)) (x - mean_n),
 * avoids cancellation.
 */

/** Moments over passes; the variance is divided by N. */
export interface PassMoments {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** Sums passes one by one (Welford), so that they need not be stored. */
export interface PassAccumulator {
  add(values: Float32Array): void;
  /** Resets the moments; the arrays are reused. */
  finish(): PassMoments;
}

/** For batches of at most `capacity` values; the first pass sets a batch's size. */
export function createPassAccumulator(capacity: number): PassAccumulator {
  const means = new Float32Array(capacity);
  const squares = new Float32Array(capacity);
  let passes = 0;
  let length = 0;
  return {
    add(values) {
      if (passes === 0) {
        length = values.length;
        means.fill(0, 0, length);
        squares.fill(0, 0, length);
      }
      passes++;
      for (let i = 0; i < length; i++) {
        const deviation = values[i] - means[i];
        const mean = means[i] + deviation / passes;
        squares[i] += deviation * (values[i] - mean);
        means[i] = mean;
      }
    },
    finish() {
      for (let i = 0; i < length; i++) squares[i] = Math.max(0, squares[i] / passes);
      passes = 0;
      return { mean: means.subarray(0, length), variance: squares.subarray(0, length) };
    },
  };
}
