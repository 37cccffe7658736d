/**
 * Tensors of a PyTorch state dict (torch.save since 1.6): a ZIP archive of `NAME/data.pkl`, which is a
 * pickle of names, shapes and strides, and `NAME/data/KEY`, one storage of numbers each. The pickle is read
 * as data (pickle.ts); only functions that construct a tensor are supported.
 */
import { LocScaleError } from '../errors.ts';
import {
  type PickleCaller,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  type PickleValue,
  readPickle,
} from './pickle.ts';
import { printable } from './printable.ts';
import { elementCount, type StoredTensor } from './stored-tensor.ts';
import { looksLikeZip } from './weight-starts.ts';
import { openZip, type ZipArchive } from './zip.ts';

/** Types of numbers that weights have. */
type NumberType = 'float64' | 'float32' | 'float16' | 'bfloat16' | 'integer';

/** A storage: numbers in a file of the archive, shared by tensors. */
interface Storage {
  readonly key: string;
  readonly type: NumberType;
  readonly typeName: string;
  readonly itemBytes: number;
  readonly count: number;
}

/** A tensor as a view of a storage; offsets and strides in numbers. */
interface TensorRecord {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

/** Storage classes; `integer` ones are accepted because state dicts contain counters. */
const storageTypes: Record<string, { type: NumberType; itemBytes: number }> = {
  'torch.DoubleStorage': { type: 'float64', itemBytes: 8 },
  'torch.FloatStorage': { type: 'float32', itemBytes: 4 },
  'torch.HalfStorage': { type: 'float16', itemBytes: 2 },
  'torch.BFloat16Storage': { type: 'bfloat16', itemBytes: 2 },
  'torch.LongStorage': { type: 'integer', itemBytes: 8 },
  'torch.IntStorage': { type: 'integer', itemBytes: 4 },
  'torch.ShortStorage': { type: 'integer', itemBytes: 2 },
  'torch.CharStorage': { type: 'integer', itemBytes: 1 },
  'torch.ByteStorage': { type: 'integer', itemBytes: 1 },
  'torch.BoolStorage': { type: 'integer', itemBytes: 1 },
};

/** Functions emulated here. */
const ORDERED_DICT = 'collections.OrderedDict';
/** Functions of torch that state dicts call, none of which is executed. */
const REBUILD_TENSOR = 'torch._utils._rebuild_tensor';
const REBUILD_TENSOR_2 = 'torch._utils._rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const functions = [ORDERED_DICT, REBUILD_TENSOR, REBUILD_TENSOR_2, REBUILD_PARAMETER];
/** Globals allowed as values, such as torch.float32. */
const numberTypeName = /^torch\.(float|bfloat|int|uint|bool|half|double|long)\d*$/;

/** Keys under which training programs keep the state dict in a checkpoint. */
const checkpointKeys = ['model_state_dict', 'state_dict', 'model', 'network', 'net'];
/** Prefixes that wrappers (DataParallel, torch.compile) put before every name. */
const wrapperPrefixes = ['module.', '_orig_mod.'];

/** Pickles of state dicts are tens of kilobytes. */
const MOST_PICKLE_BYTES = 16 * 2 ** 20;
/** Limit for the elements of a tensor; EMmerNet's largest has 4.1 million. */
const MOST_ELEMENTS = 2 ** 28;
/** Limit for a tensor that repeats elements of a smaller storage (stride 0). */
const MOST_REPEATED = 2 ** 20;
/** More axes than any tensor has. */
const MOST_AXES = 16;
/**
 * Limit for all deflated storages together, in bytes: several archive entries may share the same bytes, each
 * expanding a thousandfold. Real weights hardly compress.
 */
const INFLATED_BASE_BYTES = 2 ** 26;
const INFLATED_PER_BYTE = 32;

/** Every tensor of the state dict, read on demand. `name`: of the file, for messages. */
export async function readPytorchState(bytes: Uint8Array, name: string): Promise<StoredTensor[]> {
  if (!looksLikeZip(bytes)) throw notAnArchive(bytes, name);
  const archive = openZip(bytes, name);
  const root = await findRoot(archive, name);
  const pickle = archive.entries.get(`${root}data.pkl`);
  if (pickle === undefined) throw new Error('findRoot returns the folder of data.pkl');
  const value = readPickle(await archive.read(pickle, MOST_PICKLE_BYTES), name, torchCaller);
  const records = findStateDict(value, name);
  const inflatedLimit = INFLATED_BASE_BYTES + INFLATED_PER_BYTE * bytes.length;
  const readStorage = createStorageReader(archive, root, name, inflatedLimit);
  return records.map(([tensorName, record]) => ({
    name: tensorName,
    shape: record.shape,
    type: record.storage.typeName,
    read: async () =>
      gather(record, await readStorage(record.storage), `${printable(tensorName)} of ${name}`),
  }));
}

/** The error of a file that is no ZIP archive. */
function notAnArchive(bytes: Uint8Array, name: string): LocScaleError {
  // Files of torch.save before 1.6, and plain pickles, start with the PROTO opcode.
  const pickled = bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
  return pickled
    ? new LocScaleError('bad-input', `${name} is in the format that PyTorch wrote before version 1.6.`, {
        where: name,
        expected: 'a ZIP archive, as torch.save writes it since version 1.6',
        hint: 'Convert it with Python: torch.save(torch.load("old.pt", map_location="cpu"), "new.pt").',
      })
    : new LocScaleError('bad-input', `${name} is not a PyTorch file.`, {
        where: name,
        expected: 'a ZIP archive, as torch.save writes it',
        hint: 'Copy or download the file again.',
      });
}

/** "archive/" for an archive whose pickle is archive/data.pkl. */
async function findRoot(archive: ZipArchive, name: string): Promise<string> {
  const roots = [...archive.entries.keys()]
    .filter((entry) => /^([^/]+\/)?data\.pkl$/.test(entry))
    .map((entry) => entry.slice(0, -'data.pkl'.length));
  const [root] = roots;
  if (roots.length !== 1 || root === undefined)
    throw new LocScaleError(
      'bad-input',
      `${name} is a ZIP archive, but not one of PyTorch: it has ` +
        `${roots.length === 0 ? 'no' : 'more than one'} data.pkl.`,
      {
        where: name,
        hint: 'Give the file that torch.save wrote, or emmernet.tar.gz as it is.',
      },
    );
  if (archive.entries.has(`${root}constants.pkl`))
    throw new LocScaleError('bad-input', `${name} is a TorchScript program, not a state dict.`, {
      where: name,
      hint: 'Save the state dict: torch.save(torch.jit.load("file.pt").state_dict(), "weights.pt").',
    });
  const order = archive.entries.get(`${root}byteorder`);
  if (order !== undefined && new TextDecoder().decode(await archive.read(order, 64)) !== 'little')
    throw new LocScaleError('bad-input', `${name} was written on a machine with another byte order.`, {
      where: name,
      hint: 'Load and save it again with PyTorch on an x86 or ARM machine.',
    });
  return root;
}

/** What of torch a pickle may name, and what it means here. */
const torchCaller: PickleCaller = {
  allows: (name) => functions.includes(name) || name in storageTypes || numberTypeName.test(name),
  call(name, args) {
    if (name === ORDERED_DICT) return args.length === 0 ? new Map() : undefined;
    if (name === REBUILD_PARAMETER) return args[0] instanceof PickleObject ? args[0] : undefined;
    if (name === REBUILD_TENSOR || name === REBUILD_TENSOR_2) {
      const record = rebuildTensor(args);
      return record === undefined ? undefined : new PickleObject(record);
    }
    return undefined;
  },
  persistent(id) {
    const storage = id instanceof PickleTuple ? storageOf(id.items) : undefined;
    return storage === undefined ? undefined : new PickleObject(storage);
  },
};

/** ('storage', class, key, device, number of elements) */
function storageOf(items: readonly PickleValue[]): Storage | undefined {
  const [kind, type, key, , count] = items;
  if (kind !== 'storage' || !(type instanceof PickleGlobal) || typeof key !== 'string') return undefined;
  if (!Object.hasOwn(storageTypes, type.name) || !isLength(count)) return undefined;
  return { key, ...storageTypes[type.name], typeName: type.name, count };
}

/** (storage, offset, shape, stride, ...), in elements. Undefined if it exceeds the storage. */
function rebuildTensor(args: readonly PickleValue[]): TensorRecord | undefined {
  const [object, offset, shape, stride] = args;
  if (!(object instanceof PickleObject) || !isStorage(object.value) || !isLength(offset)) return undefined;
  const [extents, steps] = [lengthsOf(shape), lengthsOf(stride)];
  if (extents === undefined || steps === undefined || extents.length !== steps.length) return undefined;
  const count = elementCount(extents);
  if (count > MOST_ELEMENTS || (count > object.value.count && count > MOST_REPEATED)) return undefined;
  const last = extents.reduce((sum, extent, axis) => sum + (extent - 1) * steps[axis], offset);
  if (count > 0 && last >= object.value.count) return undefined;
  return { storage: object.value, offset, shape: extents, stride: steps };
}

function isStorage(value: unknown): value is Storage {
  return typeof value === 'object' && value !== null && 'key' in value && 'itemBytes' in value;
}

function isLength(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function lengthsOf(value: PickleValue | undefined): number[] | undefined {
  if (!(value instanceof PickleTuple) || value.items.length > MOST_AXES) return undefined;
  return value.items.every(isLength) ? (value.items as number[]) : undefined;
}

/** The tensors by name, from the file's dictionary or from one nested under a common key. */
function findStateDict(value: PickleValue, where: string): [string, TensorRecord][] {
  const own = tensorsOf(value);
  if (own.length > 0) return withoutPrefix(own);
  if (value instanceof Map) {
    for (const key of checkpointKeys) {
      const inner = tensorsOf(value.get(key) ?? null);
      if (inner.length > 0) return withoutPrefix(inner);
    }
  }
  const keys =
    value instanceof Map ? [...value.keys()].slice(0, 10).map((key) => printable(String(key))) : [];
  throw new LocScaleError('bad-input', `${where} holds no state dict.`, {
    where,
    expected: `tensors by name, or a dictionary with them under ${checkpointKeys.join(', ')}`,
    found: keys.length === 0 ? 'no dictionary' : `a dictionary of ${keys.join(', ')}`,
    hint: 'Save the state dict alone: torch.save(model.state_dict(), "weights.pt").',
  });
}

function tensorsOf(value: PickleValue): [string, TensorRecord][] {
  if (!(value instanceof Map)) return [];
  const found: [string, TensorRecord][] = [];
  for (const [key, entry] of value) {
    if (typeof key === 'string' && entry instanceof PickleObject && !isStorage(entry.value))
      found.push([key, entry.value as TensorRecord]);
  }
  return found;
}

function withoutPrefix(tensors: [string, TensorRecord][]): [string, TensorRecord][] {
  for (const prefix of wrapperPrefixes) {
    if (tensors.every(([name]) => name.startsWith(prefix)))
      return withoutPrefix(tensors.map(([name, record]) => [name.slice(prefix.length), record]));
  }
  return tensors;
}

/** Shared storages are checked and inflated once. */
function createStorageReader(
  archive: ZipArchive,
  root: string,
  where: string,
  inflatedLimitBytes: number,
): (storage: Storage) => Promise<Uint8Array> {
  const known = new Map<string, Promise<Uint8Array>>();
  let inflatedBytes = 0;
  const read = async (storage: Storage): Promise<Uint8Array> => {
    const entry = archive.entries.get(`${root}data/${storage.key}`);
    const bytes = storage.count * storage.itemBytes;
    if (entry === undefined || entry.bytes !== bytes)
      throw new LocScaleError(
        'bad-input',
        entry === undefined
          ? `${where} is damaged: the numbers of a tensor are missing.`
          : `${where} is damaged: a storage of ${bytes} bytes has ${entry.bytes}.`,
        {
          where,
          hint: 'Copy or download the file again.',
        },
      );
    // Stored entries are views of the archive.
    if (entry.method !== 0) inflatedBytes += bytes;
    if (inflatedBytes > inflatedLimitBytes)
      throw new LocScaleError(
        'bad-input',
        `${where} expands to more than ${inflatedLimitBytes} bytes, too much for weights.`,
        {
          where,
          hint: 'Save the state dict anew with PyTorch: torch.save(model.state_dict(), "weights.pt").',
        },
      );
    return archive.read(entry, bytes);
  };
  return (storage) => {
    const before = known.get(storage.key);
    if (before !== undefined) return before;
    const now = read(storage);
    known.set(storage.key, now);
    return now;
  };
}

/** Elements in C order for any strides. */
function gather(record: TensorRecord, bytes: Uint8Array, what: string): Float32Array {
  const { storage, shape, stride, offset } = record;
  const readAt = elementReader(storage, bytes, what);
  const out = new Float32Array(elementCount(shape));
  if (isContiguous(shape, stride)) {
    if (storage.type === 'float32') {
      // A copy, because storages need not be aligned to 4 bytes in the archive.
      new Uint8Array(out.buffer).set(bytes.subarray(offset * 4, offset * 4 + out.byteLength));
      return out;
    }
    for (let i = 0; i < out.length; i++) out[i] = readAt(offset + i);
    return out;
  }
  const index = shape.map(() => 0);
  let from = offset;
  for (let i = 0; i < out.length; i++) {
    out[i] = readAt(from);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += stride[axis];
      if (++index[axis] < shape[axis]) break;
      from -= stride[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && stride[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

function elementReader(storage: Storage, bytes: Uint8Array, what: string): (index: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (storage.type) {
    case 'float64':
      return (index) => view.getFloat64(8 * index, true);
    case 'float32':
      return (index) => view.getFloat32(4 * index, true);
    case 'float16':
      return (index) => halfToNumber(view.getUint16(2 * index, true));
    case 'bfloat16': {
      // bfloat16 is the upper half of a float32.
      const word = new DataView(new ArrayBuffer(4));
      return (index) => {
        word.setUint32(0, view.getUint16(2 * index, true) << 16);
        return word.getFloat32(0);
      };
    }
    case 'integer':
      throw new LocScaleError(
        'bad-input',
        `${what} holds whole numbers (${storage.typeName}), not weights.`,
        {
          where: what,
          expected: 'floating-point numbers',
          found: storage.typeName,
          hint: 'Save the weights as floating-point numbers: model.float().state_dict().',
        },
      );
  }
}

/** IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
