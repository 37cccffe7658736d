import { describe, expect, it } from 'vitest';
import {
  evaluateScatteringFactor,
  scatteringFactorOf,
  TABULATED_ELEMENTS,
} from '../../../../src/math/atoms/scattering-factors.ts';

describe('electron scattering factors', () => {
  // International Tables C, table 4.3.2.2; the program gemmi carries the same numbers.
  it.each([
    ['C', [0.0893, 0.2563, 0.757, 1.0487, 0.3575], [0.2465, 1.71, 6.4094, 18.6113, 50.2523]],
    ['N', [0.1022, 0.3219, 0.7982, 0.8197, 0.1715], [0.2451, 1.7481, 6.1925, 17.3894, 48.1431]],
    ['O', [0.0974, 0.2921, 0.691, 0.699, 0.2039], [0.2067, 1.3815, 4.6943, 12.7105, 32.4726]],
    ['S', [0.2497, 0.5628, 1.3899, 2.1865, 0.7715], [0.2681, 1.6711, 7.0267, 19.5377, 50.3888]],
    ['Zn', [0.4288, 1.2646, 1.4472, 1.8294, 1.0934], [0.2593, 1.7998, 6.75, 25.586, 73.5284]],
  ])('%s has the published coefficients', (element, a, b) => {
    expect(scatteringFactorOf(element)).toEqual({ a, b });
  });

  // Table 4.3.1.1 (Doyle-Turner, Hartree-Fock) f(0) in A; the Gaussian fits keep it within 1 %.
  it.each([
    ['H', 0.529],
    ['C', 2.509],
    ['N', 2.211],
    ['O', 1.983],
    ['P', 5.488],
    ['S', 5.161],
  ])('f(0) of %s is %f A', (element, value) => {
    const f0 = evaluateScatteringFactor(scatteringFactorOf(element)!, 0);
    expect(Math.abs(f0 / value - 1)).toBeLessThan(0.01);
  });

  it('covers hydrogen to californium in order, and falls with frequency where the tables hold', () => {
    expect(TABULATED_ELEMENTS).toHaveLength(98);
    for (const [symbol, z] of [
      ['H', 1],
      ['C', 6],
      ['Fe', 26],
      ['Ag', 47],
      ['W', 74],
      ['U', 92],
      ['Cf', 98],
    ] as const) {
      expect(TABULATED_ELEMENTS[z - 1]).toBe(symbol);
    }
    for (const element of TABULATED_ELEMENTS) {
      const factor = scatteringFactorOf(element)!;
      for (let k = 0; k < 4; k += 0.25) {
        expect(evaluateScatteringFactor(factor, k + 0.25)).toBeLessThan(evaluateScatteringFactor(factor, k));
      }
    }
  });

  it('accepts any letter case and says undefined for what it lacks', () => {
    expect(scatteringFactorOf('ZN')).toBe(scatteringFactorOf('Zn'));
    expect(scatteringFactorOf('D')).toBe(scatteringFactorOf('H'));
    expect(scatteringFactorOf('Xx')).toBeUndefined();
    expect(scatteringFactorOf('constructor')).toBeUndefined();
    expect(scatteringFactorOf('')).toBeUndefined();
  });
});
