/** --unexplained, as a user runs it: models without a ligand, and with it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMapFile } from '../../src/files/index.ts';
import type { StructureAtom } from '../../src/formats/structure.ts';
import type { MapImage } from '../../src/pipeline/types.ts';
import { grid, type LigandScene, ligandScene } from '../support/ligand-scene.ts';
import { makeMrc } from '../support/mrc-fixture.ts';
import { runCli, runCommand, runtimes, Workspace } from './run-cli.ts';

let workspace: Workspace;
let scene: LigandScene;
const settings = ['-wn', '12', '-res', '4.2', '--unexplained', '--engine', 'cpu', '-np', '1'];
const run = (...args: string[]) => runCommand(workspace.folder, [...args, ...settings]);
const record = (name: string) => JSON.parse(readFileSync(workspace.path(name), 'utf8')).unexplained;

const write = (name: string, { data }: MapImage) => {
  const [z, y, x] = grid.origin;
  const fixture = { extents: grid.shape, voxelSize: grid.voxelSize[0], origin: [x, y, z] as const };
  writeFileSync(workspace.path(name), makeMrc({ ...fixture, values: data }));
};
const pdb = (atoms: readonly StructureAtom[]): string =>
  `${atoms
    .map(({ serial, atomName, residueName, chain, residueNumber, element, hetero, x, y, z, bFactor }) => {
      const place = [x, y, z].map((v) => v.toFixed(3).padStart(8)).join('');
      const number = String(serial).padStart(5);
      const residue = `${residueName} ${chain}${String(residueNumber).padStart(4)}`;
      return `${hetero ? 'HETATM' : 'ATOM  '}${number}  ${atomName.padEnd(3)} ${residue}    ${place}  1.00${bFactor.toFixed(2).padStart(6)}          ${element.padStart(2)}`;
    })
    .join('\n')}\nEND\n`;

beforeAll(() => {
  workspace = new Workspace();
  scene = ligandScene();
  for (const name of ['half1', 'half2', 'partial', 'complete', 'noise1', 'noise2'] as const)
    write(`${name}.mrc`, scene[name]);
  workspace.bytes('part.pdb', pdb(scene.globule));
  workspace.bytes('whole.pdb', pdb([...scene.globule, ...scene.ligand]));
});
afterAll(() => workspace.remove());

const halves = ['-hm', 'half1.mrc', 'half2.mrc'];

describe('--unexplained', () => {
  it('finds the ligand that a model lacks, and says where', async () => {
    const { code, stdout } = await run(
      ...halves,
      '-mc',
      'part.pdb',
      '--skip_refine',
      '--print_report',
      '-o',
      'o.mrc',
    );
    expect(code).toBe(0);
    const { blobs, lowPass } = record('o.json');
    expect(lowPass).toBeCloseTo(4.2, 6);
    expect(blobs).toHaveLength(1);
    const [{ position, volume, meanFsc, nearest }] = blobs;
    const away = Math.hypot(...scene.position.map((v, axis) => v - position[axis]));
    expect(away).toBeLessThan(2);
    const toAtom = ({ x, y, z }: StructureAtom) =>
      Math.hypot(x - position[0], y - position[1], z - position[2]);
    const [closest] = [...scene.globule].sort((a, b) => toAtom(a) - toAtom(b));
    expect(nearest).toMatchObject({ chain: 'A', residueNumber: closest.residueNumber, residueName: 'ALA' });
    expect(nearest.distance).toBeCloseTo(toAtom(closest), 2);
    expect(stdout).toContain(
      `Density that the reference does not explain: 1 blob\n  1: ${Math.round(volume)} A^3 at (`,
    );
    expect(stdout).toContain(`local FSC ${meanFsc.toFixed(2)}, ${nearest.distance.toFixed(1)} A from ALA`);
    expect(stdout).toContain('Wrote o_unexplained.mrc');
    const map = await readMapFile(workspace.path('o_unexplained.mrc'));
    expect(map.grid).toEqual((await readMapFile(workspace.path('o.mrc'))).grid);
    const page = readFileSync(workspace.path('o_report.html'), 'utf8');
    expect(page).toContain('<h2>Density that the reference does not explain</h2>');
    expect(page).toContain(`ALA ${closest.residueNumber}, chain A`);
  });

  it('finds none with the complete model', async () => {
    const { code, stdout } = await run(...halves, '-mc', 'whole.pdb', '--skip_refine', '-o', 'o.mrc');
    expect(code).toBe(0);
    expect(record('o.json').blobs).toEqual([]);
    expect(stdout).toContain('The reference explains all density that stands out from the noise at 4.2 A.');
    const { data } = await readMapFile(workspace.path('o_unexplained.mrc')).catch(() => ({ data: [] }));
    expect([...data].every((value) => value === 0)).toBe(true);
  });

  it('works in soft bands, and finds none in noise whose mask is the whole box', async () => {
    expect((await run(...halves, '-mm', 'partial.mrc', '--scaling', 'soft', '-o', 's.mrc')).code).toBe(0);
    expect(record('s.json').blobs).toHaveLength(1);
    const noise = ['-hm', 'noise1.mrc', 'noise2.mrc', '-mm', 'complete.mrc', '--scaling', 'soft'];
    expect((await run(...noise, '-o', 'n.mrc')).code).toBe(0);
    expect(record('n.json').blobs).toEqual([]);
    expect((await run('-em', 'noise1.mrc', ...noise.slice(3), '-o', 'n.mrc')).code).toBe(0);
    expect(record('n.json').blobs).toEqual([]);
  });

  it('works with pseudo-atoms, which fill the mask', async () => {
    const pseudo = ['--build_using_pseudomodel', '-pm_it', '2', '-ref_it', '1'];
    const { code } = await run(...halves, ...pseudo, '-o', 'p.mrc');
    expect(code).toBe(0);
    expect(Array.isArray(record('p.json').blobs)).toBe(true);
  });

  it('is planned, needs a reference, and costs nothing where it is off', async () => {
    const dry = await run(...halves, '-mm', 'partial.mrc', '-o', 'd.mrc', '--dry_run');
    expect(dry.code).toBe(0);
    expect(dry.stdout).toContain('Files: d.mrc, d_unexplained.mrc, d.cxc');
    const none = await run(...halves, '--no_reference');
    expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/^error: .*--unexplained/)]);
    const off = settings.filter((word) => word !== '--unexplained');
    const args = [...halves, '-mm', 'partial.mrc', ...off, '-o', 'd.mrc'];
    expect((await runCommand(workspace.folder, args)).code).toBe(0);
    expect(record('d.json')).toBeUndefined();
    expect(workspace.list()).not.toContain('d_unexplained.mrc');
  });

  it.each(runtimes)('finds the same on %s', async (runtime) => {
    const args = [...halves, '-mm', 'partial.mrc', ...settings, '-o', `${runtime}.mrc`];
    expect((await runCli(workspace.folder, args, { runtime })).code).toBe(0);
    expect(record(`${runtime}.json`)).toEqual(record(`${runtimes[0]}.json`));
  });
});
