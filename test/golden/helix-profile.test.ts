/** The helix profile of this project against the one that the original used on the TRPV1 maps. */
import { beforeAll, expect, it } from 'vitest';
import { helixProfile } from '../../src/atoms/average-profile/helix-profile.ts';
import { resampleTheoreticalProfile } from '../../src/math/scaling/scaling-rules.ts';
import { fitLogAmplitude, prepareWilsonFit, type WilsonFit } from '../../src/math/scaling/wilson-fit.ts';
import { readGoldenJson } from '../support/read-golden.ts';
import { describeWithSharedData } from '../support/shared-data.ts';

interface Expected {
  readonly voxel_size: number;
  readonly theoretical_profile: { freq: number[]; amplitude: number[] };
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const centred = (values: readonly number[]) => {
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    return values.map((v) => v - mean);
  };
  const [x, y] = [centred(a), centred(b)];
  const product = (u: readonly number[], v: readonly number[]) =>
    u.reduce((sum, value, i) => sum + value * v[i], 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

describeWithSharedData('helix profile', () => {
  let own: readonly number[];
  let amplitude: readonly number[];
  /** Indices of the frequencies from 1/12 to 1/3 1/A. */
  let range: readonly number[];
  /** 1/A^2. */
  let squared: readonly number[];
  let ownLine: WilsonFit;
  let theirLine: WilsonFit;

  beforeAll(() => {
    const expected = readGoldenJson<Expected>('golden', 'trpv1-c4', 'expected.json');
    const { freq } = expected.theoretical_profile;
    amplitude = expected.theoretical_profile.amplitude;
    own = resampleTheoreticalProfile(helixProfile(), freq.length, expected.voxel_size);
    range = freq.map((_, i) => i).filter((i) => freq[i] >= 1 / 12 && freq[i] <= 1 / 3);
    squared = freq.map((f) => f * f);
    const wilson = prepareWilsonFit(squared, range[0], range[range.length - 1] + 1);
    const line = (profile: readonly number[]): WilsonFit => {
      const fit = { slope: 0, intercept: 0, quality: 0 };
      fitLogAmplitude(wilson, squared, profile, new Float64Array(freq.length), fit, true);
      return fit;
    };
    [ownLine, theirLine] = [line(own), line(amplitude)];
  });

  it('correlates with that of the original between 12 and 3 A', () => {
    // As the rule scales it: amplitude and B factor of the original's line.
    const scaled = range.map(
      (i) =>
        own[i] *
        Math.exp(theirLine.intercept - ownLine.intercept + (theirLine.slope - ownLine.slope) * squared[i]),
    );
    const theirs = range.map((i) => amplitude[i]);
    // Measured 0.9978; 0.9986 without that scaling, both profiles falling off nearly alike (B 25 and 28 A^2).
    expect(correlation(scaled, theirs)).toBeGreaterThanOrEqual(0.98);
  });

  it('deviates from an exponential as that of the original does: all that the rule uses', () => {
    const deviation = (profile: readonly number[], { slope, intercept }: WilsonFit) =>
      range.map((i) => profile[i] / Math.exp(intercept + slope * squared[i]) - 1);
    const [ours, theirs] = [deviation(own, ownLine), deviation(amplitude, theirLine)];
    // Measured 0.9943, with ours about a sixth weaker. Which helices theirs came from is not known; the
    // choice changes as much: windows of 35 A make ours a tenth stronger, only helices of 24 residues or more
    // a fifth weaker (correlation 0.97).
    expect(correlation(ours, theirs)).toBeGreaterThanOrEqual(0.98);
  });
});
