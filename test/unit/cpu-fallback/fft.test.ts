/** The one-dimensional SIMD transforms of the CPU engine, every length, against a float64 DFT. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Kernels } from '../../../src/cpu-fallback/kernels/kernels.ts';
import { factorise, nextFastLength, planFft } from '../../../src/math/fourier/fft-plan.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import { naiveDft } from '../../support/naive-dft.ts';

const LENGTHS = [
  ...Array.from({ length: 256 }, (_, i) => i + 1),
  263,
  288,
  300,
  320,
  343,
  360,
  384,
  400,
  440,
  480,
  512,
];

/**
 * float32 with tables rounded once: errors grow like sqrt(log n) * 6e-8; 3e-7 was the worst seen (Bluestein).
 */
const TOLERANCE = 1e-6;

describe('FFT on four lines', () => {
  let kernels: Kernels;
  beforeAll(() => {
    const url = new URL('../../../src/cpu-fallback/kernels/kernels.wasm', import.meta.url);
    kernels = new Kernels(new WebAssembly.Module(readFileSync(url)));
  });

  it('equals the float64 DFT for every length', () => {
    const random = createRandom(1);
    for (const n of LENGTHS) {
      const memory = kernels.mark();
      const plan = kernels.fftPlan(n);
      const [re, im] = [kernels.allocate(16 * n), kernels.allocate(16 * n)];
      const input = Float32Array.from({ length: 8 * n }, () => random.gaussian());
      kernels.floats(re, 4 * n).set(input.subarray(0, 4 * n));
      kernels.floats(im, 4 * n).set(input.subarray(4 * n));
      kernels.exports.fftColumns(plan, re, im, 16, 1);
      let worst = 0;
      for (let lane = 0; lane < 4; lane++) {
        const line = (part: Float32Array): Float64Array =>
          Float64Array.from({ length: n }, (_, j) => part[4 * j + lane]);
        const expected = naiveDft(line(input.subarray(0, 4 * n)), line(input.subarray(4 * n)));
        worst = Math.max(
          worst,
          relativeError(line(kernels.floats(re, 4 * n)), line(kernels.floats(im, 4 * n)), expected),
        );
      }
      kernels.release(memory);
      expect(worst, `length ${n}`).toBeLessThan(TOLERANCE);
    }
  });

  it('transforms eight real rows and back for every length', () => {
    const random = createRandom(2);
    for (const n of LENGTHS) {
      const memory = kernels.mark();
      const plan = kernels.fftPlan(n);
      const pitch = 4 * Math.ceil(n / 4);
      const bins = Math.floor(n / 2) + 1;
      const binPitch = 4 * Math.ceil(bins / 4);
      const rows = kernels.allocate(32 * pitch);
      const back = kernels.allocate(32 * pitch);
      const [re, im] = [kernels.allocate(32 * binPitch), kernels.allocate(32 * binPitch)];
      const work = kernels.allocate(64 * (n + 4));
      const input = kernels.floats(rows, 8 * pitch);
      for (let i = 0; i < input.length; i++) input[i] = i % pitch < n ? random.gaussian() : Number.NaN;
      kernels.exports.rfftRows8(plan, rows, 4 * pitch, re, im, 4 * binPitch, work);
      let worst = 0;
      for (let row = 0; row < 8; row++) {
        const x = Float64Array.from(input.subarray(row * pitch, row * pitch + n));
        const full = naiveDft(x, undefined);
        const expected = { re: full.re.subarray(0, bins), im: full.im.subarray(0, bins) };
        const part = (address: number): Float32Array =>
          kernels.floats(address, 8 * binPitch).slice(row * binPitch, row * binPitch + bins);
        worst = Math.max(worst, relativeError(part(re), part(im), expected));
      }
      const inverse = (filled: number): Float32Array => {
        kernels.exports.irfftRows8(plan, re, im, 4 * binPitch, back, 4 * pitch, 1 / n, work, filled);
        return kernels.floats(back, 8 * pitch).slice();
      };
      const output = inverse(binPitch);
      let difference = 0;
      let norm = 0;
      for (let i = 0; i < input.length; i++) {
        if (i % pitch >= n) continue;
        difference += (output[i] - input[i]) ** 2;
        norm += input[i] ** 2;
      }
      // Bins that are 0, and bins that are said to be.
      const filled = 4 * Math.floor(binPitch / 8);
      const narrow = inverse(filled);
      for (const part of [re, im])
        for (let row = 0; row < 8; row++)
          kernels.floats(part, 8 * binPitch).fill(0, row * binPitch + filled, (row + 1) * binPitch);
      const wide = inverse(binPitch);
      for (let i = 0; i < wide.length; i++)
        if (i % pitch < n && !Object.is(narrow[i], wide[i])) throw new Error(`length ${n}, value ${i}`);
      kernels.release(memory);
      expect(worst, `length ${n}`).toBeLessThan(TOLERANCE);
      expect(Math.sqrt(difference / norm), `length ${n}, there and back`).toBeLessThan(TOLERANCE);
    }
  });
});

describe('FFT plans', () => {
  it('factorises lengths of primes up to 13 and leaves the others to Bluestein', () => {
    expect(factorise(1)).toEqual([]);
    expect(factorise(360360)?.reduce((a, b) => a * b, 1)).toBe(360360);
    expect(factorise(2 * 17)).toBeUndefined();
    expect(planFft(251).bluestein?.length).toBe(512);
  });

  it('finds the next length of factors 2, 3, 5', () => {
    expect([1, 7, 61, 97, 513].map(nextFastLength)).toEqual([1, 8, 64, 100, 540]);
  });

  it('refuses lengths that are no positive integers', () => {
    for (const n of [0, -4, 2.5, Number.NaN]) expect(() => planFft(n)).toThrow(RangeError);
  });
});

function relativeError(
  re: ArrayLike<number>,
  im: ArrayLike<number>,
  expected: { re: ArrayLike<number>; im: ArrayLike<number> },
): number {
  let difference = 0;
  let norm = 0;
  for (let k = 0; k < re.length; k++) {
    difference += (re[k] - expected.re[k]) ** 2 + (im[k] - expected.im[k]) ** 2;
    norm += expected.re[k] ** 2 + expected.im[k] ** 2;
  }
  return Math.sqrt(difference / norm);
}
