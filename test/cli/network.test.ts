/** The default mode and feature_enhance as a user runs them, with a network of one convolution. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NetworkFiles } from '../../src/network/run/network-graph.ts';
import { relativeL2 } from '../support/compare.ts';
import { describeMissing, findTestAdapter } from '../support/gpu-device.ts';
import { smallNetwork } from '../support/small-network.ts';
import { gpuEnvironment, usesHardware } from '../support/software-gpu.ts';
import { ballValues, runCli, runCommand, runtimes, Workspace } from './run-cli.ts';

let workspace: Workspace;
beforeEach(async () => {
  workspace = new Workspace();
  workspace.map('half1.mrc', 2);
  workspace.map('half2.mrc', 3);
  workspace.map('mask.mrc', 0, { values: ballValues(5) });
  await writeNetwork('network', smallNetwork(1, 16));
});
afterEach(() => workspace.remove());

/** A folder as `models import` leaves it. */
async function writeNetwork(name: string, network: NetworkFiles): Promise<void> {
  const folder = workspace.path(name);
  mkdirSync(folder);
  const { files } = network.manifest;
  const plain = await network.readPlain();
  const monteCarlo = await network.readMonteCarlo!();
  writeFileSync(join(folder, files.plain.file), plain);
  writeFileSync(join(folder, files.monteCarlo!.file), monteCarlo);
  const manifest = {
    ...network.manifest,
    files: {
      plain: { ...files.plain, sha256: await sha256(plain) },
      monteCarlo: { ...files.monteCarlo, sha256: await sha256(monteCarlo) },
    },
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

async function sha256(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');
}

const rest = ['-ma', 'mask.mrc', '-wn', '6', '--engine', 'cpu', '-model_path', './network'];
const halves = ['-hm', 'half1.mrc', 'half2.mrc', ...rest];
const run = (args: readonly string[], options?: Parameters<typeof runCli>[2]) =>
  options === undefined ? runCommand(workspace.folder, args) : runCli(workspace.folder, args, options);

/** Voxels of a map that this program wrote: 1024 bytes of header, then float32. */
function mapOf(name: string): Float32Array {
  return new Float32Array(Uint8Array.from(readFileSync(workspace.path(name)).subarray(1024)).buffer);
}

describe.each(runtimes)('without a reference, under %s', (runtime) => {
  it('a network predicts it: map, record and predicted reference are written', async () => {
    const result = await run([...halves, '--provider', 'cpu', '-o', 'out.mrc', '-op', 'more'], { runtime });
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toMatch(
      /^Network: small test network, on CPU \(0\.0 M parameters, made by a test\)$/m,
    );
    expect(result.stdout).toMatch(
      /^ {2}Mode: model-free: reference predicted by small test network, on CPU$/m,
    );
    expect(result.stdout).toMatch(/^ {2}Network: \d+ cubes at 60 x 60 x 60 voxels, expected time /m);
    expect(result.stdout).toMatch(/^Predicting the reference: \d+ cubes$/m);
    expect(workspace.list().filter((name) => /^(out|more)/.test(name))).toEqual([
      'more',
      'more/checkpoints',
      expect.stringMatching(/^more\/checkpoints\/out_fsc-\w{16}-0000\.part$/),
      expect.stringMatching(/^more\/checkpoints\/out_prediction-\w{16}-0000\.part$/),
      'more/out_fsc.json',
      'more/out_mask.mrc',
      'more/out_predicted_reference.mrc',
      'more/out_profiles_audit.json',
      'out.cxc',
      'out.json',
      'out.mrc',
    ]);
    const record = JSON.parse(readFileSync(workspace.path('out.json'), 'utf8'));
    expect(record.network).toMatchObject({
      name: 'small',
      title: 'small test network',
      source: 'made by a test',
      ranOn: 'small test network, on CPU',
      cubeEdge: 16,
      stride: 8,
      passes: 1,
    });
    // What was predicted, given as a reference, makes the same map.
    const given = ['-hm', 'half1.mrc', 'half2.mrc', '-ma', 'mask.mrc', '-wn', '6', '--engine', 'cpu'];
    await run([...given, '-mm', 'more/out_predicted_reference.mrc', '-o', 'given.mrc'], { runtime });
    expect(relativeL2(mapOf('given.mrc'), mapOf('out.mrc'))).toBe(0);
  });
});

describe('feature_enhance', () => {
  const enhance = ['feature_enhance', ...halves, '--provider', 'cpu', '-mc_it', '3'];

  it('writes mean, baseline, variance, pVDDT, a ChimeraX file and the record; a seed decides all', async () => {
    const first = await run([...enhance, '--seed', '4', '-o', 'a.mrc']);
    expect([first.code, first.stderr]).toEqual([
      0,
      'warning: The network "small test network" has no calibration: pVDDT is computed from the spread of the passes as it is.\n',
    ]);
    expect(workspace.list().filter((name) => name.startsWith('a'))).toEqual([
      'a.cxc',
      'a.json',
      'a.mrc',
      'a_baseline.mrc',
      'a_pVDDT.mrc',
      'a_variance.mrc',
    ]);
    const scene = readFileSync(workspace.path('a.cxc'), 'utf8');
    expect(scene).toContain(`open "${workspace.path('a.mrc')}"`);
    expect(scene).toContain('color sample #1 map #3 palette -95,#0000ff');
    const record = JSON.parse(readFileSync(workspace.path('a.json'), 'utf8'));
    expect(record.network).toMatchObject({ passes: 3, seed: 4 });
    const pvddt = mapOf('a_pVDDT.mrc');
    expect(Math.max(...pvddt)).toBeLessThanOrEqual(100);
    expect(Math.min(...pvddt)).toBeGreaterThanOrEqual(-100);

    await run([...enhance, '--seed', '4', '-bs', '5', '-o', 'b.mrc']);
    await run([...enhance, '--seed', '5', '-o', 'c.mrc']);
    const [a, b, c] = ['a.mrc', 'b.mrc', 'c.mrc'].map(mapOf);
    expect(relativeL2(b, a)).toBe(0);
    expect(relativeL2(c, a)).toBeGreaterThan(1e-3);
  });

  it('only plans with --dry_run, all passes counted', async () => {
    const before = workspace.list();
    const result = await run([...enhance, '-op', 'steps', '-o', 'planned.mrc', '--dry_run']);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toMatch(/^Network: \d+ cubes x 3 passes at .* expected time /m);
    expect(result.stdout).not.toContain('Predicting');
    expect(workspace.list()).toEqual(before);
  });

  it('--print_report shows input, baseline, enhanced map and pVDDT', async () => {
    const result = await run([...enhance, '--seed', '4', '--print_report', '-o', 'a.mrc']);
    expect(result.code, result.stderr).toBe(0);
    const page = readFileSync(workspace.path('a_report.html'), 'utf8');
    for (const text of ['At every voxel: pVDDT', 'baseline', 'enhanced map', 'small test network'])
      expect(page, text).toContain(text);
    expect(readdirSync(workspace.path('a_report_figures'))).toEqual(
      expect.arrayContaining(['pVDDT-z.png', 'profiles.png', 'sections.png']),
    );
  });

  it('-sym is imposed on the mean map', async () => {
    const once = ['feature_enhance', ...halves, '--provider', 'cpu', '-no_mc'];
    await run([...once, '-o', 'plain.mrc']);
    const result = await run([...once, '-sym', 'C2', '-o', 'two.mrc']);
    expect(result.code, result.stderr).toBe(0);
    await run(['symmetrise', 'plain.mrc', '-sym', 'C2', '--engine', 'cpu', '-o', 'expected.mrc']);
    expect(relativeL2(mapOf('two.mrc'), mapOf('expected.mrc'))).toBe(0);
    expect(relativeL2(mapOf('two.mrc'), mapOf('plain.mrc'))).toBeGreaterThan(1e-3);
  });

  it('-no_mc runs once without dropout', async () => {
    const result = await run(['feature_enhance', ...halves, '--provider', 'cpu', '-no_mc', '-o', 'a.mrc']);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(workspace.list().filter((name) => name.startsWith('a'))).toEqual([
      'a.cxc',
      'a.json',
      'a.mrc',
      'a_baseline.mrc',
    ]);
  });
});

describe('what cannot be', () => {
  const errors: [string[], number, RegExp][] = [
    [['-cube_size', '20'], 2, /cannot take cubes of 20 voxels/],
    [['-s', '17'], 2, /Cubes of 16 voxels every 17 voxels leave gaps/],
    [['--reference', 'network', '-mm', 'mask.mrc'], 2, /--reference network and -mm exclude each other/],
    [['--provider', 'dml'], 4, /The network cannot run on DirectML/],
    [['-model_path', './nowhere'], 3, /There is no network \.\/nowhere/],
  ];
  it.each(errors)('%s', async (args, code, message) => {
    const result = await run([...halves, ...args, '-o', 'out.mrc']);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
    expect(workspace.list().filter((name) => name.startsWith('out'))).toEqual([]);
  });

  it('a network file that was changed after its import is refused', async () => {
    const path = workspace.path('network/small.onnx');
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(path, bytes);
    const result = await run([...halves, '-o', 'out.mrc']);
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(/small\.onnx/);
  });

  it('a software GPU is not taken unless it is allowed', async () => {
    if (usesHardware) return;
    const result = await run([...halves, '--provider', 'webgpu'], { env: gpuEnvironment() });
    expect(result.code).toBe(4);
    expect(result.stderr).toMatch(/^error: The network cannot run on WebGPU: /);
  });
});

function testsWithGpu(): void {
  it('the map is that of the CPU', async () => {
    const allowed = usesHardware ? [] : ['--allow_software_gpu'];
    const gpu = ['--provider', 'webgpu', ...allowed, '-o', 'gpu.mrc'];
    const result = await run([...halves, ...gpu], { env: gpuEnvironment() });
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toMatch(/^Network: small test network, on WebGPU /m);
    await run([...halves, '--provider', 'cpu', '-o', 'cpu.mrc']);
    // One float32 convolution of 27 terms in another order.
    expect(relativeL2(mapOf('gpu.mrc'), mapOf('cpu.mrc'))).toBeLessThan(1e-5);
  });
}

const adapter = await findTestAdapter();
if ('reason' in adapter) describeMissing('on WebGPU', adapter.reason, testsWithGpu);
else describe('on WebGPU', testsWithGpu);
