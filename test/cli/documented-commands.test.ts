/** Every command line of README and docs/, run as it is written, in a folder that has the files it names. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeMrc } from '../../src/formats/mrc.ts';
import type { StructureAtom } from '../../src/formats/structure.ts';
import { writeMmcif } from '../../src/formats/write-mmcif.ts';
import type { MapImage } from '../../src/pipeline/types.ts';
import { findMpiLaunchers, type MpiLauncher } from '../support/ranks.ts';
import { smallDataset } from '../support/synthetic.ts';
import { type CliResult, runCli, runCommand, Workspace } from './run-cli.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Why a command is not run here. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/ models (download|import)/, 'needs the weights of EMmerNet'],
  [/ demo /, 'takes half a minute; demo.test.ts does it'],
  [/ setup /, 'needs the network'],
  [/^srun /, 'needs SLURM'],
  [/--gpu_ids/, 'needs two GPUs (ranks.test.ts shares a run on one)'],
  [/feature_enhance .*--print_report/, 'takes a minute; report.test.ts does it with a small network'],
  [/ (page|app)\b/, 'serves until it is stopped (page.test.ts, app.test.ts)'],
  [/ bench\b/, 'takes minutes; bench.test.ts does it in a small box'],
  [/ relion /, 'runs in the folder of a RELION job (its own test)'],
];

function commandsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)];
  return blocks
    .flatMap((block) => block[1]!.split('\n'))
    .filter((line) => /^(locscale-gpu|mpirun|srun) /.test(line));
}

const launcher = findMpiLaunchers().find(({ launcher: found }) => found !== undefined)?.launcher;
const commands = [...new Set(documents.flatMap(commandsOf))];
const toRun = commands.filter((line) => !NOT_RUN.some(([pattern]) => pattern.test(line)));

/**
 * Voxels of 1.5 A: a box of a few residues; one cube of the network (48 A), with room beside half a model; one window
 * of the local resolution (50 A).
 */
const SMALL = 24;
const CUBE = 32;
const WINDOW = 34;
const edgeFor = (line: string): number =>
  / locres |--local_resolution/.test(line)
    ? WINDOW
    : / feature_enhance |--complete_model/.test(line)
      ? CUBE
      : SMALL;

const workspaces = new Map<number, Workspace>();
let drawPictures = (): void => undefined;
beforeAll(async () => {
  drawPictures = await leavePicturesOut();
  for (const edge of [SMALL, CUBE, WINDOW]) workspaces.set(edge, await workspaceOf(edge));
});
afterAll(() => {
  drawPictures();
  for (const workspace of workspaces.values()) workspace.remove();
});

/** Those of reports, which take most of a second each; report.test.ts looks at them. Returns what ends it. */
async function leavePicturesOut(): Promise<() => void> {
  const drawing = await import('@resvg/resvg-js').catch(() => undefined);
  if (drawing === undefined) return () => undefined;
  const { prototype } = drawing.Resvg;
  const { render } = prototype;
  prototype.render = () => ({ asPng: () => Buffer.alloc(0) }) as ReturnType<typeof render>;
  return () => {
    prototype.render = render;
  };
}

/** A folder with every file that a command names. */
async function workspaceOf(edge: number): Promise<Workspace> {
  const workspace = new Workspace();
  const data = smallDataset({ shape: [edge, edge, edge] });
  const write = async (name: string, image: MapImage): Promise<void> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of writeMrc(image, { label: 'test' })) pieces.push(piece);
    writeFileSync(workspace.path(name), Buffer.concat(pieces));
  };
  await write('half1.mrc', data.half1);
  await write('half2.mrc', data.half2);
  // What the demo leaves for the tutorial.
  mkdirSync(workspace.path('tutorial'));
  await write('tutorial/half_map_1.mrc', data.half1);
  await write('tutorial/half_map_2.mrc', data.half2);
  await write('map.mrc', data.half1);
  await write('reference.mrc', data.reference);
  await write('mask.mrc', data.mask);
  const atoms = data.atoms.map((atom, i): StructureAtom => {
    const file = { altloc: '', insertionCode: '', model: 1, charge: 0, hetero: false, serial: i + 1 };
    return { ...atom, ...file };
  });
  writeFileSync(workspace.path('model.pdb'), pdbOf(atoms));
  // The first half of the chain, for the hybrid.
  const part = atoms.slice(0, Math.floor(atoms.length / 2));
  writeFileSync(workspace.path('part.cif'), writeMmcif({ id: 'PART', title: '', atoms: part, notes: [] }));
  return workspace;
}

function pdbOf(atoms: readonly StructureAtom[]): string {
  const fixed = (value: number, width: number, digits: number): string =>
    value.toFixed(digits).padStart(width);
  return atoms
    .map((atom) =>
      [
        `ATOM  ${String(atom.serial).padStart(5)} `,
        ` ${atom.atomName}`.padEnd(4),
        ` ${atom.residueName.padStart(3)} ${atom.chain.slice(0, 1)}${String(atom.residueNumber).padStart(4)}    `,
        [atom.x, atom.y, atom.z].map((value) => fixed(value, 8, 3)).join(''),
        `${fixed(atom.occupancy, 6, 2)}${fixed(atom.bFactor, 6, 2)}          ${atom.element.padStart(2)}`,
      ].join(''),
    )
    .concat('END', '')
    .join('\n');
}

describe('documented commands', () => {
  it('are found, and most of them are run', () => {
    expect(toRun.length).toBeGreaterThan(20);
    for (const [pattern, why] of NOT_RUN) expect(why, String(pattern)).not.toBe('');
  });

  it.each(toRun)('%s', async (line) => {
    const [program, ...words] = line.split(/\s+/);
    if (program === 'mpirun' && launcher === undefined) return;
    const { folder } = workspaces.get(edgeFor(line))!;
    const result =
      program === 'mpirun'
        ? await underMpi(folder, words, launcher!)
        : await runCommand(folder, words, { mayLookForGpu: true });
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).not.toMatch(/^error/m);
    const out = /-o (\S+)/.exec(line)?.[1];
    if (out !== undefined) expect(readdirSync(folder)).toContain(out);
  });
});

function underMpi(folder: string, words: readonly string[], { command }: MpiLauncher): Promise<CliResult> {
  const at = words.indexOf('locscale-gpu');
  return runCli(folder, words.slice(at + 1), {
    launcher: [...command, ...words.slice(0, at)],
    env: { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' },
  });
}
