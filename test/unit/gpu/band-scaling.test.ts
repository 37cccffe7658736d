/**
 * Soft bands on the GPU: equal to the CPU engine, in several slabs, within the memory and the traffic
 * planned.
 */
import { describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { BandScalingJob, Engine } from '../../../src/engine/engine.ts';
import { bandScaling, bandSettings } from '../../../src/engine/jobs.ts';
import type { GpuDevice, GpuLimits } from '../../../src/gpu/device.ts';
import { createGpuEngine } from '../../../src/gpu/index.ts';
import { bandTraffic, planGpuBands } from '../../../src/gpu/plan-bands.ts';
import { type Shape, voxelCount } from '../../../src/math/grid.ts';
import { planBands, windowWeights } from '../../../src/math/soft-scaling/bands.ts';
import { decayProfile } from '../../../src/math/soft-scaling/profile.ts';
import { type SoftTarget, windowSigmaOf } from '../../../src/math/soft-scaling/targets.ts';
import { relativeL2 } from '../../support/compare.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../../support/random-volume.ts';

const SHAPE: Shape = [30, 24, 28];
const VOXEL = [1.3, 1.5, 1.1] as const;
type Triple = readonly [number, number, number];
const PROFILE = decayProfile(40);
const LIMITS: GpuLimits = {
  bindingBytes: 2 ** 30,
  slabBytes: 2 ** 30,
  bufferBytes: 2 ** 30,
  workgroupBytes: 32768,
  lineBytes: 32768,
  workgroupInvocations: 256,
  workgroupsPerDimension: 65535,
  totalBytes: Number.POSITIVE_INFINITY,
};

const BY_BOTH: SoftTarget = { kind: 'geometric-mean', profile: PROFILE };
const BY_REFERENCE: SoftTarget = { kind: 'reference' };

async function jobOn(
  engine: Engine,
  target: SoftTarget,
  shape = SHAPE,
  voxelSize: Triple = VOXEL,
): Promise<BandScalingJob> {
  const upload = (data: Float32Array) => engine.upload(data, shape);
  const particle = mapLikeVolume(shape, 1);
  const half = (seed: number) => upload(noiseVolume(shape, seed).map((v, i) => 0.1 * v + particle[i]));
  return {
    half1: await half(2),
    half2: await half(3),
    reference: await upload(mapLikeVolume(shape, 4)),
    mask: await upload(blobMask(shape, 0.8)),
    voxelSize,
    target,
  };
}

async function scaleOnCpu(
  ...grid: [target: SoftTarget, shape?: Shape, voxelSize?: Triple]
): Promise<Float32Array> {
  const cpu = await createCpuEngine({ threads: 1 });
  const { scaled } = await bandScaling(cpu, await jobOn(cpu, ...grid));
  const voxels = Float32Array.from(await cpu.download(scaled));
  await cpu.dispose();
  return voxels;
}

/** Most bytes in buffers while `work` runs. */
async function peakBytes(gpu: GpuDevice, work: () => Promise<unknown>): Promise<number> {
  const { createBuffer } = gpu;
  let most = 0;
  gpu.createBuffer = (...args) => {
    const buffer = createBuffer(...args);
    most = Math.max(most, gpu.allocatedBytes);
    return buffer;
  };
  try {
    await work();
  } finally {
    gpu.createBuffer = createBuffer;
  }
  return most;
}

describeGpu('soft bands on slabs (gpu)', (open) => {
  it.each([
    ['geometric-mean', {}],
    // Slabs of 15 planes for volumes, in the middle of a block, and of 5 for spectra.
    ['geometric-mean', { slabBytes: 4 * 15 * 24 * 28, bindingBytes: 8 * 6 * 24 * 16 }],
    ['reference', { slabBytes: 4 * 15 * 24 * 28, bindingBytes: 8 * 6 * 24 * 16 }],
  ] as const)('%s with limits %o equal the CPU engine (5e-6)', async (kind, limits) => {
    const target = kind === 'reference' ? BY_REFERENCE : BY_BOTH;
    const engine = await createGpuEngine(await open(limits));
    const { scaled } = await bandScaling(engine, await jobOn(engine, target));
    expect(relativeL2(await engine.download(scaled), await scaleOnCpu(target))).toBeLessThan(5e-6);
  });

  it.each([
    [[8, 6, 280], 2.5],
    [[270, 9, 5], 1.7],
    [[5, 300, 12], 3.4],
  ] as const)(
    'on axes longer than a workgroup reads at once equal the CPU engine (5e-6): %o voxels of %d A',
    async (shape, edge) => {
      const voxelSize = [edge, edge, edge] as const;
      const engine = await createGpuEngine(await open());
      const { scaled } = await bandScaling(engine, await jobOn(engine, BY_REFERENCE, shape, voxelSize));
      expect(
        relativeL2(await engine.download(scaled), await scaleOnCpu(BY_REFERENCE, shape, voxelSize)),
      ).toBeLessThan(5e-6);
    },
  );

  it.each([BY_BOTH, BY_REFERENCE])(
    'take the memory that the estimate says, leave tables behind, and refuse what does not fit: $kind',
    async (target) => {
      const gpu = await open({ bufferBytes: 2 ** 26 });
      const engine = await createGpuEngine(gpu);
      const job = await jobOn(engine, target);
      const run = async (): Promise<void> => engine.release((await bandScaling(engine, job)).scaled);
      await run();
      const before = gpu.allocatedBytes;
      const { workingBytes, seconds } = (await engine.openBandScaling(bandSettings(job))).estimate;
      const peak = await peakBytes(gpu, run);
      expect(gpu.allocatedBytes).toBe(before);
      const result = 4 * voxelCount(SHAPE);
      expect(peak - before).toBeLessThanOrEqual(workingBytes + result);
      // Beside the room for parameters and tables nothing is set apart in vain.
      expect(peak - before).toBeGreaterThan(0.9 * (workingBytes + result - 512 * 1024));
      expect(seconds).toBeGreaterThan(0);

      const small = await createGpuEngine(await open({ totalBytes: before + workingBytes / 2 }));
      const tooLarge = await jobOn(small, target);
      await expect(bandScaling(small, tooLarge)).rejects.toMatchObject({ tag: 'out-of-memory' });
      await expect(small.openBandScaling(bandSettings(tooLarge))).rejects.toThrow(/does not fit the GPU/);
    },
  );
});

describe('soft bands on a GPU, planned', () => {
  it('read windows that fit the room of the shader, whatever the window and the voxels', () => {
    for (const sigma of [2, 4.9, 10, 33])
      for (let voxel = 0.3; voxel < 12; voxel += 0.1) {
        const { windows } = planBands({ shape: [900, 900, 900], voxelSize: [voxel, voxel, voxel] }, sigma);
        expect(windowWeights(windows, 0).length).toBeLessThanOrEqual(2 * 42 + 1);
      }
  });

  it('move at most 1.3 times the bytes of their transforms at 256^3, 1.06 A', () => {
    for (const target of [{ kind: 'profile', profile: PROFILE }, { kind: 'reference' }] as const) {
      const bands = planBands(
        { shape: [256, 256, 256], voxelSize: [1.06, 1.06, 1.06] },
        windowSigmaOf({ target }),
      );
      const planned = planGpuBands(bands, { halfMaps: true, target }, LIMITS, Number.POSITIVE_INFINITY);
      if (!planned.ok) throw new Error(planned.reason);
      const hasLevel = target.kind === 'profile';
      const { bytes, transformBytes } = bandTraffic(planned.plan, true, hasLevel);
      expect(bytes / transformBytes).toBeLessThan(1.3);
      // Two spectra (or three), band, its voxels; blocks are small.
      const volume = 4 * 256 ** 3;
      expect(planned.plan.bytes).toBeLessThan((hasLevel ? 4.4 : 5.5) * volume);
    }
  });
});
