/** Bands, windows, profiles and the rules of soft scaling. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bandWeight,
  highestIndex,
  independentTerms,
  planBands,
  planInterpolation,
  windowWeights,
} from '../../../../src/math/soft-scaling/bands.ts';
import { planInputs } from '../../../../src/math/soft-scaling/inputs.ts';
import {
  decayProfile,
  profileAmplitude,
  profilePowers,
  proteinProfile,
} from '../../../../src/math/soft-scaling/profile.ts';
import { gainWeight, TargetPlan, targetAmplitude } from '../../../../src/math/soft-scaling/targets.ts';

const cube = (edge: number, voxel: number) =>
  planBands({ shape: [edge, edge, edge], voxelSize: [voxel, voxel, voxel] });

describe('soft bands', () => {
  it.each([
    [1, 11],
    [1.06, 11],
    [1.4, 9],
    [3, 5],
    [5, 3],
    [12, 2],
    [40, 2],
  ])('of %f A voxels: %i', (voxel, count) => {
    const { count: found, spacing } = cube(64, voxel);
    expect(found).toBe(count);
    expect(spacing * (count - 1)).toBeCloseTo(0.5 / voxel, 12);
    expect(spacing).toBeLessThanOrEqual(0.05 + 1e-9);
  });

  it('end at the Nyquist frequency of the coarsest axis', () => {
    const { count, spacing } = planBands({ shape: [32, 32, 32], voxelSize: [1, 2, 1.5] });
    expect(spacing * (count - 1)).toBeCloseTo(0.25, 12);
  });

  it('sum to 1 up to the Nyquist frequency', () => {
    const { count, spacing } = cube(64, 1.3);
    for (let f = 0; f <= 0.5 / 1.3; f += 0.001) {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += bandWeight(f, i, spacing);
      expect(sum).toBeCloseTo(1, 12);
    }
  });

  it('have no weight beyond the highest index', () => {
    const plan = planBands({ shape: [40, 31, 50], voxelSize: [1, 1.7, 2.2] });
    for (let i = 0; i < plan.count; i++)
      for (const axis of [0, 1, 2] as const) {
        const n = plan.shape[axis];
        for (let k = highestIndex(plan, axis, i) + 1; 2 * k <= n; k++)
          expect(bandWeight(k / (n * plan.voxelSize[axis]), i, plan.spacing)).toBe(0);
      }
  });

  it('hold as many independent terms as coefficients, counted (2 %)', () => {
    const plan = cube(48, 1.25);
    for (const band of [1, 3, 5]) {
      let count = 0;
      for (let z = -24; z < 24; z++)
        for (let y = -24; y < 24; y++)
          for (let x = -24; x < 24; x++)
            count += bandWeight(Math.hypot(z, y, x) / (48 * 1.25), band, plan.spacing);
      expect(independentTerms(plan, band, 48 ** 3) / count).toBeCloseTo(1, 1.7);
    }
  });
});

describe('windows of soft bands', () => {
  it('weights sum to 1 where the box does not end', () => {
    const { windows } = cube(256, 1.06);
    const sum = windowWeights(windows, 0).reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(1, 6);
  });

  it('interpolation reproduces a straight line between the first and the last centre', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 90 }),
        fc.double({ min: 0.5, max: 4, noNaN: true }),
        (n, voxel) => {
          const plan = planBands({ shape: [n, n, n], voxelSize: [voxel, voxel, voxel] });
          const [k] = plan.windows.factor;
          const { lower, share } = planInterpolation(plan, 0);
          const last = plan.windows.blocks[0] - 1;
          for (let i = 0; i < n; i++) {
            const at = Math.min(Math.max((i - (k - 1) / 2) / k, 0), last);
            expect(lower[i] + share[i]).toBeCloseTo(at, 5);
            expect(lower[i] < last || share[i] === 0).toBe(true);
          }
        },
      ),
      { seed: 3 },
    );
  });
});

describe('profiles', () => {
  it('of a protein: 1 at 0.1 1/A but for its B factor, with the peaks of 10 and 4.6 A', () => {
    const sharp = proteinProfile(0);
    expect(profileAmplitude(sharp, 0.1)).toBeCloseTo(1, 12);
    // Secondary structure: amplitudes rise from 6.5 A to 4.5 A.
    expect(profileAmplitude(sharp, 0.22)).toBeGreaterThan(profileAmplitude(sharp, 0.15));
    const blurred = proteinProfile(80);
    expect(profileAmplitude(blurred, 0.3) / profileAmplitude(sharp, 0.3)).toBeCloseTo(
      Math.exp((-80 * 0.09) / 4),
      12,
    );
  });

  it('powers of a Gaussian equal their integral', () => {
    const plan = cube(64, 1);
    const powers = profilePowers(decayProfile(0), plan);
    // Integral of hat^2 f^2: d^3 (2 i^2 / 3 + 1 / 15).
    powers.forEach((power, i) => {
      const whole = plan.spacing ** 3 * (i === 0 ? 1 / 30 : (2 * i * i) / 3 + 1 / 15);
      // Of the last band the half beyond its centre counts too.
      expect(power / whole).toBeCloseTo(1, 4);
    });
  });
});

describe('targets', () => {
  const plan = cube(64, 1.4);
  const UNIT = { powerScale: 1, outputScale: 1 };
  const NONE = { wanted: 0, reached: 0 };
  const BY_PROFILE = { kind: 'profile', profile: proteinProfile() } as const;
  const sums = (inside: number) => ({ inside, all: inside });

  it('a band without significant signal adds nothing with a profile, and is weighted with a reference', () => {
    for (const [target, contributes] of [
      [BY_PROFILE, false],
      [{ kind: 'geometric-mean', profile: proteinProfile() }, false],
      [{ kind: 'reference' }, true],
      [{ kind: 'hybrid', profile: proteinProfile() }, true],
    ] as const) {
      const targets = new TargetPlan(plan, target, 64 ** 3, UNIT);
      for (let i = 0; i < 3; i++) targets.next(i, sums(100), sums(10));
      expect(targets.next(3, sums(100), sums(100.001)).rule.contributes).toBe(contributes);
      expect(targets.next(4, sums(100), sums(99.99)).summarise(NONE).used).toBe(contributes);
    }
  });

  it('nothing is used of nothing', () => {
    const targets = new TargetPlan(plan, BY_PROFILE, 64 ** 3, UNIT);
    for (let i = 0; i < plan.count; i++)
      expect(targets.next(i, sums(0), sums(0)).summarise(NONE).used).toBe(false);
  });

  it('a band that is above a level of nothing adds nothing; bands without their level say so', () => {
    const targets = new TargetPlan(plan, BY_PROFILE, 64 ** 3, UNIT);
    expect(targets.missingLevels(1)).toEqual([]);
    expect(targets.missingLevels(3)).toEqual([1, 2]);
    for (const level of [1, 2]) expect(targets.next(level, sums(1), sums(2)).rule.addsToLevel).toBe(true);
    expect(targets.missingLevels(3)).toEqual([]);
    // Once only.
    expect(targets.next(2, sums(1), sums(2)).rule.addsToLevel).toBe(false);
    expect(targets.next(3, sums(100), sums(0)).rule.contributes).toBe(false);
  });

  it('locality 1 gives the profile to every level, 0 the same gain to every place', () => {
    const gains = (locality: number): number[] => {
      const targets = new TargetPlan(
        plan,
        { kind: 'profile', profile: proteinProfile(), locality },
        64 ** 3,
        UNIT,
      );
      for (let i = 0; i < 3; i++) targets.next(i, sums(100), sums(0));
      const { rule } = targets.next(3, sums(10), sums(0));
      const amplitude = targetAmplitude(rule);
      const gain = (s: number, p: number, r: number, l: number): number =>
        amplitude(s, r, l, 0) * gainWeight(s, p, rule.floor);
      // Two places of equal level, one four times weaker in this band; no noise.
      return [gain(8, 8, 0, 100), gain(2, 2, 0, 100)];
    };
    const [even, alike] = gains(0);
    expect(alike).toBeCloseTo(even, 12);
    const [strong, weak] = gains(1);
    expect((weak * Math.sqrt(2)) / (strong * Math.sqrt(8))).toBeCloseTo(1, 12);
    const [a, b] = gains(0.5);
    expect((b * Math.sqrt(2)) / (a * Math.sqrt(8))).toBeCloseTo(Math.SQRT1_2, 12);
  });

  it('gains are finite whatever the powers', () => {
    const power = fc.constantFrom(0, 1e-38, 1e-20, 1, 1e20);
    fc.assert(
      fc.property(power, power, power, power, fc.constantFrom(0, 0.3, 0.5, 1), (s, p, r, l, locality) => {
        for (const target of ['reference', 'profile', 'geometric-mean', 'hybrid'] as const) {
          const amplitude = targetAmplitude({
            contributes: true,
            target,
            evenly: 2,
            levelFactor: 0.1,
            locality,
            referenceFactor: 3,
            floor: 1e-8,
            addsToLevel: false,
          });
          expect(Number.isFinite(amplitude(s, r, l, 0.3) * gainWeight(s, p, 1e-8))).toBe(true);
        }
      }),
    );
  });
});

describe('normalised inputs', () => {
  it('largest deviations lie in [1, 2), whatever the scale; the constant is the mean', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -120, max: 120, noNaN: true }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        (e, c) => {
          const size = 2 ** e;
          const extent = { map: 0, min: (c - 1) * size, max: (c + 0.7) * size, mean: c * size };
          const { mean, difference, outputScale, powerScale } = planInputs(
            extent,
            extent,
            undefined,
            'profile',
          );
          const scaled = 1 * size * 2 * mean.factors[0];
          // Means are rounded to float32.
          expect(scaled).toBeGreaterThan(1 - 1e-6);
          expect(scaled).toBeLessThan(2 + 1e-6);
          expect(outputScale * Math.sqrt(powerScale)).toBeCloseTo(1, 12);
          expect(mean.constant * outputScale).toBeCloseTo(Math.fround(c * size), 5);
          expect(difference?.constant).toBe(0);
        },
      ),
      { seed: 7 },
    );
  });
});
