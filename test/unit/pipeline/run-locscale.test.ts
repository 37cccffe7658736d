import { beforeEach, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine, LocalScalingMaps } from '../../../src/engine/engine.ts';
import { LocScaleError } from '../../../src/errors.ts';
import { imageOf, runFsc, runLocScale, runMask } from '../../../src/pipeline/index.ts';
import type { LocScaleContext, LocScaleJob, MapImage } from '../../../src/pipeline/types.ts';
import { relativeL2 } from '../../support/compare.ts';
import { createSimpleEngine, type SimpleEngine } from '../../support/simple-engine.ts';
import {
  ballMask,
  edge,
  errorOf,
  gridOf,
  halfMapJob,
  noisyBlob,
  parameters,
  radialMap,
  shape,
} from './test-maps.ts';

let engine: SimpleEngine;
beforeEach(() => {
  engine = createSimpleEngine();
});

describe('runLocScale', () => {
  it('returns the map itself inside the mask when the reference is the map', async () => {
    const map = noisyBlob('map.mrc', 5);
    const mask = ballMask('mask.mrc', 3);
    const result = await runLocScale(
      {
        input: { kind: 'map', map },
        mask,
        reference: { kind: 'model-map', map: { ...map, name: 'same.mrc' } },
        parameters: parameters(),
      },
      { engine },
    );
    const scaled = await engine.download(result.scaled);
    const expected = map.data.map((value, i) => value * mask.data[i]);
    // All scale factors are 1: float64 transforms and one rounding to float32.
    expect(relativeL2(scaled, expected)).toBeLessThan(1e-6);
  });

  it('goes through the method in order, reports and times each step', async () => {
    const steps: string[] = [];
    const order: string[] = [];
    const progress: number[] = [];
    const result = await runLocScale(halfMapJob(), {
      engine,
      onStep: (step) => {
        steps.push(step);
        order.push(step);
      },
      onPlan: (plan) => {
        order.push('plan');
        expect(plan.numbers.maskVoxels).toBe(result0MaskVoxels);
      },
      onProgress: (_step, done, total) => progress.push(done / total),
    });
    expect(order).toEqual(['read', 'fsc', 'mask', 'plan', 'reference', 'scaling']);
    expect(Object.keys(result.timings)).toEqual(steps);
    expect(Object.values(result.timings).every((seconds) => seconds >= 0)).toBe(true);
    expect(progress.at(-1)).toBe(1);
    expect(result.numbers.fscCutoffSource).toBe('half-map FSC');
    expect(result.fsc?.resolution).toBe(result.numbers.fscCutoff);
    expect(result.numbers).toMatchObject({ windowVoxels: 6, windowAngstrom: 18, voxelSize: 3, shape });
  });
  const result0MaskVoxels = Array.from(ballMask('m', 3).data).reduce((sum, value) => sum + value, 0);

  it('lets volumes go as soon as they are not needed, and keeps only the result', async () => {
    const result = await runLocScale(halfMapJob(), { engine });
    expect([...engine.held]).toEqual(expect.arrayContaining([result.scaled, result.mask]));
    expect(engine.held.size).toBe(2);
    // Full map, mask, reference and result: the half maps are gone before the scaling.
    expect(engine.mostHeld()).toBe(4);
  });

  it('gives the voxels of consumed inputs away and leaves the others alone', async () => {
    const mask = ballMask('mask.mrc', 3);
    const consumed = halfMapJob({ mask });
    await runLocScale(consumed, { engine, consumeInputs: true });
    expect(consumed.input.kind === 'half-maps' && consumed.input.half1.data.length).toBe(0);
    expect(mask.data.length).toBe(0);
    expect((await errorOf(runLocScale(consumed, { engine }))).message).toContain('half1.mrc');
    const kept = ballMask('mask.mrc', 3);
    await runLocScale(halfMapJob({ mask: kept }), { engine });
    expect(kept.data.length).toBe(edge ** 3);
  });

  it('takes inputs in memory of the engine twice, with the same bits', async () => {
    const own = await createCpuEngine({ threads: 1 });
    const onEngine = (map: MapImage): MapImage => {
      const data = own.allocateHost(map.data.length);
      data.set(map.data);
      return { ...map, data };
    };
    const { input, ...rest } = halfMapJob();
    if (input.kind !== 'half-maps') throw new Error('half maps expected');
    const halves = { half1: onEngine(input.half1), half2: onEngine(input.half2) };
    const job = { ...rest, input: { kind: 'half-maps', ...halves } as const };
    const [first, second] = [
      await runLocScale(job, { engine: own }),
      await runLocScale(job, { engine: own }),
    ];
    expect(await own.download(second.scaled)).toEqual(await own.download(first.scaled));
    expect(halves.half1.data).toEqual(input.half1.data);
    await own.dispose();
  });

  it('is a LocScale of half the sum: half maps and their mean give one result', async () => {
    const job = halfMapJob();
    if (job.input.kind !== 'half-maps') throw new Error('half maps expected');
    const { half1, half2 } = job.input;
    const mean = {
      ...half1,
      name: 'mean.mrc',
      data: half1.data.map((value, i) => (value + half2.data[i]) / 2),
    };
    const fromHalves = await runLocScale(job, { engine });
    const fromMean = await runLocScale({ ...job, input: { kind: 'map', map: mean } }, { engine });
    expect(await engine.download(fromMean.scaled)).toEqual(await engine.download(fromHalves.scaled));
    expect(fromMean.numbers.fscCutoffSource).toBe('nyquist');
    expect(fromMean.numbers.fscCutoff).toBeCloseTo(7.1, 10);
  });

  it('measures B factors on request', async () => {
    const result = await runLocScale(
      halfMapJob({ parameters: parameters({ measureBFactors: true, windowVoxels: 16 }) }),
      { engine },
    );
    if (result.bFactor === undefined || result.quality === undefined) throw new Error('no B factor maps');
    const mask = await engine.download(result.mask);
    const bFactor = await engine.download(result.bFactor);
    expect(bFactor.some((value, i) => mask[i] > 0.5 && value !== 0)).toBe(true);
    expect(bFactor.every((value, i) => mask[i] > 0.5 || value === 0)).toBe(true);
  });

  it('writes no B factors that cannot be measured, and says so', async () => {
    const warnings: string[] = [];
    const context = { engine, onWarning: (message: string) => warnings.push(message) };
    const small = parameters({ measureBFactors: true, windowVoxels: 6, resolution: 14 });
    const result = await runLocScale(
      { ...halfMapJob({ parameters: { ...small, resolution: 20 } }), reference: { kind: 'none' } },
      context,
    );
    expect([result.bFactor, result.quality, result.numbers.fitRange]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(warnings.filter((sentence) => sentence.startsWith('No B factor'))).toEqual([
      'No B factor can be measured: windows of 6 voxels (18.0 A) have no two shells up to 20.0 A; the map is not sharpened, only low-passed at its resolution, and no B-factor map is written. Use a larger window (`windowVoxels`).',
    ]);

    // Two shells make a line, but a poor one.
    warnings.length = 0;
    const poor = await runLocScale(halfMapJob({ parameters: { ...small, resolution: 7 } }), context);
    expect(poor.bFactor).toBeDefined();
    expect(warnings.join(' ')).toContain('Only 2 shells of windows of 6 voxels (18.0 A)');

    // A reference of zeros in all windows of the mask.
    warnings.length = 0;
    const empty = radialMap('empty.mrc', (radius) => Number(radius > edge * 0.8));
    const enough = parameters({ measureBFactors: true, windowVoxels: 10, resolution: 7 });
    const without = await runLocScale(
      {
        ...halfMapJob({ parameters: enough, mask: ballMask('mask.mrc', 1) }),
        reference: { kind: 'model-map', map: empty },
      },
      context,
    );
    expect(without.bFactor).toBeUndefined();
    expect(warnings.join(' ')).toMatch(
      /^.*No B factor could be fitted in \d+ of \d+ voxels: .*No B-factor map/,
    );
  });

  it('runs without a reference, with a theoretical profile and as hybrid', async () => {
    const theoreticalProfile = { frequency: [0, 0.2, 0.3, 0.36, 0.5], amplitude: [9, 5, 4, 2, 1.5] };
    // At 1 A/voxel the window has three shells between the Wilson cut-off of this small mask (4.2 A) and 2.2
    // A.
    const fine = gridOf({ voxelSize: [1, 1, 1] });
    const map = noisyBlob('reference.mrc', 3, 0.01, 1, fine);
    const differenceMask = radialMap('difference.mrc', (_radius, i) => (i % edge > edge / 2 ? 1 : 0), fine);
    const scaledWith = async (reference: LocScaleJob['reference']): Promise<Float32Array> => {
      const result = await runLocScale(
        {
          input: { kind: 'map', map: noisyBlob('map.mrc', 1, 0.05, 1, fine) },
          mask: ballMask('mask.mrc', 2, fine),
          reference,
          parameters: parameters({
            theoreticalProfile,
            setLocalBFactor: 50,
            windowVoxels: 14,
            resolution: 2.2,
          }),
        },
        { engine },
      );
      return engine.download(result.scaled);
    };
    const noneMap = await scaledWith({ kind: 'none' });
    const pseudoMap = await scaledWith({ kind: 'pseudo-model-map', map });
    const hybridMap = await scaledWith({ kind: 'hybrid-map', map, differenceMask });
    const plainMap = await scaledWith({ kind: 'model-map', map });
    expect(noneMap.some((value) => value !== 0)).toBe(true);
    expect(pseudoMap).not.toEqual(plainMap);
    // The hybrid follows each of the two rules in its own part of the map.
    expect(hybridMap).toEqual(
      pseudoMap.map((value, i) => (differenceMask.data[i] > 0.5 ? value : plainMap[i])),
    );
  });

  it('low-passes the reference at -mres before its profiles are taken', async () => {
    const job = halfMapJob();
    const plain = await runLocScale(job, { engine });
    const filtered = await runLocScale(
      { ...job, parameters: parameters({ referenceResolution: 15 }) },
      { engine },
    );
    const energy = (data: Float32Array): number => data.reduce((sum, value) => sum + value * value, 0);
    expect(energy(await engine.download(filtered.scaled))).toBeLessThan(
      energy(await engine.download(plain.scaled)),
    );
    expect(engine.calls.filter((call) => call === 'radialFilter')).toHaveLength(1);
  });

  it('filters the input by resolution and by FSC only on request', async () => {
    const plain = await runLocScale(halfMapJob(), { engine });
    expect(engine.calls).not.toContain('radialFilter');
    const filtered = await runLocScale(halfMapJob({ parameters: parameters({ filterInput: true }) }), {
      engine,
    });
    const weighted = await runLocScale(halfMapJob({ parameters: parameters({ applyFscFilter: true }) }), {
      engine,
    });
    const maps = await Promise.all(
      [plain, filtered, weighted].map((result) => engine.download(result.scaled)),
    );
    expect(maps[1]).not.toEqual(maps[0]);
    expect(maps[2]).not.toEqual(maps[0]);
    const oneMap: LocScaleJob['input'] = { kind: 'map', map: noisyBlob('map.mrc', 5) };
    expect(
      (
        await errorOf(
          runLocScale(halfMapJob({ input: oneMap, parameters: parameters({ applyFscFilter: true }) }), {
            engine,
          }),
        )
      ).tag,
    ).toBe('usage');
    expect(
      (
        await errorOf(
          runLocScale(halfMapJob({ input: oneMap, parameters: parameters({ filterInput: true }) }), {
            engine,
          }),
        )
      ).tag,
    ).toBe('usage');
  });

  it('makes the FDR mask when none is given, and says which noise boxes it used', async () => {
    const infos: string[] = [];
    const { mask: _mask, ...withoutMask } = halfMapJob();
    const result = await runLocScale(withoutMask, {
      engine,
      keepConfidence: true,
      onInfo: (message) => infos.push(message),
    });
    expect(result.numbers.noise?.boxes).toHaveLength(4);
    expect(infos.filter((message) => message.startsWith('Noise box'))).toHaveLength(4);
    const confidence = await engine.download(result.confidence as NonNullable<typeof result.confidence>);
    const mask = await engine.download(result.mask);
    expect(mask).toEqual(confidence.map((value) => (value >= Math.fround(0.99) ? 1 : 0)));
    // The blob of sd 3 voxels stands out of noise of sd 0.035 to a radius of about 7 voxels.
    expect(result.numbers.maskVoxels).toBeGreaterThan(300);
    expect(result.numbers.maskVoxels).toBeLessThan(3000);
    expect(engine.held.size).toBe(3);
  });

  it('counts the molecular volume at -th and the scaling mask at 0.5', async () => {
    const soft = radialMap('soft.mrc', (radius) => (radius <= 3 ? 1 : radius <= 4 ? 0.7 : 0));
    const result = await runLocScale(halfMapJob({ mask: soft }), { engine });
    const count = (limit: number): number => soft.data.filter((value) => value >= limit).length;
    expect(result.numbers.maskVoxels).toBe(count(0.5));
    expect(result.numbers.molecularVolume).toBeCloseTo(count(1) * 27, 6);
    expect(result.mask.shape).toEqual(shape);
  });

  it('hands results over on the grid and with the header of the input', async () => {
    const job = halfMapJob();
    const result = await runLocScale(job, { engine });
    const image = await imageOf(engine, result.scaled, 'out.mrc', result);
    if (job.input.kind !== 'half-maps') throw new Error('half maps expected');
    expect(image.header).toBe(job.input.half1.header);
    expect(image.grid).toEqual(job.input.half1.grid);
    expect(image.data).toHaveLength(edge ** 3);
  });
});

describe('stopping', () => {
  it('ends with the tag aborted and holds nothing, in every step', async () => {
    for (const at of ['read', 'fsc', 'mask', 'reference', 'scaling'] as const) {
      const stop = new AbortController();
      const context: LocScaleContext = {
        engine,
        signal: stop.signal,
        onStep: (step) => step === at && stop.abort(),
      };
      const error = await errorOf(runLocScale(halfMapJob(), context));
      expect([at, error.tag]).toEqual([at, 'aborted']);
      expect(engine.held.size).toBe(0);
    }
  });

  it('releases everything when the engine fails', async () => {
    const refuse = () => Promise.reject(new LocScaleError('out-of-memory', 'No memory.'));
    for (const at of ['openLocalScaling', 'start', 'run'] as const) {
      const failing: Engine = {
        ...engine,
        async openLocalScaling(settings) {
          if (at === 'openLocalScaling') return refuse();
          const opened = await engine.openLocalScaling(settings);
          const start = async (maps: LocalScalingMaps) => ({ ...(await opened.start(maps)), run: refuse });
          return { ...opened, start: at === 'start' ? refuse : start };
        },
      };
      expect((await errorOf(runLocScale(halfMapJob(), { engine: failing }))).tag).toBe('out-of-memory');
      expect(engine.held.size).toBe(0);
    }
  });
});

describe('parts of the method', () => {
  it('runFsc measures two half maps and leaves nothing behind', async () => {
    const { fsc } = await runFsc(noisyBlob('a', 1), noisyBlob('b', 2), { engine });
    expect(fsc.correlation[1]).toBeGreaterThan(0.9);
    expect(fsc.frequency).toHaveLength(edge / 2);
    expect(fsc.frequency.at(-1)).toBeCloseTo(1 / 6, 12);
    expect(engine.held.size).toBe(0);
  });

  it('runMask returns mask and confidence of a map', async () => {
    const result = await runMask({ kind: 'map', map: noisyBlob('a', 1) }, parameters(), { engine });
    expect(engine.held.size).toBe(2);
    expect(result.maskVoxels).toBe(
      (await engine.download(result.mask)).reduce((sum, value) => sum + value, 0),
    );
    expect(Math.max(...(await engine.download(result.confidence!)))).toBeLessThanOrEqual(1);
  });
});
