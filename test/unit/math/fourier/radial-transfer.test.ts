import { describe, expect, it } from 'vitest';
import {
  fscWeightFilter,
  type RadialTransfer,
  tanhLowPass,
} from '../../../../src/math/fourier/radial-transfer.ts';

function evaluate({ table, maxFrequency }: RadialTransfer, f: number): number {
  const at = (f / maxFrequency) * (table.length - 1);
  const lower = Math.min(Math.floor(at), table.length - 2);
  return table[lower] + (at - lower) * (table[lower + 1] - table[lower]);
}

describe('radial transfer functions', () => {
  it('tanh low-pass: 1 well below the cut-off, 1/2 at it, 0 well above', () => {
    const filter = tanhLowPass(5, 1.4);
    const cutoff = 1.4 / 5;
    expect(evaluate(filter, 0)).toBeCloseTo(1, 7);
    expect(evaluate(filter, cutoff)).toBeCloseTo(0.5, 6);
    expect(evaluate(filter, 2 * cutoff)).toBeLessThan(1e-6);
    // The definition, between table entries: interpolation error 3e-8, float32 entries 6e-8.
    const f = 0.2613579;
    const g =
      0.5 *
      (Math.tanh((Math.PI * (f + cutoff)) / (0.2 * cutoff)) -
        Math.tanh((Math.PI * (f - cutoff)) / (0.2 * cutoff)));
    expect(Math.abs(evaluate(filter, f) - g)).toBeLessThan(1e-7);
  });

  it.each([32, 33, 96, 200])('FSC weights are constant on every shell of Fourier space: edge %i', (edge) => {
    const shells = Math.floor(edge / 2);
    const correlation = Array.from({ length: shells }, (_, r) => Math.cos((2 * r) / shells));
    const filter = fscWeightFilter(correlation, edge);
    // All squared radii that coefficients can have.
    for (let squared = 0; squared < (shells + 3) ** 2; squared++) {
      const fsc = Math.max(0, correlation[Math.min(Math.floor(Math.sqrt(squared)), shells - 1)]);
      expect(
        Math.abs(evaluate(filter, Math.sqrt(squared) / edge) - Math.sqrt((2 * fsc) / (1 + fsc))),
      ).toBeLessThan(1e-6);
    }
  });
});
