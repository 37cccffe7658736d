/**
 * EMmerNet's layers (method 6): a U-Net of three levels with 5^3 convolutions. Defines the names and shapes
 * of its tensors, and checks weights against them.
 *
 * A block is convolution, PReLU with a slope per channel, group normalisation, dropout. Names are those of
 * the PyTorch state dict. Tests use narrower networks with the same layers.
 */
import { LocScaleError } from '../../errors.ts';
import type { WeightSet } from './model.ts';

/** Edge of the convolutions. */
export const EMMERNET_KERNEL = 5;
export const EMMERNET_NORM_EPSILON = 1e-3;
export const EMMERNET_KEEP_PROBABILITY = 0.5;

/** A layer: normalisation, convolution and PReLU in a 'block'. */
export interface EmmernetLayer {
  readonly name: string;
  /** 'up': transposed convolution only; 'last': convolution only. */
  readonly kind: 'block' | 'up' | 'last';
  /** Input channels, including the skip connection's. */
  readonly in: number;
  readonly out: number;
  /** Stride 2 halves the edge in a block and doubles it in an 'up' layer. */
  readonly stride: 1 | 2;
  readonly inputEdge: number;
  readonly outputEdge: number;
  /** Layer whose output is concatenated to that of the preceding layer. */
  readonly skip?: string;
}

/** Widths that define a network of this architecture. */
export interface EmmernetWidths {
  /** Edge of a cube in voxels, a multiple of 8. */
  readonly cubeEdge: number;
  /** Channels of the three levels. */
  readonly levels: readonly [number, number, number];
  /** Channels of the two layers before the last. */
  readonly tail: readonly [number, number];
  readonly normGroups: number;
}

/** Layers in their order. */
export interface EmmernetPlan {
  readonly cubeEdge: number;
  readonly normGroups: number;
  readonly layers: readonly EmmernetLayer[];
}

/** EMmerNet as published. */
export const EMMERNET_WIDTHS: EmmernetWidths = {
  cubeEdge: 32,
  levels: [32, 64, 128],
  tail: [16, 8],
  normGroups: 8,
};

/** The layers in the order of computation. */
export function planEmmernet(widths: EmmernetWidths = EMMERNET_WIDTHS): EmmernetPlan {
  const { cubeEdge, levels, tail, normGroups } = widths;
  const [a, b, c] = levels;
  const layers: EmmernetLayer[] = [];
  let edge = cubeEdge;
  let channels = 1;
  const add = (
    name: string,
    kind: EmmernetLayer['kind'],
    out: number,
    stride: 1 | 2 = 1,
    skip?: { name: string; channels: number },
  ): void => {
    const outputEdge = kind === 'up' ? edge * stride : edge / stride;
    layers.push({
      name,
      kind,
      in: channels + (skip?.channels ?? 0),
      out,
      stride,
      inputEdge: edge,
      outputEdge,
      skip: skip?.name,
    });
    edge = outputEdge;
    channels = out;
  };
  [a, b, c].forEach((width, level) => {
    add(`conv${level + 1}_1`, 'block', width);
    add(`conv${level + 1}_2`, 'block', width);
    add(`conv${level + 1}_3`, 'block', width, 2);
  });
  add('conv4_1', 'block', c);
  // The skip connection starts at the first block of a level, not at the last.
  [c, b, a].forEach((width, step) => {
    add(`up${step + 1}`, 'up', width, 2);
    add(`conv${step + 5}_1`, 'block', width, 1, { name: `conv${3 - step}_1`, channels: width });
    add(`conv${step + 5}_2`, 'block', width);
    add(`conv${step + 5}_3`, 'block', width);
  });
  add('up4', 'up', tail[0], 2);
  add('conv8_1', 'block', tail[1], 2);
  add('last_conv', 'last', 1);

  const misfit = layers.find(({ kind, out }) => kind === 'block' && out % normGroups !== 0);
  if (misfit !== undefined || cubeEdge % 8 !== 0) {
    throw new LocScaleError('internal', 'No such network: channels go by groups, edges by eights.', {
      where: misfit?.name ?? 'cubeEdge',
    });
  }
  return { cubeEdge, normGroups, layers };
}

/** The published network. */
export const EMMERNET: EmmernetPlan = planEmmernet();

/** Prefix of a layer's kernel and bias in the state dict: "conv1_1.conv", but "last_conv". */
export function convolutionName(layer: Pick<EmmernetLayer, 'name' | 'kind'>): string {
  return layer.kind === 'last' ? layer.name : `${layer.name}.conv`;
}

/**
 * Names and shapes of all tensors in the order of the layers. Kernels are (out, in, z, y, x), of transposed
 * convolutions (in, out, z, y, x); all others have one value per channel.
 */
export function emmernetTensors(plan: EmmernetPlan = EMMERNET): Map<string, readonly number[]> {
  const k = EMMERNET_KERNEL;
  const tensors = new Map<string, readonly number[]>();
  for (const layer of plan.layers) {
    const convolution = convolutionName(layer);
    const channels = layer.kind === 'up' ? [layer.in, layer.out] : [layer.out, layer.in];
    tensors.set(`${convolution}.weight`, [...channels, k, k, k]);
    tensors.set(`${convolution}.bias`, [layer.out]);
    if (layer.kind !== 'block') continue;
    tensors.set(`${layer.name}.prelu.weight`, [layer.out]);
    tensors.set(`${layer.name}.gn.weight`, [layer.out]);
    tensors.set(`${layer.name}.gn.bias`, [layer.out]);
  }
  return tensors;
}

/** Number of weights. */
export function countEmmernetParameters(plan: EmmernetPlan = EMMERNET): number {
  return [...emmernetTensors(plan).values()].reduce((sum, shape) => sum + product(shape), 0);
}

/**
 * GFLOP of the convolutions in one pass over one cube (multiplications and additions). A transposed
 * convolution costs as much as the reverse convolution: every input value meets every kernel value.
 */
export function emmernetGflopPerCube(plan: EmmernetPlan = EMMERNET): number {
  const products = plan.layers.map((layer) => {
    const positions = (layer.kind === 'up' ? layer.inputEdge : layer.outputEdge) ** 3;
    return positions * layer.in * layer.out * EMMERNET_KERNEL ** 3;
  });
  return (2 * products.reduce((sum, count) => sum + count, 0)) / 1e9;
}

/** Throws unless `weights` has exactly the network's tensors, in their shapes, with finite values. */
export function checkEmmernetWeights(weights: WeightSet, plan: EmmernetPlan = EMMERNET): void {
  const expected = emmernetTensors(plan);
  const missing = [...expected.keys()].filter((name) => !weights.has(name));
  const unexpected = [...weights.keys()].filter((name) => !expected.has(name));
  if (missing.length > 0) {
    throw misfit(`The weights lack ${listNames(missing)}.`, {
      expected: `${expected.size} tensors`,
      found: unexpected.length > 0 ? `unknown ones: ${listNames(unexpected)}` : `${weights.size} tensors`,
    });
  }
  if (unexpected.length > 0) {
    throw misfit(`The weights hold ${listNames(unexpected)}, which EMmerNet does not have.`, {
      expected: `${expected.size} tensors`,
      found: `${weights.size} tensors`,
    });
  }
  for (const [name, shape] of expected) {
    const { shape: found, data } = weights.get(name)!;
    if (found.length !== shape.length || found.some((length, axis) => length !== shape[axis])) {
      throw misfit(`Tensor ${name} has the wrong shape.`, {
        where: name,
        expected: describe(shape),
        found: describe(found),
      });
    }
    if (data.length !== product(shape)) {
      throw misfit(`Tensor ${name} has ${data.length} values.`, {
        where: name,
        expected: `${product(shape)} for ${describe(shape)}`,
        found: String(data.length),
      });
    }
    // A plain loop: a callback for each of 22.9 million values takes longer than reading the file.
    let bad = 0;
    while (bad < data.length && Number.isFinite(data[bad])) bad++;
    if (bad < data.length) {
      throw misfit(`Tensor ${name} holds values that are NaN or infinite.`, {
        where: name,
        found: `${data[bad]} at ${bad}`,
      });
    }
  }
}

/** The error of weights that do not fit the architecture. */
function misfit(message: string, details: { where?: string; expected?: string; found?: string }) {
  return new LocScaleError('bad-input', message, {
    ...details,
    hint: 'Give the weights of EMmerNet (high or low context) as published with LocScale 2.',
  });
}

/** "a, b, c and 4 more". */
function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** For messages. */
function describe(shape: readonly number[]): string {
  return shape.length === 0 ? 'a single value' : shape.join(' x ');
}

function product(shape: readonly number[]): number {
  return shape.reduce((result, length) => result * length, 1);
}
