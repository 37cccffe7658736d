/**
 * The pipeline with a network: the model-free mode and feature enhancement, with predictors that can be
 * followed by hand.
 */
import { expect, it } from 'vitest';
import { calibrateStandardError } from '../../src/math/statistics/pvddt.ts';
import type { ReferencePredictor } from '../../src/network/graph/model.ts';
import { defaultParameters, planLocScale, runFeatureEnhance, runLocScale } from '../../src/pipeline/index.ts';
import type { LocScaleContext, LocScaleJob } from '../../src/pipeline/types.ts';
import { relativeL2 } from '../support/compare.ts';
import { describeEngines } from '../support/engines.ts';
import { smallNetwork } from '../support/small-network.ts';
import { ballMask, gridOf, noisyBlob } from '../unit/pipeline/test-maps.ts';

const EDGE = 16;
const MASK_RADIUS = 6;

/** 20 cubed voxels of 2 A. */
const grid = gridOf({ voxelSize: [2, 2, 2] });
const half1 = noisyBlob('half1.mrc', 1, 0.05, 3, grid);
const half2 = noisyBlob('half2.mrc', 2, 0.05, 3, grid);
const mask = ballMask('mask.mrc', MASK_RADIUS, grid);

/** cubes -> factor(pass) x cubes; without a pass factor 1. */
function scalingPredictor(
  factor: (pass: number) => number = () => 1,
  change: Partial<ReferencePredictor['manifest']> = {},
): ReferencePredictor & { readonly passes: number[] } {
  const passes: number[] = [];
  return {
    manifest: { ...smallNetwork(1, EDGE).manifest, ...change },
    description: 'a predictor of the tests',
    output: 'reference',
    batchSize: 64,
    secondsPerCube: 0.25,
    passes,
    async predict(cubes, _count, pass) {
      if (pass !== undefined) passes.push(pass.pass);
      const scale = pass === undefined ? 1 : factor(pass.pass);
      return cubes.map((value) => scale * value);
    },
    async dispose() {},
  };
}

function jobWith(predictor: ReferencePredictor): LocScaleJob {
  return {
    input: { kind: 'half-maps', half1, half2 },
    mask,
    reference: { kind: 'network', predictor },
    parameters: { ...defaultParameters, windowVoxels: 6 },
  };
}

/** Voxels inside the mask only. */
function inside(values: Float32Array): Float32Array {
  return values.filter((_, i) => mask.data[i] > 0.5);
}

describeEngines('model-free mode', (createEngine) => {
  it('an identity network leaves the map as it is, but for its scale', async () => {
    const engine = await createEngine();
    const context: LocScaleContext = { engine, keepReference: true };
    const result = await runLocScale(jobWith(scalingPredictor()), context);
    const [scaled, reference] = await Promise.all([
      engine.download(result.scaled),
      engine.download(result.reference!),
    ]);
    // The reference is the standardised map, (v - mean) / (10 sd) at 1 A; amplitudes beyond the shell of the
    // window's mean are the map's divided by 10 sd.
    const map = half1.data.map((value, i) => (value + half2.data[i]) / 2);
    const factor =
      inside(reference).reduce((sum, value, i) => sum + value * inside(map)[i], 0) /
      inside(map).reduce((sum, value) => sum + value * value, 0);
    expect(factor).toBeGreaterThan(0);
    const expected = inside(map).map((value) => factor * value);
    // The mean that standardisation takes away shifts the lowest shell of each window a little, and outside
    // the cubes the reference is 0 within the windows at the rim of the mask.
    expect(relativeL2(inside(scaled), expected)).toBeLessThan(0.1);
    expect(result.prediction).toMatchObject({ network: 'a predictor of the tests', passes: 1 });
    expect(result.prediction!.networkShape).toEqual([40, 40, 40]);
    expect(result.prediction!.seconds).toBeCloseTo(0.25 * result.prediction!.cubes, 9);
    expect(Object.keys(result.timings)).toContain('reference');
    engine.release(result.scaled, result.mask, result.reference!);
  });

  it('equals scaling with the predicted map given as a reference map', async () => {
    const engine = await createEngine();
    const job = jobWith(scalingPredictor());
    const predicted = await runLocScale(job, { engine, keepReference: true });
    const map = {
      ...mask,
      name: 'predicted.mrc',
      data: (await engine.download(predicted.reference!)).slice(),
    };
    const given = await runLocScale({ ...job, reference: { kind: 'model-map', map } }, { engine });
    const [a, b] = await Promise.all([engine.download(predicted.scaled), engine.download(given.scaled)]);
    expect(relativeL2(a, b)).toBe(0);
    engine.release(predicted.scaled, predicted.mask, predicted.reference!, given.scaled, given.mask);
  });

  it('a plan states what the prediction will take, without running the network', async () => {
    const engine = await createEngine();
    const predictor = scalingPredictor();
    let calls = 0;
    const counting = {
      ...predictor,
      predict: async (cubes: Float32Array) => {
        calls++;
        return cubes;
      },
    };
    const plan = await planLocScale(jobWith(counting), { engine });
    expect(calls).toBe(0);
    expect(plan.mode).toBe('model-free: reference predicted by a predictor of the tests');
    expect(plan.prediction!.cubes).toBeGreaterThan(10);
    const result = await runLocScale(jobWith(counting), { engine });
    expect(result.prediction!.cubes).toBe(plan.prediction!.cubes);
    expect(calls).toBeGreaterThan(0);
    engine.release(result.scaled, result.mask);
  });

  it('a failing network leaves no volume behind and its error whole', async () => {
    const engine = await createEngine();
    const failing = { ...scalingPredictor(), predict: () => Promise.reject(new Error('lost the GPU')) };
    await expect(runLocScale(jobWith(failing), { engine })).rejects.toThrow('lost the GPU');
  });
});

describeEngines('feature enhancement', (createEngine) => {
  const passes = 4;
  // Factors 1 + 0.1 p, p = 0 ... 3: mean 1.15, biased variance 0.0125.
  const factor = (pass: number): number => 1 + 0.1 * pass;
  const calibration = { standardError: [0, 0.001, 1], calibrated: [0.0005, 0.002, 2] };

  it('mean, variance, baseline and pVDDT are what the passes say', async () => {
    const engine = await createEngine();
    const predictor = scalingPredictor(factor, { calibration });
    const job = jobWith(predictor);
    const warnings: string[] = [];
    const result = await runFeatureEnhance(
      {
        input: job.input,
        ...(job.mask === undefined ? {} : { mask: job.mask }),
        predictor,
        monteCarlo: { passes, seed: 5 },
        parameters: job.parameters,
      },
      { engine, onWarning: (message) => warnings.push(message) },
    );
    expect(warnings).toEqual([]);
    expect(new Set(predictor.passes)).toEqual(new Set([0, 1, 2, 3]));
    const plain = await runLocScale(jobWith(scalingPredictor()), { engine, keepReference: true });
    const [mean, variance, baseline, pvddt, once, scaled] = await Promise.all([
      engine.download(result.mean),
      engine.download(result.variance!),
      engine.download(result.baseline),
      engine.download(result.pvddt!),
      engine.download(plain.reference!),
      engine.download(plain.scaled),
    ]);
    // Everything is linear in the factor: float32 rounding of sums over passes, cubes and transforms.
    expect(
      relativeL2(
        mean,
        once.map((value) => 1.15 * value),
      ),
    ).toBeLessThan(1e-5);
    expect(
      relativeL2(
        baseline,
        scaled.map((value) => 1.15 * value),
      ),
    ).toBeLessThan(1e-5);
    // The variance comes back trilinearly from 1 A, its square root is not the resampled map: where the
    // map is smooth both agree within some per cent.
    const squared = inside(once).map((value) => 0.0125 * value * value);
    expect(relativeL2(inside(variance), squared)).toBeLessThan(0.25);
    expect(variance.every((value) => value >= 0)).toBe(true);
    for (let i = 0; i < mean.length; i += 37) {
      const error = calibrateStandardError(Math.sqrt(variance[i] / passes), calibration);
      const z = (mean[i] - baseline[i]) / error;
      if (Math.abs(z) < 0.05) expect(Math.abs(pvddt[i])).toBeLessThan(5);
      else expect(Math.sign(pvddt[i])).toBe(Math.sign(z));
      if (Math.abs(z) > 4) expect(Math.abs(pvddt[i])).toBeGreaterThan(99.9);
    }
    expect(result.prediction.passes).toBe(passes);
    for (const volume of [result.mean, result.variance!, result.baseline, result.pvddt!, result.mask])
      engine.release(volume);
    engine.release(plain.scaled, plain.mask, plain.reference!);
  });

  it('one pass without dropout gives no variance and no pVDDT', async () => {
    const engine = await createEngine();
    const predictor = scalingPredictor(factor);
    const job = jobWith(predictor);
    const result = await runFeatureEnhance(
      {
        input: job.input,
        ...(job.mask === undefined ? {} : { mask: job.mask }),
        predictor,
        parameters: job.parameters,
      },
      { engine },
    );
    expect(predictor.passes).toEqual([]);
    expect(result.variance).toBeUndefined();
    expect(result.pvddt).toBeUndefined();
    engine.release(result.mean, result.baseline, result.mask);
  });

  it('says that significance is uncalibrated when the network has no table', async () => {
    const engine = await createEngine();
    const predictor = scalingPredictor(factor);
    const job = jobWith(predictor);
    const warnings: string[] = [];
    const result = await runFeatureEnhance(
      {
        input: job.input,
        ...(job.mask === undefined ? {} : { mask: job.mask }),
        predictor,
        monteCarlo: { passes: 2, seed: 1 },
        parameters: job.parameters,
      },
      { engine, onWarning: (message) => warnings.push(message) },
    );
    expect(warnings).toEqual([expect.stringContaining('has no calibration')]);
    for (const volume of [result.mean, result.variance!, result.baseline, result.pvddt!, result.mask])
      engine.release(volume);
  });
});
