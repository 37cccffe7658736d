/**
 * B factor of a window from its power spectrum. The power of shell r is expected to be
 *   mu_r = U_r exp(a - B f_r^2 / 2)      (amplitude exp(-B f^2 / 4), method 4),
 * U the power of the same content at B = 0. This is a generalised linear model with a log link, solved by
 * reweighted least squares: it fits mu rather than logarithms of measured power, because noise-corrected
 * power may be negative, and logarithms of the remainder would be biased to high values where noise is
 * strong.
 */

import { bFactorStretch } from '../../math/scaling/follow-resolution.ts';

export interface DecayShells {
  /** 1/A^2. */
  readonly squaredFrequency: ArrayLike<number>;
  /** Coefficients per shell, Friedel mates counted. */
  readonly counts: ArrayLike<number>;
  /** ln U per shell. */
  readonly logUnit: ArrayLike<number>;
  /** Expected noise power per coefficient of each map. */
  readonly noise: ArrayLike<number>;
  /** Relative variance of a coefficient's power without noise. */
  readonly speckle: number;
  /**
   * Independent noise in two half maps, whose cross power is given, or one map whose noise was subtracted.
   */
  readonly halves: boolean;
}

export interface Decay {
  /** A^2. */
  readonly bFactor: number;
  /** Expected squared error of the B factor, A^4. */
  readonly variance: number;
}

const MOST_ITERATIONS = 30;
const CONVERGED_B = 0.01;
/** Larger B factors are not supported by data, A^2; data coarser than 6 A allow higher ones. */
const B_LIMIT = 1500;
/** Residuals are clipped at this multiple of a shell's expectation. */
const RESIDUAL_LIMIT = 2;
/** Owing to Friedel mates and the taper, about one coefficient in six is independent. */
const COEFFICIENTS_PER_INDEPENDENT = 6;

/**
 * `sums`: signal power summed over each shell (noise already taken away). Undefined if the data have no
 * signal or do not determine a slope. `start`: initial value, A^2.
 */
export function fitDecay(sums: ArrayLike<number>, shells: DecayShells, start: number): Decay | undefined {
  const { squaredFrequency, counts, logUnit, noise, speckle, halves } = shells;
  let last = 0;
  for (let r = 0; r < sums.length; r++) if (counts[r] > 0) last = Math.max(last, squaredFrequency[r]);
  const limit = B_LIMIT * bFactorStretch(1 / Math.sqrt(last));
  let bFactor = start;
  let level = startLevel(sums, shells, start);
  if (level === undefined) return undefined;
  let variance = Number.POSITIVE_INFINITY;
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    let sw = 0;
    let swx = 0;
    let swy = 0;
    let swxx = 0;
    let swxy = 0;
    for (let r = 0; r < sums.length; r++) {
      if (counts[r] === 0) continue;
      const x = squaredFrequency[r] / 2;
      const expected = Math.exp(level - bFactor * x + logUnit[r]);
      const ratio = noise[r] / expected;
      const perCoefficient = halves
        ? speckle + ratio + (ratio * ratio) / 2
        : speckle + 2 * ratio + ratio * ratio;
      const weight = counts[r] / COEFFICIENTS_PER_INDEPENDENT / perCoefficient;
      if (!(weight > 0)) continue;
      const residual = sums[r] / counts[r] / expected - 1;
      const y = level - bFactor * x + Math.min(RESIDUAL_LIMIT, residual);
      sw += weight;
      swx += weight * x;
      swy += weight * y;
      swxx += weight * x * x;
      swxy += weight * x * y;
    }
    const spread = swxx - (swx * swx) / sw;
    if (!(sw > 0) || !(spread > 0)) return undefined;
    const slope = (swxy - (swx * swy) / sw) / spread;
    level = (swy - slope * swx) / sw;
    const next = -slope;
    if (!Number.isFinite(next) || Math.abs(next) > limit) return undefined;
    variance = 1 / spread;
    const change = Math.abs(next - bFactor);
    bFactor = next;
    if (change < CONVERGED_B) return { bFactor, variance };
  }
  // Not converged: the shells contradict each other, so there is no meaningful value.
  return undefined;
}

/** Level that matches the total power at the initial B factor. */
function startLevel(
  sums: ArrayLike<number>,
  { squaredFrequency, counts, logUnit }: DecayShells,
  bFactor: number,
): number | undefined {
  let measured = 0;
  let expected = 0;
  for (let r = 0; r < sums.length; r++) {
    measured += sums[r];
    expected += counts[r] * Math.exp(logUnit[r] - (bFactor * squaredFrequency[r]) / 2);
  }
  return measured > 0 && expected > 0 ? Math.log(measured / expected) : undefined;
}
