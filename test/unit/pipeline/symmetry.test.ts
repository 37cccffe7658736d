/** -sym in the pipeline: the reference is averaged, the result if asked, and a contradiction is told. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { pointGroup } from '../../../src/math/symmetry/point-group.ts';
import { defaultParameters, runFeatureEnhance, runLocScale } from '../../../src/pipeline/index.ts';
import type { LocScaleJob, LocScaleResult } from '../../../src/pipeline/types.ts';
import { relativeL2 } from '../../support/compare.ts';
import { smallNetwork } from '../../support/small-network.ts';
import { ballMask, noisyBlob } from './test-maps.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await createCpuEngine({ threads: 1 });
});
afterAll(() => engine.dispose());

const mask = ballMask('mask.mrc', 5);
const job: LocScaleJob = {
  input: { kind: 'map', map: noisyBlob('map.mrc', 1) },
  mask,
  reference: { kind: 'model-map', map: noisyBlob('reference.mrc', 2, 0.2) },
  symmetry: { group: { name: 'C4' } },
  parameters: { ...defaultParameters, windowVoxels: 6, resolution: 8 },
};

async function symmetrised(data: Float32Array): Promise<Float32Array> {
  const volume = await engine.upload(data.slice(), mask.grid.shape);
  const averaged = await engine.symmetrise(volume, pointGroup('C4'));
  const result = (await engine.download(averaged)).slice();
  engine.release(volume, averaged);
  return result;
}

async function scaledOf(result: LocScaleResult): Promise<Float32Array> {
  const scaled = (await engine.download(result.scaled)).slice();
  engine.release(result.scaled, result.mask);
  return scaled;
}

describe('symmetry', () => {
  it('is imposed on the reference before scaling', async () => {
    const result = await runLocScale(job, { engine });
    expect(result.numbers.symmetry).toEqual({ name: 'C4', operators: 4 });
    expect(Object.keys(result.timings)).toContain('symmetry');
    const reference = noisyBlob('reference.mrc', 2, 0.2);
    const averaged = { ...reference, data: await symmetrised(reference.data) };
    const { symmetry: _, ...plain } = job;
    const given = await runLocScale(
      { ...plain, reference: { kind: 'model-map', map: averaged } },
      { engine },
    );
    const without = await runLocScale(plain, { engine });
    const scaled = await scaledOf(result);
    expect(relativeL2(scaled, await scaledOf(given))).toBe(0);
    expect(relativeL2(scaled, await scaledOf(without))).toBeGreaterThan(0.01);
  });

  it('is imposed on the result, too, on request', async () => {
    const scaled = await scaledOf(await runLocScale(job, { engine }));
    const result = await runLocScale({ ...job, symmetriseOutput: true }, { engine });
    expect(relativeL2(await scaledOf(result), await symmetrised(scaled))).toBe(0);
  });

  it('C1 changes nothing', async () => {
    const { symmetry: _, ...plain } = job;
    const trivial = await runLocScale({ ...job, symmetry: { group: { name: 'C1' } } }, { engine });
    expect(trivial.numbers.symmetry).toBeUndefined();
    expect(relativeL2(await scaledOf(trivial), await scaledOf(await runLocScale(plain, { engine })))).toBe(0);
  });

  it('is imposed on the mean map of feature enhancement', async () => {
    const predictor = {
      manifest: smallNetwork(1, 16).manifest,
      description: 'a predictor of the tests',
      output: 'reference',
      batchSize: 64,
      secondsPerCube: 0,
      predict: async (cubes: Float32Array) => cubes.slice(),
      dispose: async () => {},
    };
    const { reference: _, symmetry, ...rest } = job;
    const plain = await runFeatureEnhance({ ...rest, predictor }, { engine });
    const result = await runFeatureEnhance(
      { ...rest, predictor, ...(symmetry === undefined ? {} : { symmetry }) },
      { engine },
    );
    const [mean, expected] = await Promise.all([
      engine.download(result.mean),
      symmetrised((await engine.download(plain.mean)).slice()),
    ]);
    expect(relativeL2(mean, expected)).toBe(0);
  });

  it('that the map does not have is reported, and needs a reference', async () => {
    const warnings: string[] = [];
    // A blob off the axis.
    const { data, ...map } = noisyBlob('map.mrc', 1, 0.01, 2);
    const shifted = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++) shifted[i] = data[(i + 5) % data.length];
    const result = await runLocScale(
      { ...job, input: { kind: 'map', map: { ...map, data: shifted } } },
      { engine, onWarning: (message) => warnings.push(message) },
    );
    engine.release(result.scaled, result.mask);
    expect(warnings.join('\n')).toMatch(/The map does not look like C4/);
    await expect(runLocScale({ ...job, reference: { kind: 'none' } }, { engine })).rejects.toMatchObject({
      tag: 'usage',
      parameter: 'symmetry',
    });
  });
});
