/** The command mask: sources, shapes and their order, in files. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMapFile } from '../../src/files/index.ts';
import { makeMrc } from '../support/mrc-fixture.ts';
import { runCommand, Workspace } from './run-cli.ts';

const edge = 40;
const voxelSize = 2;
let workspace: Workspace;
const sphere = (radius: number): number => (4 / 3) * Math.PI * radius ** 3;
const run = (...args: string[]) =>
  runCommand(workspace.folder, ['mask', ...args, '--engine', 'cpu', '-np', '1']);
const json = (name: string) => JSON.parse(readFileSync(workspace.path(name), 'utf8'));
const voxels = async (name = 'm.mrc') => (await readMapFile(workspace.path(name))).data;
const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0);
/** From the distances (A) to two centres. */
const write = (name: string, value: (near: number, far: number) => number) => {
  const values = Float32Array.from({ length: edge ** 3 }, (_, i) => {
    const at = [Math.floor(i / edge ** 2), Math.floor(i / edge) % edge, i % edge].map((v) => voxelSize * v);
    const from = (...centre: number[]) => Math.hypot(...at.map((v, axis) => v - centre[axis]));
    return value(from(40, 40, 30), from(40, 40, 68));
  });
  writeFileSync(workspace.path(name), makeMrc({ extents: [edge, edge, edge], voxelSize, values }));
};

beforeAll(() => {
  workspace = new Workspace();
  // A hollow ball, 20 A without a core of 6 A, and a small ball of 10 A.
  write('map.mrc', (near, far) => (near < 20 && near > 6 ? 1 : far < 10 ? 2 : 0));
  write('near.mrc', (near) => (near < 30 ? 1 : 0));
  write('core.mrc', (near) => (near < 6.5 ? 1 : 0));
  write('none.mrc', (near) => (near < -1 ? 1 : 0));
  const atom = (x: number, serial: number) =>
    `ATOM  ${String(serial).padStart(5)}  CA  ALA A${String(serial).padStart(4)}    ${[x, 40, 40].map((v) => v.toFixed(3).padStart(8)).join('')}  1.00 20.00           C  `;
  workspace.bytes('model.pdb', `${[30, 68].map(atom).join('\n')}\nEND\n`);
});
afterAll(() => workspace.remove());

describe('mask', () => {
  it.each([
    [['--threshold', '0.5'], sphere(20) - sphere(6) + sphere(10)],
    [['--threshold', '1.5'], sphere(10)],
    [['--non_zero'], sphere(20) - sphere(6) + sphere(10)],
    [['--threshold', '0.5', '--keep', '1'], sphere(20) - sphere(6)],
    [['--threshold', '0.5', '--keep', '1', '--fill_holes'], sphere(20)],
    [['--threshold', '0.5', '--intersect', 'near.mrc'], sphere(20) - sphere(6)],
    [['--threshold', '0.5', '--subtract', 'near.mrc'], sphere(10)],
    [['--threshold', '0.5', '--unite', 'core.mrc'], sphere(20) + sphere(10)],
    [['--threshold', '0.5', '--fill_holes', '--keep', '1', '--extend', '6'], sphere(26)],
    [['--threshold', '0.5', '--fill_holes', '--keep', '1', '--extend', '-6'], sphere(14)],
    [['-mc', 'model.pdb', '--radius', '8'], 2 * sphere(8)],
  ])('%j has the volume of its shape (8 %)', async (args, expected) => {
    const { code, stdout, stderr } = await run('map.mrc', ...args, '-o', 'm.mrc');
    expect([code, stderr]).toEqual([0, '']);
    const mask = await voxels();
    expect(new Set(mask)).toEqual(new Set([0, 1]));
    expect((sum(mask) * voxelSize ** 3) / expected).toBeGreaterThan(0.92);
    expect((sum(mask) * voxelSize ** 3) / expected).toBeLessThan(1.08);
    expect(json('m.json').numbers.maskVoxels).toBe(sum(mask));
    const kiloDalton = (sum(mask) * voxelSize ** 3) / 1.21 / 1000;
    expect(stdout).toContain(`Room for ${kiloDalton.toFixed(0)} kDa of protein`);
    expect(workspace.list()).not.toContain('m_confidence.mrc');
  });

  it('softens the edge outside the mask, and inverts last; the volume is that of the mask', async () => {
    const ball = ['map.mrc', '--threshold', '0.5', '--fill_holes', '--keep', '1'];
    await run(...ball, '-o', 'hard.mrc');
    const soft = [...ball, '--soft_edge', '8', '-mw', '20'];
    const { stdout } = await run(...soft, '-o', 'm.mrc');
    const [hard, mask] = [await voxels('hard.mrc'), await voxels()];
    expect(hard.every((value, i) => value === 0 || mask[i] === 1)).toBe(true);
    expect(mask.some((value) => value > 0.2 && value < 0.8)).toBe(true);
    expect(json('m.json').numbers.molecularVolume).toBe(json('hard.json').numbers.molecularVolume);
    expect(stdout).toMatch(
      /Room for \d+ kDa of protein \(1\.21 A\^3 per dalton\), 1\.3\d times the 20 kDa of -mw\n/,
    );
    await run(...soft, '--invert', '-o', 'i.mrc');
    const inverted = await voxels('i.mrc');
    expect(inverted.every((value, i) => Math.abs(value + mask[i] - 1) < 1e-6)).toBe(true);
  });

  it('low-passes before it compares densities', async () => {
    await run('map.mrc', '--threshold', '0.5', '-o', 'm.mrc');
    const sharp = sum(await voxels());
    await run('map.mrc', '--threshold', '0.5', '--low_pass', '12', '-o', 'm.mrc');
    // The small ball, and the core of the other, are finer than that.
    expect(sum(await voxels())).not.toBe(sharp);
  });

  it('shows a page and takes an own mask as the map', async () => {
    const { code } = await run(
      'core.mrc',
      '--threshold',
      '0.5',
      '--extend',
      '4',
      '-o',
      'm.mrc',
      '--print_report',
    );
    expect(code).toBe(0);
    expect(readFileSync(workspace.path('m_report.html'), 'utf8')).toContain('Mask and noise');
    expect((sum(await voxels()) * voxelSize ** 3) / sphere(10.5)).toBeGreaterThan(0.85);
  });

  it.each([
    [['map.mrc', '--threshold', '1', '--non_zero'], 2, '--threshold and --non_zero exclude each other'],
    [['map.mrc', '--threshold', '3'], 3, 'expected: a density of at most 2.000, the largest of the map'],
    [['map.mrc', '--threshold', '1', '--intersect', 'none.mrc'], 3, 'it has nothing in common with none.mrc'],
    [
      ['map.mrc', '--threshold', '1', '--subtract', 'near.mrc', '--extend', '-12'],
      3,
      'narrower than twice --extend',
    ],
    [['map.mrc', '--threshold', '1', '--unite', 'absent.mrc'], 3, 'absent.mrc'],
    [['map.mrc', '-mc', 'absent.pdb'], 3, 'absent.pdb'],
    [['map.mrc', '--keep', '0'], 2, '--keep needs a whole number of at least 1'],
  ])('refuses %j', async (args, expected, sentence) => {
    const { code, stderr } = await run(...args, '-o', 'x.mrc');
    expect(code).toBe(expected);
    expect(stderr).toContain(sentence);
    expect(workspace.list().filter((name) => name.startsWith('x'))).toEqual([]);
  });

  it('refuses the non-zero region of a map without zeros, and says what does nothing', async () => {
    workspace.map('noisy.mrc', 2);
    const refused = await run('noisy.mrc', '--non_zero', '-o', 'x.mrc');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('The map is not masked: its non-zero region is the whole box');
    const { stderr } = await run(
      'map.mrc',
      '--threshold',
      '0.5',
      '-fdr',
      '0.05',
      '--radius',
      '4',
      '-o',
      'm.mrc',
    );
    expect(stderr).toContain('--fdr_threshold has no effect: the mask is not made by false-discovery rate.');
    expect(stderr).toContain('--radius has no effect: it belongs to -mc.');
  });
});

describe('the mask of a run that scales', () => {
  const scale = (...args: string[]) =>
    runCommand(workspace.folder, ['-hm', 'half1.mrc', 'half2.mrc', ...args, '--engine', 'cpu', '-np', '1']);
  const sameVoxels = async (one: string, other: string): Promise<boolean> => {
    const [a, b] = [await voxels(one), await voxels(other)];
    return a.length === b.length && a.every((value, i) => value === b[i]);
  };
  const shape = ['--fill_holes', '--keep', '1', '--extend', '3', '--soft_edge', '8'];

  beforeAll(() => {
    workspace.map('half1.mrc', 1);
    workspace.map('half2.mrc', 2);
  });

  it.each([
    ['by false-discovery rate', ['-fdr', '0.05'], ['-fdr_f', '5']],
    ['of a density', ['--threshold', '0.3', '--low_pass', '9'], []],
  ])('%s has the shape that the command mask gives it, bit for bit', async (_, source, ofMask) => {
    const made = await run('-hm', 'half1.mrc', 'half2.mrc', ...source, ...ofMask, ...shape, '-o', 'made.mrc');
    expect(made.code).toBe(0);
    expect((await scale('-ma', 'made.mrc', '-o', 'two.mrc')).code).toBe(0);
    const one = await scale(...source, ...shape, '-op', 'processing', '-o', 'one.mrc');
    // Its noise boxes are the same.
    expect([one.code, one.stderr]).toEqual([0, made.stderr]);
    expect(await sameVoxels('one.mrc', 'two.mrc')).toBe(true);
    const mask = await voxels('processing/one_mask.mrc');
    expect(await sameVoxels('processing/one_mask.mrc', 'made.mrc')).toBe(true);
    expect(mask.some((value) => value > 0.2 && value < 0.8)).toBe(true);
    const [shaped, given] = [json('one.json'), json('two.json')];
    for (const number of ['maskVoxels', 'molecularVolume', 'wilsonCutoff'])
      expect(shaped.numbers[number], number).toBe(given.numbers[number]);
    expect(shaped.parameters.maskShape).toMatchObject({ extendAngstrom: 3, softEdgeAngstrom: 8 });
    expect(given.parameters).not.toHaveProperty('maskShape');
  });

  it('may be a given one, counted from another value, and shaped', async () => {
    await run('-hm', 'half1.mrc', 'half2.mrc', ...shape, '-o', 'given.mrc');
    await run('given.mrc', '--threshold', '0.2', '--extend', '-3', '-o', 'made.mrc');
    await scale('-ma', 'made.mrc', '-o', 'two.mrc');
    const one = await scale('-ma', 'given.mrc', '--threshold', '0.2', '--extend', '-3', '-o', 'one.mrc');
    expect([one.code, one.stderr]).toEqual([0, '']);
    expect(await sameVoxels('one_mask.mrc', 'made.mrc')).toBe(true);
    expect(workspace.list()).not.toContain('two_mask.mrc');
    expect(await sameVoxels('one.mrc', 'two.mrc')).toBe(true);
    expect(json('one.json').numbers.maskVoxels).toBe(sum(await voxels('made.mrc')));
  });

  it.each([
    [['--threshold', '99'], 3, 'No voxel reaches a density of 99.'],
    [['-ma', 'given.mrc', '--threshold', '2'], 3, 'The mask given.mrc is empty: no voxel reaches 2.'],
    [['--extend', '-150'], 3, 'Nothing is left of the mask: it is narrower than twice --extend.'],
    [['--soft_edge', '-1'], 2, '--soft_edge needs a number of at least 0'],
    [['--invert'], 2, '--invert'],
  ])('refuses %j', async (args, expected, sentence) => {
    const { code, stderr } = await scale(...args, '-o', 'x.mrc');
    expect(code).toBe(expected);
    expect(stderr).toContain(sentence);
    expect(workspace.list().filter((name) => name.startsWith('x'))).toEqual([]);
  });

  it('names what does nothing', async () => {
    const notes = async (...args: string[]) => (await scale(...args, '--dry_run')).stderr;
    expect(await notes('--threshold', '0.3', '-fdr', '0.1')).toContain(
      '--fdr_threshold has no effect: the mask is not made by false-discovery rate.',
    );
    expect(await notes('--low_pass', '9')).toContain('--low_pass has no effect: it belongs to --threshold.');
    expect(await notes('-ma', 'given.mrc', '--threshold', '0.4', '--low_pass', '9')).toContain(
      '--low_pass has no effect: a mask is given.',
    );
  });
});
