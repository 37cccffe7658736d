/**
 * Reads layers and weights of a network that Keras 2 saved as HDF5: attribute `model_config` (JSON), group
 * `model_weights` with attribute `layer_names`, a group per layer with attribute `weight_names`, and the
 * arrays under those names. HDF5 is parsed in memory by h5wasm (the HDF Group's library as WebAssembly),
 * loaded on first use. Declared sizes are checked before an array is read.
 */
import { LocScaleError } from '../errors.ts';
import { findBrokenHeap } from './hdf5-heaps.ts';
import { printable } from './printable.ts';
import { elementCount, type StoredTensor } from './stored-tensor.ts';
import { looksLikeHdf5 } from './weight-starts.ts';

/** A layer with its configuration; weights are read when they are needed. */
export interface KerasLayer {
  readonly name: string;
  /** "Conv3D"; undefined if the file has no model_config. */
  readonly className?: string;
  /**
   * Names of the layers that feed this one, in order of inputs; undefined if the file does not state them.
   */
  readonly inputs?: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  /** Keyed by the last part of their names: "kernel". */
  readonly weights: readonly StoredTensor[];
}

/** An opened Keras file. */
export interface KerasModel {
  /** In the order of `layer_names`. */
  readonly layers: readonly KerasLayer[];
  /** Releases the file; weights cannot be read afterwards. Throws 'bad-input' if the library fails. */
  readonly close: () => void;
}

/** Far more than any network has; a damaged file may claim more. */
const MOST_LAYERS = 10_000;
/** Limit for attributes, which are lists of names and one JSON text of about 50 kB. */
const MOST_ATTRIBUTE_BYTES = 16 * 2 ** 20;
/** Limit for the elements of an array; EMmerNet's largest has 4.1 million. */
const MOST_ELEMENTS = 2 ** 28;
/**
 * Maximum expansion of a compressed array: deflate, 1032:1. Chunks that were never written take no bytes at
 * all.
 */
const MOST_EXPANSION = 1032;
/** HDF5 type classes. */
const INTEGER_CLASS = 0;
/** Classes of HDF5's datatypes. */
const FLOAT_CLASS = 1;
const STRING_CLASS = 3;
const VARIABLE_LENGTH_CLASS = 9;

type Hdf5 = typeof import('h5wasm');
type Group = InstanceType<Hdf5['Group']>;
type Dataset = InstanceType<Hdf5['Dataset']>;

/** A unique name for each file in the in-memory file system of h5wasm. */
let opened = 0;

/** By the first bytes. */
/**
 * Opens a Keras file with h5wasm. Damaged files are recognised before the library reads them, because it ends
 * the process on some. Throws 'bad-input'.
 */
export async function openKerasHdf5(bytes: Uint8Array, name: string): Promise<KerasModel> {
  if (!looksLikeHdf5(bytes))
    throw new LocScaleError('bad-input', `${name} is not an HDF5 file.`, {
      where: name,
      expected: 'the HDF5 signature at the start',
      hint: 'Give the .hdf5 file of EMmerNet, or emmernet.tar.gz as it is.',
    });
  if (findBrokenHeap(bytes) !== undefined) throw damaged(name, 'the heap of its texts is damaged');
  const hdf5 = await import('h5wasm');
  const library = await hdf5.ready;
  const { FS } = library;
  silence(FS);
  heedFailures(library);
  opened++;
  const path = `/weights-${opened}.hdf5`;
  const byteLength = bytes.length;
  let file: InstanceType<Hdf5['File']> | undefined;
  const close = (): void => {
    try {
      guarded(name, () => file?.close());
    } finally {
      FS.unlink(path);
    }
  };
  // The in-memory file system takes ownership of the array without a copy.
  FS.writeFile(path, bytes, { canOwn: true } as never);
  try {
    file = guarded(name, () => new hdf5.File(path, 'r'));
    const opening = file;
    const layers = guarded(name, () => readLayers(opening, hdf5, name, byteLength));
    return { layers, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The library prints a long trace of each error to what it takes for a terminal, besides throwing it. */
function silence(files: unknown): void {
  interface Terminal {
    ops: { put_char: (terminal: unknown, char: number) => void; fsync: (terminal: unknown) => void };
  }
  const { getStream } = files as { getStream: (descriptor: number) => { tty?: Terminal } | null };
  const terminal = getStream(2)?.tty;
  if (terminal !== undefined) terminal.ops = { ...terminal.ops, put_char: () => {}, fsync: () => {} };
}

/** h5wasm's function that reads data, whose return value it ignores. */
type DataReader = (...request: unknown[]) => number;
const heeded = new WeakSet<DataReader>();

/** h5wasm ignores the status of reads: after a failed read it would return uninitialised memory. */
function heedFailures(library: object): void {
  const readers = library as Record<'get_dataset_data' | 'get_attribute_data', DataReader>;
  for (const key of ['get_dataset_data', 'get_attribute_data'] as const) {
    const read = readers[key];
    if (heeded.has(read)) continue;
    readers[key] = (...request) => {
      const status = read(...request);
      if (status < 0) throw new Error('its values cannot be read');
      return status;
    };
    heeded.add(readers[key]);
  }
}

/** The error of a damaged file. */
function damaged(name: string, what: string, cause?: unknown): LocScaleError {
  return new LocScaleError('bad-input', `${name} is not a readable Keras file: ${what}.`, {
    where: name,
    hint: 'Copy or download the file again.',
    cause,
  });
}

/** Converts HDF5 errors, and any other failure of the library on damaged files, to one clear error. */
function guarded<T>(name: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (cause instanceof LocScaleError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw damaged(name, printable(reason.split('\n', 1)[0] ?? ''), cause);
  }
}

/** Layers in the order of the file; weights as tensors that are read on demand. */
function readLayers(
  file: InstanceType<Hdf5['File']>,
  hdf5: Hdf5,
  name: string,
  byteLength: number,
): KerasLayer[] {
  const inside = file.get('model_weights');
  // Files of `save_weights` have the layers at the root.
  const root: Group = inside instanceof hdf5.Group ? inside : file;
  const names = textsOf(root, 'layer_names', name);
  if (names === undefined)
    throw damaged(name, 'it has no list of layers (attribute layer_names of model_weights)');
  if (names.length > MOST_LAYERS) throw damaged(name, `it lists ${names.length} layers`);
  if (new Set(names).size !== names.length) throw damaged(name, 'it lists a layer twice');
  const config = readConfig(file, name);
  return names.map((layerName) => {
    const group = childOf(root, layerName);
    if (!(group instanceof hdf5.Group)) throw damaged(name, `the layer ${printable(layerName)} is missing`);
    const weightNames = textsOf(group, 'weight_names', name) ?? [];
    const weights = weightNames.map((weightName) => {
      const dataset = childOf(group, weightName);
      if (!(dataset instanceof hdf5.Dataset))
        throw damaged(name, `the array ${printable(weightName)} is missing`);
      return storedTensor(dataset, weightName, name, byteLength);
    });
    return { name: layerName, config: {}, ...config.get(layerName), weights };
  });
}

/** Names come from the file: reject absolute paths and "..". */
function childOf(group: Group, name: string): unknown {
  return name === '' || name.startsWith('/') || name.split('/').includes('..') ? null : group.get(name);
}

/** Reads a list of strings from an attribute; Keras writes an empty list with a numeric type. */
function textsOf(group: Group, attribute: string, file: string): string[] | undefined {
  const found = group.attrs[attribute];
  if (found === undefined) return undefined;
  const { type, size, total_size: count } = found.metadata;
  if (count === 0) return [];
  if (type !== STRING_CLASS && type !== VARIABLE_LENGTH_CLASS)
    throw damaged(file, `the attribute ${attribute} is not text`);
  if (count * size > MOST_ATTRIBUTE_BYTES) throw damaged(file, `the attribute ${attribute} is too long`);
  const { value } = found;
  const texts = Array.isArray(value) ? value : [value];
  if (!texts.every((text): text is string => typeof text === 'string'))
    throw damaged(file, `the attribute ${attribute} is not text`);
  return texts;
}

/** What model_config states about a layer. */
type LayerConfig = Pick<KerasLayer, 'className' | 'inputs' | 'config'>;

/** Parses `model_config` per layer; empty if it is absent. */
function readConfig(file: Group, name: string): Map<string, LayerConfig> {
  const [text] = textsOf(file, 'model_config', name) ?? [];
  const all = new Map<string, LayerConfig>();
  if (text === undefined) return all;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw damaged(name, 'its attribute model_config is not JSON', cause);
  }
  const layers = member(member(parsed, 'config'), 'layers');
  if (!Array.isArray(layers)) throw damaged(name, 'its attribute model_config lists no layers');
  for (const layer of layers) {
    const config = member(layer, 'config');
    const layerName = member(layer, 'name') ?? member(config, 'name');
    if (typeof layerName !== 'string') continue;
    const className = member(layer, 'class_name');
    const inputs = inputsOf(member(layer, 'inbound_nodes'));
    all.set(layerName, {
      config: isRecord(config) ? config : {},
      className: typeof className === 'string' ? className : undefined,
      inputs,
    });
  }
  return all;
}

/**
 * [[["conv1_1_3d", 0, 0, {}], ...]]: one call of the layer, with (layer, call, tensor, arguments) for each
 * input.
 */
function inputsOf(nodes: unknown): string[] | undefined {
  if (!Array.isArray(nodes) || !Array.isArray(nodes[0])) return undefined;
  const names = nodes[0].map((input: unknown) => (Array.isArray(input) ? input[0] : undefined));
  return names.every((name): name is string => typeof name === 'string') ? names : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function member(value: unknown, key: string): unknown {
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** A dataset as a tensor. The name is that of the weight without its layer and ":0". */
function storedTensor(dataset: Dataset, weightName: string, file: string, fileBytes: number): StoredTensor {
  const { type, size, littleEndian } = dataset.metadata;
  const shape = dataset.shape ?? [];
  const name = (weightName.split('/').at(-1) ?? '').replace(/:\d+$/, '');
  const typeName =
    type === FLOAT_CLASS ? `float${8 * size}` : type === INTEGER_CLASS ? `int${8 * size}` : 'other';
  return {
    name,
    shape,
    type: typeName,
    async read() {
      const count = elementCount(shape);
      const what = `the array ${printable(weightName)}`;
      if (type !== FLOAT_CLASS || ![4, 8].includes(size) || !littleEndian)
        throw damaged(file, `${what} does not hold float32 or float64 numbers (little-endian)`);
      if (count > MOST_ELEMENTS || count * size > fileBytes * MOST_EXPANSION)
        throw damaged(file, `${what} declares ${count} numbers`);
      const value = guarded(file, () => dataset.value);
      const numbers = floatsOf(value);
      if (numbers === undefined || numbers.length !== count)
        throw damaged(file, `${what} does not hold the ${count} numbers that it declares`);
      return numbers;
    },
  };
}

/** float32; undefined for other types. */
function floatsOf(value: unknown): Float32Array | undefined {
  if (value instanceof Float32Array) return value;
  if (value instanceof Float64Array) return new Float32Array(value);
  return undefined;
}
