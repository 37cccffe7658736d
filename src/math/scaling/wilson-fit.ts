/**
 * Wilson fits: straight lines through ln(amplitude) against f^2 (method 5), least squares.
 *   ln A(f) = intercept + slope * f^2,   B = -4 * slope  (A exp(-B f^2 / 4))
 * The abscissae are fixed for a run, so everything that depends on them is prepared once per first
 * index of the fit range; one fit is then a logarithm and a few multiplications per point.
 */

/** Frequency of each shell as LocScale labels it: shellCount points, evenly on [0, 1/(2 voxelSize)], 1/A. */
export function shellFrequencies(shellCount: number, voxelSize: number): Float64Array {
  const last = 1 / (2 * voxelSize);
  // Multiples of a step with an exact end give the same doubles as the original's linspace: when a cut-off
  // falls on a shell, the comparisons below depend on the last bit.
  const step = last / (shellCount - 1);
  const frequency = new Float64Array(shellCount);
  for (let r = 0; r < shellCount; r++) frequency[r] = r * step;
  frequency[shellCount - 1] = last;
  return frequency;
}

/** First index with frequency >= limit (1/A); the length if there is none. */
export function firstShellFrom(frequency: ArrayLike<number>, limit: number): number {
  for (let r = 0; r < frequency.length; r++) if (frequency[r] >= limit) return r;
  return frequency.length;
}

/** Line through the points [start, end) of one range, prepared for repeated fits. */
export interface WilsonFitRange {
  readonly start: number;
  readonly end: number;
  /** False if the range has fewer than 2 points: there is no line then. */
  readonly usable: boolean;
  readonly meanSquaredFrequency: number;
  /** slope = sum over the range of slopeWeight[r] * ln A[r]; shellCount values, 0 outside the range. */
  readonly slopeWeight: Float64Array;
}

/** Prepares fits of shells start <= r < end against `squaredFrequency` (shellCount values, 1/A^2). */
export function prepareWilsonFit(
  squaredFrequency: ArrayLike<number>,
  start: number,
  end: number,
): WilsonFitRange {
  const slopeWeight = new Float64Array(squaredFrequency.length);
  const count = end - start;
  if (count < 2) return { start, end, usable: false, meanSquaredFrequency: 0, slopeWeight };
  let mean = 0;
  for (let r = start; r < end; r++) mean += squaredFrequency[r] / count;
  let sumOfSquares = 0;
  for (let r = start; r < end; r++) sumOfSquares += (squaredFrequency[r] - mean) ** 2;
  for (let r = start; r < end; r++) slopeWeight[r] = (squaredFrequency[r] - mean) / sumOfSquares;
  return { start, end, usable: true, meanSquaredFrequency: mean, slopeWeight };
}

/**
 * Range between two cut-offs in angstrom: from the first f >= 1/low to just before the first f >= 1/high (or
 * all).
 */
export function wilsonRangeBetween(
  frequency: ArrayLike<number>,
  lowCutoff: number,
  highCutoff: number,
): { start: number; end: number } {
  return { start: firstShellFrom(frequency, 1 / lowCutoff), end: firstShellFrom(frequency, 1 / highCutoff) };
}

/** Result of `fitLogAmplitude`, reused from call to call. */
export interface WilsonFit {
  slope: number;
  /** ln of the amplitude extrapolated to f = 0. */
  intercept: number;
  /** Coefficient of determination R^2; only written if requested. */
  quality: number;
}

/**
 * Fits one amplitude profile. Returns false, leaving `fit` unchanged, if no line exists: fewer than 2 points
 * in the range, or an amplitude in it that is 0, negative or not finite (a window of constant density). The
 * original program stops with an error in these cases. R^2 of a profile that is flat to the last bit is 1, as
 * in the original.
 */
export function fitLogAmplitude(
  range: WilsonFitRange,
  squaredFrequency: ArrayLike<number>,
  amplitude: ArrayLike<number>,
  logAmplitude: Float64Array,
  fit: WilsonFit,
  withQuality: boolean,
): boolean {
  if (!range.usable) return false;
  const { start, end, slopeWeight } = range;
  let slope = 0;
  let sum = 0;
  for (let r = start; r < end; r++) {
    const y = Math.log(amplitude[r]);
    logAmplitude[r] = y;
    slope += slopeWeight[r] * y;
    sum += y;
  }
  // A NaN or an infinity in any logarithm reaches the sum, so one test covers all points.
  if (!Number.isFinite(sum) || !Number.isFinite(slope)) return false;
  const mean = sum / (end - start);
  const intercept = mean - slope * range.meanSquaredFrequency;
  fit.slope = slope;
  fit.intercept = intercept;
  if (withQuality) {
    let residual = 0;
    let total = 0;
    for (let r = start; r < end; r++) {
      residual += (logAmplitude[r] - intercept - slope * squaredFrequency[r]) ** 2;
      total += (logAmplitude[r] - mean) ** 2;
    }
    fit.quality = total === 0 ? 1 : 1 - residual / total;
  }
  return true;
}
