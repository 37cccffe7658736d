import { expect, it } from 'vitest';
import {
  chooseFscCutoff,
  endAtLowPass,
  molecularNumbers,
  nyquistCutoffOf,
  roundHalfEven,
  wilsonCutoffOf,
} from '../../../../src/math/scaling/molecular-numbers.ts';

it('volume, atoms and Wilson cut-off', () => {
  const numbers = molecularNumbers(1000, 2);
  expect(numbers.molecularVolume).toBe(8000);
  // 1.35 g/cm^3 * 8000 A^3 / 13.14 Da = 494.97 atoms.
  expect(numbers.atoms).toBe(495);
  expect(numbers.pseudoModelAtoms).toBe(319);
  expect(numbers.wilsonCutoff).toBeCloseTo(6400 ** (1 / 12) / 0.309, 12);
  expect(wilsonCutoffOf(6400)).toBe(numbers.wilsonCutoff);
  expect(molecularNumbers(1000, 2, 100).pseudoModelAtoms).toBe(7610);
});

it('cut-offs', () => {
  expect([1.4, 1.2156, 1.035, 1.225].map(nyquistCutoffOf)).toEqual([2.9, 2.5, 2.2, 2.5]);
  const fall = { end: 'falls', resolution: 4 } as const;
  expect(chooseFscCutoff(3.5, fall, 1.4)).toEqual({ cutoff: 3.5, source: 'user' });
  expect(chooseFscCutoff(undefined, fall, 1.4)).toEqual({ cutoff: 4, source: 'half-map FSC' });
  expect(chooseFscCutoff(undefined, { end: 'nyquist', resolution: 2.8 }, 1.4)).toEqual({
    cutoff: 2.8,
    source: 'half-map FSC to Nyquist',
  });
  expect(chooseFscCutoff(undefined, { end: 'no signal', resolution: undefined }, 1.4).source).toBe('nyquist');
  expect(chooseFscCutoff(undefined, undefined, 1.4)).toEqual({ cutoff: 3.9, source: 'nyquist' });
});

it('data end at a low-pass of the map if their resolution is otherwise unknown', () => {
  const unknown = chooseFscCutoff(undefined, undefined, 1.4);
  expect(endAtLowPass(unknown, 7.9)).toEqual({ cutoff: 7.9, source: 'low-pass' });
  expect(endAtLowPass(unknown, 3)).toBe(unknown);
  expect(endAtLowPass(unknown, undefined)).toBe(unknown);
  const told = chooseFscCutoff(4, undefined, 1.4);
  expect(endAtLowPass(told, 7.9)).toBe(told);
});

it('rounds halves to even', () => {
  expect([0.5, 1.5, 2.5, 2.4, 2.6, 24.5, 25.5].map(roundHalfEven)).toEqual([0, 2, 2, 2, 3, 24, 26]);
});
