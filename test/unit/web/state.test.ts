/**
 * The page without a browser: its states, its settings in a link, what dropped files are taken for, its
 * words.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileContents, Plan, RunSummary } from '../../../src/screens/protocol.ts';
import {
  expectedOf,
  hashOf,
  readSetting,
  references,
  type Settings,
  settingsOf,
  unreadableIn,
} from '../../../src/screens/settings.ts';
import { inPageWords } from '../../../src/screens/words.ts';
import { assignRoles, type InputFile, missing, referenceOf, schemeOf } from '../../../src/web/inputs.ts';
import { next, type PageEvent, type State, secondsLeft } from '../../../src/web/state.ts';

const plan = { mode: 'a mode' } as Plan;
const summary = { mode: 'a mode' } as RunSummary;
const failure = { tag: 'internal', message: 'It failed.' };

const states: Readonly<Record<State['name'], State>> = {
  boot: { name: 'boot' },
  empty: { name: 'empty' },
  filling: { name: 'filling' },
  planned: { name: 'planned', plan },
  running: { name: 'running', plan, progress: { steps: [], warnings: [] }, stopping: false },
  result: { name: 'result', summary },
  failed: { name: 'failed', plan, failure },
};

const events: Readonly<Record<PageEvent['kind'], PageEvent>> = {
  ready: { kind: 'ready' },
  emptied: { kind: 'emptied' },
  lacking: { kind: 'lacking', why: 'A map is missing.' },
  planned: { kind: 'planned', plan },
  refused: { kind: 'refused', failure },
  start: { kind: 'start' },
  rejoined: { kind: 'rejoined', plan },
  run: { kind: 'run', event: { kind: 'step', name: 'fsc', message: 'Measuring the FSC' }, now: 0 },
  cancel: { kind: 'cancel' },
  stopped: { kind: 'stopped' },
  done: { kind: 'done', summary },
  opened: { kind: 'opened', summary },
  failed: { kind: 'failed', failure },
};

/** Every state that an event leads to; in all others it changes nothing. */
const arrows: Readonly<Record<PageEvent['kind'], Partial<Record<State['name'], State['name']>>>> = {
  ready: { boot: 'empty' },
  emptied: { filling: 'empty', planned: 'empty', result: 'empty', failed: 'empty' },
  lacking: { empty: 'filling', planned: 'filling', result: 'filling', failed: 'filling' },
  planned: { filling: 'planned', result: 'planned', failed: 'planned' },
  refused: { empty: 'filling', planned: 'filling', result: 'filling', failed: 'filling' },
  start: { planned: 'running', failed: 'running' },
  rejoined: { empty: 'running' },
  run: {},
  cancel: {},
  stopped: { running: 'planned' },
  done: { running: 'result' },
  opened: { empty: 'result' },
  failed: { running: 'failed' },
};

describe('states', () => {
  it('follow the arrows, and no others', () => {
    for (const [kind, event] of Object.entries(events))
      for (const [name, state] of Object.entries(states)) {
        const wanted = arrows[kind as PageEvent['kind']][name as State['name']] ?? name;
        expect(next(state, event).name, `${kind} in ${name}`).toBe(wanted);
      }
  });

  it('show how long a step will take once part of it is done', () => {
    let state = next(states.planned, events.start);
    state = next(state, {
      kind: 'run',
      event: { kind: 'step', name: 'scaling', message: 'Scaling' },
      now: 1000,
    });
    const progress = (): number | undefined =>
      state.name === 'running' ? secondsLeft(state.progress, 3000) : Number.NaN;
    expect(progress()).toBeUndefined();
    state = next(state, {
      kind: 'run',
      event: { kind: 'progress', name: 'scaling', done: 2, total: 10 },
      now: 3000,
    });
    expect(progress()).toBeCloseTo(8, 9);
    state = next(state, events.cancel);
    expect(state).toMatchObject({ name: 'running', stopping: true });
  });
});

describe('settings in a link', () => {
  const number = (min: number, max: number) =>
    fc.integer({ min: min * 1000, max: max * 1000 }).map((v) => v / 1000);
  const voxel = fc.integer({ min: 0, max: 1000 });
  const settings: fc.Arbitrary<Settings> = fc.record(
    {
      reference: fc.constantFrom(...references),
      scheme: fc.constantFrom('windows' as const, 'soft' as const),
      engine: fc.constantFrom('cpu' as const, 'gpu' as const),
      bFactors: fc.boolean(),
      localResolution: fc.boolean(),
      resolution: number(1, 50),
      voxelSize: number(1, 10),
      window: fc.integer({ min: 6, max: 200 }),
      fdr: number(0, 1).filter((v) => v > 0 && v < 1),
      symmetryCentre: fc.tuple(number(0, 500), number(0, 500), number(0, 500)),
      symmetry: fc.constantFrom('C4', 'D7', 'O', 'T', 'I'),
      refine: fc.boolean(),
      noiseBox: fc.integer({ min: 2, max: 200 }),
      maskFilter: number(1, 50),
      resolutionFrom: fc.constant('masked' as const),
      symmetriseOutput: fc.boolean(),
      matchGrid: fc.boolean(),
      unexplained: fc.boolean(),
      noiseBoxesAt: fc.array(fc.tuple(voxel, voxel, voxel), { minLength: 1, maxLength: 4 }),
      threshold: number(-100, 100),
      fillHoles: fc.boolean(),
      keepPieces: fc.integer({ min: 1, max: 20 }),
      extend: number(-200, 200),
      softEdge: number(0, 200),
      molecularWeight: number(1, 5000),
      helicalTwist: number(-360, 360),
      helicalRise: number(1, 100),
      referenceResolution: number(1, 50),
      targetBFactor: number(-200, 400),
      locality: number(0, 1),
      fadeOutput: fc.boolean(),
    } satisfies Record<keyof Settings, unknown>,
    { requiredKeys: [] },
  );

  it('come back as they were', () => {
    fc.assert(
      fc.property(settings, (given) => {
        expect(settingsOf(hashOf(given))).toEqual(given);
        expect(unreadableIn(hashOf(given))).toEqual([]);
      }),
    );
  });

  it('take a decimal comma, and say what else a field takes', () => {
    expect(readSetting('resolution', '3,4')).toBe(3.4);
    expect(readSetting('resolution', '3,4,5')).toBeUndefined();
    expect(readSetting('window', '24.5')).toBeUndefined();
    expect(expectedOf('resolution')).toBe('a number between 0.5 and 100 Å');
    expect(expectedOf('extend')).toBe('a number from −200 to 200 Å');
    expect(readSetting('extend', '−3,5')).toBe(-3.5);
    expect(readSetting('noiseBoxesAt', '1, 2,3; 40,0,9')).toEqual([
      [1, 2, 3],
      [40, 0, 9],
    ]);
    for (const text of ['1,2', '1,2,3;', '1,2,-3', '1.5,2,3', 'a,b,c'])
      expect(readSetting('noiseBoxesAt', text), text).toBeUndefined();
  });

  it('leave out what they cannot read, and name it', () => {
    expect(unreadableIn('#res=0.3&sym=Q9&b=1&colour=red')).toEqual(['res=0.3', 'sym=Q9', 'colour=red']);
    expect(settingsOf('#ref=magic&res=-3&sym=%3Cscript%3E&fdr=2&window=abc&b=yes&engine=tpu')).toEqual({});
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => settingsOf(`#${text}`)).not.toThrow();
      }),
    );
  });
});

let lastId = 0;
function file(name: string, contents: Partial<FileContents> = {}, id = ++lastId): InputFile {
  const map = { kind: 'map', shape: [8, 8, 8], voxelSize: [1, 1, 1], notes: [], ...contents };
  return { id, file: new File([], name), contents: map as FileContents, role: 'unused' };
}
const rolesOf = (...files: InputFile[]): string[] => assignRoles(files).map(({ role }) => role);

describe('dropped files', () => {
  it('are recognised by their names and by what they hold', () => {
    const model = file('model.cif', { kind: 'model' });
    expect(rolesOf(file('emd_1_half_map_2.map.gz'), file('emd_1_half_map_1.map.gz'))).toEqual([
      'half2',
      'half1',
    ]);
    expect(rolesOf(file('run_half1_class001_unfil.mrc'), file('run_half2_class001_unfil.mrc'))).toEqual([
      'half1',
      'half2',
    ]);
    expect(rolesOf(file('J12_map_half_A.mrc'), file('J12_map_half_B.mrc'))).toEqual(['half1', 'half2']);
    expect(rolesOf(file('a.mrc'), file('b.mrc'), model)).toEqual(['half1', 'half2', 'model']);
    expect(rolesOf(file('a.mrc'), file('b.mrc', { shape: [9, 9, 9] }))).toEqual(['map', 'unused']);
    expect(rolesOf(file('s_2.mrc'), file('s_1.mrc'), file('s.mrc'))).toEqual(['half2', 'half1', 'unused']);
    expect(rolesOf(file('only.mrc'), file('J12_mask.mrc'), file('reference.mrc'))).toEqual([
      'map',
      'mask',
      'reference',
    ]);
    expect(rolesOf(file('only.mrc'), file('soft.mrc', { range: [0, 1] }))).toEqual(['map', 'mask']);
  });

  it('without a meaningful name are a reference only where one is wanted', () => {
    const files = [file('h_half1.mrc'), file('h_half2.mrc'), file('h.mrc')];
    expect(assignRoles(files).map(({ role }) => role)).toEqual(['half1', 'half2', 'unused']);
    expect(assignRoles(files, { reference: 'map' }).map(({ role }) => role)).toEqual([
      'half1',
      'half2',
      'reference',
    ]);
  });

  it('keep what the user says they are', () => {
    const said = { ...file('half_1.mrc'), role: 'reference' as const, chosen: true };
    expect(rolesOf(said, file('half_2.mrc'), file('x.mrc'))).toEqual(['reference', 'half2', 'half1']);
  });

  it('make a job, or one sentence says what is missing', () => {
    const pair = assignRoles([file('half1.mrc'), file('half2.mrc')]);
    const one = assignRoles([file('map.mrc')]);
    const why = (...given: Parameters<typeof missing>): string | undefined => missing(...given)?.why;
    expect(missing(pair, {})).toBeUndefined();
    expect(why(pair.slice(0, 1), {})).toBe('The second half map is missing.');
    expect(why(one, {})).toContain('A single map is scaled up to its resolution');
    expect(missing(one, {})?.field).toBe('resolution');
    expect(missing(one, { resolution: 3 })).toBeUndefined();
    expect(why(one, { resolution: 3, localResolution: true })).toBe('The local resolution needs half maps.');
    expect(why(one, { resolution: 3, resolutionFrom: 'masked' })).toContain('needs half maps');
    expect(why(pair, { resolution: 3, resolutionFrom: 'masked' })).toContain('exclude each other');
    expect(why(pair, { reference: 'model' })).toContain('no file is one');
    expect(why(pair, { helicalTwist: 20 })).toBe('A helix needs “Helical rise”, too.');
    expect(why(pair, { helicalRise: 5 })).toBe('A helix needs “Helical twist”, too.');
    expect(why(pair, { referenceResolution: 5 })).toContain('needs a reference map or a model');
    expect(why(pair, { unexplained: true })).toContain('Only a reference map or a model');
    expect(why([{ ...pair[0], problem: 'It is damaged.' }, pair[1]], {})).toContain('cannot be used');
  });

  it('are a network only with its manifest', () => {
    const pair = [file('half1.mrc'), file('half2.mrc')];
    const graph = file('plain.onnx', { kind: 'network' });
    const manifest = file('manifest.json', { kind: 'manifest', title: 'a network' });
    expect(rolesOf(manifest, graph)).toEqual(['manifest', 'network']);
    expect(missing(assignRoles([...pair, graph]), {})?.why).toContain('needs its manifest');
    expect(missing(assignRoles([...pair, manifest]), {})?.why).toContain('drop its .onnx file');
    expect(missing(assignRoles([...pair, graph, manifest]), {})).toBeUndefined();
    expect(referenceOf(assignRoles([...pair, graph, manifest]), {})).toBe('network');
    expect(schemeOf('network', {})).toBe('windows');
  });

  it('decide what a map is scaled to', () => {
    const pair = [file('half1.mrc'), file('half2.mrc')];
    const withMap = assignRoles([...pair, file('reference.mrc')]);
    const withModel = assignRoles([...pair, file('x.pdb', { kind: 'model' })]);
    expect(referenceOf(assignRoles(pair), {})).toBe('profile');
    expect(referenceOf(withMap, {})).toBe('map');
    expect(referenceOf(withModel, {})).toBe('model');
    expect(referenceOf(withModel, { reference: 'none' })).toBe('none');
    expect(schemeOf('profile', { scheme: 'windows' })).toBe('soft');
    expect(schemeOf('map', { scheme: 'soft' })).toBe('soft');
    expect(schemeOf('model', {})).toBe('windows');
  });
});

describe('words', () => {
  it('name what the page has', () => {
    expect(inPageWords('Choose a smaller window with `windowVoxels`.')).toBe(
      'Choose a smaller window with “Window” (Settings).',
    );
    expect(inPageWords('Give a mask (`mask`).')).toBe('Give a mask.');
    expect(inPageWords('Use `engine: cpu`.')).toBe('Use “CPU” (Settings, Compute on).');
    expect(inPageWords('If 1.2 A is right, give `voxelSize: 1.2`.')).toBe(
      'If 1.2 A is right, give “Voxel size” (Settings): 1.2.',
    );
    const hint =
      'Put one map on the grid of the other with `matchGrid`, or resample one with "locscale-gpu resample".';
    expect(inPageWords(hint)).toBe(
      'Use “Put all maps on one grid” (Settings), or resample one with the command line (locscale-gpu resample).',
    );
    expect(inPageWords('It is empty. `reference: hybrid-model` fills it.')).toBe(
      'It is empty. An atomic model, completed by pseudo-atoms fills it.',
    );
    expect(inPageWords('Set the boxes with `fdrNoiseBoxes`.')).toBe(
      'Set the boxes with “Noise boxes at” (Settings, Mask).',
    );
    expect(inPageWords('Use `modelPath`.')).toBe('Use an option of the command line.');
    expect(inPageWords('Raise `memoryLimitBytes`, or use fewer threads (`threads`).')).toBe(
      'Raise the memory limit (command line only), or use fewer threads (command line only).',
    );
  });
});
