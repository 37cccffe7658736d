/** The way from a map to the network and back, with predictors whose answer is known. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine, Volume } from '../../src/engine/engine.ts';
import { type Grid, type Shape, voxelCount } from '../../src/math/grid.ts';
import type { CubeWeighting } from '../../src/network/graph/blend-cubes.ts';
import type { MonteCarloPass, NetworkManifest, ReferencePredictor } from '../../src/network/graph/model.ts';
import {
  type PredictReferenceInput,
  planPrediction,
  predictionBytes,
  predictReference,
} from '../../src/network/graph/predict-reference.ts';
import { relativeL2 } from '../support/compare.ts';
import { describeEngines } from '../support/engines.ts';
import { blobMask, mapLikeVolume } from '../support/random-volume.ts';
import { createSimpleEngine, type SimpleEngine } from '../support/simple-engine.ts';

const MANIFEST: NetworkManifest = {
  format: 1,
  name: 'test',
  title: 'test',
  architecture: 'onnx',
  source: 'test',
  sourceSha256: '',
  licence: 'none',
  parameters: 0,
  gflopPerCube: 0,
  files: { plain: { file: 'none', sha256: '' } },
  input: 'input',
  output: 'output',
  voxelSizeAngstrom: 1,
  standardisation: 'mean-10sd',
  cubeEdge: 32,
  stride: 16,
  dropout: [],
};

interface Call {
  readonly count: number;
  readonly pass: MonteCarloPass | undefined;
}

/** Answers a turn of the event loop later, and sees to it that it has one batch at a time. */
function predictorOf(
  answer: (cubes: Float32Array, count: number, pass?: MonteCarloPass) => Float32Array,
  batchSize = 8,
  manifest: Partial<NetworkManifest> = {},
): ReferencePredictor & { readonly calls: Call[] } {
  const calls: Call[] = [];
  let busy = false;
  return {
    manifest: { ...MANIFEST, ...manifest },
    description: 'a predictor of the tests',
    output: 'output',
    batchSize,
    secondsPerCube: 0,
    calls,
    async predict(cubes, count, pass) {
      if (busy) throw new Error('two batches at once');
      busy = true;
      calls.push({ count, pass });
      // What is given must not change while the network works.
      const before = cubes.slice();
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (!cubes.every((v, i) => v === before[i])) throw new Error('the cubes changed meanwhile');
      busy = false;
      return answer(cubes, count, pass);
    },
    dispose: async () => undefined,
  };
}

const identity = (cubes: Float32Array): Float32Array => cubes.slice();

function gridOf(shape: Shape, voxelSize: number): Grid {
  return { shape, voxelSize: [voxelSize, voxelSize, voxelSize], origin: [0, 0, 0] };
}

interface Prepared {
  readonly input: Omit<PredictReferenceInput, 'predictor'>;
  readonly mask: Volume;
}

async function prepare(
  engine: Engine,
  map: Float32Array,
  mask: Float32Array,
  grid: Grid,
  manifest: Partial<NetworkManifest> = {},
): Promise<Prepared> {
  const [mapVolume, maskVolume] = [
    await engine.upload(map.slice(), grid.shape),
    await engine.upload(mask.slice(), grid.shape),
  ];
  const plan = await planPrediction({
    engine,
    mask: maskVolume,
    grid,
    manifest: { ...MANIFEST, ...manifest },
  });
  return { input: { engine, map: mapVolume, plan }, mask: maskVolume };
}

function standardised(map: Float32Array, { mean, factor }: { mean: number; factor: number }): Float32Array {
  return map.map((v) => (v - mean) * factor);
}

describeEngines('predicted reference', (engine) => {
  it.each(['uniform', 'taper'] as CubeWeighting[])(
    '1 A, %s: the identity gives the standardised map in the mask (1e-6)',
    async (weighting) => {
      const shape: Shape = [64, 70, 61];
      const map = mapLikeVolume(shape, 1);
      const mask = blobMask(shape, 0.5);
      const on = await engine();
      const { input, mask: maskVolume } = await prepare(on, map, mask, gridOf(shape, 1));
      const predicted = await predictReference({ ...input, predictor: predictorOf(identity), weighting });
      const ours = await on.download(predicted.reference);
      const mean = map.reduce((sum, v) => sum + v, 0) / map.length;
      const sd = Math.sqrt(map.reduce((sum, v) => sum + (v - mean) ** 2, 0) / map.length);
      // Sums over float32 voxels on the engine.
      expect(predicted.standardisation.mean / mean).toBeCloseTo(1, 6);
      expect(predicted.standardisation.factor * 10 * sd).toBeCloseTo(1, 6);
      expect(relativeL2(ours, standardised(map, predicted.standardisation), mask)).toBeLessThan(1e-6);
      expect(predicted.networkShape).toEqual(shape);
      expect(predicted.cubes).toBe(input.plan.cubes.count);
      expect(predicted.variance).toBeUndefined();
      on.release(input.map, maskVolume, predicted.reference);
    },
  );

  it('1.4 A, all in the mask: the identity gives the standardised map back (1e-5)', async () => {
    const shape: Shape = [30, 20, 25];
    const map = mapLikeVolume(shape, 2);
    const on = await engine();
    const { input, mask } = await prepare(on, map, new Float32Array(map.length).fill(1), gridOf(shape, 1.4));
    const predicted = await predictReference({ ...input, predictor: predictorOf(identity, 32) });
    expect(predicted.networkShape).toEqual([42, 28, 35]);
    const ours = await on.download(predicted.reference);
    // Two Fourier resamplings of 2e-6 at most and the blending.
    expect(relativeL2(ours, standardised(map, predicted.standardisation))).toBeLessThan(1e-5);
    on.release(input.map, mask, predicted.reference);
  });

  it('a finer map loses what 1 A cannot hold, and nothing else (1e-5)', async () => {
    // Few different lengths in this file: a software GPU compiles kernels for each.
    const shape: Shape = [50, 40, 60];
    const on = await engine();
    const map = mapLikeVolume(shape, 3);
    const { input, mask } = await prepare(on, map, new Float32Array(map.length).fill(1), gridOf(shape, 0.7));
    expect(input.plan.inputIsFiner).toBe(true);
    const predicted = await predictReference({ ...input, predictor: predictorOf(identity) });
    expect(predicted.networkShape).toEqual([35, 28, 42]);
    const coarse = await on.resample(input.map, predicted.networkShape);
    const limited = await on.resample(coarse, shape);
    const expected = standardised(Float32Array.from(await on.download(limited)), predicted.standardisation);
    expect(relativeL2(await on.download(predicted.reference), expected)).toBeLessThan(1e-5);
    on.release(input.map, mask, coarse, limited, predicted.reference);
  });

  it('a prediction sharper than the grid does not ring on it', async () => {
    // 24 voxels of 2.5 A are 60 of the network's: one cube holds them all.
    const shape: Shape = [24, 24, 24];
    const fine: Shape = [60, 60, 60];
    const radius = 14;
    const centre = 29.5;
    const ball = Float32Array.from({ length: 60 ** 3 }, (_, i) =>
      Number(
        Math.hypot(Math.floor(i / 3600) - centre, (Math.floor(i / 60) % 60) - centre, (i % 60) - centre) <
          radius,
      ),
    );
    const asCube = (cubes: Float32Array): Float32Array =>
      cubes.map((_, i) => {
        const [z, y, x] = [Math.floor(i / 4096) - 2, (Math.floor(i / 64) % 64) - 2, (i % 64) - 2];
        const inside = [z, y, x].every((v) => v >= 0 && v < 60);
        return inside ? ball[(z * 60 + y) * 60 + x] : 0;
      });
    const on = await engine();
    const whole = new Float32Array(24 ** 3).fill(1);
    const manifest = { cubeEdge: 64, stride: 64 };
    const { input, mask } = await prepare(on, mapLikeVolume(shape, 5), whole, gridOf(shape, 2.5), manifest);
    /** Root mean square second difference from voxel to voxel, 3 to 6 voxels outside the ball. */
    const rippleOf = (voxels: Float32Array): number => {
      let sum = 0;
      let count = 0;
      for (let i = 0; i < voxels.length; i++) {
        const [z, y, x] = [Math.floor(i / 576), Math.floor(i / 24) % 24, i % 24];
        const distance = Math.hypot(...[z, y, x].map((v) => 2.5 * v - centre)) - radius;
        if (distance < 7.5 || distance > 15 || x === 0 || x === 23) continue;
        sum += (voxels[i - 1] - 2 * voxels[i] + voxels[i + 1]) ** 2;
        count++;
      }
      return Math.sqrt(sum / count);
    };
    const sharp = await on.upload(ball.slice(), fine);
    const cropped = await on.resample(sharp, shape);
    const before = rippleOf(await on.download(cropped));
    const ripples: number[] = [];
    for (const resolution of [undefined, 8, 12]) {
      const predicted = await predictReference({
        ...input,
        predictor: predictorOf(asCube, 1, manifest),
        ...(resolution === undefined ? {} : { resolution }),
      });
      ripples.push(rippleOf(await on.download(predicted.reference)) / before);
      on.release(predicted.reference);
    }
    // Measured 0.59, 0.44 and 0.25: the wider the roll-off, the faster ripples die out. It begins at 0.7,
    // 0.63 and 0.5 of the Nyquist frequency.
    expect(ripples[0]).toBeLessThan(0.65);
    expect(ripples[1]).toBeLessThan(ripples[0]);
    expect(ripples[2]).toBeLessThan(0.3);
    on.release(input.map, mask, sharp, cropped);
  });
});

describe('predicted reference, order and failures', () => {
  const shape: Shape = [40, 44, 37];
  const grid = gridOf(shape, 1.3);
  const map = mapLikeVolume(shape, 4);
  const mask = blobMask(shape, 0.6);
  let engine: SimpleEngine;
  let prepared: Prepared;

  beforeAll(async () => {
    engine = createSimpleEngine();
    prepared = await prepare(engine, map, mask, grid);
  });

  const predict = (
    predictor: ReferencePredictor,
    more: Partial<PredictReferenceInput> = {},
  ): ReturnType<typeof predictReference> => predictReference({ ...prepared.input, predictor, ...more });

  async function referenceOf(predictor: ReferencePredictor, more = {}): Promise<Float32Array> {
    const { reference } = await predict(predictor, more);
    const data = Float32Array.from(await engine.download(reference));
    engine.release(reference);
    return data;
  }

  it('does not depend on the size of batches; the last one is smaller', async () => {
    const { count } = prepared.input.plan.cubes;
    const square = (cubes: Float32Array): Float32Array => cubes.map((v) => v * v);
    const expected = await referenceOf(predictorOf(square, 1));
    for (const size of [5, 7, 1000]) {
      const predictor = predictorOf(square, size);
      expect(await referenceOf(predictor)).toEqual(expected);
      const sizes = predictor.calls.map((call) => call.count);
      expect(sizes.reduce((sum, v) => sum + v, 0)).toBe(count);
      expect(sizes.slice(0, -1).every((v) => v === size)).toBe(true);
      expect(sizes).toHaveLength(Math.ceil(count / size));
    }
    expect((count % 5) + (count % 7)).toBeGreaterThan(0);
  });

  it('scales as the predictor does, also when its answer lies in the memory of the question', async () => {
    const double = (cubes: Float32Array): Float32Array => {
      for (let i = 0; i < cubes.length; i++) cubes[i] *= 2;
      return cubes;
    };
    const once = await referenceOf(predictorOf(identity, 3));
    const twice = await referenceOf(predictorOf(double, 3));
    expect(
      relativeL2(
        twice,
        once.map((v) => 2 * v),
      ),
    ).toBeLessThan(1e-6);
  });

  it('weights as the original does for its network, tapered for others', async () => {
    const ramp = (cubes: Float32Array): Float32Array => cubes.map((_, i) => i % 32);
    const of = (architecture: NetworkManifest['architecture'], weighting?: CubeWeighting) =>
      referenceOf(predictorOf(ramp, 4, { architecture }), weighting ? { weighting } : {});
    const [uniform, taper] = [await of('onnx', 'uniform'), await of('onnx', 'taper')];
    expect(relativeL2(uniform, taper)).toBeGreaterThan(0.01);
    expect(await of('emmernet')).toEqual(uniform);
    expect(await of('onnx')).toEqual(taper);
  });

  it('reports cubes times passes, and gives every pass its number and first cube', async () => {
    const { count } = prepared.input.plan.cubes;
    const predictor = predictorOf(identity, 10);
    const progress: number[] = [];
    const { reference, variance } = await predict(predictor, {
      monteCarlo: { passes: 3, seed: 7 },
      onProgress: (done, total) => {
        expect(total).toBe(3 * count);
        progress.push(done);
      },
    });
    expect(progress.at(-1)).toBe(3 * count);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    const expected = Array.from({ length: Math.ceil(count / 10) }, (_, batch) =>
      [0, 1, 2].map((pass) => ({ seed: 7, pass, firstCube: 10 * batch })),
    ).flat();
    expect(predictor.calls.map(({ pass }) => pass)).toEqual(expected);
    if (!variance) throw new Error('no variance');
    expect([...(await engine.download(variance))].every((v) => v === 0)).toBe(true);
    engine.release(reference, variance);
  });

  it('Monte-Carlo passes: their mean, and their variance, never negative', async () => {
    // Adds -1, 0 or 1 by pass, times the sign of the voxel: variance 2/3 wherever a cube is.
    const noisy = (cubes: Float32Array, _: number, pass?: MonteCarloPass): Float32Array =>
      cubes.map((v) => v + ((pass?.pass ?? 0) - 1) * (v < 0 ? -1 : 1));
    const plain = await referenceOf(predictorOf(identity));
    for (const batch of [4, 9]) {
      const predictor = predictorOf(noisy, batch);
      const { reference, variance } = await predict(predictor, { monteCarlo: { passes: 3, seed: 1 } });
      if (!variance) throw new Error('no variance');
      // The mean of (-1, 0, 1) is off by float32 rounding of values near 1, in a map of values near 0.1.
      expect(relativeL2(await engine.download(reference), plain)).toBeLessThan(1e-5);
      const spread = await engine.download(variance);
      expect(variance.shape).toEqual(shape);
      expect(spread.every((value) => value >= 0)).toBe(true);
      expect(spread.every((value, i) => mask[i] < 0.5 || Math.abs(value - 2 / 3) < 1e-5)).toBe(true);
      engine.release(reference, variance);
    }
  });

  it('stops between batches, and leaves no volume behind', async () => {
    const before = new Set(engine.held);
    const controller = new AbortController();
    const predictor = predictorOf(identity, 2);
    const work = predict(predictor, {
      signal: controller.signal,
      onProgress: (done) => {
        if (done >= 4) controller.abort();
      },
    });
    await expect(work).rejects.toMatchObject({ tag: 'aborted' });
    // Three batches done or under way when the second was counted.
    expect(predictor.calls).toHaveLength(3);
    expect(new Set(engine.held)).toEqual(before);
    await expect(predict(predictor, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      tag: 'aborted',
    });
    expect(predictor.calls).toHaveLength(3);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('out of luck')), /out of luck/],
    ['returns another size', async () => new Float32Array(3), /another size/],
    ['returns NaN', async (cubes: Float32Array) => cubes.map(() => Number.NaN), /not numbers/],
  ] as [string, ReferencePredictor['predict'], RegExp][])(
    'leaves no volume behind when the network %s',
    async (_, answer, message) => {
      const before = new Set(engine.held);
      const predictor = { ...predictorOf(identity), predict: answer };
      await expect(predict(predictor)).rejects.toThrow(message);
      expect(new Set(engine.held)).toEqual(before);
    },
  );

  it('takes the memory it says: map, sums, weights and batches, or spectrum and result', () => {
    const { plan } = prepared.input;
    const network = voxelCount(plan.networkGrid.shape);
    expect(predictionBytes(plan, 8, false)).toBe(4 * (3 * network + 3 * 8 * 32 ** 3));
    expect(predictionBytes(plan, 1, true) - predictionBytes(plan, 1, false)).toBe(
      4 * (network + 2 * 32 ** 3),
    );
    // From 0.5 A to 1 A and back: the way back needs the input's planes, 8 times the network's voxels.
    const fine = { ...plan, grid: gridOf([80, 88, 74], 0.65) };
    expect(predictionBytes(fine, 1, false)).toBe(
      4 * (2 * network + voxelCount([80, 88, 74])) + 8 * 80 * 88 * 40,
    );
  });

  it('refuses an empty mask and a flat map', async () => {
    const empty = new Float32Array(map.length);
    await expect(prepare(engine, map, empty, grid)).rejects.toThrow(/selects nothing/);
    const flat = await prepare(engine, empty.fill(3), mask, grid);
    await expect(predictReference({ ...flat.input, predictor: predictorOf(identity) })).rejects.toThrow(
      /flat/,
    );
  });
});
