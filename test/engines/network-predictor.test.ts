/** Opening a network on onnxruntime's providers, batches, Monte-Carlo masks, failures in words. */
import { afterAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/math/statistics/random.ts';
import { fillDropoutMask } from '../../src/network/graph/dropout-masks.ts';
import type { ReferencePredictor } from '../../src/network/graph/model.ts';
import { createNetworkSession } from '../../src/network/run/network-session.ts';
import { openPredictor, type PredictorOptions } from '../../src/network/run/open-predictor.ts';
import type { Onnxruntime } from '../../src/platform/index.ts';
import { describeProviders } from '../support/onnxruntime.ts';
import { convolveDirectly, SMALL_EDGE, smallNetwork } from '../support/small-network.ts';

const VOXELS = SMALL_EDGE ** 3;
const COUNT = 5;
/** One float32 convolution of 27 terms against float64. */
const TOLERANCE = 1e-6;

const noGpu: PredictorOptions['webgpu'] = async () => ({ usable: false, reason: 'no GPU' });

function randomCubes(count: number): Float32Array {
  const random = createRandom(3);
  return Float32Array.from({ length: count * VOXELS }, () => random.gaussian());
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < b.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

/** Sessions of one thread on the CPU. */
const THREADS = 3;

describeProviders('network predictor', ['cpu', 'webgpu'], (_open, provider) => {
  const opened: ReferencePredictor[] = [];
  const open = async (monteCarlo: boolean, batchSize?: number): Promise<ReferencePredictor> => {
    const predictor = await openPredictor(smallNetwork(), {
      provider,
      monteCarlo,
      threads: THREADS,
      ...(batchSize === undefined ? {} : { batchSize }),
      webgpu: async () => ({ usable: true }),
    });
    opened.push(predictor);
    return predictor;
  };
  afterAll(async () => {
    for (const predictor of opened) await predictor.dispose();
  });

  it('computes what the network says, whatever the batch', async () => {
    const predictor = await open(false, 2);
    expect(predictor.description).toBe(`small test network, on ${provider === 'cpu' ? 'CPU' : 'WebGPU'}`);
    expect(predictor.batchSize).toBe(provider === 'cpu' ? 2 * THREADS : 2);
    expect(predictor.secondsPerCube).toBeGreaterThan(0);
    const cubes = randomCubes(COUNT);
    const together = await predictor.predict(cubes.slice(), COUNT);
    for (let i = 0; i < COUNT; i++) {
      const cube = cubes.slice(i * VOXELS, (i + 1) * VOXELS);
      const expected = convolveDirectly(cube).map((value, v) => value + cube[v]);
      expect(largestDifference(together.subarray(i * VOXELS, (i + 1) * VOXELS), expected)).toBeLessThan(
        TOLERANCE * 10,
      );
      expect([...(await predictor.predict(cube, 1))]).toEqual([
        ...together.subarray(i * VOXELS, (i + 1) * VOXELS),
      ]);
    }
  });

  it('multiplies by the masks of seed, pass and cube; without a pass by 1', async () => {
    const predictor = await open(true);
    const [mask] = predictor.manifest.dropout;
    const cubes = randomCubes(COUNT);
    const off = await predictor.predict(cubes.slice(), COUNT);
    const pass = { seed: 11, pass: 3, firstCube: 20 };
    const on = await predictor.predict(cubes.slice(), COUNT, pass);
    for (let i = 0; i < COUNT; i++) {
      const cube = cubes.slice(i * VOXELS, (i + 1) * VOXELS);
      const convolved = convolveDirectly(cube);
      const values = new Float32Array(VOXELS);
      fillDropoutMask(values, mask, { seed: 11, pass: 3, cube: 20 + i, layer: 0 });
      expect(new Set(values)).toEqual(new Set([0, 2]));
      const part = (all: Float32Array) => all.subarray(i * VOXELS, (i + 1) * VOXELS);
      expect(
        largestDifference(
          part(off),
          convolved.map((value, v) => value + cube[v]),
        ),
      ).toBeLessThan(TOLERANCE * 10);
      expect(
        largestDifference(
          part(on),
          convolved.map((value, v) => values[v] * value + cube[v]),
        ),
      ).toBeLessThan(TOLERANCE * 10);
    }
    // The same cubes in two calls: the masks follow the number of the cube.
    const tail = await predictor.predict(cubes.slice(2 * VOXELS), COUNT - 2, { ...pass, firstCube: 22 });
    expect([...tail]).toEqual([...on.subarray(2 * VOXELS)]);
  });

  it('takes one file for both uses: masks of 1 where dropout is off', async () => {
    const network = smallNetwork();
    const { files } = network.manifest;
    const both = { plain: files.monteCarlo!, monteCarlo: files.monteCarlo! };
    const predictor = await openPredictor(
      { ...network, manifest: { ...network.manifest, files: both }, readPlain: network.readMonteCarlo! },
      { provider, monteCarlo: false, webgpu: async () => ({ usable: true }) },
    );
    opened.push(predictor);
    const cube = randomCubes(1);
    const expected = convolveDirectly(cube).map((value, v) => value + cube[v]);
    expect(largestDifference(await predictor.predict(cube, 1), expected)).toBeLessThan(TOLERANCE * 10);
  });

  it('refuses a network that gives no numbers on this provider', async () => {
    await expect(
      openPredictor(smallNetwork(Number.POSITIVE_INFINITY), {
        provider,
        monteCarlo: false,
        webgpu: async () => ({ usable: true }),
      }),
    ).rejects.toMatchObject({
      tag: 'no-device',
      message: expect.stringMatching(
        /^The network cannot run on \w+: it returns values that are not numbers/,
      ),
    });
  });
});

describeProviders('choice of a provider', ['cpu'], () => {
  it('auto continues with the CPU and reports why the others were passed over', async () => {
    const infos: string[] = [];
    const predictor = await openPredictor(smallNetwork(), {
      provider: 'auto',
      monteCarlo: false,
      threads: THREADS,
      webgpu: noGpu,
      onInfo: (message) => infos.push(message),
    });
    expect(predictor.description).toMatch(/, on CPU$/);
    expect(predictor.batchSize).toBe(THREADS);
    expect(infos).toContain('Network on WebGPU: no GPU');
    await predictor.dispose();
  });

  it('a provider that was requested and cannot work is an error, not the CPU', async () => {
    await expect(
      openPredictor(smallNetwork(), { provider: 'webgpu', monteCarlo: false, webgpu: noGpu }),
    ).rejects.toMatchObject({
      tag: 'no-device',
      message: 'The network cannot run on WebGPU: no GPU.',
      hint: expect.stringContaining('`provider: cpu`'),
    });
  });

  it('a network without dropout cannot be sampled', async () => {
    const network = smallNetwork();
    const without = { ...network, manifest: { ...network.manifest, dropout: [] } };
    await expect(
      openPredictor(without, { provider: 'cpu', monteCarlo: true, webgpu: noGpu }),
    ).rejects.toMatchObject({ tag: 'bad-input', hint: expect.stringContaining('`monteCarlo: false`') });
  });
});

/** An onnxruntime whose device holds `limit` cubes; computes 2 x. */
function tightRuntime(limit: number, sizes: number[]): Onnxruntime {
  class Tensor {
    readonly data: Float32Array;
    readonly dims: readonly number[];
    constructor(_type: string, data: Float32Array, dims: readonly number[]) {
      this.data = data;
      this.dims = dims;
    }
  }
  const session = {
    async run({ map }: { map: Tensor }) {
      sizes.push(map.dims[0]);
      if (map.dims[0] > limit) throw new Error('CUDA failure 2: out of memory ; GPU=0');
      return {
        reference: new Tensor(
          'float32',
          map.data.map((value) => 2 * value),
          map.dims,
        ),
      };
    },
    async release() {},
  };
  return { InferenceSession: { create: async () => session }, Tensor } as unknown as Onnxruntime;
}

describe('memory that runs out', () => {
  const { manifest } = smallNetwork();
  const cubes = randomCubes(7);

  it('halves the batch, stays with what fits, and keeps the order', async () => {
    const sizes: number[] = [];
    const smaller: number[] = [];
    const session = await createNetworkSession(tightRuntime(2, sizes), new Uint8Array(0), manifest, {
      provider: 'cuda',
      monteCarlo: false,
    });
    session.onSmallerBatch = (size) => smaller.push(size);
    const expected = [...cubes.map((value) => 2 * value)];
    expect([...(await session.run(cubes, 7))]).toEqual(expected);
    expect(smaller).toEqual([4, 2]);
    sizes.length = 0;
    expect([...(await session.run(cubes, 7))]).toEqual(expected);
    expect(sizes).toEqual([2, 2, 2, 1]);
  });

  it('says so when a single cube does not fit', async () => {
    const session = await createNetworkSession(tightRuntime(0, []), new Uint8Array(0), manifest, {
      provider: 'cuda',
      monteCarlo: false,
    });
    await expect(session.run(cubes, 7)).rejects.toMatchObject({ tag: 'out-of-memory' });
  });
});
