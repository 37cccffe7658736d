/** The transforms that other tests lean on, against the definition. */
import { expect, it } from 'vitest';
import { makeWindowTransform } from '../../../../src/bench/window-oracle.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { naiveDft, naiveDft3d } from '../../../support/naive-dft.ts';
import { referenceFft, referenceFft3d } from '../../../support/reference-fft.ts';

const largestDifference = (a: Float64Array, b: Float64Array, scale = 1): number =>
  a.reduce((largest, v, i) => Math.max(largest, Math.abs(v * scale - b[i])), 0);

it('naive DFT of a wave and its inverse', () => {
  const n = 15;
  const wave = Float64Array.from({ length: n }, (_, x) => Math.cos((2 * Math.PI * 4 * x) / n));
  const { re, im } = naiveDft(wave, undefined);
  re.forEach((value, k) => {
    expect(value).toBeCloseTo(k === 4 || k === 11 ? n / 2 : 0, 12);
  });
  expect(
    largestDifference(
      naiveDft(re, im, true).re,
      wave.map((v) => v * n),
    ),
  ).toBeLessThan(1e-12);
});

it.each([1, 2, 3, 12, 17, 30, 96, 121])('reference FFT of length %i equals the definition', (n) => {
  const random = createRandom(n);
  const re = Float64Array.from({ length: n }, () => random.gaussian());
  const im = Float64Array.from({ length: n }, () => random.gaussian());
  for (const inverse of [false, true]) {
    const [fast, slow] = [referenceFft(re, im, inverse), naiveDft(re, im, inverse)];
    expect(largestDifference(fast.re, slow.re)).toBeLessThan(1e-12);
    expect(largestDifference(fast.im, slow.im)).toBeLessThan(1e-12);
  }
});

it('three dimensions: definition with its triple sum, reference FFT, window transform', () => {
  const shape = [3, 4, 5] as const;
  const random = createRandom(60);
  const data = Float64Array.from({ length: 60 }, () => random.gaussian());
  const transform = naiveDft3d(data, undefined, shape);
  const [a, b, c] = [2, 1, 3];
  let sum = 0;
  for (let i = 0; i < 60; i++) {
    const [z, y, x] = [Math.floor(i / 20), Math.floor(i / 5) % 4, i % 5];
    sum += data[i] * Math.cos(2 * Math.PI * ((a * z) / 3 + (b * y) / 4 + (c * x) / 5));
  }
  expect(transform.re[(a * 4 + b) * 5 + c]).toBeCloseTo(sum, 12);
  const fast = referenceFft3d(data, undefined, shape);
  expect(largestDifference(fast.re, transform.re)).toBeLessThan(1e-12);
  expect(largestDifference(fast.im, transform.im)).toBeLessThan(1e-12);

  const cube = Float64Array.from({ length: 216 }, () => random.gaussian());
  const full = naiveDft3d(cube, undefined, [6, 6, 6]);
  const window = makeWindowTransform(6)(cube);
  expect(
    largestDifference(
      window.re,
      full.re.map((v) => v / 6 ** 1.5),
    ),
  ).toBeLessThan(1e-12);
  expect(
    largestDifference(
      window.im,
      full.im.map((v) => v / 6 ** 1.5),
    ),
  ).toBeLessThan(1e-12);
});
