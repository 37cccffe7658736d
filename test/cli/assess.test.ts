/** Maps compared with a model, as a user does it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMapFile } from '../../src/files/index.ts';
import { readStructure } from '../../src/formats/coordinates.ts';
import type { StructureAtom } from '../../src/formats/structure.ts';
import { writeMmcif } from '../../src/formats/write-mmcif.ts';
import { describeMissing, findTestAdapter } from '../support/gpu-device.ts';
import { makeMrc } from '../support/mrc-fixture.ts';
import { noiseVolume } from '../support/random-volume.ts';
import { gpuEnvironment, usesHardware } from '../support/software-gpu.ts';
import { smallDataset } from '../support/synthetic.ts';
import { runCli, runCommand, Workspace } from './run-cli.ts';

const edge = 48;
const data = smallDataset({ shape: [edge, edge, edge] });
const { voxelSize } = data.half1.grid;
const adapter = await findTestAdapter();
let workspace: Workspace;

const write = (name: string, values: ArrayLike<number>, change = {}) =>
  writeFileSync(
    workspace.path(name),
    makeMrc({
      extents: [edge, edge, edge],
      voxelSize: voxelSize[0],
      values: Float32Array.from(values),
      ...change,
    }),
  );
const cpu = ['--engine', 'cpu', '-np', '1'];
const run = (...args: string[]) => runCommand(workspace.folder, ['assess', ...args, ...cpu]);
const text = (name: string) => readFileSync(workspace.path(name), 'utf8');
const json = (name: string) => JSON.parse(text(name));
const rows = (name: string) =>
  text(name)
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
const atoms = data.atoms.map(
  (atom, i): StructureAtom => ({
    ...atom,
    ...{ altloc: '', insertionCode: '', model: 1, charge: 0, hetero: false, serial: i + 1 },
  }),
);
const cif = (list: readonly StructureAtom[]) => writeMmcif({ id: 'TEST', title: '', atoms: list, notes: [] });

beforeAll(() => {
  workspace = new Workspace();
  write('half1.mrc', data.half1.data);
  write('half2.mrc', data.half2.data);
  const mean = data.half1.data.map((v, i) => (v + data.half2.data[i]) / 2);
  const spread = Math.sqrt(mean.reduce((sum, v) => sum + v * v, 0) / mean.length);
  write('good.mrc', mean);
  const noise = noiseVolume([edge, edge, edge], 5);
  write(
    'poor.mrc',
    mean.map((v, i) => v + 2 * spread * noise[i]),
  );
  write('other-grid.mrc', mean, { voxelSize: 1.9 });
  write('mask.mrc', data.mask.data);
  write('empty.mrc', new Float32Array(mean.length).fill(0.2));
  writeFileSync(workspace.path('model.cif'), cif(atoms));
  writeFileSync(workspace.path('far.cif'), cif(atoms.map((atom) => ({ ...atom, x: atom.x + 900 }))));
  // Into the solvent, where there is nothing of it.
  const corner = Math.min(...atoms.map(({ x }) => x)) - 1;
  writeFileSync(workspace.path('aside.cif'), cif(atoms.map((atom) => ({ ...atom, x: atom.x - corner }))));
  writeFileSync(workspace.path('empty.cif'), 'data_x\n_cell.length_a 1\n');
});
afterAll(() => workspace.remove());

const files = ['_atoms.csv', '_curves.csv', '_scores.json', '.csv', '.cxc', '.defattr', '.json'];

describe('assess', () => {
  it('compares maps side by side, and writes tables, attributes, scene and record', async () => {
    const { code, stdout, stderr } = await run(
      ...['good.mrc', '-mc', 'model.cif', '--against', 'poor.mrc', '-hm', 'half1.mrc', 'half2.mrc'],
    );
    expect([code, stderr]).toEqual([0, '']);
    const record = json('assess.json');
    const { maps, resolution, expectedQ } = record.assessment;
    expect(stdout).toMatch(
      /^Map {3}FSC 0\.5 {2}FSC 0\.143 {2}CC mask {2}mean Q {2}Guinier B {2}CC with good$/m,
    );
    for (const { label, cc, q } of maps)
      expect(stdout).toMatch(new RegExp(`^${label} .* ${cc.toFixed(3)} .*${q.toFixed(3)}`, 'm'));
    expect(stdout).toContain(`Resolution: ${resolution.toFixed(2)} A (half-map FSC within the mask)\n`);
    expect(stdout).toContain(`have a mean Q of ${expectedQ.protein.toFixed(2)} (protein).`);
    expect(maps[0].cc).toBeGreaterThan(maps[1].cc + 0.05);
    expect(maps[0].q).toBeGreaterThan(maps[1].q + 0.05);
    expect(maps[1].localCorrelation).toBeGreaterThan(0.2);
    expect(maps[1].localCorrelation).toBeLessThan(0.95);
    const written = workspace.list().filter((name) => name.startsWith('assess'));
    expect(written).toEqual([...files, '_local_correlation.mrc'].map((end) => `assess${end}`).sort());
    expect(record.outputs).toHaveLength(7);
    expect(record.inputs.map(({ role }: { role: string }) => role).sort()).toEqual(
      ['map', 'further map', 'half map 1', 'half map 2', 'atomic model'].sort(),
    );

    const [head, ...residues] = rows('assess.csv');
    expect(head).toEqual([
      ...['chain', 'number', 'insertion_code', 'name', 'kind', 'atoms'],
      ...['CC good', 'CC poor', 'Q good', 'Q poor'],
    ]);
    const scores = json('assess_scores.json');
    expect(residues).toHaveLength(scores.residues.length);
    expect(residues[0].slice(0, 4)).toEqual([
      ...[scores.residues[0].auth_asym_id, String(scores.residues[0].auth_seq_id), ''],
      scores.residues[0].auth_comp_id,
    ]);
    expect(Number(residues[0][6])).toBe(scores.residues[0].cc.good);
    expect(Number(residues[0][9])).toBe(scores.residues[0].q.poor);
    expect(rows('assess_atoms.csv')).toHaveLength(1 + atoms.length);
    expect(rows('assess_curves.csv')[0]).toEqual([
      ...['frequency_1_per_A', 'resolution_A', 'FSC good', 'FSC poor'],
      ...['amplitude good', 'amplitude poor', 'amplitude model'],
    ]);
    const local = await readMapFile(workspace.path('assess_local_correlation.mrc'));
    expect(Math.max(...local.data)).toBeLessThanOrEqual(1);
    expect(Math.min(...local.data)).toBeGreaterThanOrEqual(-1);
    const scene = text('assess.cxc');
    for (const name of ['good.mrc', 'poor.mrc', 'model.cif', 'assess.defattr'])
      expect(scene).toContain(`open "${workspace.path(name)}"`);
    expect(text('assess.defattr').match(/^\t/gm)?.length).toBe(4 * residues.length);
  });

  it('takes the mean of half maps as a map, labels, a mask, settings and a folder', async () => {
    const { code, stdout, stderr } = await run(
      ...['-hm', 'half1.mrc', 'half2.mrc', '-mc', 'model.cif', '--against', 'poor.mrc', 'good.mrc'],
      ...['--labels', 'raw', 'noise', 'mean', '-ma', 'mask.mrc', '-res', '5', '--radius', '3'],
      ...['--local_window', '4', '-o', 'new/folder/'],
    );
    expect(code).toBe(0);
    // The mask of the test data is binary.
    expect(stderr).toMatch(/^(warning: The mask mask\.mrc has hard edges.*\n)?$/);
    expect(stdout).toContain('Resolution: 5.00 A (as given)\n');
    expect(stdout).toContain('CC with raw');
    expect(workspace.list().filter((name) => name.startsWith('new/folder/'))).toEqual(
      [...files, '_local_correlation.mrc', '_local_correlation_2.mrc']
        .map((end) => `new/folder/assess${end}`)
        .sort(),
    );
    const { assessment, parameters, numbers } = json('new/folder/assess.json');
    expect(assessment).toMatchObject({ radiusAngstrom: 3, localWindow: 4, resolutionSource: 'user' });
    expect(parameters).toMatchObject({ resolution: 5, labels: ['raw', 'noise', 'mean'] });
    expect(numbers.maskOrigin).toEqual({ source: 'user' });
    // The mean of the half maps is the third map.
    expect(assessment.maps[2].localCorrelation).toBeGreaterThan(0.999);
    expect(assessment.maps[2].q).toBeCloseTo(assessment.maps[0].q, 4);
    mkdirSync(workspace.path('there'));
    expect((await run('good.mrc', '-mc', 'model.cif', '-o', 'there')).code).toBe(0);
    expect(workspace.list()).toContain('there/assess.csv');
  });

  it('puts further maps on the grid of the first on request', async () => {
    // The box without its first planes along x.
    const cut = edge - 4;
    const values = Float32Array.from({ length: edge * edge * cut }, (_, i) => {
      const [row, x] = [Math.floor(i / cut), i % cut];
      return (data.half1.data[row * edge + x + 4] + data.half2.data[row * edge + x + 4]) / 2;
    });
    writeFileSync(
      workspace.path('cut.mrc'),
      makeMrc({
        ...{ extents: [cut, edge, edge], voxelSize: voxelSize[0], values },
        origin: [4 * voxelSize[0], 0, 0],
      }),
    );
    const args = ['good.mrc', '-mc', 'model.cif', '--against', 'cut.mrc', '-res', '4', '-o', 'match.csv'];
    expect((await run(...args)).code).toBe(3);
    const { code, stdout } = await run(...args, '--match_grid');
    expect(code).toBe(0);
    expect(stdout).toContain('cut.mrc is put on the grid of good.mrc');
    const [good, same] = json('match.json').assessment.maps;
    expect(same.cc).toBeCloseTo(good.cc, 5);
    expect(same.localCorrelation).toBeGreaterThan(0.999);
  });

  it('works with one map and nothing else, and says that the resolution is not known', async () => {
    const { code, stdout, stderr } = await run('-em', 'good.mrc', '-mc', 'model.cif', '-o', 'one.csv');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Resolution: unknown; model maps end at Nyquist.');
    expect(stdout).not.toContain('Published models');
    expect(workspace.list()).not.toContain('one_local_correlation.mrc');
    const { assessment } = json('one.json');
    expect(assessment.resolution).toBeUndefined();
  });

  it('plans, and reports', async () => {
    const before = workspace.list();
    const dry = await run('good.mrc', '-mc', 'model.cif', '--against', 'poor.mrc', '-o', 'dry/', '--dry_run');
    expect([dry.code, dry.stderr]).toEqual([0, '']);
    expect(dry.stdout).toContain('Mode: maps compared with a model\n');
    expect(dry.stdout).toContain('Maps: good, poor\n');
    expect(dry.stdout).toMatch(/^Model: \d+ atoms, \d+ residues in \d+ chains?$/m);
    expect(dry.stdout).toMatch(/^Memory: [\d.]+ MiB, limit [\d.]+ GiB$/m);
    expect(workspace.list()).toEqual(before);
    const { code, stderr } = await run(
      ...[
        'good.mrc',
        '-mc',
        'model.cif',
        '--against',
        'poor.mrc',
        '-res',
        '4',
        '-o',
        'r.csv',
        '--print_report',
      ],
    );
    expect([code, stderr]).toEqual([0, '']);
    const words = text('r_report.html').replaceAll(/<(script|style).*?<\/\1>|<[^>]+>/gs, ' ');
    for (const heading of ['Which map is better', 'FSC with the model', 'Chain by chain', 'Radial profiles'])
      expect(words).toContain(heading);
    for (const absent of ['undefined', 'NaN', 'outside it the result', 'Before and after'])
      expect(words).not.toContain(absent);
    expect(workspace.list()).toEqual(
      expect.arrayContaining(['r_report_figures/model-fsc.png', 'r_report_figures/profiles.png']),
    );
  });

  it.each([
    [['good.mrc'], 2, 'error: No model is given to compare the maps with.'],
    [['-mc', 'model.cif'], 2, 'error: No map is given.'],
    [['good.mrc', 'poor.mrc', '-mc', 'model.cif'], 2, 'Give further maps with --against'],
    [['good.mrc', '-mc', 'model.cif', '-o', 'scores.txt'], 2, 'The scores cannot be written as "scores.txt"'],
    [['good.mrc', '-mc', 'model.cif', '--labels', 'a', 'b'], 2, '2 labels are given for 1 maps'],
    [['good.mrc', '-mc', 'empty.cif'], 3, 'error: empty.cif holds no atoms.'],
    [['good.mrc', '-mc', 'far.cif'], 3, 'error: No atom of the model lies in the map.'],
    [['good.mrc', '-mc', 'absent.cif'], 3, 'absent.cif does not exist.'],
    [['good.mrc', '-mc', 'model.cif', '--against', 'other-grid.mrc'], 3, 'The maps differ in voxel size'],
    [['good.mrc', '-mc', 'model.cif', '--against', 'empty.mrc'], 3, 'All voxels of empty.mrc are equal'],
    [['good.mrc', '-mc', 'model.cif', '-ma', 'empty.mrc'], 3, 'No voxel of the mask empty.mrc reaches 0.5'],
  ])('refuses %j', async (args, expected, sentence) => {
    const { code, stderr } = await run(...args, '--dry_run').then((dry) =>
      dry.code === 0 ? run(...args, '-o', 'refused.csv') : dry,
    );
    expect(code).toBe(expected);
    expect(stderr).toContain(sentence);
    expect(workspace.list().filter((name) => name.startsWith('refused'))).toEqual([]);
  });

  it('warns where model and map do not overlap, and about options without effect', async () => {
    const aside = await run('good.mrc', '-mc', 'aside.cif', '-res', '5', '-o', 'aside.csv');
    expect(aside.code).toBe(0);
    expect(aside.stderr).toMatch(/^warning: The model does not fit the map: correlation -?0\.\d+/m);
    const idle = await run('good.mrc', '-mc', 'model.cif', '--local_window', '4', '-o', 'idle.csv');
    expect(idle.stderr).toContain('--local_window has no effect: it belongs to --against.');
  });
});

describe('assess elsewhere', () => {
  const args = ['good.mrc', '-mc', 'model.cif', '--against', 'poor.mrc', '-res', '4'];
  /** Of every residue in both maps. */
  const values = (name: string) =>
    rows(name)
      .slice(1)
      .flatMap((row) => row.slice(6).map(Number));
  const compare = (name: string, tolerance: number) => {
    const [one, other] = [values('here.csv'), values(name)];
    expect(other).toHaveLength(one.length);
    for (const [i, value] of one.entries()) expect(Math.abs(value - other[i])).toBeLessThanOrEqual(tolerance);
  };
  beforeAll(async () => {
    expect((await run(...args, '-o', 'here.csv')).code).toBe(0);
  });

  it('gives the same under Deno', async () => {
    const words = ['assess', ...args, ...cpu, '-o', 'deno.csv'];
    const { code, stderr } = await runCli(workspace.folder, words, { runtime: 'deno' });
    expect([code, stderr]).toEqual([0, '']);
    // The last of four digits.
    compare('deno.csv', 1.01e-4);
  });

  const onGpu = () =>
    it('gives the same on a GPU', async () => {
      const allowed = usesHardware ? [] : ['--allow_software_gpu'];
      const words = ['assess', ...args, '--engine', 'gpu', ...allowed, '-o', 'gpu.csv'];
      const { code, stderr } = await runCli(workspace.folder, words, { env: gpuEnvironment() });
      expect([code, stderr]).toEqual([0, '']);
      // Four digits of float32 Fourier transforms.
      compare('gpu.csv', 5e-4);
    });
  if ('reason' in adapter) describeMissing('a GPU', adapter.reason, onGpu);
  else onGpu();
});

it('the model of the test is one', () => {
  expect(readStructure(readFileSync(workspace.path('model.cif')), 'model.cif').atoms).toHaveLength(
    atoms.length,
  );
});
