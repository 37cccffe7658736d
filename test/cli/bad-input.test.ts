/**
 * Whatever is wrong with the input: exit code, one sentence, what it lacks and a hint on stderr, and nothing
 * written.
 */
import { createHash } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeMrc } from '../support/mrc-fixture.ts';
import { edge, noisyBlob } from '../unit/pipeline/test-maps.ts';
import { ballValues, runCli, runCommand, Workspace } from './run-cli.ts';

/** A folder with one good file for every role. */
function goodWorkspace(): Workspace {
  const workspace = new Workspace();
  for (const [file, seed] of [
    ['map.mrc', 1],
    ['half1.mrc', 2],
    ['half2.mrc', 3],
    ['reference.mrc', 4],
  ] as const)
    workspace.map(file, seed);
  workspace.map('mask.mrc', 0, { values: ballValues(3) });
  return workspace;
}

function bytesOf(name: string, change: Parameters<typeof makeMrc>[0] | object = {}): Uint8Array {
  return makeMrc({ extents: [edge, edge, edge], voxelSize: 3, values: noisyBlob(name, 1).data, ...change });
}
const isRoot = process.getuid?.() === 0;
const unlessRoot = isRoot ? ' [skipped: the superuser may write anywhere]' : '';
const cpu = ['--engine', 'cpu'];
const plain = ['--no_reference', '-ma', 'mask.mrc', '-wn', '6', ...cpu, '-np', '1'];
const full = ['-em', 'map.mrc', ...plain];

/** name, files to make, arguments, exit code, message, hint */
const cases: readonly (readonly [string, (w: Workspace) => void, readonly string[], number, RegExp])[] = [
  ['missing file', () => {}, ['-em', 'none.mrc', ...plain], 3, /^error: none\.mrc does not exist\.$/],
  [
    'missing mask',
    () => {},
    ['-em', 'map.mrc', '--no_reference', '-ma', 'none.mrc'],
    3,
    /^error: none\.mrc does not exist\.$/,
  ],
  [
    'folder as map',
    (w) => mkdirSync(w.path('folder')),
    ['-em', 'folder', ...plain],
    3,
    /^error: folder is a folder, not a file\.$/,
  ],
  [
    'empty file',
    (w) => w.bytes('x.mrc', ''),
    ['-em', 'x.mrc', ...plain],
    3,
    /^error: x\.mrc is too short for a map/,
  ],
  [
    'truncated file',
    (w) => w.bytes('x.mrc', bytesOf('x').subarray(0, 20_000)),
    ['-em', 'x.mrc', ...plain],
    3,
    /^error: x\.mrc is truncated/,
  ],
  [
    'not a map at all',
    (w) => w.bytes('x.mrc', new Uint8Array(5000).fill(65)),
    ['-em', 'x.mrc', ...plain],
    3,
    /^error: x\.mrc is not an MRC\/CCP4 map/,
  ],
  [
    'complex mode',
    (w) => w.bytes('x.mrc', bytesOf('x', { mode: 4 })),
    ['-em', 'x.mrc', ...plain],
    3,
    /^error: x\.mrc has mode 4 \(complex float32\)/,
  ],
  [
    'damaged gzip',
    (w) => w.bytes('x.mrc.gz', new Uint8Array([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])),
    ['-em', 'x.mrc.gz', ...plain],
    3,
    /^error: x\.mrc\.gz is a damaged or truncated gzip file/,
  ],
  [
    'no voxel size',
    (w) => w.bytes('x.mrc', bytesOf('x', { cell: [0, 0, 0] })),
    ['-em', 'x.mrc', ...plain],
    3,
    /^error: x\.mrc has no usable voxel size/,
  ],
  [
    'shapes that differ',
    (w) =>
      w.map('x.mrc', 1, { extents: [edge, edge, 10], values: new Float32Array(edge * edge * 10).fill(1) }),
    ['-em', 'map.mrc', '--no_reference', '-ma', 'x.mrc', '-wn', '6', ...cpu],
    3,
    /^error: The maps differ in box: map\.mrc has 20 x 20 x 20, x\.mrc has 20 x 20 x 10\.$/,
  ],
  [
    'voxel sizes that differ',
    (w) => w.map('x.mrc', 1, { voxelSize: 2.9 }),
    ['-em', 'map.mrc', '-mm', 'x.mrc', '-ma', 'mask.mrc', '-wn', '6', ...cpu],
    3,
    /^error: The maps differ in voxel size: map\.mrc has 3 A, x\.mrc has 2\.9 A\.$/,
  ],
  [
    'NaN voxels',
    (w) => w.map('x.mrc', 1, { values: noisyBlob('x', 1).data.map((v, i) => (i === 42 ? Number.NaN : v)) }),
    ['-em', 'x.mrc', ...plain],
    3,
    /^error: x\.mrc has 1 voxel that is NaN or infinite/,
  ],
  [
    'infinite voxels',
    (w) =>
      w.map('x.mrc', 1, {
        values: noisyBlob('x', 1).data.map((v, i) => (i < 2 ? Number.NEGATIVE_INFINITY : v)),
      }),
    ['-em', 'map.mrc', '-mm', 'x.mrc', '-ma', 'mask.mrc', '-wn', '6', ...cpu],
    3,
    /^error: x\.mrc has 2 voxels that are NaN or infinite/,
  ],
  [
    'all-zero map',
    (w) => w.map('x.mrc', 1, { values: new Float32Array(edge ** 3) }),
    ['-em', 'x.mrc', ...plain],
    3,
    /^error: x\.mrc is empty: every voxel is 0\.$/,
  ],
  [
    'all-zero mask',
    (w) => w.map('x.mrc', 1, { values: new Float32Array(edge ** 3) }),
    ['-em', 'map.mrc', '--no_reference', '-ma', 'x.mrc', '-wn', '6', ...cpu],
    3,
    /^error: The mask x\.mrc is empty: every voxel is 0\.$/,
  ],
  [
    'mask below 0.5',
    (w) => w.map('x.mrc', 1, { values: ballValues(4, 0.49) }),
    ['-em', 'map.mrc', '--no_reference', '-ma', 'x.mrc', '-wn', '6', ...cpu],
    3,
    /^error: The mask x\.mrc is empty: no voxel reaches 0\.5\.$/,
  ],
  [
    'constant map',
    (w) => w.map('x.mrc', 1, { values: new Float32Array(edge ** 3).fill(2) }),
    ['-em', 'x.mrc', ...plain],
    3,
    /^error: All voxels of x\.mrc are equal \(2\)\.$/,
  ],
  [
    'one half map twice',
    (w) => w.map('x.mrc', 2),
    ['-hm', 'half1.mrc', 'x.mrc', ...plain],
    3,
    /^error: The half maps half1\.mrc and x\.mrc are identical\.$/,
  ],
  [
    'window larger than the map',
    () => {},
    ['-em', 'map.mrc', '--no_reference', '-ma', 'mask.mrc', '-wn', '22', ...cpu],
    3,
    /^error: The window of 22 voxels \(66\.0 A\) is larger than the map \(20 x 20 x 20\)\.$/,
  ],
  [
    'output in a missing folder',
    () => {},
    [...full, '-o', 'none/out.mrc'],
    3,
    /^error: none\/out\.mrc cannot be written: the folder .* does not exist\.$/,
  ],
  [
    'output that is a folder',
    (w) => mkdirSync(w.path('out.mrc')),
    [...full, '-o', 'out.mrc'],
    3,
    /^error: out\.mrc cannot be written: it is a folder\.$/,
  ],
  [
    'output inside a file',
    () => {},
    [...full, '-o', 'map.mrc/out.mrc'],
    3,
    /^error: map\.mrc\/out\.mrc cannot be written: .* is not a folder\.$/,
  ],
  [
    'output equal to the input',
    () => {},
    [...full, '-o', './map.mrc'],
    3,
    /^error: The output \.\/map\.mrc would overwrite the input map\.mrc\.$/,
  ],
  [
    'output equal to the mask',
    () => {},
    [...full, '-o', 'mask.mrc'],
    3,
    /^error: The output mask\.mrc would overwrite the input mask\.mrc\.$/,
  ],
  [
    'output equal to an input behind a link',
    (w) => symlinkSync(w.path('map.mrc'), w.path('out.mrc')),
    [...full, '-o', 'out.mrc'],
    3,
    /would overwrite the input map\.mrc\.$/,
  ],
  [
    'output equal to an input by hard link',
    (w) => linkSync(w.path('map.mrc'), w.path('out.mrc')),
    [...full, '-o', 'out.mrc'],
    3,
    /would overwrite the input map\.mrc\.$/,
  ],
  [
    'B factor map equal to an input',
    (w) => w.map('out_bfactor.mrc', 8),
    ['-em', 'out_bfactor.mrc', ...plain, '--measure_bfactors', '-o', 'out.mrc'],
    3,
    /^error: The output out_bfactor\.mrc would overwrite the input out_bfactor\.mrc\.$/,
  ],
  [
    'noise box outside the map',
    () => {},
    ['-em', 'map.mrc', '--no_reference', '-wn', '6', '--noise_box', '0,0,19', ...cpu],
    2,
    /^error: A noise box does not lie inside the map\.$/,
  ],
  [
    'profile that is no JSON',
    (w) => w.bytes('t.json', '{'),
    ['-em', 'map.mrc', '-mm', 'reference.mrc', '--activate_pseudomodel', '--theoretical_profile', 't.json'],
    3,
    /^error: The profile t\.json is not JSON\.$/,
  ],
  ['no map', () => {}, ['--no_reference'], 2, /^error: No map is given\.$/],
  [
    'a network that is not there',
    () => {},
    ['-em', 'map.mrc', '-model_path', 'nowhere'],
    3,
    /^error: There is no network nowhere, neither a file nor an imported one\.$/,
  ],
  [
    'map and half maps',
    () => {},
    ['-em', 'map.mrc', '-hm', 'half1.mrc', 'half2.mrc', '--no_reference'],
    2,
    /^error: Both a map \(-em\) and half maps \(-hm\) are given\.$/,
  ],
  [
    'the physics-based network',
    () => {},
    ['feature_enhance', '-em', 'map.mrc', '-pb'],
    2,
    /^error: The physics-based network \(-pb\) cannot be run: its weights were never published\.$/,
  ],
  ['unknown option', () => {}, [...full, '--wibble'], 2, /^error: Unknown option --wibble\.$/],
  ['unknown command', () => {}, ['sharpen', 'map.mrc'], 2, /^error: Unknown command "sharpen"\.$/],
  [
    'extra argument',
    () => {},
    ['fsc', 'half1.mrc', 'half2.mrc', 'map.mrc'],
    2,
    /^error: Unexpected argument "map\.mrc"\.$/,
  ],
  ['fsc of one map', () => {}, ['fsc', 'half1.mrc'], 2, /^error: The command fsc needs two half maps\.$/],
  [
    'fsc into an unknown format',
    () => {},
    ['fsc', 'half1.mrc', 'half2.mrc', '-o', 'c.csv'],
    2,
    /^error: The curve cannot be written as "\.csv"\.$/,
  ],
  ['validate without a file', () => {}, ['validate'], 2, /^error: The command validate needs a file\.$/],
  [
    'validate of a broken file',
    (w) => w.bytes('x.mrc', bytesOf('x').subarray(0, 20_000)),
    ['validate', 'x.mrc'],
    3,
    /^error: x\.mrc breaks the MRC2014 format\.$/,
  ],
];

describe('bad input', () => {
  for (const [name, prepare, args, code, message] of cases) {
    it.concurrent(name, async () => {
      const own = goodWorkspace();
      try {
        prepare(own);
        const before = contents(own);
        const result = await runCommand(own.folder, args);
        const lines = result.stderr
          .trimEnd()
          .split('\n')
          .filter((line) => !/^(warning|note): /.test(line));
        expect(lines[0]).toMatch(message);
        expect(result.code).toBe(code);
        // At most one line with what was expected and found, then the hint.
        const rest = lines.slice(1).join('\n');
        expect(rest, result.stderr).toMatch(/^((expected|found): .+\n)?hint: .+$/);
        expect(result.stdout).not.toContain('Wrote');
        expect(contents(own), 'the folder changed').toEqual(before);
      } finally {
        own.remove();
      }
    });
  }

  it.skipIf(isRoot)(`folder without permission${unlessRoot}`, async () => {
    const workspace = goodWorkspace();
    onTestFinished(() => workspace.remove());
    mkdirSync(workspace.path('closed'));
    chmodSync(workspace.path('closed'), 0o555);
    const result = await runCli(workspace.folder, [...full, '-o', 'closed/out.mrc']);
    expect(result.code).toBe(3);
    expect(result.stderr).toContain('closed/out.mrc cannot be written: permission is denied.');
  });

  it('prints a stack only with --debug', async () => {
    const workspace = goodWorkspace();
    onTestFinished(() => workspace.remove());
    const quiet = await runCli(workspace.folder, ['-em', 'none.mrc', ...plain]);
    const debug = await runCli(workspace.folder, ['-em', 'none.mrc', ...plain, '--debug']);
    expect(quiet.stderr).not.toMatch(/\n\s+at /);
    expect(debug.stderr).toMatch(/\n\s+at /);
    expect(debug.stderr).toContain('caused by');
  });
});

/** Names and hashes of all files: nothing may appear, vanish or change. */
function contents(workspace: Workspace): Record<string, string> {
  return Object.fromEntries(
    workspace.list().map((name) => {
      try {
        return [
          name,
          createHash('sha256')
            .update(readFileSync(workspace.path(name)))
            .digest('hex'),
        ];
      } catch {
        return [name, 'folder'];
      }
    }),
  );
}
