/**
 * One real window of EMD-5778: the profiles stored by LocScale's authors and the original's scaling of it.
 */
import { expect, it } from 'vitest';
import { cutWindow, makeWindowTransform, windowProfile } from '../../src/bench/window-oracle.ts';
import { compileScalingRule, type ScalingRule } from '../../src/math/scaling/scaling-rules.ts';
import { directLocalScaling } from '../support/direct-local-scaling.ts';
import { readGoldenJson, readGoldenMap } from '../support/read-golden.ts';
import { describeWithSharedData } from '../support/shared-data.ts';

interface ModeResult {
  readonly scale_factors: number[];
  readonly bfactor: number;
  readonly quality_fit: number;
  readonly centre_voxel: number;
}

interface WindowExpected {
  readonly voxel_size: number;
  readonly window: number;
  readonly authors_em_profile: number[];
  readonly authors_ref_profile: number[];
  readonly conditions: {
    wilson: number;
    nyquist: number;
    fsc_cutoff: number;
    boost_secondary_structure: number;
  };
  readonly theoretical_profile: { amplitude: number[] };
  readonly model_map: ModeResult;
  readonly pseudomodel: ModeResult;
}

const FOLDER = ['golden', 'emd5778-window-1'] as const;

function relativeMax(actual: ArrayLike<number>, expected: readonly number[]): number {
  return Math.max(...expected.map((value, i) => Math.abs(actual[i] / value - 1)));
}

describeWithSharedData('EMD-5778, window 1', () => {
  const load = () => {
    const expected = readGoldenJson<WindowExpected>(...FOLDER, 'expected.json');
    const map = readGoldenMap(...FOLDER, 'emmap_window.mrc');
    const reference = readGoldenMap(...FOLDER, 'modmap_window.mrc');
    return { expected, map, reference };
  };
  const rulesOf = (expected: WindowExpected): Record<'model_map' | 'pseudomodel', ScalingRule> => ({
    // The original's plain rule fits B from 10 A on, whatever the Wilson cut-off.
    model_map: {
      kind: 'reference-profile',
      voxelSize: expected.voxel_size,
      wilsonCutoff: 10,
      fscCutoff: expected.conditions.fsc_cutoff,
    },
    pseudomodel: {
      kind: 'theoretical-profile',
      voxelSize: expected.voxel_size,
      wilsonCutoff: expected.conditions.wilson,
      fscCutoff: expected.conditions.fsc_cutoff,
      nyquistCutoff: expected.conditions.nyquist,
      boost: expected.conditions.boost_secondary_structure,
      theoreticalProfile: expected.theoretical_profile.amplitude,
    },
  });

  it('has the profiles that the authors stored', () => {
    const { expected, map, reference } = load();
    const transform = makeWindowTransform(expected.window);
    const profileOf = (data: Float32Array): number[] =>
      windowProfile(transform(Float64Array.from(data)), expected.window, 'octant');
    // The authors transformed the float32 window in float32: 1e-5 is their rounding.
    expect(relativeMax(profileOf(map.data), expected.authors_em_profile)).toBeLessThan(1e-5);
    expect(relativeMax(profileOf(reference.data), expected.authors_ref_profile)).toBeLessThan(1e-5);
  });

  it.each(['model_map', 'pseudomodel'] as const)('scales it as the original does: %s', (mode) => {
    const { expected, map, reference } = load();
    const rule = rulesOf(expected)[mode];
    const h = expected.window / 2;
    const centre = (h * expected.window + h) * expected.window + h;
    const input = {
      shape: map.shape,
      map: map.data,
      reference: reference.data,
      windowVoxels: expected.window,
      profileKind: 'octant',
      rule,
      padValues: { map: 0, reference: 0 },
    } as const;
    expect(cutWindow(map.data, map.shape, centre, expected.window, 0)).toEqual(Float64Array.from(map.data));
    const [voxel] = directLocalScaling(input, [centre]);
    // The original works in float64 too; its fit (Levenberg-Marquardt) stops about 1e-8 from the minimum.
    const tolerance = 1e-6;
    expect(relativeMax(voxel.scaleFactors, expected[mode].scale_factors)).toBeLessThan(tolerance);
    expect(voxel.value / expected[mode].centre_voxel - 1).toBeCloseTo(0, 6);
    expect(voxel.bFactor / expected[mode].bfactor - 1).toBeCloseTo(0, 6);
    expect(voxel.quality).toBeCloseTo(expected[mode].quality_fit, 6);

    const factors = new Float64Array(h + 1);
    const fit = new Float64Array(2);
    const scale = compileScalingRule(rule, h + 1, true);
    scale(
      Float64Array.from(voxel.mapProfile),
      Float64Array.from(voxel.referenceProfile),
      false,
      factors,
      fit,
    );
    expect(relativeMax(factors, expected[mode].scale_factors)).toBeLessThan(tolerance);
    expect(fit[0] / expected[mode].bfactor - 1).toBeCloseTo(0, 6);
    expect(fit[1]).toBeCloseTo(expected[mode].quality_fit, 6);
  });
});
