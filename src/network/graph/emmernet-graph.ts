/**
 * Builds EMmerNet as an ONNX graph from its weights, in the required variant (method 6).
 *
 * Monte-Carlo dropout multiplies by masks that are graph inputs: graph optimisation removes the operator
 * Dropout, and random numbers drawn inside the network would depend on provider and batches.
 */
import { encodeOnnxModel } from '../../formats/onnx.ts';
import {
  checkEmmernetWeights,
  convolutionName,
  EMMERNET,
  EMMERNET_KEEP_PROBABILITY,
  EMMERNET_NORM_EPSILON,
  type EmmernetLayer,
  type EmmernetPlan,
} from './emmernet-layers.ts';
import type { DropoutMask, WeightSet } from './model.ts';
import { createOnnxBuilder, type OnnxBuilder } from './onnx-builder.ts';
import {
  type ConvolutionWeights,
  type Cubes,
  convolve,
  convolveTransposed,
  normaliseGroups,
  parametricRelu,
} from './onnx-layers.ts';

/** Form of the graph. */
export interface EmmernetVariant {
  /**
   * 'interleave' uses only operators supported by onnxruntime's WebGPU provider, which lacks 3-D transposed
   * convolution.
   */
  readonly transposedConvolution: 'native' | 'interleave';
  /** Adds masks of Monte-Carlo dropout as inputs, in the order of `emmernetDropout`. */
  readonly dropoutMasks: boolean;
}

/** Names of input and output, (n, 1, z, y, x). */
export const EMMERNET_INPUT = 'map';
export const EMMERNET_OUTPUT = 'reference';

/** The masks of one pass over one cube: one per block, applied to its result. */
export function emmernetDropout(plan: EmmernetPlan = EMMERNET): DropoutMask[] {
  return plan.layers.filter(({ kind }) => kind === 'block').map(dropoutMask);
}

/** A mask of the layer's output, which keeps half of the values. */
function dropoutMask({ name, out, outputEdge }: EmmernetLayer): DropoutMask {
  return {
    input: `mask_${name}`,
    shape: [out, outputEdge, outputEdge, outputEdge],
    keepProbability: EMMERNET_KEEP_PROBABILITY,
  };
}

/**
 * The bytes of an ONNX file with input `map` and output `reference`, both (n, 1, 32, 32, 32). In the variant
 * 'native' its float32 initializers hold `weights` unchanged, under the same names: `readOnnxInitializers`
 * gives them back.
 */
export function writeEmmernet(
  weights: WeightSet,
  variant: EmmernetVariant,
  plan: EmmernetPlan = EMMERNET,
): Uint8Array<ArrayBuffer> {
  checkEmmernetWeights(weights, plan);
  const builder = createOnnxBuilder();
  const cube = [1, plan.cubeEdge, plan.cubeEdge, plan.cubeEdge];
  let cubes: Cubes = {
    value: builder.input(EMMERNET_INPUT, cube),
    channels: 1,
    edge: plan.cubeEdge,
  };
  const results = new Map<string, Cubes>();
  for (const layer of plan.layers) {
    if (layer.skip !== undefined) cubes = appendChannels(builder, cubes, results.get(layer.skip)!);
    const convolution = convolutionWeights(weights, layer);
    if (layer.kind === 'up') {
      cubes = convolveTransposed(builder, cubes, convolution, variant.transposedConvolution);
    } else if (layer.kind === 'last') {
      cubes = convolve(builder, cubes, convolution, layer.stride, EMMERNET_OUTPUT);
    } else {
      cubes = convolve(builder, cubes, convolution, layer.stride);
      cubes = finishBlock(builder, cubes, weights, layer, plan);
      if (variant.dropoutMasks) cubes = applyMask(builder, cubes, layer);
    }
    results.set(layer.name, cubes);
  }
  builder.output(EMMERNET_OUTPUT, cube);
  return encodeOnnxModel(builder.finish('EMmerNet'));
}

/** Weights of a convolution in the graph's layout. */
function convolutionWeights(weights: WeightSet, layer: EmmernetLayer): ConvolutionWeights {
  const name = convolutionName(layer);
  return {
    name,
    kernel: weights.get(`${name}.weight`)!.data,
    bias: weights.get(`${name}.bias`)!.data,
    out: layer.out,
  };
}

/** The layers after the convolution of a block, without dropout. */
function finishBlock(
  builder: OnnxBuilder,
  cubes: Cubes,
  weights: WeightSet,
  { name }: EmmernetLayer,
  plan: EmmernetPlan,
): Cubes {
  const slope = `${name}.prelu.weight`;
  return normaliseGroups(builder, parametricRelu(builder, cubes, slope, weights.get(slope)!.data), {
    name: `${name}.gn`,
    scale: weights.get(`${name}.gn.weight`)!.data,
    shift: weights.get(`${name}.gn.bias`)!.data,
    groups: plan.normGroups,
    epsilon: EMMERNET_NORM_EPSILON,
  });
}

/** Multiplies by the mask that is an input of the graph. */
function applyMask(builder: OnnxBuilder, cubes: Cubes, layer: EmmernetLayer): Cubes {
  const mask = dropoutMask(layer);
  return { ...cubes, value: builder.node('Mul', [cubes.value, builder.input(mask.input, mask.shape)]) };
}

/** Concatenates channels: `cubes`, then `skip`. */
function appendChannels(builder: OnnxBuilder, cubes: Cubes, skip: Cubes): Cubes {
  const value = builder.node('Concat', [cubes.value, skip.value], { axis: 1 });
  return { ...cubes, value, channels: cubes.channels + skip.channels };
}
