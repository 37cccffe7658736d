/** Local resolution with what only the GPU engine has: slabs, forced limits, a device that goes away. */
import { afterAll, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine, LocalResolutionJob } from '../../src/engine/engine.ts';
import { localResolution } from '../../src/engine/jobs.ts';
import type { GpuLimits } from '../../src/gpu/device.ts';
import { createGpuEngine } from '../../src/gpu/index.ts';
import { filterBins } from '../../src/math/fourier/local-filter.ts';
import type { Shape } from '../../src/math/grid.ts';
import { maxDifference } from '../support/compare.ts';
import { describeGpu } from '../support/gpu-device.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../support/random-volume.ts';

const SHAPE: Shape = [21, 19, 35];
const MIB = 2 ** 20;

async function makeJob(engine: Engine): Promise<LocalResolutionJob> {
  const signal = mapLikeVolume(SHAPE, 1);
  const half = (seed: number): Float32Array => {
    const noise = noiseVolume(SHAPE, seed);
    return signal.map((v, i) => v + 0.5 * noise[i]);
  };
  const upload = (data: Float32Array) => engine.upload(data, SHAPE);
  return {
    half1: await upload(half(2)),
    half2: await upload(half(3)),
    mask: await upload(blobMask(SHAPE, 0.8)),
    windowVoxels: 6,
    weights: 'hann',
    voxelSize: 1.5,
    threshold: 0.143,
    padValues: [0.4, -0.2],
    correlationShells: [2, 3],
  };
}

/** FSC of two shells, the resolution, and one half map low-passed at it if asked. */
async function resolved(engine: Engine, filter: boolean): Promise<Float32Array[]> {
  const job = await makeJob(engine);
  const { resolution, correlations } = await localResolution(engine, job);
  const bins = filterBins(await engine.download(resolution), job.voxelSize);
  const filtered = filter ? [await engine.localFilter(job.half1, resolution, bins)] : [];
  return Promise.all([...correlations, resolution, ...filtered].map((volume) => engine.download(volume)));
}

describeGpu('local resolution on the GPU', (gpu) => {
  let expected: Promise<Float32Array[]> | undefined;
  const onCpu = (): Promise<Float32Array[]> => {
    expected ??= createCpuEngine({ threads: 2 }).then(async (engine) => {
      const maps = await resolved(engine, true);
      await engine.dispose();
      return maps;
    });
    return expected;
  };
  afterAll(async () => void (await expected));

  const limits: [string, Partial<GpuLimits>][] = [
    ['bindings of 1 MiB (small tiles, several batches)', { bindingBytes: MIB }],
    ['slabs of five planes', { slabBytes: 5 * 4 * SHAPE[1] * SHAPE[2] }],
    ['workgroups of 64 threads', { workgroupInvocations: 64 }],
  ];
  it.each(limits)('agrees with the CPU engine to 1e-5, with %s', async (_, limit) => {
    const engine = await createGpuEngine(await gpu(limit));
    const maps = await resolved(engine, limit.slabBytes !== undefined);
    const cpu = await onCpu();
    maps.forEach((map, i) => {
      expect(maxDifference(map, cpu[i])).toBeLessThan(1e-5);
    });
  });

  it('says what is missing when no tile fits', async () => {
    const engine = await createGpuEngine(await gpu({ totalBytes: MIB }));
    await expect(resolved(engine, false)).rejects.toMatchObject({
      tag: 'out-of-memory',
      hint: expect.stringContaining('`engine: cpu`'),
    });
  });

  it('a device lost in the middle ends the job with an error, not with a map', async () => {
    const device = await gpu({ bindingBytes: MIB });
    const engine = await createGpuEngine(device);
    const job = await makeJob(engine);
    const running = localResolution(engine, job, { onProgress: () => device.device.destroy() });
    await expect(running).rejects.toMatchObject({ tag: 'no-device' });
  });
});
