/** What only the GPU engine has: slabs, forced limits, a device that goes away in the middle of a job. */
import { afterAll, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine, LocalScalingJob } from '../../src/engine/engine.ts';
import { localScaling } from '../../src/engine/jobs.ts';
import type { GpuLimits } from '../../src/gpu/device.ts';
import { createGpuEngine } from '../../src/gpu/index.ts';
import type { Shape } from '../../src/math/grid.ts';
import type { ScalingRule } from '../../src/math/scaling/scaling-rules.ts';
import type { WindowTaper } from '../../src/math/scaling/windows.ts';
import { relativeL2 } from '../support/compare.ts';
import { describeGpu } from '../support/gpu-device.ts';
import { blobMask, mapLikeVolume } from '../support/random-volume.ts';

const RULE: ScalingRule = { kind: 'reference-profile', voxelSize: 1.5, wilsonCutoff: 10.1, fscCutoff: 3.9 };
const SHAPE: Shape = [37, 41, 43];
const MIB = 2 ** 20;

async function makeJob(engine: Engine, windowTaper?: WindowTaper): Promise<LocalScalingJob> {
  const upload = (data: Float32Array) => engine.upload(data, SHAPE);
  return {
    map: await upload(mapLikeVolume(SHAPE, 41)),
    reference: await upload(mapLikeVolume(SHAPE, 42)),
    mask: await upload(blobMask(SHAPE, 0.5)),
    windowVoxels: 8,
    profileKind: 'octant',
    windowTaper,
    rule: RULE,
    padValues: { map: 0.4, reference: -0.2 },
    measureBFactors: true,
  };
}

async function scaled(engine: Engine, taper?: WindowTaper): Promise<Float32Array[]> {
  const result = await localScaling(engine, await makeJob(engine, taper));
  return Promise.all(
    [result.scaled, result.bFactor!, result.quality!].map((volume) => engine.download(volume)),
  );
}

describeGpu('local scaling on the GPU', (gpu) => {
  let expected: Promise<Float32Array[]> | undefined;
  const onCpu = (): Promise<Float32Array[]> => {
    expected ??= createCpuEngine({ threads: 2 }).then(async (engine) => {
      const maps = await scaled(engine);
      await engine.dispose();
      return maps;
    });
    return expected;
  };
  afterAll(async () => void (await expected));
  /** With the limits of the adapter: what tests of other limits compare with, computed once. */
  let unlimited: Promise<Float32Array[]> | undefined;
  const onGpu = (): Promise<Float32Array[]> => {
    unlimited ??= gpu()
      .then(createGpuEngine)
      .then((engine) => scaled(engine));
    return unlimited;
  };

  const limits: [string, Partial<GpuLimits>][] = [
    ['bindings of 1 MiB (small tiles)', { bindingBytes: MIB }],
    ['bindings of 2 MiB and 32 MiB in all', { bindingBytes: 2 * MIB, totalBytes: 32 * MIB }],
    ['bindings of 128 MiB and 256 MiB in all', { bindingBytes: 128 * MIB, totalBytes: 256 * MIB }],
    ['workgroups of 64 threads', { workgroupInvocations: 64 }],
    ['workgroups of 2 KiB (sums along z read for every frequency)', { workgroupBytes: 2048 }],
  ];
  it('agrees with the CPU engine to 5e-6, with the limits of the adapter', async () => {
    const maps = await onGpu();
    (await onCpu()).forEach((map, i) => {
      expect(relativeL2(maps[i], map)).toBeLessThan(5e-6);
    });
  });

  it('agrees with the CPU engine to 5e-6 on Hann windows, in one tile and in several', async () => {
    const cpu = await createCpuEngine({ threads: 2 });
    const onThreads = await scaled(cpu, 'hann');
    for (const limit of [{}, { bindingBytes: MIB }]) {
      const maps = await scaled(await createGpuEngine(await gpu(limit)), 'hann');
      onThreads.forEach((map, i) => {
        expect(relativeL2(maps[i], map)).toBeLessThan(5e-6);
      });
    }
    await cpu.dispose();
  });

  it.each(limits)('agrees with the CPU engine to 5e-6, with %s', async (_, limit) => {
    const engine = await createGpuEngine(await gpu(limit));
    const maps = await scaled(engine);
    (await onCpu()).forEach((map, i) => {
      expect(relativeL2(maps[i], map)).toBeLessThan(5e-6);
    });
  });

  it('does not depend on the number of slabs (1e-6)', async () => {
    const one = await onGpu();
    // Slabs of five planes: tiles begin and end in the middle of them.
    const many = await scaled(await createGpuEngine(await gpu({ slabBytes: 5 * 4 * SHAPE[1] * SHAPE[2] })));
    many.forEach((map, i) => {
      expect(relativeL2(map, one[i])).toBeLessThan(1e-6);
    });
  });

  it('says what is missing when no tile fits', async () => {
    const engine = await createGpuEngine(await gpu({ totalBytes: 2 * MIB }));
    await expect(scaled(engine)).rejects.toMatchObject({
      tag: 'out-of-memory',
      hint: expect.stringContaining('`engine: cpu`'),
    });
  });

  it('a device lost in the middle ends the job with an error, not with a map', async () => {
    const device = await gpu({ bindingBytes: MIB, totalBytes: 500 * MIB });
    const engine = await createGpuEngine(device);
    const job = await makeJob(engine);
    const running = localScaling(engine, job, { onProgress: () => device.device.destroy() });
    await expect(running).rejects.toMatchObject({ tag: 'no-device' });
    await expect(engine.download(job.map)).rejects.toMatchObject({ tag: 'no-device' });
  });
});
