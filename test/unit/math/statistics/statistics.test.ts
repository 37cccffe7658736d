import { describe, expect, it } from 'vitest';
import { correlationInside } from '../../../../src/math/statistics/statistics.ts';

describe('correlation inside a mask', () => {
  it("is Pearson's over the masked voxels only", () => {
    const a = [1, 2, 3, 4, 100];
    const b = [2, 4, 5, 9, -100];
    // By hand: sums of squares about the means 2.5 and 5 are 5 and 26, of products 11.
    expect(correlationInside(a, b, [1, 1, 1, 1, 0])).toBeCloseTo(11 / Math.sqrt(5 * 26), 14);
    expect(correlationInside(a, b, [1, 1, 1, 1, 0.5])).toBeCloseTo(11 / Math.sqrt(5 * 26), 14);
  });

  it('is unchanged by scale and offset, and NaN for a constant', () => {
    const a = [1, -2, 0.5, 7];
    const mask = [1, 1, 1, 1];
    expect(
      correlationInside(
        a,
        a.map((v) => 3 * v + 1e3),
        mask,
      ),
    ).toBeCloseTo(1, 12);
    expect(
      correlationInside(
        a,
        a.map((v) => -v),
        mask,
      ),
    ).toBeCloseTo(-1, 14);
    expect(correlationInside(a, [1, 1, 1, 1], mask)).toBeNaN();
  });
});
