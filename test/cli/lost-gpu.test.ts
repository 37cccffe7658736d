/** A GPU that fails in the middle of a run: the CPU takes over where nobody insists on the GPU. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ScalingRun } from '../../src/engine/engine.ts';
import type { GpuEngine } from '../../src/gpu/index.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { relativeL2 } from '../support/compare.ts';
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
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  workspace.remove();
});

type Verb =
  | 'average'
  | 'confidenceMap'
  | 'openBandScaling'
  | 'openLocalResolution'
  | 'openLocalScaling'
  | 'statistics'
  | 'symmetrise';

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

/** Once the first tiles are scaled, before or after they were read back. */
function loseIn(when: 'before' | 'after'): void {
  const original = BuiltEngine.prototype.openLocalScaling;
  vi.spyOn(BuiltEngine.prototype, 'openLocalScaling').mockImplementation(async function (
    this: GpuEngine,
    ...args
  ) {
    const opened = await original.apply(this, args);
    const losing = (run: ScalingRun): ScalingRun => ({
      ...run,
      get tileSize() {
        return run.tileSize;
      },
      run: (hooks = {}, starts) => {
        const onTiles: typeof hooks.onTiles = async (tiles) => {
          if (when === 'before') this.gpu.device.destroy();
          await hooks.onTiles?.(tiles);
          this.gpu.device.destroy();
        };
        return run.run({ ...hooks, onTiles }, starts).then(() => this.gpu.finish());
      },
    });
    return { ...opened, start: async (...maps) => losing(await opened.start(...maps)) };
  });
}

/** As on a GPU that no run has used. Elsewhere the verdicts of other tests hold. */
const forgetVerdicts = () => vi.stubEnv('LOCSCALE_CACHE', workspace.path('cache'));

const lose = (engine: GpuEngine): void => engine.gpu.device.destroy();

/** From now on the driver compiles `from` as if it were `to`. */
const spoil =
  (from: string, to: string) =>
  ({ gpu: { device } }: GpuEngine): void => {
    const create = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) =>
      create({ ...descriptor, code: descriptor.code.replace(from, to) });
  };
const run = (args: readonly string[]) => runCommand(workspace.folder, args, { mayLookForGpu: true });
/** Voxels in mode 2, little-endian, behind the header. */
const voxelsOf = (bytes: Buffer): Float32Array =>
  new Float32Array(Uint8Array.from(bytes.subarray(1024)).buffer);
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

const WRONG: readonly [subject: string, verb: Verb, from: string, to: string, args: () => string[]][] = [
  ['average', 'average', '(a[i] + b[i]) * 0.5', '(a[i] + b[i]) * 0.501', () => [...halves(), ...mask()]],
  [
    'confidence map',
    'confidenceMap',
    'low = middle + 1u',
    'low = middle + 2u',
    () => ['mask', workspace.map('map.mrc', 2)],
  ],
  [
    'symmetry of the grid',
    'symmetrise',
    'sum / inside',
    '1.01 * sum / inside',
    () => ['symmetrise', workspace.map('map.mrc', 2), '-sym', 'C4'],
  ],
  [
    'local resolution (hann)',
    'openLocalResolution',
    'cosines + rotated',
    'cosines - rotated',
    () => ['locres', ...halves(), ...mask(), '--locres_window', '24'],
  ],
];

function tests(): void {
  it.each(WRONG)('wrong in its %s: the run begins again on the CPU, with its result', async (...row) => {
    const [subject, verb, from, to, args] = row;
    forgetVerdicts();
    const job = args();
    failIn(verb, spoil(from, to));
    const wrong = await run([...job, '--allow_software_gpu', '-o', 'wrong.mrc']);
    const warnings = wrong.stderr.split('\n').filter((line) => line.includes('GPU'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`failed its self-test: its ${subject} is wrong by`);
    expect(warnings[0]).toMatch(/^warning: .*: the run begins again on the CPU\.$/);
    expect(wrong.code).toBe(0);
    expect((await run([...job, '--engine', 'cpu', '-o', 'cpu.mrc'])).code).toBe(0);
    expect(bytesOf('wrong.mrc').equals(bytesOf('cpu.mrc'))).toBe(true);
  });

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

  const wide = (): string[] => {
    const voxels = 40 ** 3;
    const at = (i: number): number[] => [
      Math.floor(i / 1600) - 20,
      (Math.floor(i / 40) % 40) - 20,
      (i % 40) - 20,
    ];
    const maps = [1, 2].map((seed) => {
      const noise = createRandom(seed);
      return Float32Array.from({ length: voxels }, () => noise.gaussian());
    });
    const mask = Float32Array.from({ length: voxels }, (_, i) => Number(Math.hypot(...at(i)) < 17));
    const extents = [40, 40, 40] as const;
    workspace.map('map.mrc', 0, { extents, values: maps[0] });
    workspace.map('reference.mrc', 0, { extents, values: maps[1] });
    workspace.map('mask.mrc', 0, { extents, values: mask });
    return ['-em', 'map.mrc', '-mm', 'reference.mrc', '-ma', 'mask.mrc', '-wn', '6', '-res', '7'];
  };

  it('lost while it scales: the CPU keeps what was scaled, and record and report say who did what', async () => {
    const job = wide();
    vi.stubEnv('LOCSCALE_CHECKPOINT_SECONDS', '1e-9');
    loseIn('after');
    const lost = await run([...job, '--allow_software_gpu', '--print_report', '-o', 'lost.mrc']);
    const kept = /: the run begins again on the CPU, with the (\d+) windows that were scaled\.\n$/;
    expect(lost.stderr).toMatch(kept);
    expect(lost.code).toBe(0);
    expect((await run([...job, '--engine', 'cpu', '-o', 'cpu.mrc'])).code).toBe(0);
    const [ours, cpus] = ['lost.mrc', 'cpu.mrc'].map((name) => voxelsOf(bytesOf(name)));
    expect(relativeL2(ours, cpus)).toBeLessThan(5e-6);
    expect(ours).not.toEqual(cpus);
    const { scaledBy, engine, numbers } = JSON.parse(bytesOf('lost.json').toString());
    expect(engine).toMatch(/^CPU, /);
    const [gpu, cpu] = scaledBy;
    expect([gpu.engine, cpu.engine]).toEqual([expect.stringMatching(/^GPU, /), engine]);
    expect(gpu.windows).toBeGreaterThan(cpu.windows);
    expect(gpu.windows + cpu.windows).toBe(numbers.maskVoxels);
    expect(bytesOf('lost_report.html').toString()).toContain(`scaled ${gpu.windows} windows`);
  });

  it('lost before anything was read back: the bytes of a run on the CPU', async () => {
    const job = wide();
    vi.stubEnv('LOCSCALE_CHECKPOINT_SECONDS', '1e-9');
    loseIn('before');
    const lost = await run([...job, '--allow_software_gpu', '-o', 'lost.mrc']);
    expect(lost.stderr).toMatch(/: the run begins again on the CPU\.\n$/);
    expect((await run([...job, '--engine', 'cpu', '-o', 'cpu.mrc'])).code).toBe(0);
    expect(bytesOf('lost.mrc').equals(bytesOf('cpu.mrc'))).toBe(true);
    expect(JSON.parse(bytesOf('lost.json').toString()).scaledBy).toBeUndefined();
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
    forgetVerdicts();
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
