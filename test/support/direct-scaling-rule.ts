/**
 * The scaling rules of method 5 step by step as the text has them, in float64, without any of the
 * shortcuts of src/math: the other half of the oracle in direct-local-scaling.ts.
 */
import type {
  NoReferenceRule,
  ReferenceProfileRule,
  ScalingRule,
  TheoreticalProfileRule,
} from '../../src/math/scaling/scaling-rules.ts';

export interface DirectFactors {
  readonly scaleFactors: number[];
  readonly bFactor: number;
  readonly quality: number;
}

interface Line {
  /** 4 x slope of ln amplitude against f^2 (the negative of a B factor). */
  readonly b: number;
  readonly amplitude: number;
  readonly quality: number;
}

export function directScaleFactors(
  rule: ScalingRule,
  mapProfile: readonly number[],
  referenceProfile: readonly number[],
  inDifferenceMask: boolean,
): DirectFactors {
  switch (rule.kind) {
    case 'reference-profile':
      return plain(rule, mapProfile, referenceProfile);
    case 'theoretical-profile':
      return theoretical(rule, mapProfile, referenceProfile);
    case 'no-reference':
      return withoutReference(rule, mapProfile);
    case 'hybrid':
      return inDifferenceMask
        ? theoretical(rule.inside, mapProfile, referenceProfile)
        : plain(rule.outside, mapProfile, referenceProfile);
  }
}

function plain(
  rule: ReferenceProfileRule,
  mapProfile: readonly number[],
  reference: readonly number[],
): DirectFactors {
  const line = fitLine(
    frequencies(reference.length, rule.voxelSize),
    reference,
    rule.wilsonCutoff,
    rule.fscCutoff,
  );
  return { scaleFactors: divide(reference, mapProfile), bFactor: -line.b, quality: line.quality };
}

function theoretical(
  rule: TheoreticalProfileRule,
  mapProfile: readonly number[],
  reference: readonly number[],
): DirectFactors {
  const f = frequencies(reference.length, rule.voxelSize);
  const molecularWeight = 16 * reference[0];
  const unclipped = 1 / (0.309 * molecularWeight ** (-1 / 12));
  const wilson = Math.min(Math.max(unclipped, 1.5 * rule.fscCutoff), rule.wilsonCutoff);
  const lineOfReference = fitLine(f, reference, wilson, rule.nyquistCutoff);
  const lineOfAverage = fitLine(f, rule.theoreticalProfile, wilson, rule.nyquistCutoff);
  const scaled = rule.theoreticalProfile.map(
    (t, i) =>
      t *
      (lineOfReference.amplitude / lineOfAverage.amplitude) *
      Math.exp(((lineOfReference.b - lineOfAverage.b) * f[i] ** 2) / 4),
  );
  const lineOfScaled = fitLine(f, scaled, wilson, rule.nyquistCutoff);
  const magnification = Math.max(rule.boost, 1);
  const boosted = reference.map((value, i) => {
    if (f[i] < 1 / wilson || f[i] >= 1 / rule.fscCutoff) return value;
    const exponential = lineOfScaled.amplitude * Math.exp((lineOfScaled.b * f[i] ** 2) / 4);
    return value + magnification * (scaled[i] - exponential);
  });
  return {
    scaleFactors: divide(boosted, mapProfile),
    bFactor: -lineOfReference.b,
    quality: lineOfReference.quality,
  };
}

function withoutReference(rule: NoReferenceRule, mapProfile: readonly number[]): DirectFactors {
  const f = frequencies(mapProfile.length, rule.voxelSize);
  const line = fitLine(f, mapProfile, rule.wilsonCutoff, rule.fscCutoff);
  const target = mapProfile.map((value, i) => {
    const weight = f[i] === 0 ? 1 : 1 / (1 + Math.exp(10 * (rule.fscCutoff - 1 / f[i])));
    return weight * value * Math.exp(((-line.b - rule.setLocalBFactor) * f[i] ** 2) / 4);
  });
  return { scaleFactors: divide(target, mapProfile), bFactor: -line.b, quality: line.quality };
}

function frequencies(count: number, voxelSize: number): number[] {
  return Array.from({ length: count }, (_, i) => i / (count - 1) / (2 * voxelSize));
}

/** Normal equations of the straight line, centred. */
function fitLine(f: readonly number[], amplitude: readonly number[], low: number, high: number): Line {
  const first = f.findIndex((value) => value >= 1 / low);
  const beyond = f.findIndex((value) => value >= 1 / high);
  const end = beyond < 0 ? f.length : beyond;
  const x = f.slice(first, end).map((value) => value ** 2);
  const y = amplitude.slice(first, end).map(Math.log);
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const slope = mean(x.map((v, i) => (v - mx) * (y[i] - my))) / mean(x.map((v) => (v - mx) ** 2));
  const intercept = my - slope * mx;
  const residual = mean(y.map((v, i) => (v - intercept - slope * x[i]) ** 2));
  const quality = 1 - residual / mean(y.map((v) => (v - my) ** 2));
  return { b: 4 * slope, amplitude: Math.exp(intercept), quality };
}

function divide(reference: readonly number[], map: readonly number[]): number[] {
  return reference.map((value, i) => {
    const factor = Math.abs(value) / Math.abs(map[i]);
    return Number.isFinite(factor) ? factor : 0;
  });
}
