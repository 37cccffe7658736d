/** The examples as they stand, run as their first lines say; and what only the library offers. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createMrcHeader,
  defaultParameters,
  type Engine,
  imageOf,
  type LocScaleJob,
  openMapFile,
  openNetwork,
  readMapFile,
  runFeatureEnhance,
  runLocScale,
  runPrediction,
  selectEngine,
  writeMapFile,
} from '../../src/index.ts';
import { relativeL2 } from '../support/compare.ts';
import { edge, gridOf, noisyBlob } from '../unit/pipeline/test-maps.ts';
import { ballValues, oneCube, runCli, runCommand, Workspace } from './run-cli.ts';

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
/** At (24, 24, 24) A. */
const ATOM_IN_THE_MIDDLE =
  'ATOM      1  CA  ALA A   1      24.000  24.000  24.000  1.00 20.00           C\nEND\n';
let workspace: Workspace;
beforeAll(() => {
  workspace = new Workspace();
  workspace.map('half1.mrc', 2, oneCube);
  workspace.map('half2.mrc', 3, oneCube);
  workspace.map('mask.mrc', 0, { values: ballValues(5), ...oneCube });
});
afterAll(() => workspace.remove());

function example(name: string, ...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${folder}${name}`, ...words], {
    cwd: workspace.folder,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const voxelsOf = async (name: string): Promise<Float32Array> =>
  (await readMapFile(workspace.path(name))).data;

describe('examples', () => {
  it('are these, and say how they are called', () => {
    // browser/ is a page (test/browser).
    const names = readdirSync(folder)
      .filter((name) => name.endsWith('.mjs'))
      .sort();
    expect(names).toEqual(['fsc.mjs', 'predict-reference.mjs', 'sharpen.mjs']);
    for (const name of names)
      expect(readFileSync(`${folder}${name}`, 'utf8')).toContain(`//   node examples/${name} `);
  });

  it('sharpen.mjs writes the map that the command line writes', async () => {
    const { status, stdout } = example('sharpen.mjs', 'half1.mrc', 'half2.mrc', 'out.mrc');
    expect([status, stdout]).toEqual([0, expect.stringContaining('out.mrc')]);
    await runCli(workspace.folder, ['-hm', 'half1.mrc', 'half2.mrc', '-o', 'cli.mrc']);
    // The same code on the same engine.
    expect(await voxelsOf('out.mrc')).toEqual(await voxelsOf('cli.mrc'));
  });

  it('fsc.mjs prints the curve and the resolution that the command fsc prints', async () => {
    const { status, stdout } = example('fsc.mjs', 'half1.mrc', 'half2.mrc');
    expect(status).toBe(0);
    expect(stdout.match(/1\/A/g)).toHaveLength(edge / 2);
    const { stdout: printed } = await runCli(workspace.folder, ['fsc', 'half1.mrc', 'half2.mrc']);
    const resolution = /Resolution at 0\.143: ([\d.]+) A/.exec(stdout)?.[1];
    expect(resolution).toBeDefined();
    expect(printed).toContain(`${resolution} A`);
  });

  it('predict-reference.mjs writes what -op keeps of a run', async () => {
    const { status } = example('predict-reference.mjs', 'half1.mrc', 'reference.mrc', 'bundled', 'mask.mrc');
    expect(status).toBe(0);
    const args = '-em half1.mrc --scaling locscale -ma mask.mrc -op steps -o scaled.mrc --engine cpu'.split(
      ' ',
    );
    expect((await runCommand(workspace.folder, args)).code).toBe(0);
    expect(await voxelsOf('reference.mrc')).toEqual(await voxelsOf('steps/scaled_predicted_reference.mrc'));
  });
});

describe('docs/library.md', () => {
  it('has blocks that make one program, which runs', () => {
    const text = readFileSync(new URL('../../docs/library.md', import.meta.url), 'utf8');
    const blocks = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code as string);
    expect(blocks.length).toBeGreaterThan(3);
    workspace.map('reference.mrc', 4, oneCube);
    writeFileSync(workspace.path('model.pdb'), ATOM_IN_THE_MIDDLE);
    // A file of the package imports the package by its own name.
    const program = `${folder}library-${process.pid}.mjs`;
    writeFileSync(program, blocks.join('\n'));
    try {
      const { status, stdout, stderr } = example(`library-${process.pid}.mjs`);
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/GiB, about \d+ s/);
      expect(stdout).toMatch(/Q of the first atom: -?\d\.\d\d/);
    } finally {
      rmSync(program, { force: true });
    }
    expect(existsSync(workspace.path('out.mrc'))).toBe(true);
  });
});

describe('the library', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = (await selectEngine({ engine: 'cpu', threads: 1 })).engine;
  });
  afterAll(() => engine.dispose());

  it.each([
    ['no reference', '--no_reference -em half1.mrc', undefined],
    ['no reference, half maps', '--no_reference -hm half1.mrc half2.mrc', undefined],
    ['a reference map', '-hm half1.mrc half2.mrc -mm half2.mrc', 'half2.mrc'],
    ['a network', '-hm half1.mrc half2.mrc --reference network', 'network'],
    ['a profile', '-hm half1.mrc half2.mrc', 'profile'],
    ['pseudo-atoms', '-hm half1.mrc half2.mrc --build_using_pseudomodel', 'pseudo-model'],
  ])('has the defaults of the command line: %s', async (_, words, from) => {
    const args = [...words.split(' '), '--engine', 'cpu', '-np', '1', '-o', 'by-command.mrc'];
    expect((await runCommand(workspace.folder, args)).code).toBe(0);
    const read = (name: string) => readMapFile(workspace.path(name));
    const predictor = from === 'network' ? await openNetwork({ provider: 'cpu', threads: 1 }) : undefined;
    const reference: LocScaleJob['reference'] =
      predictor !== undefined
        ? { kind: 'network', predictor }
        : from === undefined || from === 'profile' || from === 'pseudo-model'
          ? { kind: from ?? 'none' }
          : { kind: 'model-map', map: await read(from) };
    const input: LocScaleJob['input'] = words.includes('-hm')
      ? { kind: 'half-maps', half1: await read('half1.mrc'), half2: await read('half2.mrc') }
      : { kind: 'map', map: await read('half1.mrc') };
    const { scaled, mask } = await runLocScale({ input, reference }, { engine });
    expect(await engine.download(scaled)).toEqual(await voxelsOf('by-command.mrc'));
    engine.release(scaled, mask);
    await predictor?.dispose();
  });

  it('stops a run by an AbortSignal, from within its own progress', async () => {
    const predictor = await openNetwork({ provider: 'cpu', threads: 1 });
    const stop = new AbortController();
    // Two cubes: a column of voxels of 3 A at an edge of the box.
    workspace.map('coarse.mrc', 2);
    const column = Float32Array.from({ length: edge ** 3 }, (_, i) =>
      Number(i % edge < 4 && Math.floor(i / edge) % edge < 4),
    );
    workspace.map('column.mrc', 0, { values: column });
    const job = {
      input: { kind: 'map', map: await readMapFile(workspace.path('coarse.mrc')) },
      mask: await openMapFile(workspace.path('column.mrc'), { kind: 'mask' }),
      predictor,
      parameters: defaultParameters,
    } as const;
    const steps: string[] = [];
    const running = runPrediction(job, {
      engine,
      signal: stop.signal,
      onStep: (step) => steps.push(step),
      onProgress: () => stop.abort(),
    });
    await expect(running).rejects.toMatchObject({ name: 'LocScaleError', tag: 'aborted' });
    expect(steps.at(-1)).toBe('reference');
    // The engine is as good as new.
    const { reference } = await runPrediction(job, { engine });
    expect((await engine.download(reference)).length).toBe(edge ** 3);
    engine.release(reference);
    await predictor.dispose();
  });

  it('gives mean and variance of Monte-Carlo passes, in feature enhancement and in a prediction', async () => {
    const predictor = await openNetwork({ provider: 'cpu', threads: 1, monteCarlo: true });
    const job = {
      input: { kind: 'map', map: await readMapFile(workspace.path('half1.mrc')) },
      mask: await readMapFile(workspace.path('mask.mrc'), { kind: 'mask' }),
      predictor,
      monteCarlo: { passes: 2, seed: 3 },
      parameters: { ...defaultParameters, windowVoxels: 6 },
    } as const;
    const predicted = await runPrediction(job, { engine });
    const enhanced = await runFeatureEnhance(job, { engine });
    const [mean, same] = [await engine.download(predicted.reference), await engine.download(enhanced.mean)];
    expect(relativeL2(mean, same)).toBe(0);
    expect(Math.max(...(await engine.download(predicted.variance as never)))).toBeGreaterThan(0);
    await predictor.dispose();
  });

  it('takes maps that never were files, and writes and reads them back as they are', async () => {
    const grid = gridOf();
    const map = { name: 'made', grid, header: createMrcHeader(grid), data: noisyBlob('made', 1).data };
    const mask = { name: 'ball', grid, header: createMrcHeader(grid), data: ballValues(3) };
    const { scaled, header } = await runLocScale(
      {
        input: { kind: 'map', map },
        mask,
        reference: { kind: 'none' },
        parameters: { ...defaultParameters, windowVoxels: 6 },
      },
      { engine },
    );
    const image = await imageOf(engine, scaled, 'scaled', { grid, header });
    await writeMapFile(workspace.path('made.mrc'), image, 'made by the library');
    const again = await readMapFile(workspace.path('made.mrc'), { engine });
    expect(again.data).toEqual(image.data);
    expect(again.header.labels.join()).toContain('made by the library');
    expect(workspace.list().filter((name) => name.startsWith('made'))).toEqual(['made.mrc']);
  });

  it('says in a LocScaleError what is wrong with a file', async () => {
    await expect(readMapFile(workspace.path('absent.mrc'))).rejects.toMatchObject({
      name: 'LocScaleError',
      tag: 'bad-input',
    });
    await expect(openNetwork({ model: 'no-such-network' })).rejects.toMatchObject({ name: 'LocScaleError' });
  });
});
