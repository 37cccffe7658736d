/** Resampling on the GPU in several slabs, chunks and strips, and in little memory. */
import { expect, it } from 'vitest';
import type { GpuLimits } from '../../../src/gpu/device.ts';
import { planResample, resample } from '../../../src/gpu/resample.ts';
import { createVolume, destroyVolume, readVolume, writeVolume } from '../../../src/gpu/volume.ts';
import { type Shape, voxelCount } from '../../../src/math/grid.ts';
import { relativeL2 } from '../../support/compare.ts';
import { resampleDirectly } from '../../support/direct-resample.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { noiseVolume } from '../../support/random-volume.ts';

const ALL: GpuLimits = {
  bindingBytes: 2 ** 28,
  slabBytes: 2 ** 28,
  bufferBytes: 2 ** 28,
  workgroupBytes: 32768,
  lineBytes: 32768,
  workgroupInvocations: 256,
  workgroupsPerDimension: 65535,
  totalBytes: Number.POSITIVE_INFINITY,
};

/** Boxes, limits, and the parts that follow from them. */
const CASES: readonly (readonly [
  from: Shape,
  to: Shape,
  limits: Partial<GpuLimits>,
  parts: { chunkPlanes: number; planesPerSlab: number; rowsPerStrip: number },
])[] = [
  // More planes than before: the new ones lie in slabs that the old box does not reach.
  [
    [20, 18, 16],
    [30, 24, 16],
    { bindingBytes: 20000 },
    { chunkPlanes: 10, planesPerSlab: 8, rowsPerStrip: 6 },
  ],
  // Fewer planes than before: slabs that the new box does not reach.
  [
    [30, 24, 16],
    [20, 18, 16],
    { bindingBytes: 10000 },
    { chunkPlanes: 4, planesPerSlab: 5, rowsPerStrip: 3 },
  ],
  // One plane, one row at a time.
  [
    [9, 10, 12],
    [10, 9, 15],
    { bindingBytes: 8 * 10 * 8 },
    { chunkPlanes: 1, planesPerSlab: 1, rowsPerStrip: 1 },
  ],
];

describeGpu('resampling on slabs (gpu)', (open) => {
  it.each(CASES)('%s to %s with limits %o: the parts are as meant', (from, to, limits, parts) => {
    const planned = planResample(from, to, { ...ALL, ...limits }, Number.POSITIVE_INFINITY);
    if (!planned.ok) throw new Error(planned.reason);
    expect(planned.plan).toMatchObject(parts);
  });

  it.each(CASES)('%s to %s with limits %o equals the float64 definition (2e-6)', async (from, to, limits) => {
    const gpu = await open(limits);
    const data = noiseVolume(from, 1);
    const volume = createVolume(gpu, 'test', from);
    writeVolume(gpu, volume, data);
    const result = await resample(gpu, volume, to);
    const ours = await readVolume(gpu, result, new Float32Array(voxelCount(to)));
    expect(relativeL2(ours, resampleDirectly(data, from, to))).toBeLessThan(2e-6);
    expect(await readVolume(gpu, volume, new Float32Array(data.length))).toEqual(data);
    destroyVolume(gpu, volume);
    destroyVolume(gpu, result);
  });

  it('stays within its plan, leaves only tables behind, and refuses what does not fit', async () => {
    const [from, to]: [Shape, Shape] = [
      [24, 20, 18],
      [30, 24, 20],
    ];
    const planned = planResample(from, to, ALL, Number.POSITIVE_INFINITY);
    if (!planned.ok) throw new Error(planned.reason);
    // Spectrum of 30 planes of 24 rows of 12, and the larger of strips and result.
    expect(planned.plan.workingBytes).toBe(8 * 30 * 24 * 12 + 8 * 12 * 24 * (24 + 30));
    const tight = planResample(from, to, ALL, 8 * 30 * 24 * 12 + 4 * voxelCount(to));
    expect(tight).toMatchObject({ ok: true, plan: { workingBytes: 8 * 30 * 24 * 12 + 4 * voxelCount(to) } });
    expect(planResample(from, to, ALL, 8 * 30 * 24 * 12 + 4 * voxelCount(to) - 1).ok).toBe(false);

    // Room for the volume, the plan in its tightest form, the small buffers, and the tables that stay after
    // the first call (6 lengths below 31, 8 bytes an entry).
    const totalBytes = 4 * voxelCount(from) + 8 * 30 * 24 * 12 + 4 * voxelCount(to) + 256 * 1024 + 6 * 8 * 31;
    const gpu = await open({ totalBytes });
    const volume = createVolume(gpu, 'test', from);
    writeVolume(gpu, volume, noiseVolume(from, 2));
    const first = await resample(gpu, volume, to);
    destroyVolume(gpu, first);
    const before = gpu.allocatedBytes;
    destroyVolume(gpu, await resample(gpu, volume, to));
    expect(gpu.allocatedBytes).toBe(before);
    await expect(resample(gpu, volume, [60, 60, 60])).rejects.toMatchObject({ tag: 'out-of-memory' });
    expect(gpu.allocatedBytes).toBe(before);
    destroyVolume(gpu, volume);
  });
});
