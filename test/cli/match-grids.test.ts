/** --match_grid and the command resample, as a user runs them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMapFile } from '../../src/files/index.ts';
import { maxDifference } from '../support/compare.ts';
import { type MrcFixture, makeMrc } from '../support/mrc-fixture.ts';
import { runCli, runCommand, runtimes, Workspace } from './run-cli.ts';

const edge = 24;
const voxelSize = 2;
const origin = [10, 20, 30] as const;
let workspace: Workspace;
const run = (...args: string[]) => runCommand(workspace.folder, [...args, '--engine', 'cpu', '-np', '1']);
const json = (name: string) => JSON.parse(readFileSync(workspace.path(name), 'utf8'));
const image = (name: string) => readMapFile(workspace.path(name));

/** Two Gaussians, 0 from 16 A about the middle of the box on. Places x, y, z in A. */
const density = (x: number, y: number, z: number) => {
  const at = [x, y, z].map((v, axis) => v - origin[axis] - edge);
  if (Math.max(...at.map(Math.abs)) > 16) return 0;
  const square = (dx: number) => (at[0] - dx) ** 2 + at[1] ** 2 + at[2] ** 2;
  return Math.exp(-square(0) / 40) + 0.5 * Math.exp(-square(5) / 40);
};
const noisy = (seed: number) => {
  let state = seed;
  return (x: number, y: number, z: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return density(x, y, z) + 0.1 * (state / 2147483648 - 0.5);
  };
};

/** `extents` along x, y, z; `axes` says which of them runs fastest. */
const write = (
  name: string,
  value: (x: number, y: number, z: number) => number,
  {
    extents = [edge, edge, edge],
    from = origin,
    size = voxelSize,
    axes = [1, 2, 3],
    ...fixture
  }: { extents?: readonly number[]; from?: readonly number[]; size?: number } & Pick<
    MrcFixture,
    'axes' | 'start' | 'origin'
  > = {},
) => {
  const [nc, nr, ns] = axes.map((axis) => extents[axis - 1]);
  const values = Float32Array.from({ length: nc * nr * ns }, (_, i) => {
    const at = [0, 0, 0];
    [i % nc, Math.floor(i / nc) % nr, Math.floor(i / (nc * nr))].forEach((v, k) => {
      at[axes[k] - 1] = v;
    });
    const [x, y, z] = at.map((v, axis) => from[axis] + v * size);
    return value(x, y, z);
  });
  const place = { origin: from as [number, number, number], ...fixture };
  const fixed = { extents: [nc, nr, ns] as const, axes, voxelSize: size, values, ...place };
  writeFileSync(workspace.path(name), makeMrc(fixed));
};

beforeAll(() => {
  workspace = new Workspace();
  write('half1.mrc', noisy(1));
  write('half2.mrc', noisy(2));
  write('ref.mrc', density);
  write('mask.mrc', (...at) => (density(...at) > 0.1 ? 1 : 0));
  const cut = { extents: [18, 20, 22], from: [16, 24, 32] };
  write('cropped.mrc', density, cut);
  write('turned.mrc', density, { ...cut, axes: [3, 1, 2] });
  write('counted.mrc', density, { ...cut, origin: [0, 0, 0], start: [8, 12, 16] });
  write('fine.mrc', density, { extents: [48, 48, 48], size: 1 });
  write('finemask.mrc', (...at) => (density(...at) > 0.1 ? 1 : 0), { extents: [48, 48, 48], size: 1 });
  write('lost.mrc', density, { ...cut, from: [0, 0, 0] });
  write('placeless.mrc', density, { from: [0, 0, 0] });
  write('far.mrc', density, { from: [900, 20, 30] });
});
afterAll(() => workspace.remove());

const scale = (...args: string[]) =>
  run('-hm', 'half1.mrc', 'half2.mrc', '-wn', '6', '-res', '6', '--scaling', 'locscale', ...args);

describe('--match_grid', () => {
  it.each([
    ['cropped.mrc', 'moved by (3, 2, 1) voxels, 18 x 20 x 22 voxels cropped or padded to 24 x 24 x 24'],
    ['turned.mrc', 'moved by (3, 2, 1) voxels'],
    ['counted.mrc', 'moved by (3, 2, 1) voxels'],
  ])('takes %s as a reference, with the same bits', async (name, said) => {
    const plain = await scale('-mm', 'ref.mrc', '-ma', 'mask.mrc', '-o', 'plain.mrc');
    expect([plain.code, plain.stderr]).toEqual([0, '']);
    const refused = await scale('-mm', name, '-ma', 'mask.mrc');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(
      /differ in box.*\n.*hint: Put one map on the grid of the other with --match_grid/s,
    );
    const { code, stdout, stderr } = await scale(
      '-mm',
      name,
      '-ma',
      'mask.mrc',
      '--match_grid',
      '-o',
      'matched.mrc',
    );
    expect([code, stderr]).toEqual([0, '']);
    expect((await image('matched.mrc')).data).toEqual((await image('plain.mrc')).data);
    expect(stdout).toContain(`${name} is put on the grid of half1.mrc: ${said}`);
    expect(json('matched.json').matched).toEqual([expect.stringContaining(`${name} is put on`)]);
    expect(json('plain.json').matched).toBeUndefined();
  });

  it.each(runtimes)('puts reference and mask of finer voxels on the map (%s)', async (runtime) => {
    const args = ['-hm', 'half1.mrc', 'half2.mrc', '-mm', 'fine.mrc', '-ma', 'finemask.mrc', '--match_grid'];
    const rest = ['-wn', '6', '-res', '6', '--engine', 'cpu', '-np', '1', '-o', `${runtime}.mrc`];
    const { code, stdout, stderr } = await runCli(workspace.folder, [...args, ...rest], { runtime });
    expect([code, stderr]).toEqual([0, '']);
    expect(
      stdout.match(/ is put on the grid of half1\.mrc: (resampled|interpolated) from voxels of 1 A to 2 A/g),
    ).toHaveLength(2);
    expect((await image(`${runtime}.mrc`)).data).toEqual((await image(`${runtimes[0]}.mrc`)).data);
  });

  it('says in a sentence where the headers do not say it', async () => {
    const placeless = ['-em', 'placeless.mrc', '-mm', 'lost.mrc', '-ma', 'placeless.mrc', '--match_grid'];
    const { code, stderr } = await run(...placeless, '-res', '6');
    expect(code).toBe(3);
    expect(stderr).toContain(
      'error: The headers do not say where lost.mrc lies in placeless.mrc: both have their origin at 0, and their boxes differ.',
    );
    const far = await scale('-mm', 'far.mrc', '-ma', 'mask.mrc', '--match_grid');
    expect(far.stderr).toContain('error: far.mrc has no voxel on the grid of half1.mrc.');
    expect(far.code).toBe(3);
    expect(
      (await run('-em', 'ref.mrc', '--no_reference', '-res', '6', '-wn', '6', '--match_grid', '--dry_run'))
        .stderr,
    ).toContain('--match_grid has no effect: only one map is read.');
  });

  it('reports it in a dry run, and in other commands', async () => {
    const dry = await scale('-mm', 'cropped.mrc', '-ma', 'finemask.mrc', '--match_grid', '--dry_run');
    expect([dry.code, dry.stderr]).toEqual([0, '']);
    expect(dry.stdout.match(/is put on the grid of half1\.mrc/g)).toHaveLength(2);
    const fsc = await run('fsc', 'half1.mrc', 'half2.mrc', '-ma', 'finemask.mrc', '--match_grid');
    expect(fsc.code).toBe(0);
    expect(fsc.stdout).toContain('finemask.mrc is put on the grid of half1.mrc: interpolated');
    const united = ['mask', 'ref.mrc', '--threshold', '0.5', '--unite', 'finemask.mrc'];
    expect((await run(...united, '-o', 'm.mrc')).stderr).toContain('--match_grid');
    expect((await run(...united, '--match_grid', '-o', 'm.mrc')).code).toBe(0);
  });
});

describe('resample', () => {
  const resample = async (...args: string[]) => {
    const { code, stdout, stderr } = await run('resample', ...args, '-o', 'r.mrc');
    expect([code, stderr]).toEqual([0, '']);
    return { stdout, ...(await image('r.mrc')) };
  };
  const maximum = (data: Float32Array) => data.reduce((most, value) => Math.max(most, value), 0);

  it('to other voxels and back gives the map; its place stays', async () => {
    const { data: expected } = await image('ref.mrc');
    const fine = await resample('ref.mrc', '--voxel_size', '1');
    expect(fine.grid).toEqual({ shape: [48, 48, 48], voxelSize: [1, 1, 1], origin: [30, 20, 10] });
    writeFileSync(workspace.path('f.mrc'), readFileSync(workspace.path('r.mrc')));
    const back = await resample('f.mrc', '--voxel_size', '2');
    expect(back.grid).toEqual((await image('ref.mrc')).grid);
    expect(maxDifference(back.data, expected)).toBeLessThan(1e-5);
    expect(json('r.json').resampled).toMatchObject({ voxelSize: [2, 2, 2], origin: [30, 20, 10] });
    expect(json('r.json').numbers.shape).toEqual([24, 24, 24]);
  });

  it('crops and pads about the middle, a place or a mask, without a change of the voxels', async () => {
    const { data: expected } = await image('ref.mrc');
    const padded = await resample('ref.mrc', '--box', '40');
    expect(padded.grid).toMatchObject({ shape: [40, 40, 40], origin: [14, 4, -6] });
    writeFileSync(workspace.path('p.mrc'), readFileSync(workspace.path('r.mrc')));
    expect((await resample('p.mrc', '--like', 'ref.mrc')).data).toEqual(expected);
    const peak = await resample('ref.mrc', '--center', '34,44,54', '--box', '9');
    expect(peak.data[(4 * 9 + 4) * 9 + 4]).toBe(expected[(12 * edge + 12) * edge + 12]);
    const cropped = await resample('ref.mrc', '--crop_to_mask', 'mask.mrc', '--padding', '2');
    expect(cropped.grid.shape.every((n) => n < edge && n % 2 === 0)).toBe(true);
    expect(maximum(cropped.data)).toBe(maximum(expected));
    writeFileSync(workspace.path('c.mrc'), readFileSync(workspace.path('r.mrc')));
    const mask = (await image('mask.mrc')).data;
    const whole = await resample('c.mrc', '--like', 'ref.mrc');
    const within = (data: Float32Array) => data.filter((_, i) => mask[i] === 1);
    expect(within(whole.data)).toEqual(within(expected));
  });

  it('keeps the place in NSTART where it stood there, else in ORIGIN', async () => {
    const counted = await resample('counted.mrc', '--box', '10,12,14');
    expect(counted.header).toMatchObject({
      nc: 10,
      nr: 12,
      ns: 14,
      originX: 0,
      ncstart: 12,
      nrstart: 16,
      nsstart: 20,
    });
    expect((await resample('counted.mrc', '--origin', '16.5,24,32')).header).toMatchObject({
      originX: 16.5,
      ncstart: 0,
    });
    expect((await resample('turned.mrc', '--box', '10')).header).toMatchObject({ mapc: 1, mapr: 2, maps: 3 });
  });

  it('keeps a mask between 0 and 1', async () => {
    const { data } = await resample('mask.mrc', '--origin', '10.7,20.3,30', '--as_mask');
    expect(data.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(data.some((value) => value > 0 && value < 1)).toBe(true);
  });

  it('plans without a file, and says what is wrong in a sentence', async () => {
    const files = workspace.list();
    const { code, stdout } = await run('resample', 'ref.mrc', '--voxel_size', '3', '--dry_run');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /Mode: map on another grid\n.*New grid: 16 x 16 x 16 voxels of 3 A from \(10, 20, 30\) A\n.*Memory: /s,
    );
    expect(workspace.list()).toEqual(files);
    const wrong = async (...args: string[]) => {
      const result = await run('resample', ...args);
      return [result.code, result.stderr.split('\n')[0]];
    };
    expect(await wrong('ref.mrc')).toEqual([2, 'error: No new grid is given.']);
    expect(await wrong('ref.mrc', '--like', 'fine.mrc', '--box', '9')).toEqual([
      2,
      expect.stringMatching(/--like and --box/),
    ]);
    expect(await wrong('ref.mrc', '--box', '9,9')).toEqual([
      2,
      expect.stringMatching(/--box needs one whole number/),
    ]);
    expect(await wrong('ref.mrc', '--center', '900,0,0')).toEqual([
      3,
      expect.stringMatching(/ref\.mrc has no voxel on the new grid/),
    ]);
    expect(await wrong('ref.mrc', '--crop_to_mask', 'fine.mrc')).toEqual([
      3,
      expect.stringMatching(/differ in box/),
    ]);
    expect(await wrong('lost.mrc', '--like', 'placeless.mrc')).toEqual([
      3,
      expect.stringMatching(/headers do not say where lost\.mrc lies/),
    ]);
    expect(await wrong('-hm', 'half1.mrc', 'half2.mrc', '--box', '9')).toEqual([2, expect.any(String)]);
  });
});
