/**
 * The original's scaled maps of the TRPV1 half maps against the float64 oracle, on a seeded sample of mask
 * voxels.
 */
import { beforeAll, expect, it } from 'vitest';
import {
  compileScalingRule,
  resampleTheoreticalProfile,
  type ScalingRule,
} from '../../src/math/scaling/scaling-rules.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { type DirectVoxel, directLocalScaling } from '../support/direct-local-scaling.ts';
import { readGoldenJson, readGoldenMap } from '../support/read-golden.ts';
import { describeWithSharedData } from '../support/shared-data.ts';

interface TrpExpected {
  readonly voxel_size: number;
  readonly window: number;
  readonly fsc_resolution: number;
  readonly wilson_cutoff: number;
  readonly nyquist_cutoff: number;
  readonly boost_secondary_structure: number;
  readonly set_local_bfactor: number;
  readonly theoretical_profile: { freq: number[]; amplitude: number[] };
}

const FOLDER = ['golden', 'trpv1-c4'] as const;
const SAMPLE = 300;

function loadInput() {
  const map = (name: string) => readGoldenMap(...FOLDER, `${name}.mrc`);
  const [half1, half2, mask] = [map('half1'), map('half2'), map('mask')];
  // float32, as the original stores the full map.
  const full = half1.data.map((value, i) => (value + half2.data[i]) / 2);
  const expected = readGoldenJson<TrpExpected>(...FOLDER, 'expected.json');
  const inside: number[] = [];
  mask.data.forEach((value, i) => {
    if (value > 0.5) inside.push(i);
  });
  const random = createRandom(5778);
  const voxels = Array.from({ length: SAMPLE }, () => inside[random.integer(0, inside.length - 1)]);
  return {
    full,
    shape: half1.shape,
    reference: map('reference').data,
    difference: map('difference_mask').data,
    expected,
    voxels,
  };
}

function rulesOf(e: TrpExpected) {
  const plain = {
    kind: 'reference-profile',
    voxelSize: e.voxel_size,
    wilsonCutoff: 10,
    fscCutoff: e.fsc_resolution,
  } as const;
  const theoretical = {
    kind: 'theoretical-profile',
    voxelSize: e.voxel_size,
    wilsonCutoff: e.wilson_cutoff,
    fscCutoff: e.fsc_resolution,
    nyquistCutoff: e.nyquist_cutoff,
    boost: e.boost_secondary_structure,
    theoreticalProfile: e.theoretical_profile.amplitude,
  } as const;
  const without = {
    kind: 'no-reference',
    voxelSize: e.voxel_size,
    wilsonCutoff: e.wilson_cutoff,
    fscCutoff: e.fsc_resolution,
    setLocalBFactor: e.set_local_bfactor,
  } as const;
  return {
    model_map: plain,
    pseudomodel: theoretical,
    no_reference: without,
    hybrid: { kind: 'hybrid', inside: theoretical, outside: plain },
  } satisfies Record<string, ScalingRule>;
}

describeWithSharedData('TRPV1, local scaling by the oracle', () => {
  let input: ReturnType<typeof loadInput>;
  let rules: ReturnType<typeof rulesOf>;
  beforeAll(() => {
    input = loadInput();
    rules = rulesOf(input.expected);
  });
  const run = (rule: ScalingRule): DirectVoxel[] =>
    directLocalScaling(
      {
        shape: input.shape,
        map: input.full,
        reference: input.reference,
        differenceMask: input.difference,
        windowVoxels: input.expected.window,
        profileKind: 'octant',
        rule,
        padValues: { map: 0, reference: 0 },
      },
      input.voxels,
    );
  const rms = (data: ArrayLike<number>): number =>
    Math.sqrt(input.voxels.reduce((sum, i) => sum + data[i] ** 2, 0) / SAMPLE);
  const largestDifference = (data: ArrayLike<number>, values: readonly number[]): number =>
    Math.max(...input.voxels.map((index, i) => Math.abs(values[i] - data[index])));

  it.each(['model_map', 'pseudomodel', 'no_reference', 'hybrid'] as const)(
    'equals the original: %s',
    (mode) => {
      const expected = readGoldenMap(...FOLDER, `expected_${mode}.mrc`).data;
      const voxels = run(rules[mode]);
      // Both sides are float64; the stored result is float32 (6e-8 of a voxel's value, which may be ten
      // times the rms), and the original's fit stops about 1e-8 short of the minimum.
      const difference = largestDifference(
        expected,
        voxels.map((v) => v.value),
      );
      expect(difference / rms(expected)).toBeLessThan(1e-6);
      if (mode !== 'pseudomodel') return;
      const bFactor = readGoldenMap(...FOLDER, 'expected_pseudomodel_bfactor.mrc').data;
      const quality = readGoldenMap(...FOLDER, 'expected_pseudomodel_qfit.mrc').data;
      expect(
        largestDifference(
          bFactor,
          voxels.map((v) => v.bFactor),
        ) / rms(bFactor),
      ).toBeLessThan(1e-6);
      expect(
        largestDifference(
          quality,
          voxels.map((v) => v.quality),
        ) / rms(quality),
      ).toBeLessThan(1e-6);
    },
  );

  it.each(['model_map', 'pseudomodel', 'no_reference', 'hybrid'] as const)(
    'the compiled rule gives the factors of the oracle: %s',
    (mode) => {
      const shells = input.expected.window / 2 + 1;
      const scale = compileScalingRule(rules[mode], shells, true);
      const factors = new Float64Array(shells);
      const fit = new Float64Array(2);
      for (const voxel of run(rules[mode])) {
        const inside = input.difference[voxel.index] > 0.5;
        scale(
          Float64Array.from(voxel.mapProfile),
          Float64Array.from(voxel.referenceProfile),
          inside,
          factors,
          fit,
        );
        // Same arithmetic in another order: a few hundred roundings of 1e-16, magnified by at most
        // about 1e3 where the boosted profile nearly cancels.
        voxel.scaleFactors.forEach((value, r) => {
          expect(Math.abs(factors[r] - value)).toBeLessThanOrEqual(1e-11 * Math.max(...voxel.scaleFactors));
        });
        expect(Math.abs(fit[0] - voxel.bFactor)).toBeLessThan(1e-9 * Math.max(1, Math.abs(voxel.bFactor)));
        expect(Math.abs(fit[1] - voxel.quality)).toBeLessThan(1e-9);
      }
    },
  );

  it('a resampled profile keeps its own samples', () => {
    const { freq, amplitude } = input.expected.theoretical_profile;
    const resampled = resampleTheoreticalProfile(
      { frequency: freq, amplitude },
      freq.length,
      input.expected.voxel_size,
    );
    resampled.forEach((value, i) => {
      expect(value / amplitude[i] - 1).toBeCloseTo(0, 12);
    });
  });
});
