/** Slopes that bands of a map take over from the reference. */
import { describe, expect, it } from 'vitest';
import { bandWeight, planBands } from '../../../../src/math/soft-scaling/bands.ts';
import { bandTilts, LEVEL, shellCount, shellEnds } from '../../../../src/math/soft-scaling/tilts.ts';

const plan = planBands({ shape: [64, 64, 64], voxelSize: [1.2, 1.2, 1.2] });
const shells = shellCount(plan);
/** Frequencies of the shells, 1/A. */
const frequency = Array.from({ length: shells }, (_, s) => ((s + 0.4877) / 4) * plan.spacing);
const power = (bFactor: number) => frequency.map((f) => f * f * Math.exp((-bFactor * f * f) / 2));
const none = new Float64Array(shells);

describe('tilts of bands', () => {
  it('are the slopes of exp(B f^2 / 4) from centre to centre', () => {
    const tilts = bandTilts(plan, { mean: power(150), difference: none, reference: power(20) });
    const between = (i: number): number => (130 * (2 * i + 1) * plan.spacing ** 2) / 4;
    for (let i = 2; i < plan.count - 1; i++) {
      expect(tilts[i].below).toBeCloseTo(between(i - 1), 1);
      expect(tilts[i].above).toBeCloseTo(between(i), 1);
      expect(tilts[i].above).toBe(tilts[i + 1].below);
    }
    expect(tilts[0].below).toBe(0);
    expect(tilts[plan.count - 1].above).toBeCloseTo(tilts[plan.count - 1].below, 12);
  });

  it('make amplitudes within a band those of the reference, to 2 %', () => {
    const tilts = bandTilts(plan, { mean: power(150), difference: none, reference: power(20) });
    const weight = (f: number, i: number): number => {
      const beyond = f / plan.spacing - i;
      return bandWeight(f, i, plan.spacing) * Math.exp(beyond * tilts[i][beyond < 0 ? 'below' : 'above']);
    };
    const sum = (of: (f: number, s: number) => number): number =>
      frequency.reduce((total, f, s) => total + of(f, s), 0);
    const [map, reference] = [power(150), power(20)];
    const gains = tilts.map((_, i) =>
      Math.sqrt(
        sum((f, s) => bandWeight(f, i, plan.spacing) ** 2 * reference[s]) /
          sum((f, s) => weight(f, i) ** 2 * map[s]),
      ),
    );
    for (const [s, f] of frequency.entries()) {
      if (f < 0.05 || f > 0.5 / 1.2) continue;
      const reached = gains.reduce((total, gain, i) => total + gain * weight(f, i), 0);
      expect(reached * Math.sqrt(map[s] / reference[s])).toBeGreaterThan(0.98);
      expect(reached * Math.sqrt(map[s] / reference[s])).toBeLessThan(1.02);
    }
  });

  it('end where noise begins, and are none of nothing', () => {
    const noise = power(150).map((p, s) => (frequency[s] > 0.25 ? 20 * p : 0));
    const mean = power(150).map((p, s) => p + noise[s]);
    const tilts = bandTilts(plan, { mean, difference: noise, reference: power(20) });
    const end = Math.ceil(0.25 / plan.spacing) + 1;
    expect(tilts[2].above).toBeGreaterThan(0);
    expect(tilts.slice(end)).toEqual(tilts.slice(end).map(() => LEVEL));
    const empty = { mean: none, difference: none, reference: none };
    expect(bandTilts(plan, empty)).toEqual(Array.from({ length: plan.count }, () => LEVEL));
  });

  it('shells of a row follow each other and hold every bin up to their end once', () => {
    for (const rest of [0, 0.3, 7.7, 1000]) {
      const ends = shellEnds(shells, rest, 0.01, 33);
      expect([...ends]).toEqual([...ends].sort((a, b) => a - b));
      expect(ends[0]).toBe(0);
      for (let s = 0; s < shells; s++)
        for (let x = ends[s]; x < ends[s + 1]; x++)
          expect(Math.floor(4 * Math.sqrt(rest + 0.01 * x * x) + 0.0123)).toBe(s);
    }
  });
});
