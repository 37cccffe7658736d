/** The model of times on GPUs: what limits a shader, and which GPU is which. */
import { describe, expect, it } from 'vitest';
import {
  findGpu,
  findWork,
  GPUS,
  type KernelWork,
  kernelTime,
  modelTime,
  type StageWork,
} from '../../../src/bench/model.ts';
import { stages } from '../../../src/bench/stages.ts';

const [gpu] = GPUS;
const idle: KernelWork = {
  label: 'a.main',
  dispatches: 0,
  bytesRead: 0,
  bytesWritten: 0,
  localBytes: 0,
  operations: 0,
};
const time = (change: Partial<KernelWork>) => kernelTime({ ...idle, ...change }, 'mask voxel', 1, gpu);

describe('the time of a shader', () => {
  it('is that of its writes, and of its reads where no cache has them', () => {
    const { cached, uncached } = time({ bytesRead: 3e9, bytesWritten: 1e9 });
    expect(cached).toBeGreaterThan(1e9 / gpu.memory);
    expect(uncached / cached).toBeCloseTo(4, 12);
  });

  it.each([
    ['workgroup memory', { localBytes: 1e12 }, 1e12 / gpu.local],
    ['arithmetic', { operations: 1e12 }, 1e12 / gpu.instructions],
  ])('is that of %s where this takes longest', (_, change, atLeast) => {
    const alone = time(change);
    expect(alone.cached).toBeGreaterThan(atLeast);
    expect(time({ ...change, bytesWritten: 1e6 })).toEqual(alone);
  });

  it('has the start of every dispatch, of tiles in proportion to the mask', () => {
    const start = time({ dispatches: 10 }).cached;
    expect(start).toBeGreaterThan(0);
    const job = { voxels: 2e6, maskVoxels: 2e5 };
    const work = { stage: 'a', units: 1e5, windowVoxels: 0, kernels: [{ ...idle, dispatches: 10 }] };
    expect(modelTime({ ...work, per: 'mask voxel' } as StageWork, job, gpu).cached).toBeCloseTo(
      2 * start,
      12,
    );
    expect(modelTime({ ...work, per: 'voxel' } as StageWork, job, gpu).cached).toBeCloseTo(start, 12);
  });
});

it.each([
  ['NVIDIA H200 (vulkan)', 'H200'],
  ['NVIDIA GeForce RTX 4090 (d3d12)', 'RTX 4090'],
  ['NVIDIA GeForce RTX 4090 Laptop GPU (vulkan)', undefined],
  ['AMD Radeon RX 7900 XTX (RADV NAVI31) (vulkan)', '7900 XTX'],
  ['AMD Radeon RX 7900 XT (vulkan)', undefined],
  ['Apple M3 (metal)', 'M3'],
  ['Apple M3 Pro (metal)', undefined],
  ['Intel(R) Iris(R) Xe Graphics (TGL GT2) (vulkan)', 'Iris Xe'],
  ['SwiftShader Device (Subzero) (vulkan)', undefined],
])('knows %s as %s', (name, expected) => {
  expect(findGpu(name)?.name).toBe(expected);
});

it('knows the work of every stage of the benchmark, in its windows only', () => {
  for (const { name } of stages) expect(findWork(name, 24)?.stage).toBe(name);
  expect(findWork('locscale', 16)).toBeUndefined();
  expect(findWork('network', 24)).toBeUndefined();
});
