/** Which cubes the network sees, and how they are cut. Expected positions: the original's, see each test. */
import { describe, expect, it } from 'vitest';
import { resampleTrilinear } from '../../../../src/math/fourier/trilinear.ts';
import type { Grid, Shape } from '../../../../src/math/grid.ts';
import { voxelCount } from '../../../../src/math/grid.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { resampleMask, smoothMask } from '../../../../src/network/graph/cube-mask.ts';
import { cubeStarts, cutCubes, planCubes, planNetworkGrid } from '../../../../src/network/graph/cubes.ts';
import { standardisationOf } from '../../../../src/network/graph/standardise.ts';
import { blobMask, noiseVolume } from '../../../support/random-volume.ts';

const EDGES = { edge: 32, stride: 16 };

describe('network grid', () => {
  it('keeps box and origin, with voxels next to the requested size', () => {
    const grid: Grid = { shape: [96, 100, 101], voxelSize: [1.4, 1.4, 0.7], origin: [-3, 0, 5.5] };
    const { grid: network, inputIsFiner } = planNetworkGrid(grid, 1);
    expect(network.shape).toEqual([134, 140, 71]);
    expect(network.origin).toEqual(grid.origin);
    expect(inputIsFiner).toBe(true);
    network.shape.forEach((n, axis) => {
      const box = grid.shape[axis] * grid.voxelSize[axis];
      expect(n * network.voxelSize[axis]).toBeCloseTo(box, 10);
      // The box of voxels of exactly 1 A would end at most half a voxel away.
      expect(Math.abs(n - box)).toBeLessThanOrEqual(0.5);
    });
  });

  it('is the input itself at its own voxel size, and at least one voxel', () => {
    const grid: Grid = { shape: [32, 40, 48], voxelSize: [1, 1, 1], origin: [0, 0, 0] };
    expect(planNetworkGrid(grid, 1)).toEqual({ grid, inputIsFiner: false });
    expect(planNetworkGrid({ ...grid, shape: [1, 40, 48], voxelSize: [0.2, 1, 2] }, 1).grid.shape).toEqual([
      1, 40, 96,
    ]);
  });
});

describe('cube positions', () => {
  // extract_all_cube_centers of the original (LocScale 2.3.1) on cubic boxes, centres less half an edge.
  it.each([
    [32, 16, [0]],
    [33, 16, [0, 1]],
    [97, 16, [0, 16, 32, 48, 64, 65]],
    [100, 16, [0, 16, 32, 48, 64, 68]],
    [112, 16, [0, 16, 32, 48, 64, 80]],
    [134, 16, [0, 16, 32, 48, 64, 80, 96, 102]],
    [97, 8, [0, 8, 16, 24, 32, 40, 48, 56, 64, 65]],
    [134, 8, [0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 102]],
  ])('%i voxels with stride %i are those of the original', (n, stride, expected) => {
    expect(cubeStarts(n, 32, stride)).toEqual(expected);
  });

  it('cover every voxel, without repetition, inside the box wherever the cube fits', () => {
    const random = createRandom(1);
    for (let i = 0; i < 500; i++) {
      const [n, edge] = [random.integer(1, 200), random.integer(1, 64)];
      const starts = cubeStarts(n, edge, random.integer(1, edge));
      expect(new Set(starts).size).toBe(starts.length);
      for (let v = 0; v < n; v++) expect(starts.some((s) => s <= v && v < s + edge)).toBe(true);
      if (n >= edge) expect(starts.every((s) => s >= 0 && s + edge <= n)).toBe(true);
      else expect(starts).toEqual([0 - Math.floor((edge - n) / 2)]);
    }
  });

  it.each([
    [[70, 50, 41], EDGES, 0.003],
    [[40, 20, 64], EDGES, 0.02],
    [[24, 30, 28], { edge: 8, stride: 3 }, 0.05],
  ] as [Shape, typeof EDGES, number][])(
    'in %s: those with more than 5 mask voxels, counted one by one',
    (shape, options, density) => {
      const random = createRandom(2);
      const mask = Uint8Array.from(blobMask(shape, 0.35), (v) =>
        v > 0.5 && random.uniform() < density ? 1 : 0,
      );
      const plan = planCubes(shape, mask, options);
      const expected: number[] = [];
      const [startsZ, startsY, startsX] = shape.map((n) => cubeStarts(n, options.edge, options.stride));
      for (const z of startsZ) {
        for (const y of startsY) {
          for (const x of startsX) {
            let sum = 0;
            for (let i = 0; i < mask.length; i++) {
              const at = [
                Math.floor(i / (shape[1] * shape[2])),
                Math.floor(i / shape[2]) % shape[1],
                i % shape[2],
              ];
              if ([z, y, x].every((s, axis) => at[axis] >= s && at[axis] < s + options.edge)) sum += mask[i];
            }
            if (sum > 5) expected.push(z, y, x);
          }
        }
      }
      expect([...plan.positions]).toEqual(expected);
      expect(plan.count).toBe(expected.length / 3);
      expect(plan.candidates).toBe(startsZ.length * startsY.length * startsX.length);
      // The test tells something only if some are chosen and some are not, or all where there is one.
      expect(plan.count).toBeGreaterThan(0);
      if (plan.candidates > 1) expect(plan.count).toBeLessThan(plan.candidates);
    },
  );

  it('refuses an edge or a stride that is none', () => {
    const mask = new Uint8Array(8);
    expect(() => planCubes([2, 2, 2], mask, { edge: 32, stride: 0 })).toThrow(/stride/);
    expect(() => planCubes([2, 2, 2], mask, { edge: 1.5, stride: 1 })).toThrow(/cube edge/);
  });
});

describe('cutting', () => {
  it('standardises inside the map and leaves 0 outside', () => {
    const shape: Shape = [5, 12, 9];
    const map = noiseVolume(shape, 3);
    const edge = 8;
    const positions = Int32Array.from([-1, 0, 1, -2, 4, 1]);
    const target = new Float32Array(3 * edge ** 3).fill(7);
    const scale = { mean: 0.25, factor: 3 };
    cutCubes(map, { shape, positions, edge }, scale, 0, 2, target);
    for (let i = 0; i < 2 * edge ** 3; i++) {
      const cube = Math.floor(i / edge ** 3);
      const z = positions[3 * cube] + (Math.floor(i / edge ** 2) % edge);
      const y = positions[3 * cube + 1] + (Math.floor(i / edge) % edge);
      const x = positions[3 * cube + 2] + (i % edge);
      const inside = z >= 0 && z < 5 && y < 12 && x < 9;
      const expected = inside ? Math.fround((map[(z * 12 + y) * 9 + x] - 0.25) * 3) : 0;
      expect(target[i]).toBe(expected);
    }
    expect(target[2 * edge ** 3]).toBe(7);
    const second = new Float32Array(edge ** 3);
    cutCubes(map, { shape, positions, edge }, scale, 1, 1, second);
    expect(second).toEqual(target.subarray(edge ** 3, 2 * edge ** 3));
  });

  it('scales by ten standard deviations, and refuses maps that cannot be scaled', () => {
    expect(standardisationOf({ mean: 2, sd: 0.5, nonFinite: 0 })).toEqual({ mean: 2, factor: 0.2 });
    expect(() => standardisationOf({ mean: 2, sd: 0, nonFinite: 0 })).toThrow(/flat/);
    expect(() => standardisationOf({ mean: Number.NaN, sd: Number.NaN, nonFinite: 0 })).toThrow(/flat/);
    expect(() => standardisationOf({ mean: 2, sd: 1, nonFinite: 3 })).toThrow(/not numbers/);
  });
});

describe('mask of the cubes', () => {
  it('is the convolution with the cosine window, by its definition', () => {
    const shape: Shape = [9, 11, 10];
    const raw = blobMask(shape, 0.9, 4);
    const at = (z: number, y: number, x: number): number =>
      z < 0 || y < 0 || x < 0 || z >= 9 || y >= 11 || x >= 10 ? 0 : raw[(z * 11 + y) * 10 + x];
    const sums = Array.from(raw, (_, i) => {
      const [z, y, x] = [Math.floor(i / 110), Math.floor(i / 10) % 11, i % 10];
      let sum = 0;
      for (const dz of [-1, 0, 1]) {
        for (const dy of [-1, 0, 1]) {
          for (const dx of [-1, 0, 1])
            sum += 0.5 ** (Math.abs(dz) + Math.abs(dy) + Math.abs(dx)) * at(z + dz, y + dy, x + dx);
        }
      }
      return sum;
    });
    const largest = Math.max(...sums);
    const expected = sums.map((sum) => (sum / largest >= 0.5 ? 1 : 0));
    expect([...smoothMask(raw, shape)]).toEqual(expected);
    expect(expected).not.toEqual([...raw]);
  });

  it('of nothing is nothing, of everything loses the edges and corners of the box only', () => {
    const shape: Shape = [6, 6, 6];
    expect(smoothMask(new Float32Array(216), shape).some((v) => v > 0)).toBe(false);
    const all = smoothMask(new Float32Array(216).fill(0.5), shape);
    // Weights at the border 3/4: a face 0.75, an edge 0.5625, a corner 0.42 of the largest.
    expect(216 - all.reduce((sum, v) => sum + v, 0)).toBe(8);
    expect(smoothMask(new Float32Array(216).fill(0.49), shape).some((v) => v > 0)).toBe(false);
  });

  it('keeps positions on another grid: every new voxel is what the old map is there', () => {
    const [from, to]: [Shape, Shape] = [
      [24, 20, 22],
      [33, 28, 15],
    ];
    const mask = Uint8Array.from(blobMask(from, 0.7), (v) => (v > 0.5 ? 1 : 0));
    const ours = resampleMask(mask, from, to);
    const interpolated = resampleTrilinear(
      Float32Array.from(mask),
      from,
      to,
      new Float32Array(voxelCount(to)),
    );
    ours.forEach((value, i) => {
      const at = [Math.floor(i / (28 * 15)), Math.floor(i / 15) % 28, i % 15];
      let expected = 0;
      for (let corner = 0; corner < 8; corner++) {
        let weight = 1;
        const index = at.map((j, axis) => {
          const position = (j * from[axis]) / to[axis];
          const upper = (corner >> axis) & 1;
          const share = position - Math.floor(position);
          weight *= upper ? share : 1 - share;
          return Math.min(Math.floor(position) + upper, from[axis] - 1);
        });
        expected += weight * mask[(index[0] * 20 + index[1]) * 22 + index[2]];
      }
      expect(Math.abs(interpolated[i] - expected)).toBeLessThan(1e-6);
      if (Math.abs(expected - 0.5) > 1e-6) expect(value).toBe(expected > 0.5 ? 1 : 0);
    });
    expect(resampleMask(mask, from, from)).toBe(mask);
  });
});
