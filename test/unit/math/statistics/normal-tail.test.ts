import { expect, it } from 'vitest';
import { erfc, normalUpperTail } from '../../../../src/math/statistics/normal-tail.ts';

it('erfc agrees with tabulated values (scipy.special.erfc)', () => {
  const table = [
    [0, 1],
    [0.1, 0.8875370839817152],
    [0.5, 0.4795001221869535],
    [1, 0.15729920705028516],
    [1.9, 0.007209570764742531],
    [2.1, 0.0029794666563329845],
    [3, 2.2090496998585445e-5],
    [5, 1.5374597944280347e-12],
    [10, 2.0884875837625446e-45],
    [26, 5.663192408856145e-296],
  ];
  for (const [x, value] of table) {
    // 33 Chebyshev terms in float64, and exp(-x^2) magnifies the rounding of x^2.
    expect(Math.abs(erfc(x) / value - 1)).toBeLessThan(1e-14);
    expect(erfc(-x)).toBeCloseTo(2 - value, 14);
  }
});

it('is a falling probability', () => {
  expect(normalUpperTail(0)).toBeCloseTo(0.5, 14);
  expect(normalUpperTail(1.6448536269514722)).toBeCloseTo(0.05, 14);
  for (let z = -8; z < 37; z += 0.01)
    expect(normalUpperTail(z + 0.01)).toBeLessThanOrEqual(normalUpperTail(z));
});
