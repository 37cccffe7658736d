import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../../src/math/statistics/random.ts';

const draw = (seed: number, stream: number, n: number): number[] => {
  const random = createRandom(seed, stream);
  return Array.from({ length: n }, () => random.gaussian());
};

describe('seeded random numbers', () => {
  it('repeats for a seed and differs between seeds and streams', () => {
    expect(draw(5, 0, 8)).toEqual(draw(5, 0, 8));
    expect(draw(5, 0, 8)).not.toEqual(draw(6, 0, 8));
    expect(draw(5, 0, 8)).not.toEqual(draw(5, 1, 8));
    expect(draw(5, 0, 8)).not.toEqual(draw(5 + 2 ** 32, 0, 8));
  });

  it('has the moments of a Gaussian', () => {
    // 4 standard errors of 10^6 draws: mean 1e-3, variance 1.4e-3, kurtosis sqrt(96 / 1e6) = 9.8e-3.
    const n = 1_000_000;
    const values = draw(11, 0, n);
    const moment = (p: number): number => values.reduce((sum, v) => sum + v ** p, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(4e-3);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5.7e-3);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4e-2);
  });

  it('keeps streams of one seed uncorrelated', () => {
    const n = 200_000;
    const [a, b] = [draw(3, 1, n), draw(3, 2, n)];
    const correlation = a.reduce((sum, v, i) => sum + v * b[i]!, 0) / n;
    expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(n));
  });

  it('draws integers evenly from the whole range', () => {
    const random = createRandom(1);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 60_000; i++) counts[random.integer(0, 5)]!++;
    // Standard deviation of a count is 91.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });
});
