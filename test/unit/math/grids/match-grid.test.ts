/** Which boxes a map is resampled with, and where it lies on another grid. */
import { describe, expect, it } from 'vitest';
import type { Grid } from '../../../../src/math/grid.ts';
import {
  copiesVoxels,
  planGridMatch,
  shareOutside,
  VOXEL_SIZE_TOLERANCE,
} from '../../../../src/math/grids/match-grid.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';

const cubic = (n: number, voxel: number, at = 0): Grid => ({
  shape: [n, n, n],
  voxelSize: [voxel, voxel, voxel],
  origin: [at, at, at],
});

describe('planGridMatch', () => {
  it.each([
    // From, to: before and after resampling.
    [cubic(64, 2), cubic(128, 1), 64, 128],
    [cubic(128, 1), cubic(64, 2), 128, 64],
    [cubic(40, 3), cubic(60, 2), 40, 60],
    [cubic(41, 3), cubic(60, 2), 42, 63],
    [cubic(256, 1.06), cubic(256, 0.83), undefined, undefined],
  ])('resamples whole boxes of one length', (from, to, padded, resampled) => {
    const plan = planGridMatch(from, to);
    if (padded !== undefined) expect([plan.padded[0], plan.resampled[0]]).toEqual([padded, resampled]);
    const { voxelSize: a } = from;
    const { voxelSize: b } = to;
    expect(Math.abs(plan.padded[0] * a[0] - plan.resampled[0] * b[0]) / b[0]).toBeLessThanOrEqual(0.01);
    expect(plan.padded[0]).toBeGreaterThanOrEqual(from.shape[0]);
  });

  it('puts the middle of the map where it is, and its faces to a quarter of a voxel', () => {
    const random = createRandom(4);
    for (let i = 0; i < 300; i++) {
      const [a, b] = [0.5 + 2 * random.uniform(), 0.5 + 2 * random.uniform()].map((v) =>
        Number(v.toFixed(3)),
      );
      if (Math.abs(a / b - 1) <= VOXEL_SIZE_TOLERANCE) continue;
      const n = random.integer(80, 400);
      const { padded, resampled, start, translation } = planGridMatch(cubic(n, a), cubic(200, b));
      /** From voxel i of the map to the other grid, by what is done and by the headers. */
      const beside = (i: number): number => {
        const done = (i * resampled[0]) / padded[0] + start[0] + translation[0];
        return Math.abs(done - (i * a) / b);
      };
      expect(beside(n / 2)).toBeLessThan(0.0101);
      expect(Math.max(beside(0), beside(n))).toBeLessThan(0.26);
    }
  });

  it('copies at whole voxels, to the accuracy of headers, and moves by the rest', () => {
    const to = cubic(50, 1.35, 10);
    expect(copiesVoxels(planGridMatch(cubic(30, 1.3501, 10 + 7 * 1.35 + 0.005), to))).toBe(true);
    const between = planGridMatch(cubic(30, 1.35, 10 + 7.3 * 1.35), to);
    expect(copiesVoxels(between)).toBe(false);
    expect(between.start).toEqual([7, 7, 7]);
    expect(between.translation[0]).toBeCloseTo(0.3, 6);
  });

  it('says how much of the box the map does not reach', () => {
    expect(shareOutside(planGridMatch(cubic(20, 1), cubic(20, 1)))).toBe(0);
    expect(shareOutside(planGridMatch(cubic(20, 1, 10), cubic(20, 1)))).toBeCloseTo(7 / 8, 6);
    expect(shareOutside(planGridMatch(cubic(10, 2, 0), cubic(20, 1)))).toBe(0);
    expect(shareOutside(planGridMatch(cubic(20, 1, 40), cubic(20, 1)))).toBe(1);
  });
});
