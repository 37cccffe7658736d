import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compileScalingRule,
  type NoReferenceRule,
  type ReferenceProfileRule,
  resampleTheoreticalProfile,
  type ScalingRule,
  type TheoreticalProfileRule,
} from '../../../../src/math/scaling/scaling-rules.ts';
import { directScaleFactors } from '../../../support/direct-scaling-rule.ts';

const SHELLS = 12;
const cutoffs = { voxelSize: 1.1, wilsonCutoff: 9.5, fscCutoff: 3.3 };
const plain: ReferenceProfileRule = { kind: 'reference-profile', ...cutoffs };
const without: NoReferenceRule = { kind: 'no-reference', ...cutoffs, setLocalBFactor: 20 };
const average = Array.from(
  { length: SHELLS },
  (_, r) => 5e4 * Math.exp(-0.6 * r) * (1 + 0.4 * Math.cos(1.7 * r)),
);
const theoretical: TheoreticalProfileRule = {
  kind: 'theoretical-profile',
  ...cutoffs,
  nyquistCutoff: 2.3,
  boost: 1.5,
  theoreticalProfile: average,
};
const hybrid: ScalingRule = { kind: 'hybrid', inside: theoretical, outside: plain };

function run(rule: ScalingRule, map: readonly number[], reference: readonly number[], inside = false) {
  const factors = new Float64Array(SHELLS);
  const fit = new Float64Array(2);
  compileScalingRule(rule, SHELLS, true)(
    Float64Array.from(map),
    Float64Array.from(reference),
    inside,
    factors,
    fit,
  );
  return { factors: Array.from(factors), bFactor: fit[0], quality: fit[1] };
}

/** A profile that falls from shell to shell with scatter, as those of windows do. */
const profiles = fc
  .tuple(
    fc.double({ min: 0.01, max: 100, noNaN: true }),
    fc.array(fc.double({ min: 0.4, max: 1.1, noNaN: true }), { minLength: SHELLS, maxLength: SHELLS }),
  )
  .map(([first, ratios]) =>
    ratios.map((_, r) => ratios.slice(0, r).reduce((value, ratio) => value * ratio, first)),
  );
// Fixed seed: the same cases in every run.
const check = (property: fc.IPropertyWithHooks<unknown[]>): void => {
  fc.assert(property as fc.IProperty<unknown[]>, { seed: 1729, numRuns: 300 });
};

describe('scaling rules', () => {
  it.each([
    ['reference-profile', plain, false],
    ['theoretical-profile', theoretical, false],
    ['no-reference', without, false],
    ['hybrid, inside', hybrid, true],
    ['hybrid, outside', hybrid, false],
  ] as const)('%s equals the step-by-step form', (_name, rule, inside) => {
    check(
      fc.property(profiles, profiles, (map, reference) => {
        const expected = directScaleFactors(rule, map, reference, inside);
        const { factors, bFactor, quality } = run(rule, map, reference, inside);
        const largest = Math.max(...expected.scaleFactors);
        // float64 in another order of operations; extrapolated exponentials magnify rounding.
        factors.forEach((value, r) => {
          expect(Math.abs(value - expected.scaleFactors[r])).toBeLessThanOrEqual(1e-9 * largest);
        });
        expect(Math.abs(bFactor - expected.bFactor)).toBeLessThan(
          1e-8 * Math.max(1, Math.abs(expected.bFactor)),
        );
        expect(Math.abs(quality - expected.quality)).toBeLessThan(1e-6);
      }) as never,
    );
  });

  it('the map itself as reference gives factors of 1', () => {
    check(
      fc.property(profiles, (map) => {
        for (const factor of run(plain, map, map).factors) expect(factor).toBe(1);
      }) as never,
    );
  });

  it('factors follow the scale of the map inversely; B and quality of the reference do not', () => {
    check(
      fc.property(
        profiles,
        profiles,
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        (map, reference, scale) => {
          const base = run(theoretical, map, reference);
          const scaled = run(
            theoretical,
            map.map((v) => v * scale),
            reference,
          );
          scaled.factors.forEach((value, r) => {
            expect(value * scale).toBeCloseTo(
              base.factors[r],
              8 - Math.max(0, Math.ceil(Math.log10(base.factors[r] + 1))),
            );
          });
          expect(scaled.bFactor).toBe(base.bFactor);
          expect(scaled.quality).toBe(base.quality);
        },
      ) as never,
    );
  });

  it('a reference that is already an exponential gets the shape of the average profile, times the boost', () => {
    const reference = Array.from({ length: SHELLS }, (_, r) => 3e4 * Math.exp(-0.05 * r * r));
    const one = run({ ...theoretical, boost: 1 }, reference, reference).factors;
    const less = run({ ...theoretical, boost: 0.2 }, reference, reference).factors;
    const more = run({ ...theoretical, boost: 3 }, reference, reference).factors;
    expect(less).toEqual(one);
    one.forEach((factor, r) => {
      expect(Math.abs(more[r])).toBeCloseTo(Math.abs(1 + 3 * (factor - 1)), 10);
    });
    expect(one.some((factor) => Math.abs(factor - 1) > 0.05)).toBe(true);
  });

  it('leaves shells outside local Wilson cut-off and resolution alone', () => {
    const reference = average.map((v) => v / 1e4);
    const { factors } = run(theoretical, reference, reference);
    const f = (r: number): number => r / (SHELLS - 1) / (2 * cutoffs.voxelSize);
    factors.forEach((factor, r) => {
      if (f(r) >= 1 / cutoffs.fscCutoff || f(r) < 1 / cutoffs.wilsonCutoff) expect(factor).toBe(1);
    });
  });

  it('without a reference: B becomes the set one, and shells beyond the resolution are cut', () => {
    const map = Array.from({ length: SHELLS }, (_, r) =>
      Math.exp((-150 * (r / (SHELLS - 1) / 2.2) ** 2) / 4),
    );
    const { factors, bFactor } = run(without, map, []);
    expect(bFactor).toBeCloseTo(150, 9);
    expect(factors[0]).toBe(1);
    const f3 = 3 / (SHELLS - 1) / 2.2;
    expect(factors[3]).toBeCloseTo(Math.exp((130 * f3 ** 2) / 4), 9);
    // The last shell lies at 2.2 A: its weight is 1/(1 + exp(10 (3.3 - 2.2))).
    expect(factors[SHELLS - 1]).toBeCloseTo(Math.exp(130 / 4 / 2.2 ** 2) / (1 + Math.exp(11)), 9);
  });

  it('nothing to fit: B and quality 0, reference as it is; no amplitude: factor 0', () => {
    const ones = new Array<number>(SHELLS).fill(1);
    const zeros = new Array<number>(SHELLS).fill(0);
    const narrow = { ...theoretical, nyquistCutoff: 9 };
    expect(run(narrow, ones, average)).toEqual({ factors: average, bFactor: 0, quality: 0 });
    expect(run(theoretical, ones, zeros)).toEqual({ factors: zeros, bFactor: 0, quality: 0 });
    expect(run(plain, zeros, ones).factors).toEqual(zeros);
    expect(run(plain, zeros, zeros)).toEqual({ factors: zeros, bFactor: 0, quality: 0 });
    expect(run(without, zeros, [])).toEqual({ factors: zeros, bFactor: 0, quality: 0 });
    expect(
      run(
        theoretical,
        ones.map(() => Number.NaN),
        average,
      ).factors,
    ).toEqual(zeros);
  });

  it('does not write the fit when it is not requested', () => {
    const fit = Float64Array.of(7, 8);
    for (const rule of [plain, theoretical, without, hybrid]) {
      compileScalingRule(rule, SHELLS, false)(
        Float64Array.from(average),
        Float64Array.from(average),
        true,
        new Float64Array(SHELLS),
        fit,
      );
    }
    expect(Array.from(fit)).toEqual([7, 8]);
  });

  it('refuses an average profile of another length', () => {
    expect(() => compileScalingRule(theoretical, SHELLS + 1, false)).toThrow('average profile');
  });

  it('resamples an average profile linearly, extrapolating at its ends', () => {
    const line = { frequency: [0.05, 0.1, 0.3], amplitude: [1, 2, 6] };
    resampleTheoreticalProfile(line, 5, 1).forEach((value, r) => {
      expect(value).toBeCloseTo(20 * (r / 8), 12);
    });
  });
});
