/**
 * Half maps that are not what they should be, through every command that takes them; and resolutions beyond
 * the map.
 */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { combine, goodHalves, makeScene } from '../support/half-map-scene.ts';
import { runCommand, Workspace } from './run-cli.ts';

const shape = [32, 32, 32] as const;
const scene = makeScene({ shape, voxelSize: 1.4, resolution: 5 });
const [first, second] = goodHalves(scene);
const sharp = goodHalves(makeScene({ shape, voxelSize: 1.4, fscAtNyquist: 0.4, bFactor: 20 }));
const ball = Float32Array.from(first, (_, i) =>
  Math.hypot(Math.floor(i / 1024) - 16, (Math.floor(i / 32) % 32) - 16, (i % 32) - 16) < 9 ? 1 : 0,
);

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  for (const [name, values] of [
    ['h1.mrc', first],
    ['h2.mrc', second],
    ['scaled.mrc', first.map((v) => 2.5 * v)],
    ['mean.mrc', combine([0.5, first], [0.5, second])],
    ['n1.mrc', sharp[0]],
    ['n2.mrc', sharp[1]],
    ['mask.mrc', ball],
  ] as const)
    workspace.map(name, 1, { extents: [...shape], voxelSize: 1.4, values });
});
afterEach(() => workspace.remove());

const onCpu = ['--engine', 'cpu', '-np', '1'];
const run = (...args: string[]) => runCommand(workspace.folder, [...args, ...onCpu]);
const scale = (...args: string[]) => run(...args, '--no_reference', '-ma', 'mask.mrc', '-o', 'out.mrc');
const json = (name: string) => JSON.parse(readFileSync(workspace.path(name), 'utf8'));
const floats = (name: string) => readFileSync(workspace.path(name)).subarray(1024);

describe('scaled copies', () => {
  it.each([
    ['scale', ['--no_reference', '-ma', 'mask.mrc']],
    ['feature_enhance', ['feature_enhance', '-ma', 'mask.mrc']],
    ['fsc', ['fsc']],
    ['mask', ['mask']],
    ['locres', ['locres', '-ma', 'mask.mrc', '--locres_window', '24']],
  ])('end the command %s, and nothing is written', async (_, args) => {
    const before = workspace.list();
    const { code, stderr } = await run(...args, '-hm', 'h1.mrc', 'scaled.mrc');
    expect(code).toBe(3);
    expect(stderr).toContain(
      'error: The half maps are copies of one map: scaled.mrc is h1.mrc times 2.5 (FSC 1 at all frequencies).',
    );
    expect(stderr).toContain('hint: Give the two independent half maps');
    expect(workspace.list()).toEqual(before);
  });
});

it('a mean among the half maps is a warning, in the record and in the report too', async () => {
  const { code, stderr } = await scale('-hm', 'h1.mrc', 'mean.mrc', '--print_report');
  expect(code).toBe(0);
  expect(stderr).toMatch(/^warning: mean\.mrc seems to be the mean of both half maps: .*\n$/);
  const record = json('out.json');
  expect(record.fsc.verdict).toMatchObject({ end: 'nyquist', relation: 'second is mean' });
  expect(record.warnings).toHaveLength(1);
  expect(readFileSync(workspace.path('out_report.html'), 'utf8')).toContain(
    'Half map 2 seems to be the mean of both half maps',
  );
});

it('an FSC that stays up means Nyquist, and nobody is warned', async () => {
  const { code, stdout, stderr } = await scale('-hm', 'n1.mrc', 'n2.mrc', '-filter_input', '--print_report');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('resolution for scaling 2.80 A (Nyquist: the half-map FSC stays above 0.143)');
  expect(json('out.json').numbers.fscCutoffSource).toBe('half-map FSC to Nyquist');
  expect(readFileSync(workspace.path('out_report.html'), 'utf8')).toContain(
    'the resolution is limited by the voxel size, 2.80 Å',
  );
  const curve = await run('fsc', 'n1.mrc', 'n2.mrc', '-o', 'fsc.json');
  expect(curve.stdout).toContain('Resolution at FSC = 0.143: 2.80 A (Nyquist), limited by the voxel size');
  expect(json('fsc.json')).toMatchObject({ end0143: 'nyquist', verdict: { relation: 'independent' } });
});

it('-res finer than Nyquist is Nyquist, with one warning; coarser than the box is refused', async () => {
  expect((await scale('-hm', 'n1.mrc', 'n2.mrc')).code).toBe(0);
  const expected = floats('out.mrc');
  const fine = await scale('-hm', 'n1.mrc', 'n2.mrc', '-res', '1.0');
  expect(fine.code).toBe(0);
  expect(fine.stderr).toBe(
    'warning: The resolution of 1.00 A (-res) is finer than the voxels allow: 2.80 A is used, Nyquist (twice the voxel size).\n',
  );
  expect(floats('out.mrc').equals(expected)).toBe(true);
  const coarse = await scale('-hm', 'n1.mrc', 'n2.mrc', '-res', '50');
  expect(coarse.code).toBe(3);
  expect(coarse.stderr).toContain('The resolution of 50 A (-res) is coarser than the map is wide (44.8 A).');
});
