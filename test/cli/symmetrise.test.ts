/** The commands symmetrise and symmetry as a user runs them. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pointGroup } from '../../src/math/symmetry/point-group.ts';
import { applyMatrix } from '../../src/math/symmetry/rotation.ts';
import { relativeL2 } from '../support/compare.ts';
import { runCli, runCommand, runtimes, Workspace } from './run-cli.ts';

const EDGE = 32;

/** Gaussian blobs (sd 2.4 voxels) at one place and its images under a group, about voxel 16. */
function blobs(group: string, centre = [16, 16, 16]): Float32Array {
  const places = pointGroup(group).flatMap((m) => [applyMatrix(m, [8, 1, 3]), applyMatrix(m, [4, 4, -6])]);
  return Float32Array.from({ length: EDGE ** 3 }, (_, i) => {
    const [z, y, x] = [Math.floor(i / EDGE ** 2), Math.floor(i / EDGE) % EDGE, i % EDGE];
    return places.reduce((sum, place) => {
      const d = Math.hypot(x - centre[2] - place[0], y - centre[1] - place[1], z - centre[0] - place[2]);
      return sum + Math.exp((-d * d) / (2 * 2.4 ** 2));
    }, 0);
  });
}

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.remove());
const write = (name: string, values: Float32Array): string =>
  workspace.map(name, 1, { extents: [EDGE, EDGE, EDGE], voxelSize: 3, values });
const floats = (name: string): Float32Array =>
  new Float32Array(Uint8Array.from(readFileSync(workspace.path(name)).subarray(1024)).buffer);
const run = (...args: string[]) => runCommand(workspace.folder, [...args, '--engine', 'cpu', '-np', '1']);

describe('symmetrise', () => {
  it.each(runtimes)('averages a map over C3 (%s)', async (runtime) => {
    const map = blobs('C3');
    const noisy = map.map((v, i) => v + 0.05 * Math.sin(i * i));
    write('map.mrc', noisy);
    const args = ['symmetrise', 'map.mrc', '-sym', 'c3', '-o', 'out.mrc', '--engine', 'cpu', '-np', '1'];
    const { code, stdout, stderr } = await runCli(workspace.folder, args, { runtime });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/Averaging over 3 operators \(C3\)/);
    expect(relativeL2(floats('out.mrc'), map)).toBeLessThan(0.7 * relativeL2(noisy, map));
    expect(workspace.list()).toEqual(['map.mrc', 'out.json', 'out.mrc']);
    const record = JSON.parse(readFileSync(workspace.path('out.json'), 'utf8'));
    expect(record.mode).toBe('average over 3 operators (C3)');
    expect(record.numbers.symmetry).toEqual({ name: 'C3', operators: 3 });
    expect(record.inputs.map((input: { path: string }) => input.path)).toEqual(['map.mrc']);
    expect(record.outputs).toEqual(['out.mrc']);
  });

  it('warns where the map does not have the symmetry, and names what fits', async () => {
    write('map.mrc', blobs('C3'));
    const { code, stderr } = await run('symmetrise', 'map.mrc', '-sym', 'D6', '-o', 'out.mrc');
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: The map does not look like D6: .* C3 fits\./);
  });

  it('takes a centre, and operators from a file', async () => {
    const map = blobs('C2', [16, 14, 17]);
    write('map.mrc', map);
    workspace.bytes('two.txt', '1 0 0\n0 1 0\n0 0 1\n-1 0 0\n0 -1 0\n0 0 1\n');
    const args = ['symmetrise', 'map.mrc', '-sym', 'two.txt', '--sym_center', '16,14,17', '-o', 'out.mrc'];
    const { code, stderr } = await run(...args);
    expect([code, stderr]).toEqual([0, '']);
    // Voxels are moved: rounding of one addition.
    expect(relativeL2(floats('out.mrc'), map)).toBeLessThan(1e-6);
  });

  it('averages over a helix', async () => {
    // Rods along z keep under any shift along them, turned by 90 degrees about z four times.
    const rods = Float32Array.from({ length: EDGE ** 3 }, (_, i) => {
      const [y, x] = [(Math.floor(i / EDGE) % EDGE) - 16, (i % EDGE) - 16];
      const rod = (py: number, px: number): number => Math.exp(-((y - py) ** 2 + (x - px) ** 2) / 12);
      return rod(7, 0) + rod(-7, 0) + rod(0, 7) + rod(0, -7);
    });
    write('map.mrc', rods);
    const args = ['symmetrise', 'map.mrc', '--helical_twist', '90', '--helical_rise', '7.5', '-o', 'out.mrc'];
    const { code, stdout } = await run(...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Averaging over 13 operators \(helix of 90 degrees and 7.5 A, C1\)/);
    expect(relativeL2(floats('out.mrc'), rods)).toBeLessThan(1e-3);
  });

  it.each([
    [['-sym', 'X3'], 2, /"X3" is not a point group/],
    [['-sym', 'C0'], 2, /"C0" is not a point group/],
    [[], 2, /No symmetry is given/],
    [['--helical_twist', '20'], 2, /A helix needs --rise, too/],
    [['--helical_twist', '20', '--helical_rise', '500'], 2, /does not fit the box/],
    [['-sym', 'C2', '--sym_center', '1,2'], 2, /three numbers/],
    [['-sym', 'C2', '--sym_center', '1,2,90'], 2, /outside the box/],
    [['-sym', 'none.txt'], 3, /none\.txt does not exist/],
    [['-sym', 'C2', '-o', 'out.mrc.gz'], 2, /cannot be written as \.gz/],
    [['-sym', 'C2', '-o', 'map.mrc'], 3, /map\.mrc/],
  ])('refuses %j', async (args, expected, message) => {
    write('map.mrc', blobs('C2'));
    const { code, stderr } = await run('symmetrise', 'map.mrc', ...args);
    expect(stderr).toMatch(message);
    expect(code).toBe(expected);
    expect(workspace.list()).toEqual(['map.mrc']);
  });
});

/** Blobs on a right-handed helix of 40 degrees and 6 A (2 voxels) about a line along z. */
function helix(y0: number, x0: number, twist = 40): Float32Array {
  return Float32Array.from({ length: EDGE ** 3 }, (_, i) => {
    const [z, y, x] = [Math.floor(i / EDGE ** 2), Math.floor(i / EDGE) % EDGE, i % EDGE];
    let sum = 0;
    for (let k = -10; k <= 10; k++) {
      const angle = (k * twist * Math.PI) / 180;
      const d = Math.hypot(x - x0 - 8 * Math.cos(angle), y - y0 - 8 * Math.sin(angle), z - 16 - 2 * k);
      sum += Math.exp((-d * d) / (2 * 2 ** 2));
    }
    return sum;
  });
}

describe('symmetrise with a helix', () => {
  const screw = ['--twist', '40', '-rise', '6', '-o', 'out.mrc'];
  it.each<[string, Float32Array, string[], RegExp | '']>([
    ['agrees with one that the map has', helix(16, 16), [], ''],
    ['about another axis, where that is given', helix(14, 18), ['--sym_center', '16,14,18'], ''],
    ['names the other hand', helix(16, 16, -40), [], /other hand: change the sign of the twist/],
    [
      'names the axis',
      helix(13, 19),
      [],
      /axis seems to go through voxel 16\.0,1[23]\.\d,1[89]\.\d .*--sym_center/,
    ],
  ])('%s', async (_, values, more, warning) => {
    write('map.mrc', values);
    const { code, stdout, stderr } = await run('symmetrise', 'map.mrc', ...screw, ...more);
    expect(code).toBe(0);
    if (warning === '') {
      expect(stderr).toBe('');
      expect(stdout).toMatch(/correlates with its rotated copies by (1\.00|0\.9\d) or more/);
    } else expect(stderr).toMatch(warning);
  });

  it('takes as many steps as requested', async () => {
    write('map.mrc', helix(16, 16));
    const { code, stdout } = await run('symmetrise', 'map.mrc', ...screw, '-n_steps', '3');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/Averaging over 7 operators/)]);
  });
});

describe('symmetry', () => {
  it('finds D3 in the middle of the box', async () => {
    write('map.mrc', blobs('D3'));
    const { code, stdout, stderr } = await run('symmetry', 'map.mrc');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Symmetry: D3\b/m);
    expect(stdout).toMatch(/^Centre: voxel 16,16,16 \(z,y,x\), the middle of the box$/m);
  });

  it('finds C5 in half maps about another axis, and symmetrise takes that centre', async () => {
    const map = blobs('C5', [16, 14, 19]);
    const wave = (i: number): number => 0.02 * Math.sin(i * i);
    write(
      'half1.mrc',
      map.map((v, i) => v + wave(i)),
    );
    write(
      'half2.mrc',
      map.map((v, i) => v - wave(i)),
    );
    const halves = ['-hm', 'half1.mrc', 'half2.mrc'];
    const { code, stdout, stderr } = await run('symmetry', ...halves);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Symmetry: C5\b/m);
    const centre = /give it with --sym_center ([\d.,]+)$/m.exec(stdout)?.[1] as string;
    const [z, y, x] = centre.split(',').map(Number);
    expect(z).toBe(16);
    // Two tenths of a voxel are printed at best.
    expect(Math.hypot(y - 14, x - 19)).toBeLessThan(0.25);
    const averaged = await run(
      'symmetrise',
      ...halves,
      '-sym',
      'C5',
      '--sym_center',
      '16,14,19',
      '-o',
      'o.mrc',
    );
    expect([averaged.code, averaged.stderr]).toEqual([0, '']);
    expect(relativeL2(floats('o.mrc'), map)).toBeLessThan(0.02);
  });

  it('looks about the given centre alone, and says that nothing is symmetric about it', async () => {
    write('map.mrc', blobs('C5', [16, 14, 19]));
    const found = await run('symmetry', '-em', 'map.mrc', '--sym_center', '16,14,19');
    expect(found.stdout).toMatch(/^Symmetry: C5\b/m);
    expect((await run('symmetry', 'map.mrc', '--sym_center', '16,16,16')).stdout).toMatch(/^Symmetry: C1 /m);
    expect((await run('symmetry', 'map.mrc', '--sym_center', '16,16,40')).code).toBe(2);
  });

  it('leaves out what a mask hides', async () => {
    const map = blobs('C3');
    // Something that lies beside it and has no symmetry.
    const beside = map.map((v, i) => v + (i % EDGE > 28 && Math.floor(i / EDGE) % EDGE < 12 ? 3 : 0));
    write('map.mrc', beside);
    write(
      'mask.mrc',
      map.map((_, i) => (i % EDGE > 28 ? 0 : 1)),
    );
    const { code, stdout } = await run('symmetry', 'map.mrc', '-ma', 'mask.mrc');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Symmetry: C3\b/m)]);
  });
});
