import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { edge } from '../unit/pipeline/test-maps.ts';
import { ballValues, type Runtime, runCli, runCommand, runtimes, Workspace } from './run-cli.ts';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  workspace.map('half1.mrc', 2, { origin: [4, 5, 6], start: [1, 2, 3] });
  workspace.map('half2.mrc', 3, { origin: [4, 5, 6] });
  workspace.map('reference.mrc', 4, { origin: [4, 5, 6] });
  workspace.map('mask.mrc', 0, { values: ballValues(3), origin: [4, 5, 6] });
});
afterEach(() => workspace.remove());

const cpu = ['--engine', 'cpu', '-np', '1'];
const scale = [
  '-hm',
  'half1.mrc',
  'half2.mrc',
  '-mm',
  'reference.mrc',
  '-ma',
  'mask.mrc',
  '-wn',
  '6',
  ...cpu,
];
const run = (args: readonly string[], runtime?: Runtime) =>
  runtime === undefined ? runCommand(workspace.folder, args) : runCli(workspace.folder, args, { runtime });
const json = (name: string) => JSON.parse(readFileSync(workspace.path(name), 'utf8'));
const sha256 = (name: string): string =>
  createHash('sha256')
    .update(readFileSync(workspace.path(name)))
    .digest('hex');
const floats = (name: string): Float32Array =>
  new Float32Array(Uint8Array.from(readFileSync(workspace.path(name)).subarray(1024)).buffer);

describe.each(runtimes)('the main command under %s', (runtime) => {
  it('writes map, ChimeraX file and manifest, and nothing else', async () => {
    const result = await run(scale, runtime);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(workspace.list()).toEqual([
      'half1.mrc',
      'half2.mrc',
      'locscale_output.cxc',
      'locscale_output.json',
      'locscale_output.mrc',
      'mask.mrc',
      'reference.mrc',
    ]);
    expect(result.stdout).toContain(
      'Wrote locscale_output.mrc\nWrote locscale_output.cxc\nWrote locscale_output.json\n',
    );
    const manifest = json('locscale_output.json');
    expect(manifest.inputs.map((file: { role: string }) => file.role)).toEqual([
      'half map 1',
      'half map 2',
      'mask',
      'reference map',
    ]);
    for (const file of manifest.inputs) expect(file.sha256).toBe(sha256(file.path));
    expect(manifest).toMatchObject({
      program: 'locscale-gpu',
      command: ['locscale-gpu', ...scale],
      outputs: ['locscale_output.mrc', 'locscale_output.cxc'],
      warnings: [],
      parameters: {
        windowVoxels: 6,
        profileKind: 'octant',
        fdrThreshold: 0.01,
        maskThreshold: 0.99,
        threads: 1,
        engine: 'cpu',
      },
      numbers: { voxelSize: 3, shape: [edge, edge, edge], windowVoxels: 6, fscCutoffSource: 'half-map FSC' },
    });
    expect(Object.keys(manifest.secondsPerStep)).toEqual([
      'read',
      'fsc',
      'mask',
      'reference',
      'scaling',
      'write',
    ]);
    const header = readFileSync(workspace.path('locscale_output.mrc'));
    expect([196, 200, 204].map((at) => header.readFloatLE(at))).toEqual([4, 5, 6]);
    expect([16, 20, 24].map((at) => header.readInt32LE(at))).toEqual([1, 2, 3]);
    const mask = floats('mask.mrc');
    expect(floats('locscale_output.mrc').every((value, i) => (value !== 0) === mask[i] > 0.5)).toBe(true);
  });

  it('finds its own version and help', async () => {
    const version = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
    expect((await run(['version'], runtime)).stdout).toMatch(
      new RegExp(`^locscale-gpu ${version} \\(${runtime}`, 'i'),
    );
    const help = await run([], runtime);
    expect([help.code, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('Usage:');
  });

  it('reports errors with their exit code', async () => {
    const result = await run(['--emap_path', 'x'], runtime);
    expect([result.code, result.stdout, result.stderr]).toEqual([
      2,
      '',
      'error: Unknown option --emap_path.\nhint: Did you mean --emmap_path?\n',
    ]);
  });
});

describe('the main command', () => {
  it('gives the same bytes under every runtime', async () => {
    const hashes = [];
    for (const runtime of runtimes) {
      expect((await run([...scale, '-o', `${runtime}.mrc`], runtime)).code).toBe(0);
      hashes.push(sha256(`${runtime}.mrc`));
    }
    expect(new Set(hashes).size).toBe(1);
  });

  it('writes B factor, quality and processing files on request', async () => {
    const result = await run([
      ...scale
        .filter((word) => word !== '-ma' && word !== 'mask.mrc')
        .map((word) => (word === '6' ? '16' : word)),
      '--measure_bfactors',
      '-op',
      'work/files',
      '-o',
      'out.map',
    ]);
    expect(result.code).toBe(0);
    expect(workspace.list().filter((name) => /out|work/.test(name))).toEqual([
      'out.cxc',
      'out.json',
      'out.map',
      'out_bfactor.mrc',
      'out_quality.mrc',
      'work',
      'work/files',
      'work/files/checkpoints',
      expect.stringMatching(/^work\/files\/checkpoints\/out_confidence-\w{16}-0000\.part$/),
      expect.stringMatching(/^work\/files\/checkpoints\/out_fsc-\w{16}-0000\.part$/),
      'work/files/out_confidence.mrc',
      'work/files/out_fsc.json',
      'work/files/out_mask.mrc',
      'work/files/out_profiles_audit.json',
    ]);
    expect(json('out.json').outputs).toEqual([
      'out.map',
      'out_bfactor.mrc',
      'out_quality.mrc',
      'work/files/out_mask.mrc',
      'work/files/out_confidence.mrc',
      'out.cxc',
      'work/files/out_fsc.json',
      'work/files/out_profiles_audit.json',
    ]);
    expect(json('out.json').numbers.noise.boxes).toHaveLength(4);
  });

  it('only plans with --dry-run', async () => {
    const before = workspace.list();
    const result = await run([...scale, '--dry-run', '-op', 'work']);
    expect(result.code).toBe(0);
    for (const word of [
      'Mode: reference map reference.mrc',
      'Map: 20 x 20 x 20 voxels of 3 A',
      'Mask: 123 voxels',
      'Window: 6 voxels (18.0 A)',
      'Memory: ',
      'Expected time',
    ]) {
      expect(result.stdout).toContain(word);
    }
    expect(workspace.list()).toEqual(before);
  });

  it('writes into the working directory, not next to the input, and replaces an older output', async () => {
    mkdirSync(workspace.path('elsewhere'));
    const args = scale.map((word) => (word.endsWith('.mrc') ? `../${word}` : word));
    writeFileSync(workspace.path('elsewhere/locscale_output.mrc'), 'old');
    const result = await runCommand(workspace.path('elsewhere'), args);
    expect(result.code).toBe(0);
    expect(workspace.list()).toContain('elsewhere/locscale_output.json');
    expect(existsSync(workspace.path('locscale_output.mrc'))).toBe(false);
    expect(readFileSync(workspace.path('elsewhere/locscale_output.mrc')).length).toBe(1024 + 4 * edge ** 3);
  });

  it('reads .gz, files called 007 and 1e3, and maps with the voxel size given by -p', async () => {
    workspace.bytes('007', gzipSync(readFileSync(workspace.path('half1.mrc'))));
    workspace.map('1e3', 3, { origin: [4, 5, 6], voxelSize: 1 });
    const result = await run([
      '-hm',
      '007',
      '1e3',
      '--no_reference',
      '-ma',
      'mask.mrc',
      '-wn',
      '16',
      '-p',
      '3',
      '-o',
      'out.mrc',
      ...cpu,
    ]);
    expect(result.code).toBe(0);
    expect(result.stderr).toBe(
      'warning: The voxel size of 1e3 is set to 3 A by -p; its header states 1 x 1 x 1 A.\n',
    );
    expect(json('out.json').inputs[0]).toMatchObject({ path: '007', sha256: sha256('007') });
    expect(json('out.json').parameters.voxelSizeOverride).toBe(3);
  });

  it('reports which accepted options have no effect, on stderr', async () => {
    const result = await run([...scale, '--dev_mode', '--refmac5_path', 'x', '--fdr_filter', '5']);
    expect(result.code).toBe(0);
    expect(result.stderr.trimEnd().split('\n')).toEqual([
      'note: --dev_mode has no effect: inputs are always checked.',
      'note: --refmac5_path has no effect: refmac5 is never called.',
      'note: --fdr_filter has no effect: a mask is given.',
    ]);
  });

  it('runs with a theoretical profile and as hybrid', async () => {
    workspace.bytes('t.json', JSON.stringify({ frequency: [0, 0.1, 0.2], amplitude: [3, 2, 1] }));
    workspace.map('d.mrc', 0, { values: new Float32Array(edge ** 3), origin: [4, 5, 6] });
    const pseudo = await run([
      ...scale,
      '--activate_pseudomodel',
      '--theoretical_profile',
      't.json',
      '-o',
      'pseudo.mrc',
    ]);
    const hybrid = await run([
      ...scale,
      '--difference_mask',
      'd.mrc',
      '--theoretical_profile',
      't.json',
      '-o',
      'hybrid.mrc',
    ]);
    const plain = await run([...scale, '-o', 'plain.mrc']);
    expect([pseudo.code, hybrid.code, plain.code]).toEqual([0, 0, 0]);
    // An empty difference mask leaves the plain rule everywhere.
    expect(sha256('hybrid.mrc')).toBe(sha256('plain.mrc'));
    expect(json('pseudo.json').mode).toContain('theoretical profile');
    expect(json('pseudo.json').parameters.theoreticalProfile).toEqual({
      frequency: [0, 0.1, 0.2],
      amplitude: [3, 2, 1],
    });
  });
});

describe('stopping', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends with exit code %i and leaves nothing', async (signal, code) => {
    const before = workspace.list();
    const result = await runCli(workspace.folder, scale, {
      signalWhen: (stdout) => (stdout.includes('Reading') ? signal : undefined),
    });
    expect([result.code, result.stderr]).toEqual([code, 'error: The run was stopped.\n']);
    expect(workspace.list()).toEqual(before);
  });
});

describe('other commands', () => {
  it('fsc prints resolution and curve, and writes JSON or XML', async () => {
    const text = await run(['fsc', 'half1.mrc', 'half2.mrc', '-o', 'c.json', ...cpu]);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/Resolution at FSC = 0\.143: \d+\.\d\d A\n/);
    const curve = json('c.json');
    expect(curve).toMatchObject({ half1: 'half1.mrc', half2: 'half2.mrc' });
    expect(curve.frequency).toHaveLength(edge / 2);
    expect(curve.resolution0143).toBeGreaterThan(6);
    const xml = await run(['fsc', '-hm', 'half1.mrc', 'half2.mrc', '-o', 'c.xml', ...cpu]);
    expect(xml.code).toBe(0);
    expect(readFileSync(workspace.path('c.xml'), 'utf8').match(/<coordinate>/g)).toHaveLength(edge / 2);
  });

  it('mask writes mask, confidence and manifest', async () => {
    const result = await run(['mask', 'half1.mrc', '-o', 'm.mrc', '-v', ...cpu]);
    expect(result.code).toBe(0);
    expect(workspace.list().filter((name) => name.startsWith('m.') || name.startsWith('m_'))).toEqual([
      'm.json',
      'm.mrc',
      'm_confidence.mrc',
    ]);
    const mask = floats('m.mrc');
    const confidence = floats('m_confidence.mrc');
    expect(mask).toEqual(confidence.map((value) => (value >= Math.fround(0.99) ? 1 : 0)));
    expect(json('m.json').numbers.maskVoxels).toBe(mask.reduce((sum, value) => sum + value, 0));
    expect(result.stdout).toContain('Noise box from voxel');
  });

  it('validate lists deviations and fails on errors only', async () => {
    await run([...scale, '-o', 'out.mrc']);
    const good = await run(['validate', 'out.mrc']);
    expect([good.code, good.stderr]).toEqual([0, '']);
    workspace.map('bad.mrc', 1, { version: 0 });
    const bad = await run(['validate', 'out.mrc', 'bad.mrc']);
    expect(bad.code).toBe(3);
    expect(bad.stdout).toContain('error: NVERSION');
    expect(bad.stderr).toContain('1 of 2 files break');
  });

  it('answers --help of every command', async () => {
    for (const command of ['feature_enhance', 'fsc', 'mask', 'validate', 'demo', 'version']) {
      const result = await run([command, '--help']);
      expect([command, result.code, result.stderr]).toEqual([command, 0, '']);
      expect(result.stdout).toContain('Usage:');
    }
  });
});
