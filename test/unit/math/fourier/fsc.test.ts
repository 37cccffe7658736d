import { describe, expect, it } from 'vitest';
import { firstCrossing, fourierShellCorrelation } from '../../../../src/math/fourier/fsc.ts';

describe('FSC', () => {
  it('is 1 for equal maps and has the original axis', () => {
    const power = [4, 3, 2, 1, 0.5];
    const curve = fourierShellCorrelation({ cross: power, powerA: power, powerB: power }, 2);
    expect(curve.correlation).toEqual([1, 1, 1, 1, 1]);
    expect(curve.frequency).toEqual([0, 0.0625, 0.125, 0.1875, 0.25]);
    expect(curve.resolution).toBeUndefined();
  });

  it('clips the first shell only, and calls a shell without power 0', () => {
    const curve = fourierShellCorrelation({ cross: [-1, -1, 0], powerA: [1, 1, 0], powerB: [1, 1, 1] }, 1);
    expect(curve.correlation).toEqual([0, -1, 0]);
  });

  it('takes the first crossing, interpolated', () => {
    const frequency = [0, 0.1, 0.2, 0.3, 0.4];
    expect(firstCrossing(frequency, [1, 0.9, 0.1, 0.9, 0.1], 0.5)).toBeCloseTo(1 / 0.15, 12);
    expect(firstCrossing(frequency, [0, 1, 0.6, 0.4, 0.2], 0.5)).toBeCloseTo(1 / 0.25, 12);
    expect(firstCrossing(frequency, [0, 0, 0, 0, 0], 0.5)).toBeUndefined();
    expect(firstCrossing(frequency, [1, 1, 0.5, 0.4, 0], 0.5)).toBeCloseTo(5, 12);
  });
});
