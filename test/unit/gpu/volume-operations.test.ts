/** Voxel-wise operations on the GPU against the CPU engine's own functions and float64 sums. */
import { expect, it } from 'vitest';
import {
  averageRange,
  binariseRange,
  blockOccupancy as occupancyOnCpu,
} from '../../../src/cpu-fallback/volume-operations.ts';
import type { VolumeStatistics } from '../../../src/engine/engine.ts';
import type { GpuDevice, GpuLimits } from '../../../src/gpu/device.ts';
import { createVolume, type GpuVolume, readVolume, writeVolume } from '../../../src/gpu/volume.ts';
import {
  average,
  binarise,
  blockOccupancy,
  confidenceMap,
  noiseStatistics,
  statistics,
} from '../../../src/gpu/volume-operations.ts';
import { type Shape, voxelCount } from '../../../src/math/grid.ts';
import { blockGrid } from '../../../src/math/scaling/occupancy.ts';
import { confidenceFromMap, type NoiseBox, noiseEstimate } from '../../../src/math/statistics/confidence.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { blobMask, noiseVolume } from '../../support/random-volume.ts';

/** Shapes and the slabs that a binding limit forces: one, several of unequal thickness, one plane each. */
const CASES: readonly (readonly [name: string, shape: Shape, limits: Partial<GpuLimits>, slabs: number])[] = [
  ['one slab, prime edges', [13, 17, 19], {}, 1],
  ['five slabs', [23, 18, 31], { bindingBytes: 4 * 5 * 18 * 31 }, 5],
  ['a slab per plane', [11, 16, 29], { bindingBytes: 4 * 16 * 29 }, 11],
];

function upload(gpu: GpuDevice, shape: Shape, data: Float32Array): GpuVolume {
  const volume = createVolume(gpu, 'test', shape);
  writeVolume(gpu, volume, data);
  return volume;
}

function download(gpu: GpuDevice, volume: GpuVolume): Promise<Float32Array> {
  return readVolume(gpu, volume, new Float32Array(voxelCount(volume.shape)));
}

/** Two passes in float64 over the chosen voxels. */
function plainStatistics(data: Float32Array, chosen: (i: number) => boolean = () => true): VolumeStatistics {
  const all = [...data].filter((_, i) => chosen(i));
  const values = all.filter(Number.isFinite);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return {
    count: values.length,
    mean,
    sd: Math.sqrt(squares / values.length),
    min: values.reduce((a, b) => Math.min(a, b)),
    max: values.reduce((a, b) => Math.max(a, b)),
    zeros: values.filter((v) => v === 0).length,
    nonFinite: all.length - values.length,
  };
}

/**
 * Counts and extremes exactly. The GPU sums 4096 values in float32 around a pivot, 64 per thread: measured
 * errors are some 1e-8 of the sd, so 1e-6 only covers other devices' rounding.
 */
function expectStatistics(found: VolumeStatistics, expected: VolumeStatistics): void {
  const { mean, sd, ...exact } = expected;
  expect(found).toMatchObject(exact);
  expect(Math.abs(found.mean - mean)).toBeLessThanOrEqual(
    1e-6 * Math.min(Math.abs(mean), sd || Math.abs(mean)),
  );
  expect(Math.abs(found.sd - sd)).toBeLessThanOrEqual(1e-6 * sd);
}

describeGpu('voxel-wise operations on the GPU', (open) => {
  it.each(CASES)('average is the CPU engine’s to the bit: %s', async (_name, shape, limits, slabs) => {
    const gpu = await open(limits);
    const [a, b] = [noiseVolume(shape, 1), noiseVolume(shape, 2)];
    const volume = upload(gpu, shape, a);
    expect(volume.slabs.length).toBe(slabs);
    const expected = new Float32Array(a.length);
    averageRange(a, b, expected, 0, a.length);
    expect(await download(gpu, await average(gpu, volume, upload(gpu, shape, b)))).toEqual(expected);
    expect(await download(gpu, await average(gpu, volume, volume))).toEqual(a);
  });

  it('does not combine volumes of different shape', async () => {
    const gpu = await open();
    const a = createVolume(gpu, 'a', [4, 4, 4]);
    const b = createVolume(gpu, 'b', [4, 4, 5]);
    await expect(average(gpu, a, b)).rejects.toThrow(/different shape/);
    await expect(statistics(gpu, a, { mask: b, inside: true })).rejects.toThrow(/different shape/);
  });

  it.each(CASES)('binarise counts and decides as float64 does: %s', async (_name, shape, limits) => {
    const gpu = await open(limits);
    const data = noiseVolume(shape, 3);
    // Values on both sides of a threshold that float32 cannot hold, and what comparisons may get wrong.
    const above = Math.fround(0.99);
    data.set([above, 0.98999995, 0, -0, Number.NaN, 1e-42, -1e-42, Number.POSITIVE_INFINITY, -7]);
    const volume = upload(gpu, shape, data);
    for (const threshold of [0.99, above, 0.5, 0, -1e-42, -0.3, 1e40, Number.NEGATIVE_INFINITY]) {
      const expected = new Float32Array(data.length);
      const count = binariseRange(data, threshold, expected, 0, data.length);
      const { mask, voxels } = await binarise(gpu, volume, threshold);
      expect([threshold, voxels]).toEqual([threshold, count]);
      expect(await download(gpu, mask)).toEqual(expected);
    }
  });

  it.each(CASES)('statistics of all voxels, inside and outside a mask: %s', async (_name, shape, limits) => {
    const gpu = await open(limits);
    const data = noiseVolume(shape, 4);
    const maskData = blobMask(shape, 0.9);
    maskData[0] = 0.5;
    data.set([0, -0, 0], 100);
    const volume = upload(gpu, shape, data);
    const mask = upload(gpu, shape, maskData);
    expectStatistics(await statistics(gpu, volume), plainStatistics(data));
    for (const inside of [true, false]) {
      const expected = plainStatistics(data, (i) => maskData[i] > 0.5 === inside);
      expectStatistics(await statistics(gpu, volume, { mask, inside }), expected);
    }
  });

  it.each([
    ['a mean far above the sd', (v: number) => 100 + v],
    ['a mean a thousand times the sd', (v: number) => -3000 + 3 * v],
    ['values whose squares overflow float32', (v: number) => 1e30 * v],
    ['values whose squares vanish in float32', (v: number) => 1e-25 * v],
    ['outliers', (v: number, i: number) => (i % 1009 === 0 ? 1e6 : v)],
    ['a constant', () => 0.1],
  ])('statistics of %s', async (_name, change) => {
    const shape: Shape = [31, 37, 41];
    const gpu = await open({ bindingBytes: 4 * 8 * 37 * 41 });
    const data = noiseVolume(shape, 6).map(change);
    expectStatistics(await statistics(gpu, upload(gpu, shape, data)), plainStatistics(data));
  });

  it('statistics report NaN and infinite voxels and leave them out', async () => {
    const shape: Shape = [9, 20, 30];
    const gpu = await open({ bindingBytes: 4 * 2 * 20 * 30 });
    const data = noiseVolume(shape, 7);
    for (const [i, k] of [3, 4000, 5399].entries())
      data[k] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][i];
    const found = await statistics(gpu, upload(gpu, shape, data));
    expect(found.nonFinite).toBe(3);
    expectStatistics(found, plainStatistics(data));
  });

  it('statistics of no voxel and of no finite voxel', async () => {
    const shape: Shape = [3, 4, 5];
    const gpu = await open();
    const mask = createVolume(gpu, 'empty mask', shape);
    const volume = upload(gpu, shape, noiseVolume(shape, 8));
    const none = {
      count: 0,
      mean: 0,
      sd: 0,
      zeros: 0,
      min: Number.POSITIVE_INFINITY,
      max: Number.NEGATIVE_INFINITY,
    };
    expect(await statistics(gpu, volume, { mask, inside: true })).toEqual({ ...none, nonFinite: 0 });
    const broken = upload(gpu, shape, new Float32Array(60).fill(Number.NaN));
    expect(await statistics(gpu, broken)).toEqual({ ...none, nonFinite: 60 });
  });

  it.each(CASES)('noise statistics equal the host’s: %s', async (_name, shape, limits) => {
    const gpu = await open(limits);
    const data = noiseVolume(shape, 9);
    const boxes: NoiseBox[] = [
      { start: [0, 0, 0], size: 4 },
      { start: [3, 7, 9], size: 7 },
      { start: [shape[0] - 5, shape[1] - 5, shape[2] - 5], size: 5 },
    ];
    // The same float64 sums over the same voxels in the same order.
    expect(await noiseStatistics(gpu, upload(gpu, shape, data), boxes)).toEqual(
      noiseEstimate(data, shape, boxes),
    );
  });

  it.each(CASES)('block occupancy equals the CPU engine’s: %s', async (_name, shape, limits) => {
    const gpu = await open(limits);
    const data = blobMask(shape, 0.8);
    for (const block of [8, 3]) {
      const blocks = blockGrid(shape, block);
      const found = await blockOccupancy(gpu, upload(gpu, shape, data), block);
      expect(found).toEqual({ blocks, counts: occupancyOnCpu(data, shape, block, 0, blocks[0]) });
    }
  });

  it.each([
    ['one slab, even cube', [24, 24, 24], {}, undefined],
    ['odd edges', [21, 17, 23], {}, undefined],
    ['slabs, and a table in parts', [20, 22, 26], { bindingBytes: 4 * 22 * 26 }, undefined],
    ['many equal values, 0 among them', [20, 20, 20], { bindingBytes: 4 * 7 * 400 }, 1],
  ] as const)(
    'confidence map equals the CPU engine’s to the bit: %s',
    async (_name, shape, limits, digits) => {
      const gpu = await open(limits);
      const random = createRandom(11);
      const signal = blobMask(shape, 0.5);
      const data = signal.map((inside) => {
        const value = random.gaussian() + 4 * inside;
        return digits === undefined ? value : Number(value.toFixed(digits));
      });
      const volume = upload(gpu, shape, data);
      const values = new Set<number>();
      // A noise mean far below 0 makes the tested values negative ones too; little noise makes some certain.
      for (const [mean, variance] of [
        [0.05, 1.1],
        [0.05, 0.25],
        [-3, 1],
        [0, 1e4],
      ]) {
        const expected = confidenceFromMap(data, shape, mean, variance);
        expect(await download(gpu, await confidenceMap(gpu, volume, { mean, variance }))).toEqual(expected);
        for (const value of expected) values.add(value);
      }
      // All zeros would equal all zeros.
      expect(values.size).toBeGreaterThan(50);
    },
  );

  it('continues in the next dimension where one takes too few workgroups', async () => {
    const gpu = await open();
    const limited = (workgroupsPerDimension: number): GpuDevice =>
      Object.create(gpu, { limits: { value: { ...gpu.limits, workgroupsPerDimension } } });
    const shape: Shape = [23, 18, 31];
    const [a, b] = [noiseVolume(shape, 12), noiseVolume(shape, 13)];
    const [volume, other] = [upload(gpu, shape, a), upload(gpu, shape, b)];
    // 51 workgroups of 256 voxels in 6 rows, with 3 to spare; 4 of 4096 voxels in 2 rows.
    const expected = new Float32Array(a.length);
    averageRange(a, b, expected, 0, a.length);
    expect(await download(gpu, await average(limited(10), volume, other))).toEqual(expected);
    expect(await statistics(limited(2), volume)).toEqual(await statistics(gpu, volume));
    expect((await binarise(limited(2), volume, 0.2)).voxels).toBe(a.filter((v) => v >= 0.2).length);
    const map = await confidenceMap(limited(10), volume, { mean: 0, variance: 0.3 });
    expect(await download(gpu, map)).toEqual(confidenceFromMap(a, shape, 0, 0.3));
    await expect(average(limited(6), volume, other)).rejects.toThrow(/exceed the limit/);
  });

  it('refuses noise without variance, and leaves no buffer behind', async () => {
    const gpu = await open();
    const volume = createVolume(gpu, 'map', [8, 8, 8]);
    const before = gpu.allocatedBytes;
    await expect(confidenceMap(gpu, volume, { mean: 0, variance: 0 })).rejects.toThrow(/variance 0/);
    await noiseStatistics(gpu, volume, [{ start: [1, 1, 1], size: 3 }]);
    await statistics(gpu, volume);
    await blockOccupancy(gpu, volume);
    expect(gpu.allocatedBytes).toBe(before);
  });
});
