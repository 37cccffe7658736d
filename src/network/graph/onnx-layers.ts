/**
 * EMmerNet's layers as ONNX operators. Cubes are (n, channels, z, y, x).
 *
 * Group normalisation is an operator since opset 18, and few providers support it; instance normalisation
 * over (n, groups, voxels of the group) is equivalent. Its kernels lose digits if the mean is large compared
 * with the standard deviation (mean 100 sd: error 5e-4 on WebGPU, which subtracts squares, 6e-5 on the CPU);
 * subtracting the mean first reduces the error to 6e-7 for any mean.
 */
import type { OnnxBuilder } from './onnx-builder.ts';
import { interleaveKernel } from './onnx-interleave.ts';

/** A value of the graph. */
export interface Cubes {
  readonly value: string;
  readonly channels: number;
  readonly edge: number;
}

/** Weights of a convolution, in the layout of PyTorch and ONNX. */
export interface ConvolutionWeights {
  /** Name under which kernel and bias are stored, "conv1_1.conv". */
  readonly name: string;
  /** Shape (out, in, 5, 5, 5), of a transposed convolution (in, out, 5, 5, 5). */
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
  readonly out: number;
}

/** EMmerNet's convolutions. */
const KERNEL = [5, 5, 5] as const;

/**
 * Convolution with TensorFlow's 'same' padding: 2 on both sides for stride 1; for stride 2 on an even edge 1
 * before and 2 after. `name`: of the result, if it matters.
 */
export function convolve(
  builder: OnnxBuilder,
  cubes: Cubes,
  weights: ConvolutionWeights,
  stride: 1 | 2,
  name?: string,
): Cubes {
  const pads = stride === 1 ? [2, 2, 2, 2, 2, 2] : [1, 1, 1, 2, 2, 2];
  const inputs = [
    cubes.value,
    builder.weights(`${weights.name}.weight`, [weights.out, cubes.channels, ...KERNEL], weights.kernel),
    builder.weights(`${weights.name}.bias`, [weights.out], weights.bias),
  ];
  const attributes = { kernel_shape: KERNEL, strides: [stride, stride, stride], pads };
  const value = builder.node('Conv', inputs, attributes, name);
  return { value, channels: weights.out, edge: cubes.edge / stride };
}

/** Transposed convolution of stride 2 on edge m: 2 m + 3 values, of which the first and the last two go. */
export function convolveTransposed(
  builder: OnnxBuilder,
  cubes: Cubes,
  weights: ConvolutionWeights,
  form: 'native' | 'interleave',
): Cubes {
  const { name, kernel, bias, out } = weights;
  const result = { channels: out, edge: 2 * cubes.edge };
  if (form === 'native') {
    const inputs = [
      cubes.value,
      builder.weights(`${name}.weight`, [cubes.channels, out, ...KERNEL], kernel),
      builder.weights(`${name}.bias`, [out], bias),
    ];
    const attributes = { kernel_shape: KERNEL, strides: [2, 2, 2], pads: [1, 1, 1, 2, 2, 2] };
    return { ...result, value: builder.node('ConvTranspose', inputs, attributes) };
  }
  const interleaved = interleaveKernel(kernel, bias, cubes.channels, out);
  const inputs = [
    cubes.value,
    builder.weights(`${name}.interleaved.weight`, [8 * out, cubes.channels, 3, 3, 3], interleaved.kernel),
    builder.weights(`${name}.interleaved.bias`, [8 * out], interleaved.bias),
  ];
  const attributes = { kernel_shape: [3, 3, 3], strides: [1, 1, 1], pads: [1, 1, 1, 1, 1, 1] };
  const phases = builder.node('Conv', inputs, attributes);
  const m = cubes.edge;
  // (n out, pz, py, px, z, y, x) -> (n out, z, pz, y, py, x, px) -> (n, out, 2 m, 2 m, 2 m)
  const apart = builder.node('Reshape', [phases, builder.integers([-1, 2, 2, 2, m, m, m])]);
  const paired = builder.node('Transpose', [apart], { perm: [0, 4, 1, 5, 2, 6, 3] });
  const value = builder.node('Reshape', [paired, builder.integers([-1, out, 2 * m, 2 * m, 2 * m])]);
  return { ...result, value };
}

/** One value per channel, stored under `name` and spread over (channels, 1, 1, 1). */
function perChannel(builder: OnnxBuilder, name: string, data: Float32Array): string {
  const stored = builder.weights(name, [data.length], data);
  return builder.node('Unsqueeze', [stored, builder.integers([1, 2, 3])]);
}

/** x where x > 0, else slope x. */
export function parametricRelu(builder: OnnxBuilder, cubes: Cubes, name: string, slope: Float32Array): Cubes {
  const value = builder.node('PRelu', [cubes.value, perChannel(builder, name, slope)]);
  return { ...cubes, value };
}

/** Weights of a group normalisation: y = scale (x - mean) / sqrt(variance + epsilon) + shift. */
export interface NormWeights {
  readonly name: string;
  readonly scale: Float32Array;
  readonly shift: Float32Array;
  readonly groups: number;
  readonly epsilon: number;
}

/**
 * (x - mean) / sqrt(variance + epsilon) over the channels of a group and their voxels, scaled and shifted per
 * channel.
 */
export function normaliseGroups(builder: OnnxBuilder, cubes: Cubes, norm: NormWeights): Cubes {
  const { channels, edge } = cubes;
  const { groups } = norm;
  const grouped = builder.node('Reshape', [
    cubes.value,
    builder.integers([-1, groups, (channels / groups) * edge ** 3]),
  ]);
  // Constants rather than initializers, so that the initializers of a file are exactly its weights.
  const ones = builder.node('Constant', [], { value_floats: { floats: new Array(groups).fill(1) } });
  const zeros = builder.node('Constant', [], { value_floats: { floats: new Array(groups).fill(0) } });
  const mean = builder.node('ReduceMean', [grouped], { axes: [2], keepdims: 1 });
  const centred = builder.node('Sub', [grouped, mean]);
  const normalised = builder.node('InstanceNormalization', [centred, ones, zeros], {
    epsilon: { float: norm.epsilon },
  });
  const back = builder.node('Reshape', [normalised, builder.integers([-1, channels, edge, edge, edge])]);
  const scaled = builder.node('Mul', [back, perChannel(builder, `${norm.name}.weight`, norm.scale)]);
  const value = builder.node('Add', [scaled, perChannel(builder, `${norm.name}.bias`, norm.shift)]);
  return { ...cubes, value };
}
