import { describe, expect, it } from 'vitest';
import { describeHelixProfile, helixProfile } from '../../../../src/atoms/average-profile/helix-profile.ts';
import {
  resampleTheoreticalProfile,
  tabulateTheoreticalProfile,
} from '../../../../src/math/scaling/scaling-rules.ts';
import {
  fitLogAmplitude,
  prepareWilsonFit,
  type WilsonFit,
} from '../../../../src/math/scaling/wilson-fit.ts';
import { shellCountOf, windowVoxelsFor } from '../../../../src/math/scaling/windows.ts';

describe('helix profile', () => {
  const { frequency, amplitude } = helixProfile();

  it('is a table of ascending frequencies and positive amplitudes from 1 at 0', () => {
    expect([frequency[0], amplitude[0]]).toEqual([0, 1]);
    expect(amplitude).toHaveLength(frequency.length);
    expect(amplitude.every((value) => value > 0)).toBe(true);
    expect(frequency.slice(1).every((f, i) => f > frequency[i])).toBe(true);
    expect(describeHelixProfile()).toMatch(/^\d+ helices of \d+ structures$/);
  });

  it('has the signal of helices: a bump at their pitch, 5.4 A to 4.5 A, over a trough at 8 A', () => {
    const squared = frequency.map((f) => f * f);
    const [start, end] = [1 / 12, 1 / 3].map((limit) => frequency.findIndex((f) => f >= limit));
    const line: WilsonFit = { slope: 0, intercept: 0, quality: 0 };
    fitLogAmplitude(
      prepareWilsonFit(squared, start, end),
      squared,
      amplitude,
      new Float64Array(frequency.length),
      line,
      false,
    );
    const deviationAt = (angstrom: number) => {
      const i = frequency.findIndex((f) => f >= 1 / angstrom);
      return amplitude[i] / Math.exp(line.intercept + line.slope * squared[i]) - 1;
    };
    expect(deviationAt(4.7)).toBeGreaterThan(0.03);
    expect(deviationAt(7)).toBeLessThan(-0.05);
    // Form factors alone, atoms being at rest: carbon falls off like B = 20 to 30 A^2 in this range.
    expect(-4 * line.slope).toBeGreaterThan(15);
    expect(-4 * line.slope).toBeLessThan(35);
  });

  it.each([0.4, 0.7, 1.06, 1.4, 2])('serves the rule at voxels of %f A', (voxelSize) => {
    const shellCount = shellCountOf(windowVoxelsFor(voxelSize));
    const theoreticalProfile = resampleTheoreticalProfile({ frequency, amplitude }, shellCount, voxelSize);
    expect(theoreticalProfile.every((value) => value > 0)).toBe(true);
    const { deviations } = tabulateTheoreticalProfile(
      {
        ...{ kind: 'theoretical-profile', voxelSize, wilsonCutoff: 9, fscCutoff: 2 * voxelSize + 0.5 },
        ...{ nyquistCutoff: 2 * voxelSize + 0.1, boost: 1.5, theoreticalProfile },
      },
      shellCount,
    );
    const firstShell = Math.ceil(25 / 9);
    const largest = deviations[firstShell]?.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // Some percent; up to 1 with fine voxels, where atoms that are no Gaussians count, too.
    expect(largest).toBeGreaterThan(0.03);
    expect(largest).toBeLessThan(1);
  });
});
