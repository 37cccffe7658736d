import { describe, expect, it } from 'vitest';
import { makeWindowTransform, windowProfile } from '../../../../src/bench/window-oracle.ts';
import { shellCountOf, shellWeights, windowVoxelsFor } from '../../../../src/math/scaling/windows.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';

describe('scaling window', () => {
  it('is 25 A rounded up to an even number of voxels', () => {
    expect([1.4, 1.2156, 1, 1.25, 0.5, 25].map((voxel) => windowVoxelsFor(voxel))).toEqual([
      18, 22, 26, 20, 50, 2,
    ]);
    expect(windowVoxelsFor(1, 40)).toBe(40);
    expect(shellCountOf(18)).toBe(10);
  });

  it.each([2, 4, 10, 18])('shell lists give the profile of all coefficients: w = %i', (w) => {
    const random = createRandom(w);
    const window = Float64Array.from({ length: w ** 3 }, () => random.gaussian());
    const spectrum = makeWindowTransform(w)(window);
    for (const kind of ['octant', 'sphere'] as const) {
      const list = shellWeights(w, kind);
      const sums = new Float64Array(shellCountOf(w));
      for (let i = 0; i < list.a.length; i++) {
        const [a, b, c] = [list.a[i], list.b[i], list.c[i]].map((k) => (k + w) % w);
        const at = (a * w + b) * w + c;
        sums[list.shell[i]] += list.multiplicity[i] * Math.hypot(spectrum.re[at], spectrum.im[at]);
      }
      // Sums of up to 2000 amplitudes in float64.
      windowProfile(spectrum, w, kind).forEach((value, r) => {
        expect(sums[r] / list.counts[r]).toBeCloseTo(value, 11);
      });
    }
  });

  it('holds each coefficient once, columns along a contiguous, no shell empty', () => {
    for (const kind of ['octant', 'sphere'] as const) {
      const list = shellWeights(12, kind);
      const keys = Array.from(list.a, (a, i) => (list.c[i] * 100 + (list.b[i] + 50)) * 100 + (a + 50));
      expect(keys.every((key, i) => i === 0 || key > keys[i - 1])).toBe(true);
      expect(Math.min(...list.counts)).toBeGreaterThan(0);
    }
  });
});
