/** `locscale-gpu bench` as a user runs it, in the smallest box. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BenchRecord } from '../../src/bench/record.ts';
import { describeMissing, findTestAdapter } from '../support/gpu-device.ts';
import { describeLong } from '../support/required.ts';
import { gpuEnvironment, usesHardware } from '../support/software-gpu.ts';
import { type Runtime, runCli, runtimes, Workspace } from './run-cli.ts';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.remove());

const small = ['bench', '--quick', '--size', '32', '-np', '2'];
const noGpu = {
  VK_DRIVER_FILES: '/nonexistent/driver.json',
  VK_ICD_FILENAMES: '/nonexistent/driver.json',
  DENO_WEBGPU_BACKEND: 'vulkan',
};
const recordIn = (name: string): BenchRecord => JSON.parse(readFileSync(workspace.path(name), 'utf8'));
const STAGES = ['filter', 'locscale', 'soft', 'resolution', 'network', 'command'];

/** The result of a machine that scaled a box of 32^3 voxels in 2 ms. */
function writeTheirs(): void {
  const stage = { name: 'locscale', title: "LocScale's scaling", seconds: 0.002, runs: 5 };
  const device = { kind: 'hardware', name: 'Another GPU (metal)', index: 0, copy: 1e11, stages: [stage] };
  const theirs = { schema: 1, program: 'locscale-gpu', edge: 32, devices: [device] };
  writeFileSync(workspace.path('theirs.json'), JSON.stringify(theirs));
}

const adapter = await findTestAdapter();
/** Under Node with a GPU in the machine that is not measured, under Deno without any. */
const hidesGpu = (runtime: Runtime): boolean => runtime === 'deno' || usesHardware || 'reason' in adapter;

describe.each(runtimes)('the benchmark under %s', (runtime) => {
  it('measures the CPU, every result compared first, and stores it next to that of another machine', async () => {
    writeTheirs();
    const args = ['bench', '--quick', '-np', '2', '--compare', 'theirs.json', '-o', 'r.json'];
    const env = hidesGpu(runtime) ? noGpu : gpuEnvironment();
    const { code, stdout, stderr } = await runCli(workspace.folder, args, { runtime, env });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Box of 32\^3 voxels, \d+ of them in the mask, windows of 8\^3$/m);
    expect(stdout).toMatch(/^stage +device +time +CPU \/ it$/m);
    expect(stdout).toMatch(/^LocScale's scaling +CPU, 2 threads +\S+ m?s +1\.00 x$/m);
    // In the box of theirs.
    expect(stdout).toMatch(/^ +theirs\.json: 0 Another GPU \(metal\) +2\.00 ms +\S+ x$/m);
    expect(stdout).toMatch(
      hidesGpu(runtime)
        ? /^Not measured: GPUs: /m
        : /^Not measured: .*: a software GPU, measured with --allow_software_gpu only$/m,
    );
    const { devices, edge, machine, quick } = recordIn('r.json');
    expect([edge, quick, machine.cores > 0]).toEqual([32, true, true]);
    expect(devices.map(({ kind }) => kind)).toEqual(['cpu']);
    expect(devices[0].stages.map(({ name }) => name)).toEqual(STAGES);
    // Network and command are what others are compared with.
    for (const { gate } of devices[0].stages.slice(0, 4)) expect(gate?.error).toBeLessThan(1e-6);
    expect(workspace.list()).toEqual(['r.json', 'theirs.json']);
  });
});

describe('the benchmark', () => {
  it.each([
    ['a box too small', ['--size', '8'], 2, /needs a whole number of at least 32/],
    ['a map to measure with', ['map.mrc'], 2, /^error: Unexpected argument "map\.mrc"/],
    [
      'another file to compare',
      ['--compare', 'map.mrc'],
      3,
      /no result of locscale-gpu bench: it is not JSON/,
    ],
    ['a file to compare that is not there', ['--compare', 'x.json'], 3, /x\.json does not exist/],
    ['a GPU that is not there', ['--gpu_ids', '7'], 4, /There is no GPU "7"/],
    ['an output without its folder', ['-o', 'none/r.json'], 3, /none/],
  ])('refuses %s before it measures', async (_, args, expected, message) => {
    workspace.map('map.mrc');
    const { code, stdout, stderr } = await runCli(workspace.folder, ['bench', ...args], { env: noGpu });
    expect([code, stdout]).toEqual([expected, '']);
    expect(stderr).toMatch(message);
    expect(workspace.list()).toEqual(['map.mrc']);
  });
});

function onAGpu(): void {
  const env = gpuEnvironment();
  const allowed = usesHardware ? [] : ['--allow_software_gpu'];

  it('measures the GPU and the CPU, with results equal to 5e-6', async () => {
    const args = [...small, ...allowed, '-o', 'r.json'];
    const { code, stdout, stderr } = await runCli(workspace.folder, args, { env });
    expect([code, stderr]).toEqual([0, '']);
    const kind = usesHardware ? 'hardware' : 'software';
    const gpu = recordIn('r.json').devices.find((device) => device.kind === kind);
    expect(gpu?.failure).toBeUndefined();
    expect(gpu?.stages.map(({ name }) => name)).toEqual(
      STAGES.filter((name) => usesHardware || name !== 'network'),
    );
    for (const { gate } of gpu?.stages ?? []) expect(gate?.error).toBeLessThanOrEqual(5e-6);
    if (!usesHardware) expect(stdout).toMatch(/^ +0 .*, software +\S+ m?s +\S+ x$/m);
  });
}

if ('reason' in adapter) describeMissing('the benchmark on a GPU', adapter.reason, onAGpu);
else describeLong('the benchmark on a GPU', onAGpu);
