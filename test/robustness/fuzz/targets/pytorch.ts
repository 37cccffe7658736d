/**
 * State dicts of PyTorch: a ZIP archive, a pickle in it, and arrays. The repair makes a sound archive of
 * whatever entries a mutation has left, so that the pickle behind the checksums is reached.
 */
import { inflateSync } from 'fflate';
import { readPytorchState } from '../../../../src/formats/pytorch-state.ts';
import { crc32 } from '../../../../src/formats/zip.ts';
import { weightsFromPytorch } from '../../../../src/network/graph/emmernet-weights.ts';
import {
  bytesOf,
  pickled,
  pytorchArchive,
  tensorPickle,
  writePytorch,
} from '../../../support/weight-files.ts';
import { ascii, join, property, withClearRefusals } from '../target-tools.ts';
import type { FuzzTarget } from '../types.ts';
import { checkWeights, readAll, smallWeights, threeLayers } from './small-weights.ts';

const NAME = 'case.pt';
const LOCAL_HEADER_BYTES = 30;
const DIRECTORY_ENTRY_BYTES = 46;
const END_BYTES = 22;

/** Names, opcodes of pickles that make, keep and call things, and records of ZIP64. */
const dictionary = [
  ...['PK\u0001\u0002', 'PK\u0003\u0004', 'PK\u0005\u0006', 'PK\u0006\u0006', 'PK\u0006\u0007'],
  ...['archive/data.pkl', 'archive/data/0', 'archive/byteorder', 'archive/constants.pkl', 'little'],
  ...['ctorch._utils\n_rebuild_tensor_v2\n', 'ctorch._utils\n_rebuild_parameter\n', 'ctorch\nHalfStorage\n'],
  ...['ccollections\nOrderedDict\n', 'ctorch\nBFloat16Storage\n', 'ctorch\nDoubleStorage\n', 'cos\nsystem\n'],
  ...[
    '}(',
    '}',
    '](',
    ']',
    ')',
    '(',
    't',
    'R',
    'Q',
    'u',
    's',
    'b',
    'e',
    'a',
    'N.',
    '.',
    'h\u0000',
    'q\u0000',
  ],
].map(ascii);
for (const bytes of [
  [0x4a, 0xff, 0xff, 0xff, 0x7f],
  [0x4a, 0xff, 0xff, 0xff, 0xff],
  [0x8a, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0],
  [0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  [0x58, 0xff, 0xff, 0xff, 0xff],
  [0x42, 0xff, 0xff, 0xff, 0x7f],
  [0x72, 0xff, 0xff, 0xff, 0xff],
  [0x85],
  [0x86],
  [0x87],
  [0x93],
  [0x94],
  [0xff, 0xff, 0xff, 0xff],
  [1, 0, 16, 0],
])
  dictionary.push(Uint8Array.from(bytes));

/** Views of one storage, other number types, and what a training program keeps beside the weights. */
function views(): Uint8Array {
  const storage = Float32Array.from({ length: 24 }, (_, i) => i / 7);
  const state = pickled.dict([
    ['a', tensorPickle({ key: '0', count: 24, shape: [2, 3, 4] })],
    ['b', tensorPickle({ key: '0', count: 24, shape: [4, 3], stride: [1, 4], offset: 12 })],
    ['c', tensorPickle({ key: '0', count: 24, shape: [5, 5], stride: [0, 0], offset: 23 })],
    ['d', tensorPickle({ key: '1', count: 16, shape: [16], storage: 'HalfStorage' })],
    ['e', tensorPickle({ key: '1', count: 16, shape: [], storage: 'BFloat16Storage' })],
    ['f', tensorPickle({ key: '2', count: 2, shape: [2], storage: 'DoubleStorage' })],
  ]);
  const whole = pickled.dict([
    ['epoch', pickled.int(3)],
    ['model_state_dict', state],
  ]);
  return pytorchArchive(pickled.file(whole), {
    0: bytesOf(storage),
    1: new Uint8Array(32).fill(0x35),
    2: new Uint8Array(16).fill(0x3f),
  });
}

interface Found {
  readonly name: Uint8Array;
  readonly method: number;
  /** As it lies in the archive. */
  readonly packed: Uint8Array;
}

/** Entries by the signatures of their local headers, whatever directory and sizes say. */
function findEntries(bytes: Uint8Array): Found[] {
  const isSignature = (at: number, third: number, fourth: number): boolean =>
    bytes[at] === 0x50 && bytes[at + 1] === 0x4b && bytes[at + 2] === third && bytes[at + 3] === fourth;
  const starts: number[] = [];
  let end = bytes.length;
  for (let at = 0; at + 4 <= bytes.length; at++) {
    if (isSignature(at, 3, 4) && at + LOCAL_HEADER_BYTES <= bytes.length) starts.push(at);
    else if (isSignature(at, 1, 2)) {
      end = at;
      break;
    }
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return starts.map((start, i) => {
    const limit = starts[i + 1] ?? end;
    const name = start + LOCAL_HEADER_BYTES;
    const extra = Math.min(limit, name + view.getUint16(start + 26, true));
    const content = Math.min(limit, extra + view.getUint16(start + 28, true));
    return {
      name: bytes.slice(name, extra),
      method: view.getUint16(start + 8, true) === 8 ? 8 : 0,
      packed: bytes.slice(content, limit),
    };
  });
}

/** What a deflated entry holds, or as much of it as there is. */
function contentOf({ method, packed }: Found): Uint8Array {
  if (method === 0) return packed;
  try {
    return inflateSync(packed, { out: new Uint8Array(2 ** 16) });
  } catch {
    return new Uint8Array(0);
  }
}

function repair(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  const found = findEntries(bytes);
  for (const entry of found) {
    const content = contentOf(entry);
    // From the version on the fields of both headers are the same.
    const fields = new Uint8Array(26);
    const view = new DataView(fields.buffer);
    view.setUint16(0, 20, true);
    view.setUint16(4, entry.method, true);
    view.setUint32(10, crc32(content), true);
    view.setUint32(14, entry.packed.length, true);
    view.setUint32(18, content.length, true);
    view.setUint16(22, entry.name.length, true);
    const offset = new Uint8Array(DIRECTORY_ENTRY_BYTES - 6 - 26);
    new DataView(offset.buffer).setUint32(10, at, true);
    directory.push(join([ascii('PK\u0001\u0002'), Uint8Array.of(20, 0), fields, offset, entry.name]));
    const local = join([ascii('PK\u0003\u0004'), fields, entry.name, entry.packed]);
    parts.push(local);
    at += local.length;
  }
  const list = join(directory);
  const end = new Uint8Array(END_BYTES);
  const view = new DataView(end.buffer);
  end.set(ascii('PK\u0005\u0006'));
  view.setUint16(8, found.length, true);
  view.setUint16(10, found.length, true);
  view.setUint32(12, list.length, true);
  view.setUint32(16, at, true);
  return join([...parts, list, end]);
}

async function read(bytes: Uint8Array): Promise<void> {
  const tensors = await readPytorchState(bytes, NAME);
  property(tensors.length > 0, 'a state dict has tensors');
  await readAll(tensors);
  if (tensors.some(({ name }) => name.startsWith('conv1_1')))
    checkWeights(await weightsFromPytorch(tensors, NAME, threeLayers));
}

export const pytorch: FuzzTarget = {
  name: 'pytorch',
  title: 'PyTorch state dicts: ZIP archives, stored and deflated, and the pickles in them',
  seeds: async () => [
    repair(writePytorch(smallWeights)),
    repair(writePytorch(smallWeights, { level: 9, under: 'state_dict', prefix: 'module.' })),
    repair(views()),
  ],
  dictionary,
  repair,
  read: withClearRefusals(read),
  refusals: ['bad-input'],
  memoryLimitBytes: 64 * 2 ** 20,
};
