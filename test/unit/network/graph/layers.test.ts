/** Every layer of EMmerNet as ONNX against its definition in float64, on every provider. */
import { describe, expect, it } from 'vitest';
import { encodeOnnxModel } from '../../../../src/formats/onnx.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { createOnnxBuilder, type OnnxBuilder } from '../../../../src/network/graph/onnx-builder.ts';
import { interleaveKernel } from '../../../../src/network/graph/onnx-interleave.ts';
import {
  type Cubes,
  convolve,
  convolveTransposed,
  normaliseGroups,
  parametricRelu,
} from '../../../../src/network/graph/onnx-layers.ts';
import { maxDifference, relativeL2 } from '../../../support/compare.ts';
import {
  type DirectCube,
  directConvolution,
  directCube,
  directGroupNorm,
  directPrelu,
  directTransposedConvolution,
} from '../../../support/direct-network.ts';
import { describeProviders, type OpenNetwork } from '../../../support/onnxruntime.ts';

// Sums of up to 1,000 products in float32: sqrt(1000) roundings of 6e-8 are 2e-6 if all terms are alike.
const TOLERANCE = 2e-6;

function randomArray(length: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length }, () => random.gaussian());
}

/** Runs a network of one layer on two different cubes at once, to see that they do not mix. */
async function runLayer(
  open: OpenNetwork,
  cubes: readonly [DirectCube, DirectCube],
  build: (builder: OnnxBuilder, cubes: Cubes) => Cubes,
): Promise<Float32Array[]> {
  const [{ channels, edge }] = cubes;
  const builder = createOnnxBuilder();
  const value = builder.input('x', [channels, edge, edge, edge]);
  const result = build(builder, { value, channels, edge });
  builder.output(result.value, [result.channels, result.edge, result.edge, result.edge]);
  const network = await open(encodeOnnxModel(builder.finish('layer')));
  const data = Float32Array.from([...cubes[0].data, ...cubes[1].data]);
  const output = await network.run({ x: { data, shape: [2, channels, edge, edge, edge] } });
  expect(output.shape).toEqual([2, result.channels, result.edge, result.edge, result.edge]);
  const half = output.data.length / 2;
  return [output.data.slice(0, half), output.data.slice(half)];
}

const twoCubes = (channels: number, edge: number, seed: number): [DirectCube, DirectCube] => [
  directCube(channels, edge, randomArray(channels * edge ** 3, seed)),
  directCube(channels, edge, randomArray(channels * edge ** 3, seed + 1)),
];

describeProviders('layers of the network', ['cpu', 'webgpu'], (open, provider) => {
  // Channel counts that are and are not multiples of four: kernels differ for them.
  it.each([
    { input: 1, out: 4, edge: 6, stride: 1 },
    { input: 3, out: 5, edge: 8, stride: 1 },
    { input: 4, out: 8, edge: 8, stride: 2 },
    { input: 8, out: 3, edge: 4, stride: 2 },
    { input: 2, out: 2, edge: 2, stride: 2 },
  ] as const)('convolution $input to $out on $edge, stride $stride', async ({ input, out, edge, stride }) => {
    const cubes = twoCubes(input, edge, 10);
    const kernel = randomArray(out * input * 125, 20);
    const bias = randomArray(out, 21);
    const results = await runLayer(open, cubes, (builder, x) =>
      convolve(builder, x, { name: 'c', kernel, bias, out }, stride),
    );
    cubes.forEach((cube, i) => {
      expect(relativeL2(results[i], directConvolution(cube, kernel, bias, stride).data)).toBeLessThan(
        TOLERANCE,
      );
    });
  });

  const forms = provider === 'cpu' ? (['native', 'interleave'] as const) : (['interleave'] as const);
  it.each(
    forms.flatMap((form) => [
      { form, input: 3, out: 2, edge: 1 },
      { form, input: 3, out: 5, edge: 3 },
      { form, input: 8, out: 4, edge: 4 },
    ]),
  )('transposed convolution $input to $out on $edge, $form', async ({ form, input, out, edge }) => {
    const cubes = twoCubes(input, edge, 30);
    const kernel = randomArray(input * out * 125, 40);
    const bias = randomArray(out, 41);
    const results = await runLayer(open, cubes, (builder, x) =>
      convolveTransposed(builder, x, { name: 'u', kernel, bias, out }, form),
    );
    cubes.forEach((cube, i) => {
      expect(relativeL2(results[i], directTransposedConvolution(cube, kernel, bias).data)).toBeLessThan(
        TOLERANCE,
      );
    });
  });

  it('PReLU with a slope per channel, negative and above one too', async () => {
    const cubes = twoCubes(4, 4, 50);
    const slope = Float32Array.of(0, 0.25, -0.5, 1.5);
    const results = await runLayer(open, cubes, (builder, x) => parametricRelu(builder, x, 'p', slope));
    cubes.forEach((cube, i) => {
      // One product: the same in float32 to its last bit but one.
      expect(maxDifference(results[i], directPrelu(cube, slope).data)).toBeLessThan(1e-6);
    });
  });

  it.each([
    { channels: 8, edge: 4, groups: 8, mean: 0 },
    { channels: 16, edge: 8, groups: 8, mean: 100 },
    { channels: 6, edge: 2, groups: 2, mean: -3 },
  ])(
    'group norm of $channels channels in $groups groups, mean $mean',
    async ({ channels, edge, groups, mean }) => {
      const cubes = twoCubes(channels, edge, 60).map((cube) =>
        // Groups of different spread, one of them small beside epsilon.
        directCube(
          channels,
          edge,
          Float32Array.from(cube.data, (v, i) => mean + v * 10 ** -((4 * i) / cube.data.length)),
        ),
      ) as [DirectCube, DirectCube];
      const scale = randomArray(channels, 70);
      const shift = randomArray(channels, 71);
      const results = await runLayer(open, cubes, (builder, x) =>
        normaliseGroups(builder, x, { name: 'g', scale, shift, groups, epsilon: 1e-3 }),
      );
      cubes.forEach((cube, i) => {
        // The mean in float32 is off by up to 6e-8 of itself, which is divided by sqrt(epsilon) where nothing
        // varies.
        const tolerance = TOLERANCE + (6e-8 * Math.abs(mean)) / Math.sqrt(1e-3);
        expect(relativeL2(results[i], directGroupNorm(cube, groups, scale, shift, 1e-3).data)).toBeLessThan(
          tolerance,
        );
      });
    },
  );
});

describeProviders('operators without a kernel', ['webgpu'], (open) => {
  it('are refused, not computed on the CPU: else these tests would not show what runs where', async () => {
    const builder = createOnnxBuilder();
    builder.output(builder.node('Det', [builder.input('x', [4, 4])]), []);
    await expect(open(encodeOnnxModel(builder.finish('determinant')))).rejects.toThrow(/fallback/i);
  });
});

describe('kernel of the interleaved form', () => {
  it('holds every value of the transposed kernel once', () => {
    const kernel = Float32Array.from({ length: 2 * 3 * 125 }, (_, i) => i + 1);
    const interleaved = interleaveKernel(kernel, Float32Array.of(7, 8, 9), 2, 3);
    const values = interleaved.kernel.filter((value) => value !== 0).sort();
    expect(interleaved.kernel.length).toBe(8 * 3 * 2 * 27);
    expect(values).toEqual(kernel);
    expect([...interleaved.bias]).toEqual([7, 8, 9].flatMap((value) => new Array(8).fill(value)));
  });
});
