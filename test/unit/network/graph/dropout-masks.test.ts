/** Random masks of dropout: reproducible, of the right rate, and unrelated to one another. */
import { describe, expect, it, vi } from 'vitest';
import { type DropoutKey, fillDropoutMask } from '../../../../src/network/graph/dropout-masks.ts';

const VALUES = 1 << 20;
const KEY: DropoutKey = { seed: 1, pass: 0, cube: 0, layer: 0 };

function mask(key: Partial<DropoutKey>, keepProbability = 0.5, values = VALUES): Float32Array {
  const target = new Float32Array(values).fill(-1);
  fillDropoutMask(target, { input: 'mask', shape: [values], keepProbability }, { ...KEY, ...key });
  return target;
}

/** Counted here: comparing a million values by `toEqual` takes seconds. */
function differences(a: Float32Array, b: Float32Array): number {
  return a.reduce((count, value, i) => count + (value === b[i] ? 0 : 1), 0);
}

function correlation(a: Float32Array, b: Float32Array, shift = 0): number {
  let sum = 0;
  for (let i = shift; i < a.length; i++) sum += (a[i] - 1) * (b[i - shift] - 1);
  return sum / (a.length - shift);
}

/** 4.5 sd of a mean of `count` values of variance 1: a chance of 7e-6 that a right one is outside. */
const bound = (count: number): number => 4.5 / Math.sqrt(count);

describe('dropout masks', () => {
  it('are the same for the same key, whatever was filled before', () => {
    const first = mask({ seed: 7, pass: 3, cube: 1000, layer: 5 });
    mask({ seed: 8 });
    expect(differences(mask({ seed: 7, pass: 3, cube: 1000, layer: 5 }), first)).toBe(0);
    // The beginning of a mask does not depend on its length, nor does the rest of it on 32 values at once.
    expect(mask({ seed: 7, pass: 3, cube: 1000, layer: 5 }, 0.5, 77)).toEqual(first.slice(0, 77));
  });

  it.each([0.5, 0.8, 0.1, 1])('have the values 0 and 1 / p, and mean 1, for p = %d', (keep) => {
    const values = mask({ seed: 11 }, keep);
    const kept = values.filter((value) => value === Math.fround(1 / keep)).length;
    expect(kept + values.filter((value) => value === 0).length).toBe(VALUES);
    const sd = Math.sqrt(keep * (1 - keep) * VALUES);
    expect(Math.abs(kept - keep * VALUES)).toBeLessThanOrEqual(4.5 * sd);
    const mean = values.reduce((sum, value) => sum + value, 0) / VALUES;
    expect(Math.abs(mean - 1)).toBeLessThanOrEqual(bound(VALUES) * Math.sqrt((1 - keep) / keep) + 1e-6);
  });

  // Neighbours of a key in each of its parts, bits at both ends of the numbers, parts exchanged.
  const others: Partial<DropoutKey>[] = [
    { seed: 2 },
    { seed: 0 },
    { seed: 1 + 2 ** 31 },
    { seed: 1 + 2 ** 32 },
    { seed: 1 + 2 ** 52 },
    { pass: 1 },
    { pass: 14 },
    { cube: 1 },
    { cube: 2 },
    { cube: 1 << 20 },
    { cube: 2 ** 32 },
    { layer: 1 },
    { layer: 19 },
    { pass: 1, cube: 1 },
    { seed: 0, pass: 1 },
    { seed: 0, cube: 1 },
    { seed: 0, layer: 1 },
  ];
  it.each([0.5, 0.3])('differ, without correlation, when any part of the key changes (p = %d)', (keep) => {
    const masks = [KEY, ...others].map((key) => mask(key, keep, VALUES / 4));
    const scale = (1 - keep) / keep;
    for (let i = 0; i < masks.length; i++) {
      for (let j = 0; j < i; j++)
        expect(Math.abs(correlation(masks[i], masks[j])) / scale).toBeLessThan(bound(VALUES / 4));
    }
  });

  it('have no period or correlation within one mask', () => {
    const values = mask({ seed: 3 });
    for (const shift of [1, 2, 8, 31, 32, 33, 64, 128, 1024, 32 * 32, 32 ** 3])
      expect(Math.abs(correlation(values, values, shift))).toBeLessThan(bound(VALUES - shift));
  });

  it('begin independently: the first values over many keys are even', () => {
    for (const part of ['seed', 'pass', 'cube', 'layer'] as const) {
      const sums = new Float64Array(64);
      for (let i = 0; i < 4096; i++)
        mask({ [part]: i }, 0.5, 64).forEach((value, at) => {
          sums[at] += value - 1;
        });
      for (const sum of sums) expect(Math.abs(sum / 4096)).toBeLessThan(bound(4096));
    }
  });

  it('refuse an array of another length, and impossible probabilities', () => {
    const wrong = { input: 'mask_conv1_1', shape: [2, 3], keepProbability: 0.5 };
    expect(() => fillDropoutMask(new Float32Array(5), wrong, KEY)).toThrow('mask_conv1_1');
    expect(() => mask({}, 0, 4)).toThrow('cannot be filled');
    expect(() => mask({}, 1.5, 4)).toThrow('cannot be filled');
  });

  it('of even odds draw one word for 32 values: what makes them cheap compared with the network', () => {
    const multiply = vi.spyOn(Math, 'imul');
    try {
      const products = (values: number): number => {
        multiply.mockClear();
        mask({}, 0.5, values);
        return multiply.mock.calls.length;
      };
      // The generator multiplies twice a word; the seed costs the same for every length.
      expect(products(32 * 1000) - products(32 * 100)).toBe(2 * 900);
    } finally {
      multiply.mockRestore();
    }
  });
});
