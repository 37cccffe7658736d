/** No dispatch takes longer than about 200 ms on a GPU of 1 TFLOP/s, by the numbers of the plans. */
import { describe, expect, it } from 'vitest';
import type { GpuLimits } from '../../../src/gpu/device.ts';
import { MOST_MULTIPLY_ADDS, splitWork } from '../../../src/gpu/dispatch-work.ts';
import { planGpuResolution, resolutionWork } from '../../../src/gpu/plan-local-resolution.ts';
import { planGpuTiles } from '../../../src/gpu/plan-tiles.ts';
import { gatherWork } from '../../../src/gpu/symmetrise.ts';
import { UNIT_ROWS } from '../../../src/gpu/tile-units.ts';
import { profileWork } from '../../../src/gpu/window-profiles.ts';
import { OCCUPANCY_BLOCK, type Occupancy } from '../../../src/math/scaling/occupancy.ts';

/** Of a graphics card. */
const LIMITS: GpuLimits = {
  bindingBytes: 2 ** 31 - 4,
  bufferBytes: 2 ** 40,
  slabBytes: 2 ** 31 - 4,
  workgroupBytes: 48 * 1024,
  lineBytes: 32 * 1024,
  workgroupInvocations: 1024,
  workgroupsPerDimension: 65535,
  totalBytes: Number.POSITIVE_INFINITY,
};
const BUDGET = 1.5 * 2 ** 30;

/** Boxes that are all mask: no tile has more units. */
function full(edge: number): Occupancy {
  const blocks = Math.ceil(edge / OCCUPANCY_BLOCK);
  return {
    blocks: [blocks, blocks, blocks],
    counts: new Uint32Array(blocks ** 3).fill(OCCUPANCY_BLOCK ** 3),
  };
}

/** Work of the parts that `count` items are split into. */
const parts = (count: number, each: number): number[] =>
  splitWork(count, each).map((range) => range.count * each);

describe('a split of work', () => {
  it.each([
    [10, 1e9],
    [1000, 1e9],
    [26, 1e9],
    [3, 3e10],
    [1, 1],
    [0, 5],
  ])('takes %i items of %d once each, in order, in even parts', (count, each) => {
    const ranges = splitWork(count, each);
    let next = 0;
    for (const { first, count: some } of ranges) {
      expect(first).toBe(next);
      expect(some).toBeGreaterThan(0);
      expect(some === 1 || some * each <= MOST_MULTIPLY_ADDS).toBe(true);
      next += some;
    }
    expect(next).toBe(count);
    const fewest = Math.ceil(count / Math.max(1, Math.floor(MOST_MULTIPLY_ADDS / each)));
    expect(ranges.length).toBeLessThanOrEqual(fewest);
  });
});

describe('a dispatch of', () => {
  // Tiles are the same in larger boxes; 512^3 takes the planner long.
  it.each([
    [512, 32, 'octant'],
    [256, 32, 'sphere'],
    [192, 64, 'sphere'],
    [192, 100, 'octant'],
  ] as const)(
    'local scaling of %i^3 in windows of %i (%s) keeps to the bound',
    (edge, windowVoxels, kind) => {
      for (const taper of edge < 512 && windowVoxels <= 64 ? ([undefined, 'hann'] as const) : [undefined]) {
        const shared = { occupancy: full(edge), windowVoxels, kind, taper, profiledMaps: 2 };
        const support = planGpuTiles({ ...shared, limits: LIMITS, budgetBytes: BUDGET });
        if (!support.ok || support.plan === undefined) throw new Error('no plan');
        const { profiles, tileSize, box, fft, tiles } = support.plan;
        const { perRun, perUnit } = profileWork(profiles);
        const work = [
          ...parts(tileSize[0] / UNIT_ROWS, perRun),
          ...parts(profiles.unitCapacity, perUnit),
          // All shells that fit a batch at once: 5 n log2 n a transform, half of them multiply-adds.
          (64 * 2 ** 20 * 2.5 * Math.log2(box[0] * box[1] * box[2])) / 8,
          fft.spectrumBytes * Math.log2(box[0] * box[1] * box[2]),
          // Sums over shells at the unit voxels of a tile.
          Math.max(...tiles.map(({ unitCount }) => unitCount * profiles.lanes * UNIT_ROWS)) *
            profiles.shellCount,
        ];
        expect(Math.max(...work)).toBeLessThanOrEqual(MOST_MULTIPLY_ADDS);
      }
    },
  );

  it.each([
    [256, 32],
    [192, 64],
    [192, 100],
  ])('local resolution of %i^3 in windows of %i keeps to the bound', (edge, windowVoxels) => {
    const support = planGpuResolution(full(edge), windowVoxels, LIMITS, BUDGET);
    if (!support.ok || support.plan === undefined) throw new Error('no plan');
    const { plan } = support;
    const { rowsPerPlane, columnsPerPlane, perUnit } = resolutionWork(plan);
    const work = [
      ...parts(plan.box[0], rowsPerPlane),
      ...parts(plan.box[0], columnsPerPlane),
      ...perUnit.flatMap((each) => parts(plan.unitCapacity, each)),
    ];
    expect(Math.max(...work)).toBeLessThanOrEqual(MOST_MULTIPLY_ADDS);
  });

  it('an average over the icosahedral group at 512^3 keeps to the bound', () => {
    const groups = 512 ** 3 / 256;
    const work = parts(groups, 256 * gatherWork(60, false));
    expect(Math.max(...work)).toBeLessThanOrEqual(MOST_MULTIPLY_ADDS);
    expect(work.length).toBeGreaterThan(1);
  });

  it('a pass of a transform of 1024^3 keeps to the bound: it is not split', () => {
    // 5 n log2 n operations a line, half of them multiply-adds, on half of the lines.
    const pass = (2.5 * 1024 ** 3 * Math.log2(1024)) / 2;
    // Columns that stay in workgroup memory are transformed there and back.
    expect(2 * pass).toBeLessThanOrEqual(1.1 * MOST_MULTIPLY_ADDS);
  });
});
