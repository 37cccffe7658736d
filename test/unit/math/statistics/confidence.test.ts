import { describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../../src/cpu-fallback/index.ts';
import type { Shape } from '../../../../src/math/grid.ts';
import {
  combineNoise,
  confidenceFromMap,
  confidenceOfSorted,
  confidenceSphere,
  confidenceTest,
  defaultNoiseBoxes,
  defaultNoiseBoxSize,
  harmonicNumber,
  type NoiseBox,
  noiseBoxWarning,
  noiseEstimate,
  significantKeys,
  userNoiseBoxes,
} from '../../../../src/math/statistics/confidence.ts';
import {
  fromOrderKeys,
  keyAbove,
  keyAtLeast,
  orderKey,
} from '../../../../src/math/statistics/float-order.ts';
import { normalUpperTail } from '../../../../src/math/statistics/normal-tail.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';

/** The procedure as the original writes it: p of every voxel, full sort, step-up from the largest p. */
function plainConfidence(data: Float32Array, shape: Shape, mean: number, variance: number): Float32Array {
  const [nz, ny, nx] = shape;
  const coordinate = (i: number, n: number): number => -Math.floor(n / 2) + (i * n) / (n - 1);
  const radius = Math.floor(Math.max(...shape) / 2);
  const inside: number[] = [];
  for (let i = 0; i < data.length; i++) {
    const z = coordinate(Math.floor(i / (ny * nx)), nz);
    const y = coordinate(Math.floor(i / nx) % ny, ny);
    const x = coordinate(i % nx, nx);
    const distance = Math.sqrt(z * z + y * y + x * x);
    if (distance > 0 && distance <= radius) inside.push(i);
  }
  const p = inside.map((i) => (data[i] < mean ? 1 : normalUpperTail((data[i] - mean) / Math.sqrt(variance))));
  const order = inside.map((_, k) => k).sort((a, b) => p[a] - p[b]);
  const out = new Float32Array(data.length);
  let previous = 1;
  for (let k = order.length - 1; k >= 0; k--) {
    previous = Math.min(previous, p[order[k]] * (order.length / (k + 1)) * harmonicNumber(order.length));
    out[inside[order[k]]] = 1 - previous;
  }
  return out;
}

function noisyMap(shape: Shape, seed: number, signal: number, digits?: number): Float32Array {
  const random = createRandom(seed);
  const [nz, ny, nx] = shape;
  return Float32Array.from({ length: nz * ny * nx }, (_, i) => {
    const z = Math.floor(i / (ny * nx)) - nz / 2;
    const y = (Math.floor(i / nx) % ny) - ny / 2;
    const x = (i % nx) - nx / 2;
    const value = random.gaussian() + (z * z + y * y + x * x < (ny / 4) ** 2 ? signal : 0);
    return digits === undefined ? value : Number(value.toFixed(digits));
  });
}

describe('confidence map', () => {
  it.each([
    ['even cube', [16, 16, 16], undefined, 4],
    ['odd cube', [15, 15, 15], undefined, 4],
    ['unequal edges', [12, 17, 14], undefined, 4],
    ['many equal values', [16, 16, 16], 1, 4],
    ['a particle far above the noise', [16, 16, 16], undefined, 40],
  ] as const)('equals the procedure written out: %s', (_name, shape, digits, signal) => {
    const data = noisyMap(shape, 11, signal, digits);
    const confidence = confidenceFromMap(data, shape, 0.02, 1.1);
    expect(confidence).toEqual(plainConfidence(data, shape, 0.02, 1.1));
    expect(confidence.some((v) => v > 0.99)).toBe(true);
    expect(confidence.some((v) => v > 0 && v < 0.99)).toBe(true);
  });

  it('is the same however many threads share the voxels', async () => {
    const shape = [13, 17, 14] as const;
    const maps = [noisyMap(shape, 11, 4), noisyMap(shape, 12, 40), new Float32Array(13 * 17 * 14)];
    for (const options of [{ threads: 1 }, { threads: 3 }, { inPlace: true }]) {
      const engine = await createCpuEngine(options);
      for (const data of maps) {
        const found = await engine.confidenceMap(await engine.upload(data.slice(), shape), {
          mean: 0.02,
          variance: 1.1,
        });
        expect(Float32Array.from(await engine.download(found))).toEqual(
          confidenceFromMap(data, shape, 0.02, 1.1),
        );
      }
      await engine.dispose();
    }
  });

  it('keeps false discoveries at the requested rate, in pure noise and with a particle', () => {
    const shape = [40, 40, 40] as const;
    const confident = (data: Float32Array): number =>
      confidenceFromMap(data, shape, 0, 1).reduce((n, v) => n + (v >= 0.99 ? 1 : 0), 0);
    // No voxel of 34,000 of noise passes at q = 0.01, but for one run in about a hundred.
    expect(confident(noisyMap(shape, 5, 0))).toBe(0);
    const particle = (4 / 3) * Math.PI * 10 ** 3;
    expect(confident(noisyMap(shape, 5, 8)) / particle).toBeCloseTo(1, 1);
  });

  it('handles maps with nothing to find, without noise, and writes into a given array', () => {
    const shape = [10, 10, 10] as const;
    const out = new Float32Array(1000).fill(7);
    expect(confidenceFromMap(new Float32Array(1000), shape, 1, 1, out)).toBe(out);
    expect(out.every((v) => v === 0)).toBe(true);
    expect(confidenceFromMap(new Float32Array(1000).fill(50), shape, 0, 1).reduce((n, v) => n + v, 0)).toBe(
      confidenceSphere(shape).voxels,
    );
    expect(() => confidenceFromMap(out, shape, 0, 0)).toThrow(
      /^The map is masked, .* \(variance 0\): give a mask with `mask`, or set the boxes with `fdrNoiseBoxes`\.$/,
    );
    expect(() => confidenceFromMap(out, shape, 0, Number.NaN)).toThrow('variance');
  });

  it('the sphere lies unsymmetrically on the grid, as in the original', () => {
    const { rowStart, rowEnd, voxels } = confidenceSphere([8, 8, 8]);
    // Coordinates -4, -20/7, -12/7, -4/7, 4/7, ...: symmetric about voxel 3.5 for even edges.
    expect([rowStart[3 * 8 + 3], rowEnd[3 * 8 + 3]]).toEqual([1, 7]);
    expect(voxels).toBe(160);
    // Odd edges: -2, -3/4, 1/2, 7/4, 3: centred between voxels 1 and 2.
    const odd = confidenceSphere([5, 5, 5]);
    expect([odd.rowStart[1 * 5 + 2], odd.rowEnd[1 * 5 + 2]]).toEqual([1, 4]);
  });
});

describe('noise boxes', () => {
  it('default edge: 10 % of the box, rounded up to even', () => {
    expect([96, 100, 101, 220, 512].map((n) => defaultNoiseBoxSize([n, n, n]))).toEqual([10, 10, 12, 22, 52]);
  });

  it.each([
    ['noise alone', 0, 0, 1, 0],
    ['a molecule', 4, 0, 1, 0],
    ['a weak one', 2, 0, 1, 0],
    ['a bright one, most of it certain', 30, 0, 1, 0],
    ['a negative mean, values of both signs', 4, -3, 1, 0],
    ['tiny values', 4, 0, 1e-6, 0],
    ['values beyond those listed', 3, 0, 1, 500],
    ['few digits, many equal values', 4, 0, 1, 0, 1],
  ])('lists no value without need: %s', (_, signal, mean, sd, more, digits?: number) => {
    const shape = [40, 40, 40] as const;
    const test = confidenceTest(shape, mean, sd * sd);
    const values = noisyMap(shape, 5, signal, digits).map((value) => mean + sd * value);
    const [first, end] = [keyAbove(test.threshold), keyAtLeast(test.certain)];
    const all = Uint32Array.from(values, orderKey)
      .filter((key) => key >= first && key < end)
      .sort();
    const above = more + values.filter((value) => orderKey(value) >= end).length;
    const expected = confidenceOfSorted(test, fromOrderKeys(all), above);
    const kept = significantKeys(test, all.slice().reverse(), above).sort();
    expect(kept).toEqual(all.subarray(all.length - kept.length));
    const dropped = all.length - kept.length;
    expect(expected.subarray(0, dropped).every((confidence) => confidence === 0)).toBe(true);
    expect(confidenceOfSorted(test, fromOrderKeys(kept), above)).toEqual(expected.subarray(dropped));
    // Of those without any confidence few are left.
    const needless = kept.length - expected.filter((confidence) => confidence > 0).length;
    expect(needless / all.length).toBeLessThan(0.05);
  });

  it('default boxes touch 2 % and 98 % of y and x, centred on the other axes', () => {
    expect(defaultNoiseBoxes([64, 99, 66], 8).map((box) => box.start)).toEqual([
      [28, 1, 29],
      [28, 89, 29],
      [28, 45, 1],
      [28, 45, 56],
    ]);
  });

  it('mean and variance over boxes are those of all their voxels', () => {
    const shape = [6, 7, 8] as const;
    const data = noisyMap(shape, 3, 2);
    const boxes: NoiseBox[] = [
      { start: [0, 0, 0], size: 2 },
      { start: [1, 2, 3], size: 4 },
    ];
    const values: number[] = [];
    for (const { start, size } of boxes) {
      for (let i = 0; i < size ** 3; i++) {
        const [z, y, x] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
        values.push(data[((start[0] + z) * 7 + start[1] + y) * 8 + start[2] + x]);
      }
    }
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    const noise = noiseEstimate(data, shape, boxes);
    expect(noise.mean).toBeCloseTo(mean, 12);
    expect(noise.variance).toBeCloseTo(variance, 12);
    expect(combineNoise(boxes, noise.perBox).variance).toBe(noise.variance);
  });

  it('refuses boxes outside the map', () => {
    expect(userNoiseBoxes([20, 20, 20], 4, [[16, 0, 3]])).toEqual([{ start: [16, 0, 3], size: 4 }]);
    expect(() => userNoiseBoxes([20, 20, 20], 4, [[17, 0, 3]])).toThrow('inside the map');
    expect(() => userNoiseBoxes([20, 20, 20], 4, [[1.5, 0, 3]])).toThrow('inside the map');
    expect(() => userNoiseBoxes([20, 20, 20], 4, [])).toThrow('No noise box');
    expect(() => defaultNoiseBoxes([20, 20, 20], 30)).toThrow('inside the map');
  });

  it('warns of masked maps and of boxes that differ', () => {
    const noise = (perBox: [mean: number, sd: number][], variance = 1) => ({
      mean: 0,
      variance,
      perBox: perBox.map(([mean, sd]) => ({ mean, variance: sd * sd })),
    });
    const even: [number, number][] = [
      [0, 1],
      [0.3, 1.2],
      [-0.2, 0.9],
      [0.1, 1],
    ];
    expect(noiseBoxWarning(noise(even), 5)).toBeUndefined();
    expect(noiseBoxWarning(noise(even), 50)).toContain('almost nothing');
    expect(noiseBoxWarning(noise(even, 0))).toContain('variance 0');
    expect(noiseBoxWarning(noise([[0, 0], ...even.slice(1)]))).toContain('1 of 4');
    expect(noiseBoxWarning(noise([[0, 4], ...even.slice(1)]))).toContain('differ strongly (sd');
    expect(noiseBoxWarning(noise([[3, 1], ...even.slice(1)]))).toContain('differ strongly (mean');
  });
});
