/**
 * EMmerNet as a whole: table, checks of weights, the ONNX file, and small nets of the same shape in float64.
 */
import { describe, expect, it } from 'vitest';
import { encodeOnnxModel, readOnnxInitializers } from '../../../../src/formats/onnx.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { fillDropoutMask } from '../../../../src/network/graph/dropout-masks.ts';
import { emmernetDropout, writeEmmernet } from '../../../../src/network/graph/emmernet-graph.ts';
import {
  checkEmmernetWeights,
  countEmmernetParameters,
  EMMERNET,
  emmernetGflopPerCube,
  emmernetTensors,
  planEmmernet,
} from '../../../../src/network/graph/emmernet-layers.ts';
import type { WeightSet } from '../../../../src/network/graph/model.ts';
import { relativeL2 } from '../../../support/compare.ts';
import { directCube, directEmmernet } from '../../../support/direct-network.ts';
import { randomEmmernetWeights } from '../../../support/emmernet-weights.ts';
import { describeProviders } from '../../../support/onnxruntime.ts';

const PLAN = planEmmernet({ cubeEdge: 8, levels: [4, 6, 8], tail: [4, 2], normGroups: 2 });
const EDGE = PLAN.cubeEdge;
const VOXELS = EDGE ** 3;
const WEIGHTS = randomEmmernetWeights(PLAN, 11);
const MASKS = emmernetDropout(PLAN);
const PLAIN = { transposedConvolution: 'interleave', dropoutMasks: false } as const;
const MONTE_CARLO = { transposedConvolution: 'interleave', dropoutMasks: true } as const;

// Rounding through twenty normalised layers: up to 1.8e-5 was seen over several seeds of weights and cubes,
// because a group of few values may have nearly no variance to divide by. A mask of another cube makes a
// difference of 1.4.
const TOLERANCE = 5e-5;

function randomCubes(count: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count * VOXELS }, () => random.gaussian());
}

type Inputs = Record<string, { data: Float32Array; shape: readonly number[] }>;

function mapInput(cubes: Float32Array): Inputs {
  return { map: { data: cubes, shape: [cubes.length / VOXELS, 1, EDGE, EDGE, EDGE] } };
}

/** Masks of `count` cubes, filled by `fill` for each cube and mask. */
function maskInputs(count: number, fill: (target: Float32Array, mask: number, cube: number) => void): Inputs {
  const inputs: Inputs = {};
  MASKS.forEach(({ input, shape }, layer) => {
    const values = shape.reduce((product, length) => product * length, 1);
    const data = new Float32Array(count * values);
    for (let cube = 0; cube < count; cube++)
      fill(data.subarray(cube * values, (cube + 1) * values), layer, cube);
    inputs[input] = { data, shape: [count, ...shape] };
  });
  return inputs;
}

const randomMasks = (count: number, pass: number, firstCube = 0): Inputs =>
  maskInputs(count, (target, layer, cube) =>
    fillDropoutMask(target, MASKS[layer], { seed: 5, pass, cube: firstCube + cube, layer }),
  );

function changed(
  weights: WeightSet,
  change: (tensors: Map<string, WeightSet extends ReadonlyMap<string, infer T> ? T : never>) => void,
): WeightSet {
  const tensors = new Map(weights);
  change(tensors);
  return tensors;
}

describe('table of EMmerNet', () => {
  it('has the numbers of the published network', () => {
    expect(countEmmernetParameters()).toBe(22_875_161);
    // 87.6 in the description of the method.
    expect(emmernetGflopPerCube()).toBeCloseTo(87.62, 2);
    expect(EMMERNET.layers.length).toBe(25);
    expect(EMMERNET.layers.map((layer) => layer.outputEdge)).toEqual([
      32, 32, 16, 16, 16, 8, 8, 8, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16, 32, 32, 32, 32, 64, 32, 32,
    ]);
    expect(emmernetTensors().get('conv5_1.conv.weight')).toEqual([128, 256, 5, 5, 5]);
    expect(emmernetTensors().get('up2.conv.weight')).toEqual([128, 64, 5, 5, 5]);
    expect(emmernetTensors().get('last_conv.weight')).toEqual([1, 8, 5, 5, 5]);
  });

  it('has a mask for each of the twenty blocks', () => {
    const masks = emmernetDropout();
    expect(masks.length).toBe(20);
    expect(masks[0]).toEqual({ input: 'mask_conv1_1', shape: [32, 32, 32, 32], keepProbability: 0.5 });
    expect(masks[19]).toEqual({ input: 'mask_conv8_1', shape: [8, 32, 32, 32], keepProbability: 0.5 });
  });

  it('refuses widths that do not fit', () => {
    expect(() => planEmmernet({ cubeEdge: 8, levels: [4, 5, 8], tail: [4, 2], normGroups: 2 })).toThrow(
      /groups/,
    );
    expect(() => planEmmernet({ cubeEdge: 12, levels: [4, 4, 8], tail: [4, 2], normGroups: 2 })).toThrow(
      /eights/,
    );
  });
});

describe('check of weights', () => {
  const check = (weights: WeightSet) => () => checkEmmernetWeights(weights, PLAN);

  it('accepts what fits, and names what does not', () => {
    expect(check(WEIGHTS)).not.toThrow();
    expect(check(changed(WEIGHTS, (t) => t.delete('conv3_2.gn.bias')))).toThrow(
      'The weights lack conv3_2.gn.bias.',
    );
    expect(check(new Map())).toThrow(
      'lack conv1_1.conv.weight, conv1_1.conv.bias, conv1_1.prelu.weight and 107 more',
    );
    const one = { shape: [1], data: new Float32Array(1) };
    expect(check(changed(WEIGHTS, (t) => t.set('conv9.weight', one)))).toThrow('hold conv9.weight');
    expect(
      check(changed(WEIGHTS, (t) => t.set('last_conv.bias', { shape: [], data: new Float32Array(1) }))),
    ).toThrow(
      expect.objectContaining({
        tag: 'bad-input',
        where: 'last_conv.bias',
        expected: '1',
        found: 'a single value',
      }),
    );
    const short = { shape: [2, 4, 5, 5, 5], data: new Float32Array(999) };
    expect(check(changed(WEIGHTS, (t) => t.set('conv8_1.conv.weight', short)))).toThrow('999 values');
    const bias = Float32Array.of(1, 2, Number.NaN, 4);
    expect(check(changed(WEIGHTS, (t) => t.set('conv1_2.conv.bias', { shape: [4], data: bias })))).toThrow(
      expect.objectContaining({ where: 'conv1_2.conv.bias', found: 'NaN at 2' }),
    );
  });

  it('finds a tensor in the layout of another program', () => {
    const kernel = WEIGHTS.get('conv2_1.conv.weight')!;
    const keras = { shape: [5, 5, 5, 4, 6], data: kernel.data };
    expect(check(changed(WEIGHTS, (t) => t.set('conv2_1.conv.weight', keras)))).toThrow(
      expect.objectContaining({ expected: '6 x 4 x 5 x 5 x 5', found: '5 x 5 x 5 x 4 x 6' }),
    );
  });
});

describe('ONNX file', () => {
  it('gives the weights back, name by name', () => {
    const file = writeEmmernet(WEIGHTS, { transposedConvolution: 'native', dropoutMasks: false }, PLAN);
    // In the middle of a larger buffer, as a file out of an archive may be.
    const moved = new Uint8Array(file.length + 3);
    moved.set(file, 3);
    const weights = readOnnxInitializers(moved.subarray(3));
    expect([...weights.keys()].sort()).toEqual([...WEIGHTS.keys()].sort());
    for (const [name, { shape, data }] of WEIGHTS) expect(weights.get(name)).toEqual({ shape, data });
  });

  it('is refused when it is damaged', () => {
    const tensor = { name: 'w', shape: [3], data: Float32Array.of(1, 2, 3) };
    const graph = { name: 'g', inputs: [], outputs: [], nodes: [], initializers: [tensor] };
    const file = encodeOnnxModel(graph);
    expect(readOnnxInitializers(file).get('w')).toEqual({ shape: [3], data: tensor.data });
    expect(() => readOnnxInitializers(file.subarray(0, file.length - 1))).toThrow('damaged');
    expect(() => readOnnxInitializers(new TextEncoder().encode('<html>not a network</html>'))).toThrow(
      'damaged',
    );
    const wrong = encodeOnnxModel({ ...graph, initializers: [{ ...tensor, shape: [4] }] });
    expect(() => readOnnxInitializers(wrong)).toThrow('wrong number of bytes');
    const twice = encodeOnnxModel({ ...graph, initializers: [tensor, tensor] });
    expect(() => readOnnxInitializers(twice)).toThrow('twice');
  });
});

describeProviders("network of EMmerNet's shape", ['cpu', 'webgpu'], (open, provider) => {
  const forms = provider === 'cpu' ? (['native', 'interleave'] as const) : (['interleave'] as const);
  it.each(forms)('equals its definition, %s', async (transposedConvolution) => {
    const network = await open(writeEmmernet(WEIGHTS, { ...PLAIN, transposedConvolution }, PLAN));
    expect(network.session.inputNames).toEqual(['map']);
    expect(network.session.outputNames).toEqual(['reference']);
    const cubes = randomCubes(2, 1);
    const { data, shape } = await network.run(mapInput(cubes));
    expect(shape).toEqual([2, 1, EDGE, EDGE, EDGE]);
    for (const cube of [0, 1]) {
      const part = (array: Float32Array) => array.slice(cube * VOXELS, (cube + 1) * VOXELS);
      const expected = directEmmernet(WEIGHTS, directCube(1, EDGE, part(cubes)), PLAN.normGroups);
      expect(relativeL2(part(data), expected.data)).toBeLessThan(TOLERANCE);
    }
  });

  it('multiplies by every mask where its definition does', async () => {
    const network = await open(writeEmmernet(WEIGHTS, MONTE_CARLO, PLAN));
    expect(network.session.inputNames).toEqual(['map', ...MASKS.map(({ input }) => input)]);
    const cubes = randomCubes(1, 2);
    const masks = randomMasks(1, 0);
    const { data } = await network.run({ ...mapInput(cubes), ...masks });
    const byBlock = new Map(
      Object.entries(masks).map(([name, mask]) => [name.replace('mask_', ''), mask.data]),
    );
    const expected = directEmmernet(WEIGHTS, directCube(1, EDGE, cubes), PLAN.normGroups, byBlock);
    expect(relativeL2(data, expected.data)).toBeLessThan(TOLERANCE);
  });

  it('with masks of ones is the plain network', async () => {
    const plain = await open(writeEmmernet(WEIGHTS, PLAIN, PLAN));
    const network = await open(writeEmmernet(WEIGHTS, MONTE_CARLO, PLAN));
    const cubes = randomCubes(2, 3);
    const ones = maskInputs(2, (target) => target.fill(1));
    const expected = await plain.run(mapInput(cubes));
    const { data } = await network.run({ ...mapInput(cubes), ...ones });
    // Multiplied by 1 nothing is rounded; only how operators are fused may differ.
    expect(relativeL2(data, expected.data)).toBeLessThan(1e-6);
  });

  it('gives a cube the same result in every batch', async () => {
    // To the last bit. With several threads the CPU provider splits the sums of small convolutions by the
    // size of the batch, and results differ by rounding.
    const network = await open(writeEmmernet(WEIGHTS, MONTE_CARLO, PLAN), { intraOpNumThreads: 1 });
    const cubes = randomCubes(3, 4);
    const { data } = await network.run({ ...mapInput(cubes), ...randomMasks(3, 7) });
    for (const cube of [0, 1, 2]) {
      const range = [cube * VOXELS, (cube + 1) * VOXELS] as const;
      const alone = await network.run({ ...mapInput(cubes.slice(...range)), ...randomMasks(1, 7, cube) });
      expect(alone.data).toEqual(data.slice(...range));
    }
  });
});

describeProviders('Monte-Carlo dropout', ['cpu'], (open) => {
  it.each(['disabled', 'basic', 'extended', 'all'] as const)(
    'survives graph optimisation %s',
    async (graphOptimizationLevel) => {
      const network = await open(writeEmmernet(WEIGHTS, MONTE_CARLO, PLAN), { graphOptimizationLevel });
      const cubes = randomCubes(1, 5);
      const [first, again, other] = [
        await network.run({ ...mapInput(cubes), ...randomMasks(1, 0) }),
        await network.run({ ...mapInput(cubes), ...randomMasks(1, 0) }),
        await network.run({ ...mapInput(cubes), ...randomMasks(1, 1) }),
      ];
      expect(again.data).toEqual(first.data);
      expect(relativeL2(other.data, first.data)).toBeGreaterThan(0.1);
    },
  );

  it('has the variance that follows from the weights', async () => {
    // After the last mask the network is linear: y = b + sum w m x with independent m of mean 1 and variance
    // (1 - p) / p = 1, so Var y = sum w^2 x^2. All other masks are 1, so x is fixed.
    const passes = 200;
    const count = 4;
    const network = await open(writeEmmernet(WEIGHTS, MONTE_CARLO, PLAN), { intraOpNumThreads: 1 });
    const cubes = randomCubes(count, 6);
    const last = MASKS.length - 1;
    const sum = new Float64Array(count * VOXELS);
    const squares = new Float64Array(count * VOXELS);
    for (let pass = 0; pass < passes; pass++) {
      const masks = maskInputs(count, (target, layer, cube) => {
        if (layer === last) fillDropoutMask(target, MASKS[layer], { seed: 8, pass, cube, layer });
        else target.fill(1);
      });
      const { data } = await network.run({ ...mapInput(cubes), ...masks });
      data.forEach((value, i) => {
        sum[i] += value;
        squares[i] += value * value;
      });
    }

    // Voxels 5 apart share no mask value: 2^3 of a cube, 32 in all, are independent.
    const kernel = WEIGHTS.get('last_conv.weight')!.data;
    const ratios: number[] = [];
    const deviations: number[] = [];
    for (let cube = 0; cube < count; cube++) {
      const input = directCube(1, EDGE, cubes.slice(cube * VOXELS, (cube + 1) * VOXELS));
      let hidden = directCube(2, EDGE);
      const mean = directEmmernet(WEIGHTS, input, PLAN.normGroups, undefined, (name, result) => {
        if (name === 'conv8_1') hidden = result;
      });
      for (const [z, y, x] of [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [
        i & 4 ? 6 : 1,
        i & 2 ? 6 : 1,
        i & 1 ? 6 : 1,
      ])) {
        let expected = 0;
        for (let c = 0; c < 2; c++) {
          for (let k = 0; k < 125; k++) {
            const [sz, sy, sx] = [
              z + Math.floor(k / 25) - 2,
              y + (Math.floor(k / 5) % 5) - 2,
              x + (k % 5) - 2,
            ];
            if (Math.min(sz, sy, sx) < 0 || Math.max(sz, sy, sx) >= EDGE) continue;
            expected += (kernel[c * 125 + k] * hidden.data[((c * EDGE + sz) * EDGE + sy) * EDGE + sx]) ** 2;
          }
        }
        const at = (z * EDGE + y) * EDGE + x;
        const found = cube * VOXELS + at;
        const average = sum[found] / passes;
        ratios.push((squares[found] - passes * average ** 2) / (passes - 1) / expected);
        deviations.push((average - mean.data[at]) / Math.sqrt(expected / passes));
      }
    }
    // A sample variance of 200 nearly Gaussian values has the relative sd sqrt(2 / 199) = 0.100, the mean of
    // 32 of them 0.0177; 3.3 sd are the 99.9 % interval. Seeds are fixed: this either holds or it does not.
    const mean = ratios.reduce((total, ratio) => total + ratio, 0) / ratios.length;
    expect(Math.abs(mean - 1)).toBeLessThan(3.3 * 0.0177);
    // The same bound for each of the 32, whose largest is expected near 2.3 sd.
    expect(Math.max(...ratios.map((ratio) => Math.abs(ratio - 1)))).toBeLessThan(4 * 0.1);
    // Means over the passes are those of the network without dropout: chi squared of 32 values, 99.9 %.
    const chi2 = deviations.reduce((total, z) => total + z * z, 0);
    expect(chi2).toBeGreaterThan(11);
    expect(chi2).toBeLessThan(65);
  });
});
