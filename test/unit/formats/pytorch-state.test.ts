/** State dicts of PyTorch: layouts, wrappers, and files that are damaged or made to harm. */
import { deflateSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { LocScaleError } from '../../../src/errors.ts';
import { readPytorchState } from '../../../src/formats/pytorch-state.ts';
import type { StoredTensor } from '../../../src/formats/stored-tensor.ts';
import { crc32, openZip } from '../../../src/formats/zip.ts';
import { weightsFromPytorch } from '../../../src/network/graph/emmernet-weights.ts';
import type { WeightSet } from '../../../src/network/graph/model.ts';
import {
  bytesOf,
  flipped,
  pickled,
  pytorchArchive,
  randomWeights,
  stateDict,
  type TensorPickle,
  tensorPickle,
  tinyPlan,
  writePytorch,
} from '../../support/weight-files.ts';

const weights = randomWeights(1);
const importPt = async (bytes: Uint8Array): Promise<WeightSet> =>
  weightsFromPytorch(await readPytorchState(bytes, 'x.pt'), 'x.pt', tinyPlan);

async function refusal(run: () => Promise<unknown>): Promise<LocScaleError> {
  const error = await run().then(
    () => new Error('it was read'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LocScaleError);
  expect((error as LocScaleError).tag).toBe('bad-input');
  expect((error as LocScaleError).hint).toMatch(/\w/);
  return error as LocScaleError;
}

/** One tensor of ten numbers 0 ... 9 under the name w, described as asked. */
async function oneTensor(
  change: Partial<TensorPickle>,
  bytes = bytesOf(Float32Array.from({ length: 10 }, (_, i) => i)),
): Promise<StoredTensor> {
  const pickle = pickled.file(
    pickled.dict([['w', tensorPickle({ key: '0', count: 10, shape: [10], ...change })]]),
  );
  const [tensor] = await readPytorchState(pytorchArchive(pickle, { 0: bytes }), 'x.pt');
  return tensor!;
}

describe('state dicts', () => {
  it.each([
    ['stored', {}],
    ['deflated', { level: 9 as const }],
    ['of a DataParallel model', { prefix: 'module.' }],
    ['of a compiled DataParallel model', { prefix: 'module._orig_mod.' }],
    ['in a checkpoint', { under: 'model_state_dict' }],
    ['in another checkpoint', { under: 'state_dict', prefix: 'module.' }],
  ])('%s are read', async (_, change) => {
    expect(await importPt(writePytorch(weights, change))).toEqual(weights);
  });

  it('are read from a Buffer of Node, which cuts without copying', async () => {
    expect(await importPt(Buffer.from(writePytorch(weights)))).toEqual(weights);
  });

  it('come in the order of the network, whatever theirs', async () => {
    const read = await importPt(writePytorch(new Map([...weights].reverse())));
    expect([...read.keys()]).toEqual([...weights.keys()]);
  });

  it('strides and offsets are followed', async () => {
    const transposed = await oneTensor({ shape: [2, 3], stride: [1, 2], offset: 1 });
    expect([...(await transposed.read())]).toEqual([1, 3, 5, 2, 4, 6]);
    const expanded = await oneTensor({ shape: [3, 2], stride: [0, 1], offset: 8 });
    expect([...(await expanded.read())]).toEqual([8, 9, 8, 9, 8, 9]);
    const part = await oneTensor({ shape: [4], offset: 6 });
    expect([...(await part.read())]).toEqual([6, 7, 8, 9]);
  });

  it('half, bfloat16 and double become float32', async () => {
    const half = Uint8Array.from([0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0x00, 0x7c, 0x55, 0x35]);
    const numbers = await (await oneTensor({ storage: 'HalfStorage', count: 5, shape: [5] }, half)).read();
    expect([...numbers]).toEqual([1, -2, 2 ** -24, Number.POSITIVE_INFINITY, 0.333251953125]);
    const brain = Uint8Array.from([0x80, 0x3f, 0x20, 0xc0]);
    expect([
      ...(await (await oneTensor({ storage: 'BFloat16Storage', count: 2, shape: [2] }, brain)).read()),
    ]).toEqual([1, -2.5]);
    const double = new Uint8Array(new Float64Array([0.1]).buffer);
    expect([
      ...(await (await oneTensor({ storage: 'DoubleStorage', count: 1, shape: [1] }, double)).read()),
    ]).toEqual([Math.fround(0.1)]);
  });

  it('whole numbers may be there, but are no weights', async () => {
    const counter = await oneTensor({ storage: 'LongStorage', count: 1, shape: [] }, new Uint8Array(8));
    expect((await refusal(() => counter.read())).message).toContain('whole numbers');
  });
});

describe('weights that are not those of EMmerNet', () => {
  const changed = (change: (map: Map<string, { shape: readonly number[]; data: Float32Array }>) => void) => {
    const map = new Map(weights);
    change(map);
    return refusal(() => importPt(writePytorch(map)));
  };

  it('name what is missing, unexpected or of another shape', async () => {
    expect((await changed((map) => map.delete('conv2_2.gn.bias'))).message).toContain(
      'conv2_2.gn.bias is missing',
    );
    expect(
      (await changed((map) => map.set('head.weight', weights.get('last_conv.bias')!))).message,
    ).toContain('also holds head.weight');
    const { data } = weights.get('up1.conv.weight')!;
    const error = await changed((map) =>
      map.set('up1.conv.weight', { shape: [125, 4], data: data.subarray(0, 500) }),
    );
    expect(error.message).toContain('up1.conv.weight has the shape (125, 4), not (2, 2, 5, 5, 5)');
  });

  it('NaN is refused', async () => {
    const data = new Float32Array(weights.get('conv1_2.conv.bias')!.data);
    data[1] = Number.NaN;
    const error = await changed((map) => map.set('conv1_2.conv.bias', { shape: [2], data }));
    expect(error.message).toMatch(/conv1_2.conv.bias holds values that are NaN/);
  });

  it('a dictionary without tensors says what it has', async () => {
    const pickle = pickled.file(
      pickled.dict([
        ['optimizer', pickled.int(1)],
        ['weird\x1bname', pickled.int(1)],
      ]),
    );
    const error = await refusal(() => importPt(pytorchArchive(pickle, {})));
    expect(error.found).toBe('a dictionary of optimizer, weird?name');
  });
});

describe('files made to harm', () => {
  it('code in the pickle is refused by name before any tensor is looked at', async () => {
    const evil = pickled.call(pickled.global('os', 'system'), pickled.text('touch /tmp/owned'));
    const pickle = pickled.file(pickled.dict([['w', evil]]));
    expect((await refusal(() => importPt(pytorchArchive(pickle, {})))).message).toContain('names os.system,');
  });

  it.each<[string, Partial<TensorPickle>]>([
    ['reaches behind its storage', { shape: [11] }],
    ['starts behind its storage', { shape: [1], offset: 10 }],
    ['strides out of its storage', { shape: [2, 2], stride: [9, 1] }],
    ['is expanded to 2^60 numbers', { shape: [2 ** 30, 2 ** 30], stride: [0, 0] }],
    ['is expanded to more numbers than fit', { shape: [2 ** 29], stride: [0] }],
    ['goes backwards', { shape: [2], stride: [-1], offset: 5 }],
    ['has another number of strides', { shape: [2], stride: [1, 1] }],
    ['is of an unknown kind', { storage: 'ComplexFloatStorage' }],
    ['is of a kind named like a method', { storage: 'constructor' }],
  ])('a tensor that %s is refused', async (_, change) => {
    await refusal(() => oneTensor(change));
  });

  it('a storage that is missing or of another size is refused', async () => {
    const missing = await oneTensor({ key: 'nowhere' });
    expect((await refusal(() => missing.read())).message).toContain('are missing');
    const short = await oneTensor({}, new Uint8Array(36));
    expect((await refusal(() => short.read())).message).toContain('a storage of 40 bytes has 36');
  });

  it('a deflate bomb is stopped by the size it declares', async () => {
    // 64 MiB of zeros in 64 KiB.
    const zeros = new Uint8Array(2 ** 26);
    const archive = zipSync({ 'archive/data.pkl': zeros }, { level: 9 });
    expect(archive.length).toBeLessThan(70_000);
    const error = await refusal(() => readPytorchState(archive, 'x.pt'));
    expect(error.message).toContain('declares 67108864 bytes');
  });

  it('a bomb that declares little is stopped there', async () => {
    const bomb = deflateSync(new Uint8Array(2 ** 26), { level: 9 });
    const before = process.memoryUsage().arrayBuffers;
    const archive = rawZip([{ name: 'a/data.pkl', method: 8, content: bomb, bytes: 100, crc: 0 }]);
    expect((await refusal(() => readPytorchState(archive, 'x.pt'))).message).toContain(
      'more than it declares',
    );
    // Chunks of the decompressor only, not the 64 MiB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 25);
  });

  it('a tiny file that declares gigabytes takes no memory', async () => {
    const content = deflateSync(new Uint8Array(10));
    const archive = rawZip([{ name: 'a/data.pkl', method: 8, content, bytes: 2 ** 24, crc: 0 }]);
    expect((await refusal(() => readPytorchState(archive, 'x.pt'))).message).toContain('cannot hold');
    const huge = rawZip([{ name: 'a/data.pkl', method: 0, content, bytes: 2 ** 31, crc: 0 }]);
    expect((await refusal(() => readPytorchState(huge, 'x.pt'))).message).toContain(
      'declares 2147483648 bytes',
    );
  });

  it.each([
    [
      'a TorchScript archive',
      { 'a/data.pkl': pickled.file([0x4e]), 'a/constants.pkl': pickled.file([0x4e]) },
      'TorchScript',
    ],
    ['another ZIP archive', { 'word/document.xml': new Uint8Array(3) }, 'no data.pkl'],
    [
      'two pickles',
      { 'a/data.pkl': pickled.file([0x4e]), 'b/data.pkl': pickled.file([0x4e]) },
      'more than one',
    ],
    [
      'another byte order',
      { 'a/data.pkl': pickled.file([0x4e]), 'a/byteorder': Uint8Array.from([0x62, 0x69, 0x67]) },
      'byte order',
    ],
  ])('%s is refused', async (_, files, message) => {
    expect((await refusal(() => readPytorchState(zipSync(files), 'x.pt'))).message).toContain(message);
  });

  it('the format before PyTorch 1.6 is refused with what to do', async () => {
    // The magic number 0x1950a86a20f9469cfc6c as a pickle of its own.
    const legacy = Uint8Array.from([
      0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
    ]);
    const error = await refusal(() => readPytorchState(legacy, 'x.pt'));
    expect(error.message).toContain('before version 1.6');
    expect(error.hint).toContain('torch.save(torch.load(');
    expect((await refusal(() => readPytorchState(new Uint8Array(0), 'x.pt'))).message).toContain(
      'not a PyTorch file',
    );
  });

  it('cut anywhere it is refused (every length up to 400, then 300 more)', async () => {
    const whole = writePytorch(weights);
    for (let i = 0; i < 700; i++) {
      const length = i < 400 ? i : Math.floor(((i - 400) / 300) * whole.length);
      await refusal(() => importPt(whole.subarray(0, length)));
    }
  });

  it('with bytes changed anywhere it is refused, or reads what it was (300 files, seed 11)', async () => {
    let refused = 0;
    for (const bytes of flipped(writePytorch(weights), 300, 11)) {
      try {
        // Checksums leave only bytes that say nothing: times, comments, fields for other systems.
        expect(await importPt(bytes)).toEqual(weights);
      } catch (error) {
        expect((error as LocScaleError).tag).toBe('bad-input');
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(270);
  });

  it('with bytes changed in a pickle whose checksum is right it is refused or read (500 files, seed 12)', async () => {
    const { pickle, storages } = stateDict(weights);
    let refused = 0;
    for (const bytes of flipped(pickle, 500, 12)) {
      try {
        expect((await importPt(pytorchArchive(bytes, storages))).size).toBe(weights.size);
      } catch (error) {
        expect((error as LocScaleError).tag).toBe('bad-input');
        refused++;
      }
    }
    // Memo, devices, and flags of gradients may change without harm.
    expect(refused).toBeGreaterThan(350);
  });
});

interface RawEntry {
  name: string;
  method: number;
  content: Uint8Array;
  /** Declared size. */
  bytes: number;
  crc: number;
  zip64?: boolean;
}

/**
 * A ZIP archive that may lie. With `zip64` sizes are in the extra field, and the end record has its 64-bit
 * twin.
 */
function rawZip(entries: RawEntry[], zip64End = false): Uint8Array {
  const out: number[] = [];
  const half = (v: number): number[] => [v & 255, (v >> 8) & 255];
  const full = (v: number): number[] => [...half(v), ...half(Math.floor(v / 65536))];
  const long = (v: number): number[] => [...full(v % 2 ** 32), ...full(Math.floor(v / 2 ** 32))];
  const directory: number[] = [];
  for (const { name, method, content, bytes, crc, zip64 = false } of entries) {
    const at = out.length;
    const text = [...new TextEncoder().encode(name)];
    const size = zip64 ? 0xffffffff : bytes;
    const packed = zip64 ? 0xffffffff : content.length;
    const extra = zip64 ? [...half(1), ...half(16), ...long(bytes), ...long(content.length)] : [];
    const common = [
      ...half(20),
      ...half(0),
      ...half(method),
      ...full(0),
      ...full(crc),
      ...full(packed),
      ...full(size),
      ...half(text.length),
      ...half(extra.length),
    ];
    out.push(0x50, 0x4b, 3, 4, ...common, ...text, ...extra, ...content);
    directory.push(
      0x50,
      0x4b,
      1,
      2,
      ...half(20),
      ...common,
      ...half(0),
      ...half(0),
      ...half(0),
      ...full(0),
      ...full(at),
      ...text,
      ...extra,
    );
  }
  const start = out.length;
  out.push(...directory);
  if (zip64End) {
    const at = out.length;
    const count = entries.length;
    out.push(
      0x50,
      0x4b,
      6,
      6,
      ...long(44),
      ...half(45),
      ...half(45),
      ...full(0),
      ...full(0),
      ...long(count),
      ...long(count),
      ...long(directory.length),
      ...long(start),
    );
    out.push(0x50, 0x4b, 6, 7, ...full(0), ...long(at), ...full(1));
    out.push(
      0x50,
      0x4b,
      5,
      6,
      ...half(0),
      ...half(0),
      ...half(0xffff),
      ...half(0xffff),
      ...full(0xffffffff),
      ...full(0xffffffff),
      ...half(0),
    );
  } else
    out.push(
      0x50,
      0x4b,
      5,
      6,
      ...half(0),
      ...half(0),
      ...half(entries.length),
      ...half(entries.length),
      ...full(directory.length),
      ...full(start),
      ...half(0),
    );
  return Uint8Array.from(out);
}

describe('ZIP archives', () => {
  const content = Uint8Array.from({ length: 1001 }, (_, i) => (i * 7) & 255);

  it('CRC-32 of the check text is the published one', () => {
    expect(crc32(new TextEncoder().encode('123456789')).toString(16)).toBe('cbf43926');
    expect(crc32(new Uint8Array(0))).toBe(0);
  });

  it('ZIP64 sizes and ends are read', async () => {
    const archive = openZip(
      rawZip([{ name: 'a', method: 0, content, bytes: 1001, crc: crc32(content), zip64: true }], true),
      'x.zip',
    );
    expect(await archive.read(archive.entries.get('a')!, 2000)).toEqual(content);
  });

  it('a changed byte is found by the checksum', async () => {
    const archive = openZip(
      rawZip([{ name: 'a', method: 0, content, bytes: 1001, crc: 1 + crc32(content) }]),
      'x.zip',
    );
    expect((await refusal(() => archive.read(archive.entries.get('a')!, 2000))).message).toContain(
      'checksum of a',
    );
  });

  it('sizes beyond what numbers hold are refused', async () => {
    const bytes = rawZip([{ name: 'a', method: 0, content, bytes: 1001, crc: 0 }], true);
    bytes.fill(0xff, bytes.length - 22 - 20 - 8, bytes.length - 22 - 20);
    expect((await refusal(async () => openZip(bytes, 'x.zip'))).message).toContain('impossible size');
  });

  it('an archive comment with the signature of the end in it is no end', () => {
    const plain = rawZip([{ name: 'a', method: 0, content, bytes: 1001, crc: crc32(content) }]);
    const comment = [0x50, 0x4b, 5, 6, ...new Array(30).fill(0)];
    const bytes = Uint8Array.from([...plain, ...comment]);
    bytes[plain.length - 2] = comment.length;
    expect([...openZip(bytes, 'x.zip').entries.keys()]).toEqual(['a']);
  });
});
