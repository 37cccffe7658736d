import { beforeEach, describe, expect, it } from 'vitest';
import { isLocScaleError, type LocScaleError } from '../../../src/errors.ts';
import {
  defaultLocalResolution,
  defaultParameters,
  runFsc,
  runLocalResolution,
  runLocScale,
  runMask,
} from '../../../src/pipeline/index.ts';
import { usableResolutions } from '../../../src/pipeline/resolutions.ts';
import type { LocScaleJob, LocScaleParameters, MapImage } from '../../../src/pipeline/types.ts';
import { makeMapImage } from '../../../src/synthetic/map-image.ts';
import {
  combine,
  goodHalves,
  makeScene,
  type Pair,
  type SceneOptions,
} from '../../support/half-map-scene.ts';
import { memoryCheckpoints } from '../../support/memory-checkpoints.ts';
import { createSimpleEngine, type SimpleEngine } from '../../support/simple-engine.ts';
import { ballMask } from './test-maps.ts';

const shape = [24, 24, 24] as const;
const sceneOf = (options: SceneOptions) => makeScene({ shape, voxelSize: 2, bFactor: 200, ...options });
const good = sceneOf({ resolution: 8 });
const toNyquist = sceneOf({ fscAtNyquist: 0.6, bFactor: 60 });
const { grid } = good;
const [half1, half2] = goodHalves(good);
const noise: Pair = [combine([1, good.noise(1)]), combine([1, good.noise(2)])];
const mean: Pair = [half1, combine([0.5, half1], [0.5, half2])];
const copies: Pair = [half1, half1.map((v) => 2.5 * v)];
const opposite: Pair = [half1, half2.map((v) => -v)];

let engine: SimpleEngine;
beforeEach(() => {
  engine = createSimpleEngine();
});

const images = ([a, b]: Pair): [MapImage, MapImage] => [
  makeMapImage('h1.mrc', grid, a.slice()),
  makeMapImage('h2.mrc', grid, b.slice()),
];
const input = (pair: Pair) => {
  const [one, two] = images(pair);
  return { kind: 'half-maps', half1: one, half2: two } as const;
};
const jobOf = (pair: Pair, change: Partial<LocScaleParameters> = {}): LocScaleJob => ({
  input: input(pair),
  mask: ballMask('mask.mrc', 4, grid),
  reference: { kind: 'none' },
  parameters: { ...defaultParameters, windowVoxels: 12, ...change },
});

async function errorOf(promise: Promise<unknown>): Promise<LocScaleError> {
  try {
    await promise;
  } catch (error) {
    if (isLocScaleError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const settings = { ...defaultLocalResolution, windowAngstrom: 24 };
const commands: readonly (readonly [string, (pair: Pair) => Promise<{ warnings: readonly string[] }>])[] = [
  ['runFsc', (pair) => runFsc(...images(pair), { engine })],
  ['runLocScale', (pair) => runLocScale(jobOf(pair), { engine })],
  [
    'runMask',
    (pair) => runMask(input(pair), { ...defaultParameters, fdrThreshold: 0.99, fdrFilter: 8 }, { engine }),
  ],
  [
    'runLocalResolution',
    (pair) => runLocalResolution({ ...jobOf(pair), input: input(pair), settings }, { engine }),
  ],
];

describe.each(commands)('%s', (_, run) => {
  it('has nothing to say about good half maps', async () => {
    expect((await run([half1, half2])).warnings).toEqual([]);
  });

  it('stops at copies and at opposite contrast, and leaves nothing behind', async () => {
    for (const [pair, words] of [
      [copies, 'h2.mrc is h1.mrc times 2.5'],
      [opposite, 'opposite contrast'],
    ] as const) {
      const error = await errorOf(run(pair));
      expect([error.tag, error.where]).toEqual(['bad-input', 'h2.mrc']);
      expect(error.message).toContain(words);
      expect(error.expected).toBeDefined();
      expect(error.hint).toBeDefined();
      expect(engine.held.size).toBe(0);
    }
  });

  it('names the mean of both', async () => {
    expect((await run(mean)).warnings.join()).toContain('h2.mrc seems to be the mean of both half maps');
  });
});

describe('an FSC that stays above 0.143', () => {
  it('means Nyquist for the whole run, as if it had been typed', async () => {
    const pair = goodHalves(toNyquist);
    const result = await runLocScale(jobOf(pair), { engine });
    expect(result.numbers).toMatchObject({ fscCutoff: 4, fscCutoffSource: 'half-map FSC to Nyquist' });
    expect(result.fsc).toMatchObject({ resolution: 4, verdict: { end: 'nyquist', relation: 'independent' } });
    expect(result.warnings).toEqual([]);
    const typed = await runLocScale(jobOf(pair, { resolution: 4 }), { engine });
    expect(await engine.download(result.scaled)).toEqual(await engine.download(typed.scaled));
    expect(typed.numbers.fscCutoffSource).toBe('user');
  });

  it('is a resolution to filter the input at', async () => {
    const infos: string[] = [];
    await runLocScale(jobOf(goodHalves(toNyquist), { filterInput: true }), {
      engine,
      onInfo: (message) => infos.push(message),
    });
    expect(infos).toContain('Input low-passed at 4.00 A.');
    expect(infos.join()).toContain('the resolution is limited by the voxel size, 4.00 A');
  });
});

describe('half maps without common signal', () => {
  it('are named, and scaled as one map without a resolution is', async () => {
    const result = await runLocScale(jobOf(noise), { engine });
    expect(result.warnings.join()).toContain('h1.mrc and h2.mrc have no signal in common');
    expect(result.fsc).toMatchObject({ resolution: undefined, resolutionHalf: undefined });
    expect(result.numbers).toMatchObject({ fscCutoff: 5.1, fscCutoffSource: 'nyquist' });
    expect(result.fsc?.resolution).toBeUndefined();
  });

  it('cannot be filtered without -res; the hint does not request half maps that were given', async () => {
    const error = await errorOf(runLocScale(jobOf(noise, { filterInput: true }), { engine }));
    expect(error.message).toContain('the half maps have no signal in common');
    expect(error.hint).toBe('Give it with `resolution`.');
    await runLocScale(jobOf(noise, { filterInput: true, resolution: 9 }), { engine });
  });
});

it('a verdict that an earlier run kept is given again', async () => {
  const checkpoints = memoryCheckpoints();
  const first = await runLocScale(jobOf(mean), { engine, checkpoints });
  const calls = engine.calls.filter((verb) => verb === 'shellSpectra').length;
  const second = await runLocScale(jobOf(mean), { engine, checkpoints });
  expect(second.warnings).toEqual(first.warnings);
  expect(second.fsc).toEqual(first.fsc);
  expect(engine.calls.filter((verb) => verb === 'shellSpectra').length).toBe(calls);
});

describe('resolutions that users give', () => {
  const said: string[] = [];
  const run = {
    warn: (message: string) => said.push(`warning: ${message}`),
    info: (message: string) => said.push(message),
  };
  beforeEach(() => said.splice(0));
  const usable = (change: Partial<LocScaleParameters>) =>
    usableResolutions({ ...defaultParameters, ...change }, grid, run);

  it('pass as they are between Nyquist and the box', () => {
    const given = { resolution: 4, referenceResolution: 48, fdrFilter: 10 };
    expect(usable(given)).toEqual({ ...defaultParameters, ...given });
    expect(said).toEqual([]);
  });

  it('end at Nyquist, with a warning unless it is a matter of rounding', () => {
    expect(usable({ resolution: 1, referenceResolution: 3 })).toMatchObject({
      resolution: 4,
      referenceResolution: 4,
    });
    expect(said).toEqual([
      'warning: The resolution of 1.00 A (`resolution`) is finer than the voxels allow: 4.00 A is used, Nyquist (twice the voxel size).',
      'warning: The resolution of 3.00 A (`referenceResolution`) is finer than the voxels allow: 4.00 A is used, Nyquist (twice the voxel size).',
    ]);
    said.splice(0);
    expect(usable({ resolution: 3.96 }).resolution).toBe(4);
    expect(said).toHaveLength(1);
    expect(said[0]).not.toMatch(/^warning/);
  });

  it('of the filter of the mask do nothing there, which is said', () => {
    expect(usable({ fdrFilter: 2 }).fdrFilter).toBe(2);
    expect(said).toEqual([
      'warning: The low-pass for the mask at 2.00 A (`fdrFilter`) has no effect: Nyquist is 4.00 A.',
    ]);
  });

  it.each(['resolution', 'referenceResolution', 'fdrFilter'] as const)(
    'are refused beyond the box: %s',
    async (name) => {
      const error = await errorOf((async () => usable({ [name]: 49 }))());
      expect(error).toMatchObject({
        tag: 'bad-input',
        parameter: name,
        expected: 'at most 48.0 A',
        found: '49 A',
      });
    },
  );

  it('change nothing more beyond Nyquist: the results are those of Nyquist', async () => {
    const pair: Pair = [half1, half2];
    const at = await runLocScale(jobOf(pair, { resolution: 4 }), { engine });
    const beyond = await runLocScale(jobOf(pair, { resolution: 1 }), { engine });
    expect(await engine.download(beyond.scaled)).toEqual(await engine.download(at.scaled));
    expect(beyond.numbers.fscCutoff).toBe(4);
    expect(beyond.warnings).toHaveLength(1);
  });
});
