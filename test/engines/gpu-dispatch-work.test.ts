/** Long dispatches are split where a GPU would otherwise not answer for long: results keep their bits. */
import { expect, it } from 'vitest';
import { countDevice } from '../../bench/counting-device.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { localResolution, localScaling } from '../../src/engine/jobs.ts';
import { createGpuEngine } from '../../src/gpu/index.ts';
import type { Shape } from '../../src/math/grid.ts';
import { pointGroup } from '../../src/math/symmetry/point-group.ts';
import { describeGpu } from '../support/gpu-device.ts';
import { blobMask, mapLikeVolume } from '../support/random-volume.ts';

const SHAPE: Shape = [22, 22, 22];

async function scaled(engine: Engine): Promise<Float32Array> {
  const upload = (data: Float32Array) => engine.upload(data, SHAPE);
  const result = await localScaling(engine, {
    map: await upload(mapLikeVolume(SHAPE, 41)),
    reference: await upload(mapLikeVolume(SHAPE, 42)),
    mask: await upload(blobMask(SHAPE, 0.5)),
    windowVoxels: 8,
    profileKind: 'octant',
    rule: { kind: 'reference-profile', voxelSize: 1.5, wilsonCutoff: 10.1, fscCutoff: 3.9 },
    padValues: { map: 0.4, reference: -0.2 },
    measureBFactors: false,
  });
  return engine.download(result.scaled);
}

async function resolved(engine: Engine): Promise<Float32Array> {
  const upload = (data: Float32Array) => engine.upload(data, SHAPE);
  const { resolution } = await localResolution(engine, {
    half1: await upload(mapLikeVolume(SHAPE, 41)),
    half2: await upload(mapLikeVolume(SHAPE, 42)),
    mask: await upload(blobMask(SHAPE, 0.5)),
    windowVoxels: 8,
    weights: 'box',
    voxelSize: 1.5,
    threshold: 0.5,
    padValues: [0, 0],
  });
  return engine.download(resolution);
}

async function averaged(engine: Engine, group: string): Promise<Float32Array> {
  const volume = await engine.upload(mapLikeVolume(SHAPE, 15), SHAPE);
  return engine.download(await engine.symmetrise(volume, pointGroup(group)));
}

describeGpu('split dispatches', (open) => {
  it.each([
    ['local scaling', scaled],
    ['local resolution', resolved],
    ['an average that moves voxels', (engine: Engine) => averaged(engine, 'C4')],
    ['an average that interpolates', (engine: Engine) => averaged(engine, 'D3')],
  ])('of %s change no bit', async (_, run) => {
    const results: Float32Array[] = [];
    const dispatches: number[] = [];
    for (const limits of [{}, { dispatchWork: 20_000 }]) {
      const gpu = await open(limits);
      // Counts for all tests of the device: differences are this run's.
      counts.set(gpu, counts.get(gpu) ?? countDevice(gpu.device, { bytes: false }));
      const { calls } = counts.get(gpu)!;
      const before = calls.dispatches;
      results.push(await run(await createGpuEngine(gpu, { kind: 'software' })));
      dispatches.push(calls.dispatches - before);
    }
    expect(results[1]).toEqual(results[0]);
    expect(dispatches[1]).toBeGreaterThan(dispatches[0]);
  });
});

const counts = new WeakMap<object, ReturnType<typeof countDevice>>();
