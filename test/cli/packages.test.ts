/**
 * The package as npm packs and installs it, in an empty folder; and the bundle for machines without npm and
 * Node.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeLong } from '../support/required.ts';
import { edge } from '../unit/pipeline/test-maps.ts';
import { ballValues, oneCube, runtimes, Workspace } from './run-cli.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const windows = process.platform === 'win32';
/** Other versions of Node to run the installed package under: paths of their programs, as in PATH. */
const otherNodes = (process.env.LOCSCALE_OTHER_NODES ?? '').split(delimiter).filter((path) => path !== '');

interface Options {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

function run(command: string, args: readonly string[], { cwd, env = process.env }: Options) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** npm of this Node; a proxy of the test runner in the environment is no concern of it. */
function npm(args: readonly string[], cwd: string) {
  return run(windows ? 'npm.cmd' : 'npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd });
}

/** A job small enough for any machine, and what must come of it. */
function inputs(workspace: Workspace): string[] {
  for (const [name, seed] of [
    ['half1.mrc', 2],
    ['half2.mrc', 3],
    ['reference.mrc', 4],
  ] as const)
    workspace.map(name, seed, oneCube);
  workspace.map('mask.mrc', 0, { values: ballValues(3), ...oneCube });
  return '-hm half1.mrc half2.mrc -mm reference.mrc -ma mask.mrc -wn 6 --engine cpu -np 1'.split(' ');
}

/** Behind the header, whose labels hold the time. */
function voxelsOf(path: string): Buffer {
  return readFileSync(path).subarray(1024);
}

const sizeOfMap = 1024 + 4 * edge ** 3;

describe('the package', () => {
  let workspace: Workspace;
  let installed: string;
  beforeAll(() => {
    workspace = new Workspace();
    // Not the script "prepack": it would build dist/ anew under the feet of other tests.
    const packed = npm(['pack', root, '--ignore-scripts', '--json'], workspace.folder);
    expect(packed.stderr).not.toContain('npm error');
    const tarball = `locscale-gpu-${manifest.version}.tgz`;
    expect(existsSync(workspace.path(tarball))).toBe(true);
    writeFileSync(workspace.path('package.json'), '{"private": true, "type": "module"}\n');
    const made = npm(['install', '--ignore-scripts', '--prefer-offline', `./${tarball}`], workspace.folder);
    expect([made.status, made.stderr]).toEqual([0, expect.not.stringContaining('npm error')]);
    installed = workspace.path('node_modules/locscale-gpu');
  });
  afterAll(() => workspace.remove());

  it('holds the program and what belongs to it, and nothing else', () => {
    expect(readdirSync(installed).sort()).toEqual(
      ['CHANGELOG.md', 'CITATION.cff', 'LICENSE', 'README.md', 'dist', 'examples', 'package.json'].sort(),
    );
    expect(existsSync(join(installed, 'dist/cpu-fallback/kernels/kernels.wasm'))).toBe(true);
    expect(existsSync(join(installed, 'dist/network/bundled/reference-network.onnx'))).toBe(true);
  });

  it.skipIf(windows).each(Object.keys(manifest.bin))('installs the command %s', (name) => {
    const { status, stdout } = run(workspace.path(`node_modules/.bin/${name}`), ['--version'], {
      cwd: workspace.folder,
    });
    expect([status, stdout]).toEqual([0, expect.stringContaining(`locscale-gpu ${manifest.version}`)]);
  });

  it.each(runtimes)('scales a map under %s', (runtime) => {
    const script = 'node_modules/locscale-gpu/dist/cli.js';
    const [command, first] =
      runtime === 'deno'
        ? [join(root, 'node_modules/.bin/deno'), ['run', '-A', '--node-modules-dir=manual', script]]
        : [process.execPath, [script]];
    const out = `${runtime}.mrc`;
    const result = run(command, [...first, ...inputs(workspace), '-o', out], { cwd: workspace.folder });
    expect([result.status, result.stderr]).toEqual([0, '']);
    expect(readFileSync(workspace.path(out)).length).toBe(sizeOfMap);
  });

  it('predicts a reference with the bundled network', () => {
    inputs(workspace);
    const script = 'node_modules/locscale-gpu/dist/cli.js';
    const args =
      '-hm half1.mrc half2.mrc -ma mask.mrc -wn 6 -res 7 --engine cpu --provider cpu -o network.mrc';
    const result = run(process.execPath, [script, ...args.split(' ')], { cwd: workspace.folder });
    expect(result.status).toBe(0);
    expect(readFileSync(workspace.path('network.mrc')).length).toBe(sizeOfMap);
  });

  it.skipIf(otherNodes.length === 0)(
    `predicts and scales to the same bits under other versions of Node${otherNodes.length > 0 ? '' : ' [skipped: LOCSCALE_OTHER_NODES names none]'}`,
    () => {
      inputs(workspace);
      const script = 'node_modules/locscale-gpu/dist/cli.js';
      const job = '-hm half1.mrc half2.mrc -ma mask.mrc -wn 6 -res 7 --engine cpu --provider cpu -o'.split(
        ' ',
      );
      const versions = [process.execPath, ...otherNodes].map((node) => {
        const version = run(node, ['-p', 'process.versions.node'], { cwd: root }).stdout.trim();
        const made = run(node, [script, ...job, `${version}.mrc`], { cwd: workspace.folder });
        expect([version, made.status, made.stderr]).toEqual([version, 0, '']);
        return version;
      });
      expect(new Set(versions).size).toBe(1 + otherNodes.length);
      const [first, ...others] = versions.map((version) => voxelsOf(workspace.path(`${version}.mrc`)));
      for (const other of others) expect(other.equals(first)).toBe(true);
    },
  );

  it.each(runtimes)('is a library under %s', (runtime) => {
    const file = `library-${runtime}.mjs`;
    workspace.bytes(
      file,
      `import { selectEngine } from 'locscale-gpu';
const { engine } = await selectEngine({ engine: 'cpu', threads: 1 });
console.log(engine.description);
await engine.dispose();
`,
    );
    const [command, first] =
      runtime === 'deno'
        ? [join(root, 'node_modules/.bin/deno'), ['run', '-A', '--node-modules-dir=manual']]
        : [process.execPath, []];
    const result = run(command as string, [...first, file], { cwd: workspace.folder });
    expect([result.status, result.stdout]).toEqual([0, expect.stringContaining('CPU')]);
  });

  it.skipIf(windows)('has types, which say what is wrong with a call', () => {
    workspace.bytes(
      'caller.ts',
      `import { defaultParameters, type FscCurve, type LocScaleResult, runFsc, runLocScale } from 'locscale-gpu';
export const resolutionOf = (curve: FscCurve): number | undefined => curve.resolution;
export const voxels = (result: LocScaleResult): number => result.numbers.maskVoxels;
// @ts-expect-error: the resolution of a curve may be undefined.
export const wrong = (curve: FscCurve): number => curve.resolution;
// @ts-expect-error: two maps are needed.
export const one = () => runFsc({ name: 'a' });
// @ts-expect-error: there is no such parameter.
export const scaled = runLocScale({} as never, { parameters: { ...defaultParameters, windowSize: 3 } });
`,
    );
    const options = '--noEmit --strict --module nodenext --target es2022 --skipLibCheck --types node'.split(
      ' ',
    );
    const roots = ['--typeRoots', join(root, 'node_modules/@types')];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const result = run(process.execPath, [tsc, ...options, ...roots, 'caller.ts'], { cwd: workspace.folder });
    expect([result.status, result.stdout]).toEqual([0, '']);
  });

  it('is one that publint finds nothing to say about', () => {
    const tarball = workspace.path(`locscale-gpu-${manifest.version}.tgz`);
    const cli = join(root, 'node_modules/publint/src/cli.js');
    const result = run(process.execPath, [cli, tarball, '--strict', '--level', 'suggestion'], { cwd: root });
    expect([result.status, result.stdout]).toEqual([0, expect.stringContaining('All good!')]);
  });
});

function bundle(): void {
  let folder: string;
  let program: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-bundle-'));
    const made = run(process.execPath, ['tools/bundle.mjs', '--format', 'gz', '--out', folder], {
      cwd: root,
      env: { ...process.env, GZIP: '-1' },
    });
    expect([made.status, made.stdout]).toEqual([0, expect.stringMatching(/\.tar\.gz: [\d.]+ MiB/)]);
    const name = `locscale-gpu-${manifest.version}-${process.platform}-${process.arch}`;
    expect(readdirSync(folder)).toEqual([`${name}.tar.gz`]);
    // Where it is unpacked has a space, and it is started through a link.
    mkdirSync(join(folder, 'a place'));
    run('tar', ['-xzf', join('..', `${name}.tar.gz`)], { cwd: join(folder, 'a place') });
    program = join(folder, 'locscale-gpu');
    symlinkSync(join('a place', name, 'locscale-gpu'), program);
    // A machine that has a shell and the usual small tools, but no Node.
    mkdirSync(join(folder, 'path'));
    for (const tool of ['readlink', 'uname'])
      symlinkSync(
        run('sh', ['-c', `command -v ${tool}`], { cwd: folder }).stdout.trim(),
        join(folder, 'path', tool),
      );
    env = { PATH: join(folder, 'path'), HOME: folder };
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('starts on a machine without Node', () => {
    expect(run('/bin/sh', ['-c', 'command -v node'], { cwd: folder, env }).status).not.toBe(0);
    const { status, stdout } = run(program, ['--version'], { cwd: '/', env });
    expect([status, stdout]).toEqual([0, expect.stringContaining(`locscale-gpu ${manifest.version}`)]);
  });

  it('scales there with a predicted reference, and makes a report with pictures', () => {
    const workspace = new Workspace();
    try {
      inputs(workspace);
      const args =
        '-hm half1.mrc half2.mrc -ma mask.mrc -wn 6 -res 7 --engine cpu --provider cpu -o out.mrc --print_report';
      const result = run(program, args.split(' '), { cwd: workspace.folder, env });
      expect([result.status, result.stderr]).toEqual([0, '']);
      expect(readFileSync(workspace.path('out.mrc')).length).toBe(sizeOfMap);
      expect(workspace.list()).toContain('out_report.html');
      expect(workspace.list().filter((name) => name.endsWith('.png')).length).toBeGreaterThan(2);
    } finally {
      workspace.remove();
    }
  });

  it('finds what it needs to look for GPUs', () => {
    const { status, stdout } = run(program, ['devices'], { cwd: folder, env });
    expect(status).toBe(0);
    expect(stdout).not.toMatch(/package (webgpu|koffi).*(does not load|is needed)/);
  });
}

describeLong('the bundle', bundle, !windows);
