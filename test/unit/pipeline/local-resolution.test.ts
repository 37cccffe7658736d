/**
 * The step of the local resolution in a run and by itself: what it gives, and what it leaves on the engine.
 */

import { beforeEach, describe, expect, it } from 'vitest';
import type { ResolutionSettings } from '../../../src/engine/engine.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import {
  defaultParameters,
  planLocScale,
  runLocalResolution,
  runLocScale,
} from '../../../src/pipeline/index.ts';
import type { LocScaleContext, LocScaleJob, MapImage } from '../../../src/pipeline/types.ts';
import { createSimpleEngine, type SimpleEngine } from '../../support/simple-engine.ts';
import { ballMask, edge, noisyBlob } from './test-maps.ts';

/** Voxels of 3 A: windows of 8. */
const settings = { windowAngstrom: 24, weights: 'hann', threshold: 0.143 } as const;

let engine: SimpleEngine;
beforeEach(() => {
  engine = createSimpleEngine();
});
const input = () =>
  ({
    kind: 'half-maps',
    half1: noisyBlob('half1.mrc', 1),
    half2: noisyBlob('half2.mrc', 2),
  }) as const;
const parameters = { ...defaultParameters, windowVoxels: 6 };

function noiseMap(name: string, seed: number): MapImage {
  const random = createRandom(seed);
  const map = noisyBlob(name, seed);
  return { ...map, data: map.data.map(() => random.gaussian()) };
}
const noise1 = () => noiseMap('noise1.mrc', 11);
const noise2 = () => noiseMap('noise2.mrc', 12);

function job(change: Partial<LocScaleJob> = {}): LocScaleJob {
  return {
    input: input(),
    mask: ballMask('mask.mrc', 3),
    reference: { kind: 'none' },
    parameters: { ...parameters, localResolution: settings },
    ...change,
  };
}

describe('local resolution', () => {
  it('of a run by itself: three volumes stay, the numbers say what they hold', async () => {
    const steps: string[] = [];
    const context: LocScaleContext = { engine, onStep: (step) => steps.push(step) };
    const made = await runLocalResolution(
      { input: input(), mask: ballMask('mask.mrc', 3), parameters, settings },
      context,
    );
    expect(steps).toEqual(['read', 'fsc', 'mask', 'local-resolution']);
    expect(new Set(engine.held)).toEqual(new Set([made.resolution, made.filtered, made.mask]));
    const { numbers } = made;
    expect(numbers).toMatchObject({ windowVoxels: 8, windowAngstrom: 24, weights: 'hann', threshold: 0.143 });
    expect(numbers.voxels).toBe(made.maskVoxels);
    expect(numbers.noise.length).toBe(5);
    const resolution = await engine.download(made.resolution);
    const found = Array.from(resolution).filter((value) => value > 0);
    expect(found.length).toBe(made.maskVoxels);
    for (const value of found) {
      expect(value).toBeGreaterThanOrEqual(6 * (1 - 1e-6));
      expect(value).toBeLessThanOrEqual(24 * (1 + 1e-6));
    }
  });

  it('during the scaling: half maps are gone before it, maps and numbers are in the result', async () => {
    const made = await runLocScale(job(), { engine });
    const { resolution, filtered, numbers } = made.localResolution as NonNullable<
      typeof made.localResolution
    >;
    expect(new Set(engine.held)).toEqual(new Set([made.scaled, made.mask, resolution, filtered]));
    expect(made.numbers.localResolution).toBe(numbers);
    expect(engine.calls.indexOf('localResolution')).toBeLessThan(engine.calls.indexOf('localScaling'));
    // The scaled map is that of a run without it.
    const other = createSimpleEngine();
    const plain = await runLocScale(job({ parameters }), { engine: other });
    expect(plain.localResolution).toBeUndefined();
    expect(other.calls).not.toContain('localResolution');
    expect(await engine.download(made.scaled)).toEqual(await other.download(plain.scaled));
  });

  it('is not measured for a plan, which leaves nothing behind', async () => {
    const plan = await planLocScale(job(), { engine });
    expect(engine.calls).not.toContain('localResolution');
    expect(engine.held.size).toBe(0);
    expect(plan.localResolution).toMatchObject({ windowVoxels: 8, windowAngstrom: 24, seconds: 1 });
    const other = createSimpleEngine();
    const plain = await planLocScale(job({ parameters }), { engine: other });
    expect(plain.localResolution).toBeUndefined();
    expect(other.calls).not.toContain('openLocalResolution');
  });

  it('counts in the most memory of the plan', async () => {
    const working = 2 ** 40;
    const greedy = {
      ...engine,
      openLocalResolution: async (settings: ResolutionSettings) => ({
        ...(await engine.openLocalResolution(settings)),
        estimate: { maskVoxels: 1, workingBytes: working, seconds: 5 },
      }),
    };
    const plan = await planLocScale(job(), { engine: greedy });
    expect(plan.peakStep).toBe('local-resolution');
    // Map, half maps, mask, and the resolution to come.
    expect(plan.peakBytes).toBe(working + 5 * 4 * edge ** 3);
  });

  it('needs half maps', async () => {
    const map = { kind: 'map', map: noisyBlob('map.mrc', 1) } as const;
    await expect(runLocScale(job({ input: map }), { engine })).rejects.toMatchObject({
      tag: 'usage',
      where: 'localResolution',
    });
    expect(engine.held.size).toBe(0);
  });

  it('is not measured where the half maps have no signal in common, which is said', async () => {
    const noise = { kind: 'half-maps', half1: noise1(), half2: noise2() } as const;
    const mask = ballMask('mask.mrc', 3);
    await expect(
      runLocalResolution({ input: noise, mask, parameters, settings }, { engine }),
    ).rejects.toMatchObject({ tag: 'bad-input', message: expect.stringContaining('no signal in common') });
    expect(engine.held.size).toBe(0);
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const made = await runLocScale(job({ input: noise }), { engine, onWarning });
    expect(made.localResolution).toBeUndefined();
    expect(warnings.join('\n')).toContain('no local resolution to measure');
  });

  it.each([
    [200, /larger than the map/],
    [9, /too small/],
  ])('a window of %i A is refused before anything is computed', async (windowAngstrom, words) => {
    const asked = { ...parameters, localResolution: { ...settings, windowAngstrom } };
    await expect(runLocScale(job({ parameters: asked }), { engine })).rejects.toThrow(words);
    expect(engine.calls).not.toContain('shellSpectra');
    expect(engine.held.size).toBe(0);
  });

  it('an engine that fails in the middle is left empty', async () => {
    engine.localFilter = () => Promise.reject(new Error('broken'));
    await expect(runLocScale(job(), { engine })).rejects.toThrow('broken');
    expect(engine.held.size).toBe(0);
  });
});
