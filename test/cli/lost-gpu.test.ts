/** A GPU that fails in the middle of a run: the CPU goes on where nobody insists on the GPU. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { GpuEngine } from '../../src/gpu/index.ts';
import { describeMissing, findTestAdapter } from '../support/gpu-device.ts';
import { gpuEntryOptions } from '../support/software-gpu.ts';
import { ballValues, runCommand, Workspace } from './run-cli.ts';

const adapter = await findTestAdapter();
const { GpuEngine: BuiltEngine } = (await import(
  '../../dist/gpu/index.js' as string
)) as typeof import('../../src/gpu/index.ts');
const { LocScaleError } = (await import(
  '../../dist/errors.js' as string
)) as typeof import('../../src/errors.ts');

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  vi.stubEnv('LOCSCALE_VULKAN_LOADER', gpuEntryOptions().vulkanLoader);
  vi.stubEnv('LOCSCALE_CACHE', workspace.path('cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  workspace.remove();
});

type Verb = 'openLocalScaling' | 'openBandScaling' | 'openLocalResolution' | 'statistics' | 'symmetrise';

/** Before the verb does anything, once. */
function failIn(verb: Verb, fail: (engine: GpuEngine) => void): void {
  const original = BuiltEngine.prototype[verb] as (...args: never[]) => unknown;
  let failed = false;
  vi.spyOn(BuiltEngine.prototype, verb as 'statistics').mockImplementation(function (
    this: GpuEngine,
    ...args: unknown[]
  ) {
    if (!failed) fail(this);
    failed = true;
    return original.apply(this, args as never[]) as never;
  });
}

const lose = (engine: GpuEngine): void => engine.gpu.device.destroy();
const run = (args: readonly string[]) => runCommand(workspace.folder, args, { mayLookForGpu: true });
const bytesOf = (name: string): Buffer => readFileSync(workspace.path(name));

function maps(): string[] {
  workspace.map('map.mrc', 2);
  workspace.map('reference.mrc', 4);
  workspace.map('mask.mrc', 0, { values: ballValues(3) });
  return ['-em', 'map.mrc', '-mm', 'reference.mrc', '-ma', 'mask.mrc', '-wn', '6', '-res', '7'];
}
function halves(): string[] {
  return ['-hm', workspace.map('half1.mrc', 2), workspace.map('half2.mrc', 3)];
}
const mask = (): string[] => ['-ma', workspace.map('mask.mrc', 0, { values: ballValues(3) })];

const RUNS: readonly [name: string, verb: Verb, args: () => string[]][] = [
  ["LocScale's scaling", 'openLocalScaling', maps],
  ['soft scaling', 'openBandScaling', () => [...halves(), ...mask()]],
  ['local resolution', 'openLocalResolution', () => ['locres', ...halves(), ...mask()]],
  [
    'averaging over a symmetry',
    'symmetrise',
    () => ['symmetrise', workspace.map('map.mrc', 2), '-sym', 'C4'],
  ],
];

function tests(): void {
  it.each(RUNS)('lost in %s: the run begins again on the CPU, with its result', async (_, verb, args) => {
    const job = args();
    failIn(verb, lose);
    const lost = await run([...job, '--allow_software_gpu', '-o', 'lost.mrc']);
    expect(lost.stderr).toMatch(
      /^(warning: The map .*\n)?warning: The GPU .* was lost \(.*\): the run begins again on the CPU\.\n$/,
    );
    expect(lost.code).toBe(0);
    expect(lost.stdout).toMatch(/^Engine: GPU, [\s\S]*^Engine: CPU, /m);
    expect((await run([...job, '--engine', 'cpu', '-o', 'cpu.mrc'])).code).toBe(0);
    expect(bytesOf('lost.mrc').equals(bytesOf('cpu.mrc'))).toBe(true);
    expect(JSON.parse(bytesOf('lost.json').toString()).engine).toMatch(/^CPU, /);
  });

  it('lost where the GPU was requested: an error, exit code 4, nothing written', async () => {
    const job = maps();
    failIn('openLocalScaling', lose);
    const { code, stderr } = await run([...job, '--engine', 'gpu', '--allow_software_gpu', '-o', 'lost.mrc']);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error: The GPU .* was lost .*\nhint: Run again; .*--engine cpu/m);
    expect(workspace.list()).not.toContain('lost.mrc');
  });

  it('without the memory that a step needs: the run begins again on the CPU', async () => {
    const job = [...halves(), ...mask()];
    failIn('openBandScaling', () => {
      throw new LocScaleError('out-of-memory', 'The GPU Small ran out of memory.');
    });
    const { code, stderr } = await run([...job, '--allow_software_gpu', '-o', 'small.mrc']);
    expect([code, stderr]).toEqual([
      0,
      'warning: The GPU Small ran out of memory: the run begins again on the CPU.\n',
    ]);
  });

  it('right once: later runs on it verify nothing again, and say since when', async () => {
    const job = [...maps(), '--engine', 'gpu', '--allow_software_gpu', '--verbose'];
    const first = await run([...job, '-o', 'one.mrc']);
    expect(first.stdout).toMatch(/\(requested, verified as its kernels are first used\)$/m);
    const second = await run([...job, '-o', 'two.mrc']);
    expect(second.stdout).toMatch(/\(requested, verified on \d{4}-\d\d-\d\d\)$/m);
    expect(bytesOf('one.mrc').equals(bytesOf('two.mrc'))).toBe(true);
    process.env.LOCSCALE_SELF_TEST = 'always';
    const third = await run([...job, '-o', 'three.mrc']);
    delete process.env.LOCSCALE_SELF_TEST;
    expect(third.stdout).toMatch(/\(requested, verified as its kernels are first used\)$/m);
  });
}

if ('reason' in adapter) describeMissing('a GPU that fails', adapter.reason, tests);
else tests();
