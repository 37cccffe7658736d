/**
 * FSC within a mask beside servalcat 0.4.142: `servalcat fsc --halfmaps half1.mrc half2.mrc --mask mask.mrc`
 * on the TRPV1 half maps, shells 5 to 48.
 */
import { expect, it } from 'vitest';
import { measureMaskedFsc } from '../../src/pipeline/map-measures.ts';
import { describeEngines } from '../support/engines.ts';
import { readGoldenMap } from '../support/read-golden.ts';
import { describeWithSharedData } from '../support/shared-data.ts';

const FIRST_SHELL = 5;
const servalcat = {
  unmasked: [
    0.988013, 0.98134, 0.975201, 0.960733, 0.953296, 0.946434, 0.926427, 0.931165, 0.908535, 0.873538,
    0.843548, 0.7938, 0.693058, 0.644843, 0.568076, 0.489106, 0.442155, 0.413413, 0.383268, 0.366736, 0.38876,
    0.366099, 0.351466, 0.323246, 0.295297, 0.259608, 0.193045, 0.155693, 0.11528, 0.094995, 0.071928,
    0.069851, 0.039914, 0.033289, 0.034954, 0.016076, -0.000169, 0.011971, 0.016172, -0.003496, 0.004872,
    -0.007983, 0.004795, 0.008504,
  ],
  masked: [
    0.99826, 0.997287, 0.996272, 0.994019, 0.992684, 0.992465, 0.990337, 0.989175, 0.98547, 0.980359,
    0.974438, 0.962626, 0.94162, 0.933037, 0.903578, 0.874565, 0.851681, 0.840438, 0.821437, 0.803797,
    0.81541, 0.794254, 0.795159, 0.774367, 0.752173, 0.700281, 0.635451, 0.571917, 0.491412, 0.411819,
    0.342904, 0.28304, 0.258584, 0.209968, 0.162268, 0.116104, 0.080722, 0.059311, 0.049115, 0.042816,
    0.032168, 0.037764, 0.030844, 0.014326,
  ],
  corrected: [
    0.99826, 0.997287, 0.996272, 0.994019, 0.992684, 0.992465, 0.990337, 0.989175, 0.98547, 0.980359,
    0.974438, 0.962626, 0.94162, 0.911319, 0.878149, 0.842226, 0.820859, 0.811162, 0.799746, 0.780702,
    0.790356, 0.770761, 0.773073, 0.753243, 0.728728, 0.685807, 0.614494, 0.552604, 0.47089, 0.380185,
    0.310239, 0.250974, 0.238367, 0.198582, 0.131673, 0.085551, 0.039079, 0.026971, 0.014111, 0.014303,
    -0.004002, 0.007658, 0.012749, -0.011935,
  ],
  resolution: 3.54,
};

describeWithSharedData('golden/trpv1-c4', () => {
  describeEngines('FSC within a mask', (engine) => {
    it('gives the curves and the resolution of servalcat', async () => {
      const on = await engine();
      const upload = async (name: string) => {
        return on.upload(readGoldenMap('golden', 'trpv1-c4', `${name}.mrc`).data, [96, 96, 96]);
      };
      const halves = [await upload('half1'), await upload('half2')] as const;
      const mask = await upload('mask');
      const found = await measureMaskedFsc(on, halves, mask, 1.4);
      const difference = (curve: readonly number[], expected: readonly number[]) =>
        Math.max(...expected.map((value, i) => Math.abs(value - curve[FIRST_SHELL + i]) || 0));
      // The last shell is cut off at Nyquist there. Servalcat takes each pair of Friedel mates once.
      const whole = (values: readonly number[]) => values.slice(0, 48 - FIRST_SHELL);
      expect(difference(found.unmasked, whole(servalcat.unmasked))).toBeLessThan(5e-3);
      expect(difference(found.masked, whole(servalcat.masked))).toBeLessThan(5e-3);
      // Random phases are others there.
      expect(difference(found.corrected, whole(servalcat.corrected))).toBeLessThan(0.04);
      expect(found.shellResolution).toBeCloseTo(servalcat.resolution, 2);
      expect(1 / found.randomisedFrom!).toBeCloseTo(8.4, 6);
      on.release(...halves, mask);
    });
  });
});
