/** `also`: the map of a run scaled once more in another way; the main result keeps its bits. */
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { planLocScale, runLocScale } from '../../../src/pipeline/index.ts';
import { trackVolumes, VolumeLedger } from '../../../src/pipeline/tracked-engine.ts';
import type {
  LocScaleJob,
  LocScaleParameters,
  LocScaleResult,
  MapImage,
} from '../../../src/pipeline/types.ts';
import { smallDataset } from '../../support/synthetic.ts';
import { errorOf } from './test-maps.ts';

const data = smallDataset();
const copyOf = (map: MapImage): MapImage => ({ ...map, data: map.data.slice() });

let engine: Engine | undefined;
afterAll(() => engine?.dispose());
async function openEngine(): Promise<Engine> {
  engine ??= await createCpuEngine({ threads: 2 });
  return engine;
}

type Parameters = Partial<LocScaleParameters>;

function jobOf(parameters: Parameters, change: Partial<LocScaleJob> = {}): LocScaleJob {
  return {
    input: { kind: 'half-maps', half1: copyOf(data.half1), half2: copyOf(data.half2) },
    mask: copyOf(data.mask),
    reference: { kind: 'model-map', map: copyOf(data.reference) },
    parameters: { windowVoxels: 10, ...parameters },
    ...change,
  };
}

const volumesOf = ({ scaled, mask, also }: LocScaleResult) =>
  [scaled, mask, also?.scaled].filter((volume) => volume !== undefined);

async function run(parameters: Parameters, change?: Partial<LocScaleJob>) {
  const own = await openEngine();
  const result = await runLocScale(jobOf(parameters, change), { engine: own });
  const { also: comparison } = result;
  const scaled = (await own.download(result.scaled)).slice();
  const also = comparison && (await own.download(comparison.scaled)).slice();
  own.release(...volumesOf(result));
  return { scaled, also, comparison, timings: result.timings };
}

describe('also', () => {
  it('locscale and soft are each the other main result, bit by bit', async () => {
    const windows = await run({ also: 'soft' });
    const bands = await run({ scaling: 'soft', also: 'locscale' });
    expect(windows.scaled).toEqual(bands.also);
    expect(windows.also).toEqual(bands.scaled);
    const alone = await run({});
    expect(alone.scaled).toEqual(windows.scaled);
    expect(alone.comparison).toBeUndefined();
    expect(windows.comparison?.soft?.bands.length).toBeGreaterThan(3);
    expect(Object.keys(windows.timings)).toContain('comparison');
    expect(windows.scaled).not.toEqual(windows.also);
  });

  it('global adds a B factor up to the masked resolution; the main result keeps its bits', async () => {
    const soft = { reference: { kind: 'profile' } } as const;
    const { scaled, also, comparison } = await run({ also: 'global' }, soft);
    expect(scaled).toEqual((await run({}, soft)).scaled);
    expect(also?.some((value) => value !== 0)).toBe(true);
    const { global } = comparison as NonNullable<typeof comparison>;
    expect(global?.bFactor).toBeTypeOf('number');
    expect(global?.resolution).toBeGreaterThan(2);
    const given = await run({ also: 'global', resolution: 6 }, soft);
    expect(given.comparison?.global?.resolution).toBe(6);
    expect(given.also).not.toEqual(also);
  });

  it('says what both made of the amplitudes, about 0.1 1/A as one', async () => {
    const { comparison } = await run({ also: 'soft' });
    if (comparison === undefined) throw new Error('nothing to compare');
    const { frequency, wanted, reached, also } = comparison.amplitudes;
    for (const curve of [wanted, reached, also]) {
      expect(curve).toHaveLength(frequency.length);
      expect(Math.hypot(curve[1], curve[2])).toBeCloseTo(1, 6);
    }
  });

  it.each([
    ['soft', {}],
    ['global', {}],
    ['locscale', { scaling: 'soft' }],
    ['global', { scaling: 'soft', measureBFactors: true }],
  ] as const)('%s stays within the memory of the plan (%o)', async (also, parameters) => {
    const ledger = new VolumeLedger(() => undefined);
    const counting = trackVolumes(await openEngine(), ledger);
    const planned = await planLocScale(jobOf({ ...parameters, also }), { engine: counting });
    ledger.peakBytes = 0;
    const result = await runLocScale(jobOf({ ...parameters, also }), { engine: counting });
    const { bFactor, soft } = result;
    const made = [...volumesOf(result), bFactor, soft?.resolution, soft?.signal];
    counting.release(...made.filter((volume) => volume !== undefined));
    expect(planned.peakBytes).toBeGreaterThanOrEqual(ledger.peakBytes);
    expect(ledger.liveBytes()).toBe(0);
  });

  it('is refused where it is the main result, needs a reference, or a resolution', async () => {
    const own = await openEngine();
    const failing = (parameters: Parameters, change?: Partial<LocScaleJob>) =>
      errorOf(runLocScale(jobOf(parameters, change), { engine: own }));
    expect(await failing({ also: 'locscale' })).toMatchObject({ tag: 'usage', parameter: 'also' });
    const profile = { reference: { kind: 'profile' } } as const;
    expect(await failing({ also: 'locscale' }, profile)).toMatchObject({ tag: 'usage' });
    const oneMap = { input: { kind: 'map', map: copyOf(data.half1) } } as const;
    expect(await failing({ also: 'global' }, oneMap)).toMatchObject({
      tag: 'usage',
      parameter: 'resolution',
    });
    expect(await failing({ also: 'soft', applyFscFilter: true })).toMatchObject({ tag: 'usage' });
  });
});
