import { describe, expect, it } from 'vitest';
import {
  firstShellFrom,
  fitLogAmplitude,
  prepareWilsonFit,
  shellFrequencies,
  type WilsonFit,
  wilsonRangeBetween,
} from '../../../../src/math/scaling/wilson-fit.ts';

const frequency = shellFrequencies(12, 1.2);
const squared = frequency.map((f) => f * f);
const fitOf = (amplitude: ArrayLike<number>, start: number, end: number): WilsonFit | undefined => {
  const fit: WilsonFit = { slope: Number.NaN, intercept: Number.NaN, quality: Number.NaN };
  const range = prepareWilsonFit(squared, start, end);
  return fitLogAmplitude(range, squared, amplitude, new Float64Array(12), fit, true) ? fit : undefined;
};

describe('Wilson fit', () => {
  it('recovers a pure exponential', () => {
    const fit = fitOf(
      squared.map((x) => 42 * Math.exp((-80 * x) / 4)),
      3,
      11,
    )!;
    expect(-4 * fit.slope).toBeCloseTo(80, 10);
    expect(Math.exp(fit.intercept)).toBeCloseTo(42, 10);
    expect(fit.quality).toBeCloseTo(1, 12);
  });

  it('is the least-squares line: residuals are orthogonal to 1 and f^2', () => {
    const amplitude = squared.map((x, i) => Math.exp(-10 * x) * (1 + 0.3 * Math.sin(5 * i)));
    const fit = fitOf(amplitude, 2, 10)!;
    const residual = (r: number): number => Math.log(amplitude[r]) - fit.intercept - fit.slope * squared[r];
    const range = [2, 3, 4, 5, 6, 7, 8, 9];
    expect(range.reduce((sum, r) => sum + residual(r), 0)).toBeCloseTo(0, 12);
    expect(range.reduce((sum, r) => sum + residual(r) * squared[r], 0)).toBeCloseTo(0, 12);
    expect(fit.quality).toBeGreaterThan(0);
    expect(fit.quality).toBeLessThan(1);
  });

  it('has no line through fewer than 2 points, zeros, or values that are not finite', () => {
    const ones = new Float64Array(12).fill(1);
    expect(fitOf(ones, 4, 5)).toBeUndefined();
    expect(fitOf(ones, 12, 12)).toBeUndefined();
    expect(fitOf(ones, 8, 5)).toBeUndefined();
    for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(fitOf(ones.with(6, bad), 4, 9)).toBeUndefined();
    // Outside the range they do not matter.
    expect(fitOf(ones.with(2, 0), 4, 9)).toEqual({ slope: 0, intercept: 0, quality: 1 });
  });

  it('takes the range from the first shell at one cut-off to before the first at the other', () => {
    expect(wilsonRangeBetween([0, 0.1, 0.2, 0.25, 0.4], 10, 4)).toEqual({ start: 1, end: 3 });
    expect(wilsonRangeBetween([0, 0.1, 0.2], 8, 2)).toEqual({ start: 2, end: 3 });
    expect(firstShellFrom([0, 0.1], 0.5)).toBe(2);
  });

  it('labels shells evenly up to Nyquist', () => {
    expect(frequency[0]).toBe(0);
    expect(frequency[11]).toBe(1 / 2.4);
    expect(frequency[1]).toBeCloseTo(1 / 2.4 / 11, 15);
  });
});
