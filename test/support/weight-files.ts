/**
 * Weight files made by the tests themselves, for nets small enough to be changed and damaged hundreds of
 * times: the state dict of PyTorch, the HDF5 file of Keras, and archives. Files of EMmerNet's own size
 * are written by PyTorch and h5py (emmernet-files.ts).
 */
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { type Group, File as Hdf5File, ready } from 'h5wasm';
import { packTar } from 'modern-tar';
import { createRandom } from '../../src/math/statistics/random.ts';
import { type EmmernetPlan, emmernetTensors, planEmmernet } from '../../src/network/graph/emmernet-layers.ts';
import type { WeightSet } from '../../src/network/graph/model.ts';

/** All layers of EMmerNet with two channels each: 12 000 parameters. */
export const tinyPlan = planEmmernet({ cubeEdge: 8, levels: [2, 4, 2], tail: [2, 2], normGroups: 2 });

export type Tensors = Map<string, { shape: readonly number[]; data: Float32Array }>;

export function randomWeights(seed: number, plan: EmmernetPlan = tinyPlan): Tensors {
  const random = createRandom(seed);
  const tensors: Tensors = new Map();
  // EMmerNet has 22.9 million: they repeat, after a prime number, so that no two channels are equal.
  const numbers = Float32Array.from({ length: 65_521 }, () => random.gaussian());
  let next = 0;
  for (const [name, shape] of emmernetTensors(plan)) {
    const count = shape.reduce((product, n) => product * n, 1);
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      data[i] = numbers[next];
      next = next + 1 === numbers.length ? 0 : next + 1;
    }
    tensors.set(name, { shape, data });
  }
  return tensors;
}

const latin = (text: string): number[] => Array.from(text, (char) => char.charCodeAt(0));
const word = (value: number): number[] => [
  value & 255,
  (value >> 8) & 255,
  (value >> 16) & 255,
  value >>> 24,
];

/** Instructions of a pickle (protocol 2), as text of bytes. */
export const pickled = {
  text: (value: string): number[] => [...latin('X'), ...word(value.length), ...latin(value)],
  int: (value: number): number[] => [...latin('J'), ...word(value)],
  tuple: (...items: number[][]): number[] => [...latin('('), ...items.flat(), ...latin('t')],
  global: (module: string, name: string): number[] => latin(`c${module}\n${name}\n`),
  call: (callee: number[], ...args: number[][]): number[] => [
    ...callee,
    ...pickled.tuple(...args),
    ...latin('R'),
  ],
  dict: (entries: readonly (readonly [string, number[]])[]): number[] => [
    ...latin('}('),
    ...entries.flatMap(([key, value]) => [...pickled.text(key), ...value]),
    ...latin('u'),
  ],
  file: (value: number[]): Uint8Array => Uint8Array.from([0x80, 2, ...value, 0x2e]),
};

export interface TensorPickle {
  key: string;
  count: number;
  shape: readonly number[];
  stride?: readonly number[];
  offset?: number;
  storage?: string;
}

/** torch._utils._rebuild_tensor_v2(storage, offset, shape, stride, False, OrderedDict()) */
export function tensorPickle({
  key,
  count,
  shape,
  stride,
  offset = 0,
  storage = 'FloatStorage',
}: TensorPickle): number[] {
  const { int, tuple, text, global, call } = pickled;
  const contiguous = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  const id = tuple(text('storage'), global('torch', storage), text(key), text('cpu'), int(count));
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    [...id, ...latin('Q')],
    int(offset),
    tuple(...shape.map(int)),
    tuple(...(stride ?? contiguous).map(int)),
    [0x89],
    call(global('collections', 'OrderedDict')),
  );
}

export function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Archive of a pickle and of the storages it refers to. */
export function pytorchArchive(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>>,
  options: { root?: string; level?: 0 | 9 } = {},
): Uint8Array {
  const { root = 'archive/', level = 0 } = options;
  const files: Record<string, Uint8Array> = { [`${root}data.pkl`]: pickle };
  for (const [key, bytes] of Object.entries(storages)) files[`${root}data/${key}`] = bytes;
  files[`${root}version`] = Uint8Array.from(latin('3\n'));
  return zipSync(files, { level });
}

export interface PytorchChange {
  prefix?: string;
  /** Around the state dict: "model_state_dict". */
  under?: string;
  level?: 0 | 9;
}

/** The pickle of a state dict, and the storages that it names. */
export function stateDict(
  weights: WeightSet,
  change: PytorchChange = {},
): { pickle: Uint8Array; storages: Record<string, Uint8Array> } {
  const { prefix = '', under } = change;
  const storages: Record<string, Uint8Array> = {};
  const entries = [...weights].map(([name, { shape, data }], i): [string, number[]] => {
    storages[`${i}`] = bytesOf(data);
    return [`${prefix}${name}`, tensorPickle({ key: `${i}`, count: data.length, shape })];
  });
  const dict = pickled.dict(entries);
  const whole =
    under === undefined
      ? dict
      : pickled.dict([
          ['epoch', pickled.int(3)],
          [under, dict],
        ]);
  return { pickle: pickled.file(whole), storages };
}

export function writePytorch(weights: WeightSet, change: PytorchChange = {}): Uint8Array {
  const { pickle, storages } = stateDict(weights, change);
  return pytorchArchive(pickle, storages, change);
}

export interface KerasWeight {
  name: string;
  shape: number[];
  data: Float32Array;
}
export interface KerasFixtureLayer {
  name: string;
  className: string;
  config?: Record<string, unknown>;
  inputs: string[];
  weights: KerasWeight[];
}

/**
 * First two axes swapped to the end: (a, b, z, y, x) -> (z, y, x, b, a), the same for both kinds of kernel.
 */
function toKerasKernel({
  shape,
  data,
}: {
  shape: readonly number[];
  data: Float32Array;
}): Omit<KerasWeight, 'name'> {
  const [a, b, ...window] = shape;
  const positions = window.reduce((product, n) => product * n, 1);
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const [position, second, first] = [
      i % positions,
      Math.floor(i / positions) % b,
      Math.floor(i / positions / b),
    ];
    out[(position * b + second) * a + first] = data[i];
  }
  return { shape: [...window, b, a], data: out };
}

/** The layers as Keras has them; `firstNumber`: of the layers that it numbers itself. */
export function kerasLayers(
  weights: WeightSet,
  firstNumber = 0,
  plan: EmmernetPlan = tinyPlan,
): KerasFixtureLayer[] {
  const layers: KerasFixtureLayer[] = [{ name: 'input_1', className: 'InputLayer', inputs: [], weights: [] }];
  const numbers = new Map<string, number>();
  const numbered = (base: string): string => {
    const number = numbers.get(base) ?? firstNumber;
    numbers.set(base, number + 1);
    return number === 0 ? base : `${base}_${number}`;
  };
  const get = (name: string) => weights.get(name)!;
  const add = (
    name: string,
    className: string,
    ws: KerasWeight[],
    more: Partial<KerasFixtureLayer> = {},
  ): void => {
    layers.push({ name, className, inputs: [layers.at(-1)!.name], weights: ws, ...more });
  };
  for (const layer of plan.layers) {
    const base = layer.kind === 'last' ? layer.name : `${layer.name}.conv`;
    const convolution = [
      { name: 'kernel', ...toKerasKernel(get(`${base}.weight`)) },
      { name: 'bias', shape: [layer.out], data: get(`${base}.bias`).data },
    ];
    if (layer.kind === 'last') add('last_layer', 'Conv3D', convolution);
    else if (layer.kind === 'up') {
      add(numbered('conv3d_transpose'), 'Conv3DTranspose', convolution);
      if (layer.name !== 'up4') add(numbered('concatenate'), 'Concatenate', []);
    } else {
      const { name, out } = layer;
      add(`${name}_3d`, 'Conv3D', convolution);
      add(numbered('p_re_lu'), 'PReLU', [
        { name: 'alpha', shape: [1, 1, 1, out], data: get(`${name}.prelu.weight`).data },
      ]);
      add(
        numbered('group_normalization'),
        'Addons>GroupNormalization',
        [
          { name: 'gamma', shape: [out], data: get(`${name}.gn.weight`).data },
          { name: 'beta', shape: [out], data: get(`${name}.gn.bias`).data },
        ],
        { config: { groups: plan.normGroups, epsilon: 0.001 } },
      );
      add(numbered('dropout'), 'Dropout', []);
    }
  }
  return layers;
}

export interface KerasChange {
  /** Write what each layer takes its input from. */
  graph?: boolean;
  /** Leave the attribute model_config out. */
  noConfig?: boolean;
  /** Instead of the JSON of model_config. */
  config?: string;
  /** Structures of HDF5 1.6 to 1.8, as h5py writes them: without checksums. */
  old?: boolean;
  /** As save_weights: layers at the root. */
  atRoot?: boolean;
  /** Arrays in compressed pieces. */
  compressed?: boolean;
}

let files = 0;

export async function writeKeras(
  layers: readonly KerasFixtureLayer[],
  change: KerasChange = {},
): Promise<Uint8Array> {
  return writeKerasInto((await ready).FS as KerasFiles, layers, change);
}

/** The file system in the memory of h5wasm, from its `ready`. */
export type KerasFiles = NonNullable<typeof import('h5wasm').FS>;

/** At once, for callers that hold the clock. */
export function writeKerasInto(
  folder: KerasFiles,
  layers: readonly KerasFixtureLayer[],
  change: KerasChange,
): Uint8Array {
  const path = `/fixture-${++files}.hdf5`;
  const file = new Hdf5File(path, 'w', { libver: change.old ? ['earliest', 'v108'] : 'latest' });
  const config = {
    class_name: 'Functional',
    config: {
      layers: layers.map(({ name, className, config: own = {}, inputs }) => ({
        class_name: className,
        name,
        config: { name, dtype: 'float32', ...own },
        ...(change.graph
          ? { inbound_nodes: inputs.length === 0 ? [] : [inputs.map((i) => [i, 0, 0, {}])] }
          : {}),
      })),
    },
  };
  if (!change.noConfig) file.create_attribute('model_config', change.config ?? JSON.stringify(config));
  const root: Group = change.atRoot ? file : file.create_group('model_weights');
  root.create_attribute(
    'layer_names',
    layers.map(({ name }) => name),
  );
  for (const { name, weights } of layers) {
    const group = root.create_group(name);
    if (weights.length === 0) continue;
    group.create_attribute(
      'weight_names',
      weights.map((weight) => `${name}/${weight.name}:0`),
    );
    const inner = group.create_group(name);
    for (const { name: weightName, shape, data } of weights)
      inner.create_dataset({
        name: `${weightName}:0`,
        data,
        shape,
        dtype: '<f',
        ...(change.compressed ? { chunks: shape, compression: 'gzip', compression_opts: [4] } : {}),
      });
  }
  file.close();
  const bytes = new Uint8Array(folder.readFile(path) as Uint8Array);
  folder.unlink(path);
  return bytes;
}

export async function writeTarGz(
  entries: readonly { name: string; body: Uint8Array }[],
  level: 0 | 1 = 1,
): Promise<Uint8Array> {
  const tar = await packTar(entries.map(({ name, body }) => ({ header: { name, size: body.length }, body })));
  return gzipSync(tar, { level });
}

/** `count` copies of `bytes`, each with 1 to 4 bytes changed at random places. */
export function* flipped(
  bytes: Uint8Array,
  count: number,
  seed: number,
  until = bytes.length,
): Generator<Uint8Array> {
  const random = createRandom(seed);
  for (let i = 0; i < count; i++) {
    const copy = new Uint8Array(bytes);
    for (let k = random.integer(1, 4); k > 0; k--)
      copy[random.integer(0, until - 1)] ^= random.integer(1, 255);
    yield copy;
  }
}
