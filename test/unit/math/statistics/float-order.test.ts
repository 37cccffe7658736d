import { describe, expect, it } from 'vitest';
import {
  fromOrderKey,
  fromOrderKeys,
  keyAbove,
  keyAtLeast,
  orderKey,
} from '../../../../src/math/statistics/float-order.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';

const random = createRandom(1);
/** Values of all magnitudes, denormals and both infinities. */
const VALUES = Float32Array.from([
  0,
  -0,
  1e-45,
  -1e-45,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  3.4028234663852886e38,
  Math.fround(0.99),
  ...Array.from({ length: 500 }, () => random.gaussian() * 10 ** Math.round(40 * (random.uniform() - 0.5))),
]);

describe('order keys of float32 values', () => {
  it('order as the values do, and come back', () => {
    const sign = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
    const wrong: number[][] = [];
    for (const a of VALUES) {
      for (const b of VALUES) if (sign(orderKey(a), orderKey(b)) !== sign(a, b)) wrong.push([a, b]);
    }
    expect(wrong).toEqual([]);
    const plain = VALUES.map((v) => (v === 0 ? 0 : v));
    expect(VALUES.map((v) => fromOrderKey(orderKey(v)))).toEqual(plain);
    expect(fromOrderKeys(Uint32Array.from(VALUES, orderKey))).toEqual(plain);
  });

  it('of thresholds decide as float64 does', () => {
    const wrong: number[][] = [];
    for (const t of [...VALUES, 0.99, -0.1, 1e-50, -1e-50, 1e300, -1e300, 1 / 3]) {
      const [least, above] = [keyAtLeast(t), keyAbove(t)];
      for (const v of VALUES) {
        if (orderKey(v) >= least !== v >= t) wrong.push([v, t]);
        if (orderKey(v) >= above !== v > t) wrong.push([v, t]);
      }
    }
    expect(wrong).toEqual([]);
  });
});
