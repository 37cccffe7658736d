/**
 * Radial filter and shell spectra on the GPU: volumes in several slabs and strips give what one slab gives.
 */
import { expect, it } from 'vitest';
import type { GpuDevice, GpuLimits } from '../../../src/gpu/device.ts';
import { planSlabFft } from '../../../src/gpu/fft-slabs.ts';
import { radialFilter } from '../../../src/gpu/radial-filter.ts';
import { shellSpectra, squaredRadii } from '../../../src/gpu/shell-spectra.ts';
import {
  createVolume,
  destroyVolume,
  type GpuVolume,
  readVolume,
  writeVolume,
} from '../../../src/gpu/volume.ts';
import { tanhLowPass } from '../../../src/math/fourier/radial-transfer.ts';
import { type Shape, voxelCount } from '../../../src/math/grid.ts';
import { relativeL2 } from '../../support/compare.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { mapLikeVolume } from '../../support/random-volume.ts';
import { createSimpleEngine } from '../../support/simple-engine.ts';

/** Shape, limits, and the slabs and rows per strip that follow from them. */
const CASES: readonly (readonly [
  shape: Shape,
  limits: Partial<GpuLimits>,
  planesPerSlab: number,
  rowsPerStrip: number,
])[] = [
  [[40, 36, 34], { bindingBytes: 65536, totalBytes: 2 ** 21 }, 10, 9],
  [[17, 23, 29], { bindingBytes: 8 * 23 * 16 }, 1, 1],
  [[30, 45, 21], { bindingBytes: 40000 }, 8, 12],
];

function upload(gpu: GpuDevice, shape: Shape, data: Float32Array): GpuVolume {
  const volume = createVolume(gpu, 'test', shape);
  writeVolume(gpu, volume, data);
  return volume;
}

describeGpu('Fourier operations on slabs (gpu)', (open) => {
  it.each(CASES)('%s with limits %o: the strips are as meant', (shape, limits, planes, rows) => {
    const all = {
      bindingBytes: 1,
      slabBytes: 1,
      bufferBytes: 2 ** 28,
      workgroupBytes: 32768,
      lineBytes: 32768,
      workgroupInvocations: 256,
    };
    const planned = planSlabFft(
      shape,
      { ...all, workgroupsPerDimension: 65535, totalBytes: Number.POSITIVE_INFINITY, ...limits },
      2,
      Number.POSITIVE_INFINITY,
    );
    if (!planned.ok) throw new Error(planned.reason);
    expect(planned.plan).toMatchObject({ planesPerSlab: planes, rowsPerStrip: rows });
  });

  it.each(CASES)('low-pass of %s with limits %o equals the float64 one (1e-6)', async (shape, limits) => {
    const data = mapLikeVolume(shape, 1);
    const transfer = tanhLowPass(4, 1.3);
    const [gpu, simple] = [await open(limits), createSimpleEngine()];
    const volume = upload(gpu, shape, data);
    const filtered = await radialFilter(gpu, volume, transfer);
    const ours = await readVolume(gpu, filtered, new Float32Array(voxelCount(shape)));
    const expected = await simple.download(
      await simple.radialFilter(await simple.upload(data.slice(), shape), transfer),
    );
    expect(relativeL2(ours, expected)).toBeLessThan(1e-6);
    const input = await readVolume(gpu, volume, new Float32Array(voxelCount(shape)));
    expect(input).toEqual(data);
    destroyVolume(gpu, volume);
    destroyVolume(gpu, filtered);
  });

  it.each(CASES)(
    'shell spectra of %s with limits %o equal those of one slab (1e-6), with the same counts',
    async (shape, limits) => {
      const run = async (gpu: GpuDevice) => {
        const volumes = [2, 3].map((seed) => upload(gpu, shape, mapLikeVolume(shape, seed)));
        const sums = await shellSpectra(gpu, volumes[0], volumes[1]);
        for (const volume of volumes) destroyVolume(gpu, volume);
        return sums;
      };
      const [ours, expected] = [await run(await open(limits)), await run(await open())];
      expect(ours.counts).toEqual(expected.counts);
      expect(relativeL2(ours.powerA, expected.powerA)).toBeLessThan(1e-6);
      expect(relativeL2(ours.powerB, expected.powerB)).toBeLessThan(1e-6);
      ours.cross.forEach((value, r) => {
        const power = Math.sqrt(expected.powerA[r] * expected.powerB[r]);
        expect(Math.abs(value - expected.cross[r])).toBeLessThan(1e-6 * power);
      });
    },
  );

  it('leaves nothing behind but the tables of the lengths', async () => {
    const gpu = await open({ bindingBytes: 65536 });
    const shape: Shape = [20, 36, 34];
    const run = async (): Promise<void> => {
      const volume = upload(gpu, shape, mapLikeVolume(shape, 4));
      destroyVolume(gpu, await radialFilter(gpu, volume, tanhLowPass(4, 1.3)));
      await shellSpectra(gpu, volume, volume);
      destroyVolume(gpu, volume);
    };
    await run();
    const tables = gpu.allocatedBytes;
    await run();
    expect(gpu.allocatedBytes).toBe(tables);
    expect(tables).toBeLessThan(4096);
  });

  it('says what is missing where memory does not suffice, and frees what it took', async () => {
    const gpu = await open({ totalBytes: 2 ** 20 });
    const shape: Shape = [64, 40, 40];
    const volume = upload(gpu, shape, mapLikeVolume(shape, 5));
    const before = gpu.allocatedBytes;
    await expect(radialFilter(gpu, volume, tanhLowPass(4, 1.3))).rejects.toMatchObject({
      tag: 'out-of-memory',
      message: expect.stringContaining('needs 491520 bytes'),
    });
    expect(gpu.allocatedBytes).toBe(before);
    destroyVolume(gpu, volume);
  });

  it('a volume without shells has empty spectra', async () => {
    const gpu = await open();
    const volume = upload(gpu, [1, 4, 4], mapLikeVolume([1, 4, 4], 6));
    const { counts } = await shellSpectra(gpu, volume, volume);
    expect(counts).toHaveLength(0);
    destroyVolume(gpu, volume);
  });

  it('squared radii of a cubic box are whole numbers, exactly', () => {
    const squares = squaredRadii([6, 6, 6]);
    const axis = [0, 1, 4, 9, 4, 1];
    expect([...squares]).toEqual([...axis, ...axis, 0, 1, 4, 9].flatMap((whole) => [0, whole]));
  });
});
