/**
 * A scaling rule as one flat table for the GPU, in the layout of shaders/scale-factors.wgsl: everything
 * independent of the voxel, computed in float64 and rounded once.
 */
import {
  resolutionWeights,
  type ScalingRule,
  type TheoreticalProfileRule,
  tabulateTheoreticalProfile,
} from './scaling-rules.ts';
import { prepareWilsonFit, shellFrequencies, type WilsonFitRange, wilsonRangeBetween } from './wilson-fit.ts';

/** Means "no reference amplitude is large enough"; finite, because WGSL has no infinities. */
const NEVER = 3.3e38;
const ALWAYS = -1;

export interface ScalingTables {
  readonly values: Float32Array;
  /** Floats of one table set. */
  readonly setFloats: number;
  /** Two sets: outside, then inside the difference mask. */
  readonly hybrid: boolean;
}

export function tabulateScalingRule(rule: ScalingRule, shellCount: number): ScalingTables {
  const sets =
    rule.kind === 'hybrid'
      ? [tableSet(rule.outside, shellCount), tableSet(rule.inside, shellCount)]
      : [tableSet(rule, shellCount)];
  return {
    values: Float32Array.from(sets.flat()),
    setFloats: sets[0].length,
    hybrid: rule.kind === 'hybrid',
  };
}

function tableSet(rule: Exclude<ScalingRule, { kind: 'hybrid' }>, shellCount: number): number[] {
  switch (rule.kind) {
    case 'reference-profile': {
      const frequency = shellFrequencies(shellCount, rule.voxelSize);
      const { start, end } = wilsonRangeBetween(frequency, rule.wilsonCutoff, rule.fscCutoff);
      return assemble(0, 0, frequency, undefined, start, end);
    }
    case 'no-reference': {
      const frequency = shellFrequencies(shellCount, rule.voxelSize);
      const { start, end } = wilsonRangeBetween(frequency, rule.wilsonCutoff, rule.fscCutoff);
      const weights = resolutionWeights(frequency, rule.fscCutoff);
      return assemble(2, rule.setLocalBFactor / 4, frequency, weights, start, end);
    }
    case 'theoretical-profile':
      return theoreticalSet(rule, shellCount);
  }
}

function theoreticalSet(rule: TheoreticalProfileRule, shellCount: number): number[] {
  const tables = tabulateTheoreticalProfile(rule, shellCount);
  const { frequency, ranges, deviations, deviationEnd, shortestLocalCutoff, longestLocalCutoff } = tables;
  // The fit starts at s or before where the local cut-off (16 R_0)^(1/12) / 0.309, clipped, reaches 1 / f_s.
  const firstReference = Array.from(frequency, (f) => {
    if (!(longestLocalCutoff >= 1 / f)) return NEVER;
    if (shortestLocalCutoff >= 1 / f) return ALWAYS;
    return (0.309 / f) ** 12 / 16;
  });
  const entries = ranges.map((range, start) => rangeEntry(range, deviations[start], shellCount));
  return [
    ...[1, 0, ranges[0].end, deviationEnd],
    ...frequency.map((f) => f * f),
    ...new Float64Array(shellCount).fill(1),
    ...firstReference,
    ALWAYS,
    ...entries.flat(),
  ];
}

/** A set whose fit always starts at `start`. */
function assemble(
  kind: number,
  quarterB: number,
  frequency: Float64Array,
  weights: Float64Array | undefined,
  start: number,
  fitEnd: number,
): number[] {
  const shellCount = frequency.length;
  const squared = frequency.map((f) => f * f);
  const range = prepareWilsonFit(squared, start, fitEnd);
  const entries = Array.from({ length: shellCount + 1 }, () => rangeEntry(range, undefined, shellCount));
  return [
    ...[kind, quarterB, fitEnd, 0],
    ...squared,
    ...(weights ?? new Float64Array(shellCount).fill(1)),
    ...Array.from({ length: shellCount + 1 }, (_, s) => (s < start ? NEVER : ALWAYS)),
    ...entries.flat(),
  ];
}

function rangeEntry(
  range: WilsonFitRange,
  deviation: Float64Array | undefined,
  shellCount: number,
): number[] {
  return [
    range.usable ? 1 : 0,
    range.meanSquaredFrequency,
    ...range.slopeWeight,
    ...(deviation ?? new Float64Array(shellCount)),
  ];
}
