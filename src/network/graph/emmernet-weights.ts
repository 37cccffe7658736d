/**
 * Converts EMmerNet's weights from the published files (Keras HDF5 or PyTorch state dict) to tensors with the
 * state dict's names and layouts. Layers are found by name; declared shapes are checked before values are
 * read.
 *
 * Keras numbers layers that have no name of their own (p_re_lu_7, group_normalization_7,
 * conv3d_transpose_2) per process, so that the numbers of a file may start anywhere. Such a layer is
 * identified by its predecessor: the network is a chain, and every block and transposed convolution follows
 * exactly one named convolution. The order comes from the graph in `model_config`, or from `layer_names` if
 * there is no graph.
 */
import { LocScaleError } from '../../errors.ts';
import type { KerasLayer } from '../../formats/keras-hdf5.ts';
import { printable } from '../../formats/printable.ts';
import { elementCount, type StoredTensor, shapeText } from '../../formats/stored-tensor.ts';
import {
  checkEmmernetWeights,
  convolutionName,
  EMMERNET,
  EMMERNET_NORM_EPSILON,
  type EmmernetLayer,
  type EmmernetPlan,
  emmernetTensors,
} from './emmernet-layers.ts';
import type { WeightSet } from './model.ts';

const hint = 'Give the weights of EMmerNet (high or low context) as published with LocScale 2.';

/** Conversion of a tensor of the file to one of the state dict. */
interface Source {
  readonly stored: StoredTensor;
  /** Name in the file, for messages. */
  readonly label: string;
  /** Expected shape in the file. */
  readonly shape: readonly number[];
  readonly convert: (data: Float32Array) => Float32Array;
}

/** `tensors`: those of a PyTorch state dict, in any order. */
export async function weightsFromPytorch(
  tensors: readonly StoredTensor[],
  where: string,
  plan: EmmernetPlan = EMMERNET,
): Promise<WeightSet> {
  const expected = emmernetTensors(plan);
  const sources = new Map<string, Source>();
  const unexpected: string[] = [];
  for (const stored of tensors) {
    const shape = expected.get(stored.name);
    if (shape === undefined) unexpected.push(stored.name);
    else sources.set(stored.name, { stored, label: stored.name, shape, convert: (data) => data });
  }
  return collect(sources, unexpected, where, plan);
}

/** `layers`: those of the Keras network, in the order of the file. */
export async function weightsFromKeras(
  layers: readonly KerasLayer[],
  where: string,
  plan: EmmernetPlan = EMMERNET,
): Promise<WeightSet> {
  const expected = emmernetTensors(plan);
  const sources = new Map<string, Source>();
  const unexpected: string[] = [];
  const ownerOf = traceOwners(layers, plan);
  for (const layer of layers) {
    if (layer.weights.length === 0) continue;
    const kind = kindOf(layer);
    const owner = kind === 'transposed' ? upAfter(ownerOf(layer), plan) : ownerOf(layer);
    if (kind === 'norm') checkNorm(layer, where, plan);
    for (const stored of layer.weights) {
      const label = `${layer.name}/${stored.name}`;
      const role = roleOf(kind, stored.name, owner);
      const shape = role === undefined ? undefined : expected.get(role);
      if (role === undefined || shape === undefined) {
        unexpected.push(label);
        continue;
      }
      if (sources.has(role))
        throw misfit(where, `two layers hold ${role}: ${printable(label)} is the second`, {});
      sources.set(role, { stored, label, ...fromKerasLayout(shape, stored.name) });
    }
  }
  return collect(sources, unexpected, where, plan);
}

/** Kinds of layers in files, by their weights. */
type LayerKind = 'convolution' | 'transposed' | 'prelu' | 'norm' | 'other';

/** Kind by the class, or without model_config by the name that Keras derives from the class. */
function kindOf({ name, className }: KerasLayer): LayerKind {
  // "Addons>GroupNormalization" is the registered name in tensorflow_addons.
  const bare = className?.split('>').at(-1);
  if (bare === 'Conv3D') return 'convolution';
  if (bare === 'Conv3DTranspose' || (bare === undefined && /^conv3d_transpose(_\d+)?$/.test(name)))
    return 'transposed';
  if (bare === 'PReLU' || (bare === undefined && /^p_re_lu(_\d+)?$/.test(name))) return 'prelu';
  if (bare === 'GroupNormalization' || (bare === undefined && /^group_normalization(_\d+)?$/.test(name)))
    return 'norm';
  return bare === undefined ? 'convolution' : 'other';
}

/** "conv1_1_3d" -> conv1_1; "last_layer" -> last_conv. */
function namedLayers(plan: EmmernetPlan): Map<string, EmmernetLayer> {
  const named = plan.layers.filter(({ kind }) => kind !== 'up');
  return new Map(named.map((layer) => [layer.kind === 'last' ? 'last_layer' : `${layer.name}_3d`, layer]));
}

/** Finds the last named convolution on the path to each layer (including itself). */
function traceOwners(
  layers: readonly KerasLayer[],
  plan: EmmernetPlan,
): (layer: KerasLayer) => EmmernetLayer | undefined {
  const named = namedLayers(plan);
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const before = new Map(layers.map((layer, i) => [layer.name, layers[i - 1]]));
  const hasGraph = layers.some(({ inputs }) => (inputs?.length ?? 0) > 0);
  return (start) => {
    let layer: KerasLayer | undefined = start;
    // A damaged graph may have a cycle.
    for (let steps = 0; layer !== undefined && steps <= layers.length; steps++) {
      const owner = named.get(layer.name);
      if (owner !== undefined) return owner;
      const previous: string | undefined = layer.inputs?.[0];
      layer = !hasGraph ? before.get(layer.name) : previous === undefined ? undefined : byName.get(previous);
    }
    return undefined;
  };
}

/** The transposed convolution after a block. */
function upAfter(owner: EmmernetLayer | undefined, plan: EmmernetPlan): EmmernetLayer | undefined {
  const next = owner === undefined ? undefined : plan.layers[plan.layers.indexOf(owner) + 1];
  return next?.kind === 'up' ? next : undefined;
}

/** Name in the state dict of a layer's weight `name`. */
function roleOf(kind: LayerKind, name: string, owner: EmmernetLayer | undefined): string | undefined {
  if (owner === undefined) return undefined;
  const roles: Record<LayerKind, Record<string, string>> = {
    convolution: { kernel: 'weight', bias: 'bias' },
    transposed: { kernel: 'weight', bias: 'bias' },
    prelu: { alpha: 'prelu.weight' },
    norm: { gamma: 'gn.weight', beta: 'gn.bias' },
    other: {},
  };
  if (!Object.hasOwn(roles[kind], name)) return undefined;
  const base = kind === 'convolution' || kind === 'transposed' ? convolutionName(owner) : owner.name;
  return `${base}.${roles[kind][name]}`;
}

/**
 * Keras layouts: kernels (z, y, x, in, out), transposed ones (z, y, x, out, in), PReLU (1, 1, 1, channel).
 * In the state dict the last two axes come first, swapped, for both kinds of kernel.
 */
function fromKerasLayout(
  shape: readonly number[],
  name: string,
): { shape: readonly number[]; convert: Source['convert'] } {
  if (name === 'alpha') return { shape: [1, 1, 1, ...shape], convert: (data) => data };
  if (name !== 'kernel') return { shape, convert: (data) => data };
  const [first, second, ...window] = shape as [number, number, ...number[]];
  const positions = elementCount(window);
  return {
    shape: [...window, second, first],
    convert(data) {
      const out = new Float32Array(data.length);
      for (let a = 0; a < first; a++)
        for (let b = 0; b < second; b++)
          for (let p = 0; p < positions; p++)
            out[(a * second + b) * positions + p] = data[(p * second + b) * first + a];
      return out;
    },
  };
}

/** Groups and epsilon are not stored as weights; other values mean another network. */
function checkNorm({ name, config }: KerasLayer, where: string, plan: EmmernetPlan): void {
  const { groups = plan.normGroups, epsilon = EMMERNET_NORM_EPSILON } = config;
  if (groups !== plan.normGroups || epsilon !== EMMERNET_NORM_EPSILON)
    throw misfit(where, `its layer ${printable(name)} normalises in another way`, {
      expected: `${plan.normGroups} groups, epsilon ${EMMERNET_NORM_EPSILON}`,
      found: printable(`${String(groups)} groups, epsilon ${String(epsilon)}`),
    });
}

/** The error of a file that is no EMmerNet. */
function misfit(where: string, what: string, details: { expected?: string; found?: string }): LocScaleError {
  return new LocScaleError('bad-input', `${where} does not hold EMmerNet: ${what}.`, {
    where,
    hint,
    ...details,
  });
}

/** All tensors of the plan, read and checked; throws if any is missing or has another shape. */
async function collect(
  sources: ReadonlyMap<string, Source>,
  unexpected: readonly string[],
  where: string,
  plan: EmmernetPlan,
): Promise<WeightSet> {
  const expected = emmernetTensors(plan);
  const missing = [...expected.keys()].filter((name) => !sources.has(name));
  if (missing.length > 0)
    throw misfit(where, `${listNames(missing)} ${missing.length === 1 ? 'is' : 'are'} missing`, {
      expected: `${expected.size} tensors`,
      found:
        `${sources.size} of ` +
        `them${unexpected.length > 0 ? `, and unknown ones: ${listNames(unexpected)}` : ''}`,
    });
  if (unexpected.length > 0)
    throw misfit(where, `it also holds ${listNames(unexpected)}`, { expected: `${expected.size} tensors` });
  for (const { stored, label, shape } of sources.values()) {
    if (stored.shape.length !== shape.length || shape.some((extent, axis) => extent !== stored.shape[axis]))
      throw misfit(
        where,
        `${printable(label)} has the shape ${shapeText(stored.shape)}, not ${shapeText(shape)}`,
        {
          expected: shapeText(shape),
          found: shapeText(stored.shape),
        },
      );
  }
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  // In the order of the network rather than of the file, so that equal weights give equal files.
  for (const [name, shape] of expected) {
    const { stored, convert } = sources.get(name) as Source;
    weights.set(name, { shape, data: convert(await stored.read()) });
  }
  checkEmmernetWeights(weights, plan);
  return weights;
}

/** "a, b, c and 4 more". */
function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(printable).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
