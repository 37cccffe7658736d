import { describe, expect, it } from 'vitest';
import { calibrateStandardError, pvddtOf } from '../../../../src/math/statistics/pvddt.ts';

/** Phi(1), Phi(1.959963984540054): tables of the normal distribution. */
const PHI_1 = 0.841344746068543;
const Z_975 = 1.959963984540054;

describe('pVDDT', () => {
  it('is 200 Phi(z) - 100 with the standard error of the mean over the passes', () => {
    // variance 4 over 16 passes: SE = 2 / 4 = 0.5
    const result = pvddtOf(
      Float32Array.of(1.5, 0.5, 1, 1 + Z_975 / 2),
      Float32Array.of(1, 1, 1, 1),
      new Float32Array(4).fill(4),
      16,
    );
    expect(result[0]).toBeCloseTo(200 * PHI_1 - 100, 4);
    expect(result[1]).toBeCloseTo(100 - 200 * PHI_1, 4);
    expect(result[2]).toBe(0);
    // float32 holds 1 + z/2 to 6e-8, which is 1e-6 in pVDDT.
    expect(result[3]).toBeCloseTo(95, 4);
  });

  it('takes 0 / 0 for significant, and a difference without spread for certain', () => {
    const result = pvddtOf(Float32Array.of(0, 1, 0), Float32Array.of(0, 0, 1), new Float32Array(3), 15);
    expect([...result]).toEqual([100, 100, -100]);
  });

  it('calibrates the standard error by the table: linear between entries, constant beyond', () => {
    const table = { standardError: [0.1, 0.2, 0.4], calibrated: [0.3, 0.4, 1] };
    expect(calibrateStandardError(0, table)).toBe(0.3);
    expect(calibrateStandardError(0.15, table)).toBeCloseTo(0.35, 12);
    expect(calibrateStandardError(0.3, table)).toBeCloseTo(0.7, 12);
    expect(calibrateStandardError(9, table)).toBe(1);
    expect(calibrateStandardError(0.123, undefined)).toBe(0.123);
    const [value] = pvddtOf(Float32Array.of(0.4), Float32Array.of(0), Float32Array.of(0.04 * 15), 15, table);
    expect(value).toBeCloseTo(200 * PHI_1 - 100, 4);
  });
});
