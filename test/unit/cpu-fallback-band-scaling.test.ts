/** Soft bands on the CPU engine: the same bits whatever the threads, and no more memory than the estimate says. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bandScalingBytes, scaleBands } from '../../src/cpu-fallback/band-scaling.ts';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import { Kernels } from '../../src/cpu-fallback/kernels/kernels.ts';
import { VolumeMemory } from '../../src/cpu-fallback/memory.ts';
import type { Pool } from '../../src/cpu-fallback/pool.ts';
import { tasks } from '../../src/cpu-fallback/tasks.ts';
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import { planBands } from '../../src/math/soft-scaling/bands.ts';
import { planInputs } from '../../src/math/soft-scaling/inputs.ts';
import { decayProfile } from '../../src/math/soft-scaling/profile.ts';
import { TargetPlan } from '../../src/math/soft-scaling/targets.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../support/random-volume.ts';

const PROFILE = decayProfile(40);

function maps(shape: Shape): Record<'half1' | 'half2' | 'reference' | 'mask', Float32Array> {
  const particle = mapLikeVolume(shape, 1);
  const half = (seed: number) => noiseVolume(shape, seed).map((v, i) => 0.1 * v + particle[i]);
  return { half1: half(2), half2: half(3), reference: mapLikeVolume(shape, 4), mask: blobMask(shape, 0.8) };
}

describe('soft bands on worker threads', () => {
  it('give the same bits with 1, 2 and 3 threads, and report every band', async () => {
    const shape: Shape = [31, 26, 33];
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      const engine = await createCpuEngine({ threads });
      const { half1, half2, reference, mask } = maps(shape);
      const upload = (data: Float32Array) => engine.upload(data, shape);
      const seen: number[] = [];
      const { scaled, bands } = await engine.bandScaling(
        {
          half1: await upload(half1),
          half2: await upload(half2),
          reference: await upload(reference),
          mask: await upload(mask),
          profile: PROFILE,
          voxelSize: [1.1, 1.1, 1.1],
        },
        { onProgress: (done) => seen.push(done) },
      );
      expect(seen).toEqual(bands.map((_, i) => i + 1));
      results.push(Float32Array.from(await engine.download(scaled)));
      await engine.dispose();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('stop between two bands, and leave nothing behind', async () => {
    const shape: Shape = [24, 24, 24];
    const engine = await createCpuEngine({ threads: 2, memoryLimitBytes: 2 ** 30 });
    const { half1, half2 } = maps(shape);
    const stop = new AbortController();
    const job = {
      half1: await engine.upload(half1, shape),
      half2: await engine.upload(half2, shape),
      profile: PROFILE,
      voxelSize: [1, 1, 1],
    } as const;
    const run = engine.bandScaling(job, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(run).rejects.toThrow(/abort/i);
    expect((await engine.bandScaling(job)).bands.length).toBe(11);
    await engine.dispose();
  });

  it('refuse a job that does not fit the memory limit', async () => {
    const shape: Shape = [24, 24, 24];
    const engine = await createCpuEngine({ threads: 1, memoryLimitBytes: 200_000 });
    const job = {
      half1: await engine.upload(maps(shape).half1, shape),
      fadeResolution: 4,
      profile: PROFILE,
      voxelSize: [1, 1, 1],
    } as const;
    await expect(engine.bandScaling(job)).rejects.toMatchObject({
      tag: 'out-of-memory',
      message: 'Scaling in bands does not fit the memory limit.',
    });
    await engine.dispose();
  });

  it.each([
    [[40, 36, 44], 1.4],
    [[48, 20, 30], 1],
    [[20, 44, 24], 3],
    [[9, 7, 120], 2],
  ] as const)('take the memory that the estimate says: %o voxels of %f A', async (shape, voxel) => {
    const url = new URL('../../src/cpu-fallback/kernels/kernels.wasm', import.meta.url);
    const kernels = new Kernels(new WebAssembly.Module(readFileSync(url)));
    const thread = { kernels, scaler: undefined, scalerMark: kernels.mark() };
    const pool = {
      size: 1,
      map: async (task: keyof typeof tasks, list: readonly unknown[]) =>
        list.map((args) => (tasks[task] as (thread: unknown, args: unknown) => unknown)(thread, args)),
    } as unknown as Pool;
    let shared = 0;
    class CountingMemory extends VolumeMemory {
      override allocate(voxels: number): Float32Array {
        shared += 4 * voxels;
        return super.allocate(voxels);
      }
    }
    const plan = planBands({ shape, voxelSize: [voxel, voxel, voxel] });
    const { half1, half2, reference } = maps(shape);
    const extent = (map: Float32Array) => ({ map, min: -10, max: 10, mean: 0 });
    const inputs = planInputs(extent(half1), extent(half2), extent(reference), true);
    const target = { hasReference: true, profile: PROFILE, locality: 0.5 };
    const targets = new TargetPlan(plan, target, voxelCount(shape), inputs.powerScale);
    const volumes = { inputs, mask: undefined, out: new Float32Array(voxelCount(shape)) };
    await scaleBands(pool, new CountingMemory(), plan, targets, volumes, {});
    const job = { half2: {} as never, reference: {} as never, profile: PROFILE };
    const estimate = bandScalingBytes(plan, job, 1);
    const used = shared + kernels.exports.memory.buffer.byteLength;
    expect(used).toBeLessThanOrEqual(estimate);
    expect(used).toBeGreaterThan(0.5 * estimate);
  });

  it.each([
    [1.06, 3.4, 4.4],
    [1.4, 3.6, 4.8],
    // One voxel is a block: local powers and gains are as large as the map. 6 and 8 volumes, and kernel memory.
    [2, 6.5, 8.5],
  ])(
    'at %f A hold at most %f volumes beside maps and result, %f with a reference',
    (voxel, most, withReference) => {
      const shape: Shape = [256, 256, 256];
      const plan = planBands({ shape, voxelSize: [voxel, voxel, voxel] });
      const volumes = (job: object) =>
        bandScalingBytes(plan, { half2: {} as never, ...job }, 2) / (4 * 256 ** 3);
      expect(volumes({ profile: PROFILE })).toBeLessThan(most);
      expect(volumes({ profile: PROFILE, reference: {} as never })).toBeLessThan(withReference);
    },
  );
});
