/** The arithmetic of masked FSC, Guinier fits and correlations. */
import { describe, expect, it } from 'vitest';
import { correctForMask, shellCentres, shellCorrelation } from '../../../../src/math/fourier/masked-fsc.ts';
import { fitGuinier, guinierTransfer, signalWeight } from '../../../../src/math/scaling/guinier.ts';
import { correlationOf } from '../../../../src/math/statistics/correlation.ts';

describe('masked FSC', () => {
  const frequency = shellCentres(8, 16, 2);

  it('is corrected two shells behind the first shell of random phases', () => {
    const unmasked = [1, 0.9, 0.7, 0.4, 0.2, 0.1, 0, 0];
    const masked = [1, 0.95, 0.9, 0.8, 0.7, 0.5, 0.3, 0.2];
    const randomised = [1, 0.95, 0.8, 0.5, 0.4, 0.3, 0.3, 1];
    const { corrected, randomisedFrom, resolution } = correctForMask(frequency, unmasked, masked, randomised);
    expect(randomisedFrom).toBe(frequency[2]);
    const expected = [1, 0.95, 0.9, 0.8, 0.3 / 0.6, 0.2 / 0.7, 0, 0];
    corrected.forEach((value, r) => {
      expect(value).toBeCloseTo(expected[r], 12);
    });
    const share = (0.2 / 0.7 - 0.143) / (0.2 / 0.7);
    expect(resolution).toBeCloseTo(1 / (frequency[5] + share * (frequency[6] - frequency[5])), 12);
  });

  it('stays as it is where no phases are random; shells without power have FSC 0', () => {
    const curve = [1, 0.9, 0.85];
    expect(correctForMask(frequency, curve, curve).corrected).toEqual(curve);
    expect(shellCorrelation({ cross: [2, 0], powerA: [1, 0], powerB: [4, 3] })).toEqual([1, 0]);
  });
});

describe('Guinier fit', () => {
  const frequency = Array.from({ length: 40 }, (_, i) => (i + 0.5) / 100);

  it('is exact on a Gaussian, and undefined with fewer than three shells', () => {
    const amplitude = frequency.map((f) => 7 * Math.exp((-90 * f * f) / 4));
    const fit = fitGuinier(frequency, amplitude, [10, 3]);
    expect(fit?.bFactor).toBeCloseTo(90, 9);
    expect(fit?.quality).toBeCloseTo(1, 9);
    expect(fitGuinier(frequency, amplitude, [10, 9.5])).toBeUndefined();
    expect(
      fitGuinier(
        frequency,
        amplitude.map(() => 0),
        [10, 3],
      ),
    ).toBeUndefined();
  });

  it('sharpens up to the resolution, half there; nothing overflows beyond', () => {
    const { table, maxFrequency } = guinierTransfer(120, 4, 1.2);
    const at = (f: number): number => table[Math.round((f * 1.2 * (table.length - 1)) / maxFrequency)];
    expect(at(0.1)).toBeCloseTo(Math.exp((120 * 0.01) / 4), 3);
    expect(at(0.25) / Math.exp((120 * 0.0625) / 4)).toBeCloseTo(0.5, 2);
    expect(table.every(Number.isFinite)).toBe(true);
    expect(guinierTransfer(5000, 4, 0.5).table.every(Number.isFinite)).toBe(true);
    expect(signalWeight([1, 0.143, -0.5])).toEqual([1, Math.sqrt(0.286 / 1.143), 0]);
  });
});

describe('correlation', () => {
  it("is Pearson's, inside the mask; 0 of constants and of nothing", () => {
    const a = [1, 2, 3, 100];
    const b = [-2, -4, -6, 5];
    expect(correlationOf(a, b, [1, 1, 1, 0])).toBeCloseTo(-1, 12);
    expect(correlationOf(a, b)).toBeGreaterThan(0.5);
    expect(correlationOf(a, [1, 1, 1, 1])).toBe(0);
    expect(correlationOf(a, b, [0, 0, 0, 0])).toBe(0);
  });
});
