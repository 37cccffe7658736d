/** Cubes put together again, and mean and variance over passes. */
import { describe, expect, it } from 'vitest';
import { type Shape, voxelCount } from '../../../../src/math/grid.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { type CubeWeighting, createBlend } from '../../../../src/network/graph/blend-cubes.ts';
import { type CubePlan, cutCubes, planCubes } from '../../../../src/network/graph/cubes.ts';
import { createPassAccumulator } from '../../../../src/network/graph/pass-moments.ts';
import { maxDifference, relativeL2 } from '../../../support/compare.ts';
import { blobMask, noiseVolume } from '../../../support/random-volume.ts';

const UNCHANGED = { mean: 0, factor: 1 };

function covered({ shape, positions, edge, count }: CubePlan): Uint8Array {
  const cover = new Uint8Array(voxelCount(shape));
  for (let cube = 0; cube < count; cube++) {
    const [z0, y0, x0] = positions.subarray(3 * cube);
    for (let z = Math.max(0, z0); z < Math.min(shape[0], z0 + edge); z++) {
      for (let y = Math.max(0, y0); y < Math.min(shape[1], y0 + edge); y++) {
        for (let x = Math.max(0, x0); x < Math.min(shape[2], x0 + edge); x++)
          cover[(z * shape[1] + y) * shape[2] + x] = 1;
      }
    }
  }
  return cover;
}

function blended(
  plan: CubePlan,
  weighting: CubeWeighting,
  cubeOf: (cube: number) => Float32Array,
): Float32Array {
  const blend = createBlend(plan.shape, plan.edge, weighting);
  for (let cube = 0; cube < plan.count; cube++) blend.add(plan.positions, cube, cubeOf(cube));
  return blend.finish()[0];
}

const SHAPES: [Shape, { edge: number; stride: number }][] = [
  [[64, 64, 64], { edge: 32, stride: 16 }],
  [[53, 61, 47], { edge: 32, stride: 16 }],
  [[20, 40, 33], { edge: 32, stride: 16 }], // smaller than a cube
  [[40, 44, 37], { edge: 16, stride: 4 }], // 64 cubes on a voxel
  [[50, 50, 50], { edge: 24, stride: 20 }],
];

describe.each(['uniform', 'taper'] as const)('%s blending', (weighting) => {
  // Sums of up to 64 float32 terms: a few units in the last place of 6e-8.
  it.each(SHAPES)('of unchanged cubes of %s, %o, gives the map back (1e-6), 0 outside', (shape, options) => {
    const map = noiseVolume(shape, 1);
    const mask = Uint8Array.from(blobMask(shape, 0.8), (v) => (v > 0.5 ? 1 : 0));
    const plan = planCubes(shape, mask, options);
    const out = blended(plan, weighting, (cube) => {
      const values = new Float32Array(options.edge ** 3);
      cutCubes(map, plan, UNCHANGED, cube, 1, values);
      return values;
    });
    expect(relativeL2(out, map, mask)).toBeLessThan(1e-6);
    const cover = covered(plan);
    expect(relativeL2(out, map, cover)).toBeLessThan(1e-6);
    const largest = map.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    let worst = 0;
    out.forEach((value, i) => {
      if (cover[i]) worst = Math.max(worst, Math.abs(value - map[i]));
      else expect(value).toBe(0);
    });
    expect(worst).toBeLessThan(1e-6 * largest);
  });
});

describe('weights', () => {
  const shape: Shape = [4, 4, 48];
  const plan: CubePlan = {
    shape,
    edge: 32,
    stride: 16,
    positions: Int32Array.from([0, 0, 0, 0, 0, 16]),
    count: 2,
    candidates: 2,
  };
  const row = (weighting: CubeWeighting): Float32Array =>
    blended(plan, weighting, (cube) => new Float32Array(32 ** 3).fill(cube)).subarray(0, 48);

  it('uniform: the plain mean of the cubes', () => {
    expect([...row('uniform')]).toEqual([...Array(16).fill(0), ...Array(16).fill(0.5), ...Array(16).fill(1)]);
  });

  it('taper: sin^2, from one cube to the other without a step', () => {
    const values = row('taper');
    for (let x = 0; x < 48; x++) {
      const [a, b] = [0, 16].map((start) =>
        x < start || x >= start + 32 ? 0 : Math.sin((Math.PI * (x - start + 0.5)) / 32) ** 2,
      );
      expect(values[x]).toBeCloseTo(b / (a + b), 6);
      // Steepest in the middle of the overlap: pi / 2 over 16 voxels.
      if (x > 0) expect(Math.abs(values[x] - values[x - 1])).toBeLessThan(0.099);
    }
  });

  it('channels share the weights', () => {
    const blend = createBlend(shape, 32, 'taper', 2);
    for (const cube of [0, 1]) {
      const values = new Float32Array(32 ** 3).fill(cube);
      blend.add(
        plan.positions,
        cube,
        values,
        values.map((v) => 10 * v),
      );
    }
    const [one, ten] = blend.finish();
    expect(one.subarray(0, 48)).toEqual(row('taper'));
    expect(
      maxDifference(
        ten,
        one.map((v) => 10 * v),
      ),
    ).toBeLessThan(2e-6);
  });
});

describe('moments over passes', () => {
  it('are mean and biased variance, for values far from 0 too', () => {
    const random = createRandom(3);
    const passes = Array.from({ length: 15 }, () =>
      Float32Array.from({ length: 500 }, (_, i) => (i % 2 === 0 ? 100 : 0) + 0.05 * random.gaussian()),
    );
    const accumulator = createPassAccumulator(800);
    // What a batch before left behind does not matter.
    for (const seed of [8, 9]) accumulator.add(noiseVolume([8, 10, 10], seed));
    expect(accumulator.finish().mean).toHaveLength(800);
    for (const pass of passes) accumulator.add(pass);
    const { mean, variance } = accumulator.finish();
    const expected = Array.from(passes[0], (_, i) => {
      const values = passes.map((pass) => pass[i]);
      const average = values.reduce((sum, v) => sum + v, 0) / 15;
      return { mean: average, variance: values.reduce((sum, v) => sum + (v - average) ** 2, 0) / 15 };
    });
    expect(
      relativeL2(
        mean,
        expected.map((e) => e.mean),
      ),
    ).toBeLessThan(1e-7);
    // A float32 mean of 100 is known to 4e-6, a ten-thousandth of the deviations.
    expect(
      relativeL2(
        variance,
        expected.map((e) => e.variance),
      ),
    ).toBeLessThan(1e-4);
    expect(variance).toHaveLength(500);
  });

  it('of one pass: the pass itself, and no variance', () => {
    const accumulator = createPassAccumulator(27);
    const values = noiseVolume([3, 3, 3], 4);
    accumulator.add(values);
    const { mean, variance } = accumulator.finish();
    expect(mean).toEqual(values);
    expect([...variance]).toEqual(Array(27).fill(0));
  });
});
