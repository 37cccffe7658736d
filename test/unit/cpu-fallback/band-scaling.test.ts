/**
 * Soft bands on the CPU engine: the same bits whatever the threads, and no more memory than the estimate
 * says.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bandScalingBytes, CALLER_BYTES, openBands } from '../../../src/cpu-fallback/band-scaling.ts';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import { Kernels } from '../../../src/cpu-fallback/kernels/kernels.ts';
import { VolumeMemory } from '../../../src/cpu-fallback/memory.ts';
import type { Pool } from '../../../src/cpu-fallback/pool.ts';
import { tasks } from '../../../src/cpu-fallback/tasks.ts';
import type { BandScalingSettings } from '../../../src/engine/engine.ts';
import { bandScaling } from '../../../src/engine/jobs.ts';
import { type Shape, voxelCount } from '../../../src/math/grid.ts';
import { planBands } from '../../../src/math/soft-scaling/bands.ts';
import { decayProfile } from '../../../src/math/soft-scaling/profile.ts';
import { type SoftTarget, windowSigmaOf } from '../../../src/math/soft-scaling/targets.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../../support/random-volume.ts';

const PROFILE = decayProfile(40);
const BY_PROFILE = { kind: 'profile', profile: PROFILE } as const;
const BY_REFERENCE = { kind: 'reference' } as const;
const BY_BOTH = { kind: 'geometric-mean', profile: PROFILE } as const;

function maps(shape: Shape): Record<'half1' | 'half2' | 'reference' | 'mask', Float32Array> {
  const particle = mapLikeVolume(shape, 1);
  const half = (seed: number) => noiseVolume(shape, seed).map((v, i) => 0.1 * v + particle[i]);
  return { half1: half(2), half2: half(3), reference: mapLikeVolume(shape, 4), mask: blobMask(shape, 0.8) };
}

describe('soft bands on worker threads', () => {
  it.each([BY_BOTH, BY_REFERENCE])('give the same bits with 1, 2 and 3 threads: $kind', async (target) => {
    const shape: Shape = [31, 26, 33];
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      const engine = await createCpuEngine({ threads });
      const { half1, half2, reference, mask } = maps(shape);
      const upload = (data: Float32Array) => engine.upload(data, shape);
      const seen: number[] = [];
      const { scaled, bands } = await bandScaling(
        engine,
        {
          half1: await upload(half1),
          half2: await upload(half2),
          reference: await upload(reference),
          mask: await upload(mask),
          target,
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
      target: BY_PROFILE,
      voxelSize: [1, 1, 1],
    } as const;
    const run = bandScaling(engine, job, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(run).rejects.toThrow(/abort/i);
    expect((await bandScaling(engine, job)).bands.length).toBe(11);
    await engine.dispose();
  });

  it('refuse a job that does not fit the memory limit', async () => {
    const shape: Shape = [24, 24, 24];
    const engine = await createCpuEngine({ threads: 1, memoryLimitBytes: 200_000 });
    const job = {
      half1: await engine.upload(maps(shape).half1, shape),
      fadeResolution: 4,
      target: BY_PROFILE,
      voxelSize: [1, 1, 1],
    } as const;
    await expect(bandScaling(engine, job)).rejects.toMatchObject({
      tag: 'out-of-memory',
      message: 'Scaling in bands does not fit the memory limit.',
    });
    await engine.dispose();
  });

  it.each([
    ['geometric-mean', [40, 36, 44], 1.4],
    ['reference', [40, 36, 44], 1.4],
    ['geometric-mean', [48, 20, 30], 1],
    ['reference', [20, 44, 24], 3],
    ['geometric-mean', [9, 7, 120], 2],
  ] as const)('take the memory that the estimate says: %s, %o voxels of %f A', async (kind, shape, voxel) => {
    const target = kind === 'reference' ? BY_REFERENCE : BY_BOTH;
    const url = new URL('../../../src/cpu-fallback/kernels/kernels.wasm', import.meta.url);
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
    const { half1, half2, reference } = maps(shape);
    const memory = new CountingMemory();
    const volumes = [half1, half2, reference].map((data) => memory.adopt(data, shape));
    const settings: BandScalingSettings = {
      shape,
      voxelSize: [voxel, voxel, voxel],
      halfMaps: true,
      target,
    };
    const opened = await openBands(settings, {
      pool,
      memory,
      memoryLimitBytes: Number.POSITIVE_INFINITY,
      statistics: async () => ({ min: -10, max: 10, mean: 0, sd: 1, count: 1, zeros: 0, nonFinite: 0 }),
      maskVoxels: async () => 0,
      radialFilter: async () => Promise.reject(new Error('there is no fade')),
    });
    const run = await opened.start({ half1: volumes[0], half2: volumes[1], reference: volumes[2] });
    await run.run();
    // The result is beside the estimate, the heap of the calling thread is not shared.
    const estimate = opened.estimate.workingBytes - CALLER_BYTES + 4 * voxelCount(shape);
    const used = shared + kernels.exports.memory.buffer.byteLength;
    expect(used).toBeLessThanOrEqual(estimate);
    expect(used).toBeGreaterThan(0.5 * estimate);
  });

  it.each([
    [1.06, 3.4, 4.4],
    [1.4, 3.6, 4.9],
    // One voxel is a block: local powers and gains are as large as the map. 6 and 9 volumes, the band among
    // them, and kernel memory.
    [2, 6.5, 9.5],
  ])(
    'at %f A hold at most %f volumes besides maps and result, %f with a reference',
    (voxel, most, withReference) => {
      const shape: Shape = [256, 256, 256];
      const volumes = (target: SoftTarget) => {
        const plan = planBands({ shape, voxelSize: [voxel, voxel, voxel] }, windowSigmaOf({ target }));
        return bandScalingBytes(plan, { halfMaps: true, target }, 2) / (4 * 256 ** 3);
      };
      expect(volumes(BY_PROFILE)).toBeLessThan(most);
      for (const target of [BY_BOTH, BY_REFERENCE]) expect(volumes(target)).toBeLessThan(withReference);
    },
  );
});
