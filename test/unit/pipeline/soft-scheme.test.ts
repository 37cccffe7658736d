/** Soft scaling as the scheme of a run: with any reference, within its planned memory. */
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { planLocScale, runLocScale } from '../../../src/pipeline/index.ts';
import { trackVolumes, VolumeLedger } from '../../../src/pipeline/tracked-engine.ts';
import type { LocScaleJob, LocScaleParameters, MapImage } from '../../../src/pipeline/types.ts';
import { smallDataset } from '../../support/synthetic.ts';
import { errorOf } from './test-maps.ts';

const data = smallDataset();
const copyOf = (map: MapImage): MapImage => ({ ...map, data: map.data.slice() });
const halves = () => ({
  kind: 'half-maps' as const,
  half1: copyOf(data.half1),
  half2: copyOf(data.half2),
});
const soft: Partial<LocScaleParameters> = { scaling: 'soft' };

let engine: Engine | undefined;
afterAll(() => engine?.dispose());
async function openEngine(): Promise<Engine> {
  engine ??= await createCpuEngine({ threads: 2 });
  return engine;
}

function jobOf(change: Partial<LocScaleJob> = {}): LocScaleJob {
  const input = halves();
  return { input, mask: copyOf(data.mask), reference: { kind: 'profile' }, parameters: soft, ...change };
}

async function scaledBy(job: LocScaleJob): Promise<Float32Array> {
  const own = await openEngine();
  const { scaled, mask } = await runLocScale(job, { engine: own });
  const voxels = (await own.download(scaled)).slice();
  own.release(scaled, mask);
  return voxels;
}

describe('soft scaling in runLocScale', () => {
  it('gives no window profiles, and B factors, resolution and signal where they are measured', async () => {
    const own = await openEngine();
    const parameters = { ...soft, measureBFactors: true };
    const result = await runLocScale(jobOf({ parameters }), { engine: own, auditSeed: 1 });
    const { scaled, mask, bFactor, quality, audit } = result;
    expect([quality, audit]).toEqual([undefined, undefined]);
    const { bands, resolution, signal } = result.soft as NonNullable<typeof result.soft>;
    expect(bands.length).toBeGreaterThan(3);
    const made = [bFactor, resolution, signal];
    for (const volume of made) expect(volume?.shape).toEqual(data.mask.grid.shape);
    own.release(...[scaled, mask, ...made].filter((volume) => volume !== undefined));
  });

  it('measures the local resolution as well, and keeps the half maps meanwhile', async () => {
    const own = await openEngine();
    const localResolution = { windowAngstrom: 12, weights: 'hann', threshold: 0.143 } as const;
    const run = async (parameters: Partial<LocScaleParameters>) => {
      const result = await runLocScale(jobOf({ reference: { kind: 'none' }, parameters }), { engine: own });
      const { resolution, filtered } = result.localResolution as NonNullable<typeof result.localResolution>;
      const voxels = await Promise.all(
        [result.scaled, resolution, filtered].map(async (volume) => (await own.download(volume)).slice()),
      );
      own.release(result.scaled, result.mask, resolution, filtered);
      return voxels;
    };
    const [scaled, resolution, filtered] = await run({ ...soft, localResolution });
    const windows = await run({ windowVoxels: 10, localResolution });
    expect(resolution).toEqual(windows[1]);
    expect(filtered).toEqual(windows[2]);
    expect(scaled).toEqual(await scaledBy(jobOf({ reference: { kind: 'none' } })));
  });

  it.each([
    ['the profile', {}],
    ['a map', { reference: { kind: 'model-map' as const, map: copyOf(data.reference) } }],
    ['one map', { input: { kind: 'map' as const, map: copyOf(data.half1) } }],
    ['measured B factors', { parameters: { ...soft, measureBFactors: true } }],
  ])('says the most memory that it takes with %s', async (_name, change: Partial<LocScaleJob>) => {
    const ledger = new VolumeLedger(() => undefined);
    const counting = trackVolumes(await openEngine(), ledger);
    const parameters: Partial<LocScaleParameters> = { resolution: 4, ...(change.parameters ?? soft) };
    const planned = await planLocScale(jobOf({ ...change, parameters }), { engine: counting });
    ledger.peakBytes = 0;
    const result = await runLocScale(jobOf({ ...change, parameters }), { engine: counting });
    counting.release(
      ...[result.scaled, result.mask, result.bFactor, result.soft?.resolution, result.soft?.signal].filter(
        (volume) => volume !== undefined,
      ),
    );
    expect(planned.peakBytes).toBeGreaterThanOrEqual(ledger.peakBytes);
    expect(ledger.liveBytes()).toBe(0);
  });

  it.each([
    ['only the mask is left of the maps', {}, {}, 1],
    ['beside a map that is to stay', {}, { keepMap: true }, 2],
    [
      'beside everything that a comparison needs',
      { parameters: { ...soft, also: 'global' as const } },
      {},
      4,
    ],
    ['of one map', { input: { kind: 'map' as const, map: copyOf(data.half1) } }, {}, 1],
  ])('releases what it has read: %s', async (_name, change: Partial<LocScaleJob>, context, left) => {
    const ledger = new VolumeLedger(() => undefined);
    const counting = trackVolumes(await openEngine(), ledger);
    const volumes: number[] = [];
    const watched: Engine = {
      ...counting,
      async openBandScaling(settings) {
        const opened = await counting.openBandScaling(settings);
        const start: typeof opened.start = async (maps) => {
          const run = await opened.start(maps);
          return {
            ...run,
            run: (hooks) => {
              volumes.push(ledger.live.size);
              return run.run(hooks);
            },
          };
        };
        return { ...opened, start };
      },
    };
    const parameters = { resolution: 4, ...(change.parameters ?? soft) };
    const result = await runLocScale(jobOf({ ...change, parameters }), { engine: watched, ...context });
    expect(volumes).toEqual([left]);
    const { scaled, mask, map, also } = result;
    const made = [scaled, mask, map, also?.scaled].filter((volume) => volume !== undefined);
    for (const volume of made) expect((await counting.download(volume)).every(Number.isFinite)).toBe(true);
    counting.release(...made);
    expect(ledger.liveBytes()).toBe(0);
  });

  it('refuses what contradicts it, before anything is scaled', async () => {
    const own = await openEngine();
    const run = (change: Partial<LocScaleJob>) => errorOf(runLocScale(jobOf(change), { engine: own }));
    const weighted = await run({ parameters: { ...soft, applyFscFilter: true } });
    expect(weighted).toMatchObject({ tag: 'usage', where: 'applyFscFilter' });
    const oneMap = await run({ input: { kind: 'map', map: copyOf(data.half1) } });
    expect(oneMap).toMatchObject({ tag: 'usage', where: 'resolution' });
    const windows = await run({ parameters: { scaling: 'locscale' } });
    expect(windows).toMatchObject({ tag: 'usage', expected: 'soft' });
  });

  it('is what a profile runs by itself, and no other reference', async () => {
    const plan = await planLocScale(jobOf({ parameters: {} }), { engine: await openEngine() });
    expect(plan.mode).toMatch(/^soft scaling/);
    const own = await openEngine();
    const job = jobOf({ reference: { kind: 'none' }, parameters: { windowVoxels: 10 } });
    const result = await runLocScale(job, { engine: own });
    expect(result.soft).toBeUndefined();
    own.release(result.scaled, result.mask);
  });
});
