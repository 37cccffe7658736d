/** The generated sums along one axis, computed as written, against their definition. */
import { describe, expect, it } from 'vitest';
import { frequencyRanges, windowSumsCode } from '../../../src/gpu/window-sums-code.ts';
import { type WindowWeights, windowWeights } from '../../../src/math/scaling/local-resolution.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';

const STEP = 3;

type Sums = Map<number, [cosines: number, sines: number]>;

/** Straight-line WGSL of scalars is JavaScript but for types and literals. */
function runRows(code: string, row: Float64Array, centre: number, deepest: number): Sums {
  const body = /fn row_sums\([^)]*\) \{([\s\S]*?)\n\}\nfn/.exec(`${code}\nfn`)?.[1];
  if (body === undefined) throw new Error('the function is missing');
  const script = body
    .replaceAll(/\bvec2f\(\)/g, '0')
    .replaceAll(/\b(\d+)u\b/g, '$1')
    .replaceAll(/(?<!\.)\blet\b/g, 'const');
  const sums: Sums = new Map();
  const store = (k: number, cosines: number, sines: number): void => void sums.set(k, [cosines, sines]);
  new Function('row', 'centre', 'step', 'deepest', 'row_sum', script)(row, centre, STEP, deepest, store);
  return sums;
}

function directSums(t: Float64Array, values: Float64Array, k: number): [number, number] {
  const w = t.length;
  let [cosines, sines] = [0, 0];
  for (let i = 0; i < w; i++) {
    const angle = (2 * Math.PI * k * (i - w / 2)) / w;
    cosines += t[i] * values[i] * Math.cos(angle);
    sines += t[i] * values[i] * Math.sin(angle);
  }
  return [cosines, sines];
}

describe('the generated sums of a line', () => {
  const windows = Array.from({ length: 33 }, (_, i) => 6 + 2 * i);
  it.each(['hann', 'box'] as const)(
    'are those of every frequency, %s windows of 6 to 70 voxels',
    (weights) => {
      for (const w of windows) expect(worst(w, weights, w / 2)).toBeLessThan(1e-10);
    },
  );

  it('leave out frequencies beyond the deepest by groups only', () => {
    for (const w of [24, 40, 66])
      for (let deepest = 0; deepest <= w / 2; deepest++)
        expect(worst(w, 'hann', deepest)).toBeLessThan(1e-10);
  });

  /** Largest difference of the frequencies up to `deepest`, all of which must be there. */
  function worst(w: number, weights: WindowWeights, deepest: number): number {
    const random = createRandom(w);
    const row = Float64Array.from({ length: STEP * w + 5 }, () => random.gaussian());
    const centre = (STEP * w) / 2 + 2;
    const values = Float64Array.from({ length: w }, (_, i) => row[centre + STEP * (i - w / 2)]);
    const t = windowWeights(w, weights);
    const sums = runRows(windowSumsCode('rows', w, weights), row, centre, deepest);
    let most = 0;
    for (let k = 0; k <= deepest; k++) {
      const expected = directSums(t, values, k);
      const found = sums.get(k) ?? [Number.NaN, Number.NaN];
      for (const i of [0, 1]) {
        const difference = Math.abs(found[i] - expected[i]);
        if (!(difference <= most)) most = difference;
      }
    }
    return most;
  }
});

it('frequencies are divided into ranges that cover them once, none of more than 21', () => {
  for (let w = 6; w <= 120; w += 2) {
    const ranges = frequencyRanges(w);
    const all = ranges.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
    expect(all).toEqual(Array.from({ length: w / 2 + 1 }, (_, k) => k));
    expect(Math.max(...ranges.map(({ count }) => count))).toBeLessThanOrEqual(21);
  }
});
