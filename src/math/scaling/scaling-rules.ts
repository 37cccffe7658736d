/**
 * Scale factors of a voxel from the radial profiles of its window (method 4 and 5). Plain data, so that it
 * can be sent to worker threads and turned into shader uniforms.
 */

import { LocScaleError } from '../../errors.ts';
import {
  firstShellFrom,
  fitLogAmplitude,
  prepareWilsonFit,
  shellFrequencies,
  type WilsonFit,
  type WilsonFitRange,
  wilsonRangeBetween,
} from './wilson-fit.ts';

export interface ReferenceProfileRule {
  readonly kind: 'reference-profile';
  readonly voxelSize: number;
  /**
   * Cut-offs (angstrom) of the B factor fit, only used when B factors are measured. LocScale: 10 and the FSC
   * cut-off.
   */
  readonly wilsonCutoff: number;
  readonly fscCutoff: number;
}

export interface TheoreticalProfileRule {
  readonly kind: 'theoretical-profile';
  readonly voxelSize: number;
  readonly wilsonCutoff: number;
  readonly fscCutoff: number;
  /** "nyquist" of method 3, angstrom. */
  readonly nyquistCutoff: number;
  /** boost_secondary_structure. */
  readonly boost: number;
  /**
   * Average secondary-structure profile T, already resampled to windowVoxels / 2 + 1 points on [0, 1/(2
   * voxelSize)].
   */
  readonly theoreticalProfile: readonly number[];
}

export interface NoReferenceRule {
  readonly kind: 'no-reference';
  readonly voxelSize: number;
  readonly wilsonCutoff: number;
  readonly fscCutoff: number;
  readonly setLocalBFactor: number;
}

export interface HybridRule {
  readonly kind: 'hybrid';
  /** Where the centre voxel lies in the difference mask. */
  readonly inside: TheoreticalProfileRule;
  readonly outside: ReferenceProfileRule;
}

export type ScalingRule = ReferenceProfileRule | TheoreticalProfileRule | NoReferenceRule | HybridRule;

/**
 * Scale factors of one voxel.
 * `mapProfile`, `referenceProfile`: shellCount values (the reference is not read by 'no-reference');
 * `scaleFactors`: shellCount values, written;
 * `fit`: [local B factor (A^2), fit quality R^2], written when the function was compiled with `measure`.
 */
export type ScaleFactorFunction = (
  mapProfile: Float64Array,
  referenceProfile: Float64Array,
  inDifferenceMask: boolean,
  scaleFactors: Float64Array,
  fit: Float64Array,
) => void;

/**
 * Turns a rule into a function that is called once per mask voxel. All tables are made here; a call
 * allocates nothing. The function keeps scratch memory of its own: compile one per thread.
 *
 * Where a profile leaves nothing to fit (fewer than 2 shells in the range, or an amplitude of 0) the
 * fit is skipped: B factor and quality are 0, the reference profile is used as it is, and without a
 * reference the map's own profile is only weighted at its resolution. A shell where the map has no
 * amplitude gets the factor 0.
 */
export function compileScalingRule(
  rule: ScalingRule,
  shellCount: number,
  measure: boolean,
): ScaleFactorFunction {
  switch (rule.kind) {
    case 'reference-profile':
      return compileReferenceProfile(rule, shellCount, measure);
    case 'theoretical-profile':
      return compileTheoreticalProfile(rule, shellCount, measure);
    case 'no-reference':
      return compileNoReference(rule, shellCount, measure);
    case 'hybrid': {
      const inside = compileTheoreticalProfile(rule.inside, shellCount, measure);
      const outside = compileReferenceProfile(rule.outside, shellCount, measure);
      return (mapProfile, referenceProfile, inDifferenceMask, scaleFactors, fit) => {
        (inDifferenceMask ? inside : outside)(
          mapProfile,
          referenceProfile,
          inDifferenceMask,
          scaleFactors,
          fit,
        );
      };
    }
  }
}

/** |reference| / |map|, 0 if not finite. */
function divideProfiles(reference: number, map: number): number {
  const factor = Math.abs(reference) / Math.abs(map);
  // Infinity - Infinity and NaN - NaN are not 0: one comparison for both.
  return factor - factor === 0 ? factor : 0;
}

/** Tables and scratch memory of fits between the two cut-offs. */
function prepareFits(
  { voxelSize, wilsonCutoff, fscCutoff }: ReferenceProfileRule | NoReferenceRule,
  shellCount: number,
) {
  const frequency = shellFrequencies(shellCount, voxelSize);
  const squared = frequency.map((f) => f * f);
  const { start, end } = wilsonRangeBetween(frequency, wilsonCutoff, fscCutoff);
  const line: WilsonFit = { slope: 0, intercept: 0, quality: 0 };
  const range = prepareWilsonFit(squared, start, end);
  return { frequency, squared, range, logs: new Float64Array(shellCount), line };
}

/** s = R / P with R the profile of the reference map. */
function compileReferenceProfile(
  rule: ReferenceProfileRule,
  shellCount: number,
  measure: boolean,
): ScaleFactorFunction {
  const { squared, range, logs, line } = prepareFits(rule, shellCount);
  return (mapProfile, referenceProfile, _inDifferenceMask, scaleFactors, fit) => {
    for (let r = 0; r < shellCount; r++) scaleFactors[r] = divideProfiles(referenceProfile[r], mapProfile[r]);
    if (!measure) return;
    const fitted = fitLogAmplitude(range, squared, referenceProfile, logs, line, true);
    fit[0] = fitted ? -4 * line.slope : 0;
    fit[1] = fitted ? line.quality : 0;
  };
}

export interface TheoreticalTables {
  readonly frequency: Float64Array;
  readonly squared: Float64Array;
  readonly deviationEnd: number;
  /** Fit range for every first shell 0 ... shellCount. */
  readonly ranges: readonly WilsonFitRange[];
  /** boost * (T / line of T - 1) for every first shell; undefined where T has no line. */
  readonly deviations: readonly (Float64Array | undefined)[];
  /** Bounds of the local Wilson cut-off, A; the upper one wins if they cross, as in the original. */
  readonly shortestLocalCutoff: number;
  readonly longestLocalCutoff: number;
}

/** The voxel-independent part of the theoretical-profile rule. */
export function tabulateTheoreticalProfile(
  rule: TheoreticalProfileRule,
  shellCount: number,
): TheoreticalTables {
  if (rule.theoreticalProfile.length !== shellCount) {
    throw new LocScaleError('internal', 'The average profile is not sampled on the shells of the window.', {
      expected: `${shellCount} values`,
      found: `${rule.theoreticalProfile.length} values`,
    });
  }
  const frequency = shellFrequencies(shellCount, rule.voxelSize);
  const squared = frequency.map((f) => f * f);
  const fitEnd = firstShellFrom(frequency, 1 / rule.nyquistCutoff);
  // A resolution beyond the last shell leaves all shells boosted; the original stops with an error.
  const deviationEnd = firstShellFrom(frequency, 1 / rule.fscCutoff);
  // The original multiplies the deviation only by factors above 1.
  const boost = Math.max(rule.boost, 1);

  const logs = new Float64Array(shellCount);
  const line: WilsonFit = { slope: 0, intercept: 0, quality: 0 };
  const ranges: WilsonFitRange[] = [];
  const deviations: (Float64Array | undefined)[] = [];
  for (let start = 0; start <= shellCount; start++) {
    const range = prepareWilsonFit(squared, start, fitEnd);
    ranges.push(range);
    if (!fitLogAmplitude(range, squared, rule.theoreticalProfile, logs, line, false)) {
      deviations.push(undefined);
      continue;
    }
    const deviation = new Float64Array(shellCount);
    for (let r = start; r < deviationEnd; r++) {
      const exponential = Math.exp(line.intercept + line.slope * squared[r]);
      deviation[r] = boost * (rule.theoreticalProfile[r] / exponential - 1);
    }
    deviations.push(deviation);
  }
  return {
    frequency,
    squared,
    deviationEnd,
    ranges,
    deviations,
    shortestLocalCutoff: 1.5 * rule.fscCutoff,
    longestLocalCutoff: rule.wilsonCutoff,
  };
}

/**
 * Adds to R the deviation of the average secondary-structure profile T from its own exponential decay. T,
 * brought to the line of R (T' = T A_R/A_T exp((b_R - b_T) f^2 / 4)), has by linearity of least squares
 * exactly the line of R as its own fit, so that the deviation is
 *   D = A_R exp(b_R f^2 / 4) * (T / (A_T exp(b_T f^2 / 4)) - 1)
 * whose last factor depends only on where the fit range starts, and is tabulated.
 */
function compileTheoreticalProfile(
  rule: TheoreticalProfileRule,
  shellCount: number,
  measure: boolean,
): ScaleFactorFunction {
  const tables = tabulateTheoreticalProfile(rule, shellCount);
  const { frequency, squared, deviationEnd, ranges, deviations } = tables;
  const { shortestLocalCutoff, longestLocalCutoff } = tables;
  const logs = new Float64Array(shellCount);
  const line: WilsonFit = { slope: 0, intercept: 0, quality: 0 };

  return (mapProfile, referenceProfile, _inDifferenceMask, scaleFactors, fit) => {
    // Local Wilson cut-off from a molecular weight of 16 Da per unit of the reference's zero-frequency
    // amplitude.
    const molecularWeight = 16 * referenceProfile[0];
    const cutoff = 1 / (0.309 * molecularWeight ** (-1 / 12));
    const localCutoff = Math.min(Math.max(cutoff, shortestLocalCutoff), longestLocalCutoff);
    const start = firstShellFrom(frequency, 1 / localCutoff);
    const deviation = deviations[start];
    const fitted = fitLogAmplitude(ranges[start], squared, referenceProfile, logs, line, measure);
    if (measure) {
      fit[0] = fitted ? -4 * line.slope : 0;
      fit[1] = fitted ? line.quality : 0;
    }
    for (let r = 0; r < shellCount; r++) scaleFactors[r] = divideProfiles(referenceProfile[r], mapProfile[r]);
    if (!fitted || deviation === undefined) return;
    for (let r = start; r < deviationEnd; r++) {
      const exponential = Math.exp(line.intercept + line.slope * squared[r]);
      scaleFactors[r] = divideProfiles(referenceProfile[r] + exponential * deviation[r], mapProfile[r]);
    }
  };
}

/**
 * Sets the B factor of the window's own profile: P exp((B - B_set) f^2 / 4), weighted down beyond the
 * resolution.
 */
function compileNoReference(
  rule: NoReferenceRule,
  shellCount: number,
  measure: boolean,
): ScaleFactorFunction {
  const { frequency, squared, range, logs, line } = prepareFits(rule, shellCount);
  const weight = resolutionWeights(frequency, rule.fscCutoff);
  return (mapProfile, _referenceProfile, _inDifferenceMask, scaleFactors, fit) => {
    const fitted = fitLogAmplitude(range, squared, mapProfile, logs, line, measure);
    const bFactor = fitted ? -4 * line.slope : 0;
    if (measure) {
      fit[0] = bFactor;
      fit[1] = fitted ? line.quality : 0;
    }
    const sharpening = fitted ? (bFactor - rule.setLocalBFactor) / 4 : 0;
    for (let r = 0; r < shellCount; r++) {
      const amplitude = mapProfile[r];
      // The profile itself cancels in R / P; only a shell without amplitude has no factor.
      const factor = amplitude > 0 ? Math.exp(sharpening * squared[r]) * weight[r] : 0;
      scaleFactors[r] = factor - factor === 0 ? factor : 0;
    }
  };
}

/** 1 / (1 + exp(10 (d_fsc - 1/f))); 1/f is infinite at f = 0, where exp(-Infinity) = 0 gives the weight 1. */
export function resolutionWeights(frequency: Float64Array, fscCutoff: number): Float64Array {
  return frequency.map((f) => 1 / (1 + Math.exp(10 * (fscCutoff - 1 / f))));
}

/**
 * Average profile T on the shells of the window: linear interpolation of (frequency, amplitude) at
 * shellCount points on [0, 1/(2 voxelSize)], extrapolated along the first and last segments.
 */
export function resampleTheoreticalProfile(
  profile: { readonly frequency: readonly number[]; readonly amplitude: readonly number[] },
  shellCount: number,
  voxelSize: number,
): number[] {
  const { frequency, amplitude } = profile;
  let segment = 0;
  return Array.from(shellFrequencies(shellCount, voxelSize), (f) => {
    while (segment < frequency.length - 2 && frequency[segment + 1] < f) segment++;
    const width = frequency[segment + 1] - frequency[segment];
    return (
      amplitude[segment] + ((amplitude[segment + 1] - amplitude[segment]) * (f - frequency[segment])) / width
    );
  });
}
