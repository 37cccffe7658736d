/**
 * Archives of weights made to write elsewhere: nothing is unpacked, whatever names and kinds their entries
 * have.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'fflate';
import { packTar, type TarEntry } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LocScaleError } from '../../../src/errors.ts';
import { readPytorchState } from '../../../src/formats/pytorch-state.ts';
import { readTar } from '../../../src/formats/tar-gz.ts';
import { crc32, openZip } from '../../../src/formats/zip.ts';
import { EMMERNET } from '../../../src/network/graph/emmernet-layers.ts';
import { importNetwork } from '../../../src/network/store/index.ts';
import {
  pickled,
  pytorchArchive,
  randomWeights,
  tensorPickle,
  writePytorch,
} from '../../support/weight-files.ts';

const latin = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Every path below `folder`. */
function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).sort();
}

const body = Uint8Array.of(1, 2, 3);
function entry(name: string, more: Partial<TarEntry['header']> = {}, content = body): TarEntry {
  const isLink = more.type !== undefined && more.type !== 'file' && !more.type.startsWith('gnu');
  return isLink
    ? { header: { name, size: 0, ...more } }
    : { header: { name, size: content.length, ...more }, body: content };
}

/** Everything that has ever made an unpacker write where it should not. */
function hostile(secret: string): TarEntry[] {
  const file = 'EMmerNet_lowContext.pt';
  return [
    entry(`../../outside/${file}.txt`),
    entry('/tmp/outside.txt'),
    entry('C:\\outside\\x.txt'),
    entry('models/../../x.txt'),
    entry('link', { type: 'symlink', linkname: '../..' }),
    entry('link/through-the-link.txt'),
    entry(`emmernet/${file}`, { type: 'symlink', linkname: secret }),
    entry(`hard/${file}`, { type: 'link', linkname: secret }),
    entry(`device/${file}`, { type: 'character-device' }),
    entry(`disk/${file}`, { type: 'block-device' }),
    entry(`pipe/${file}`, { type: 'fifo' }),
    entry(`${file}/`, { type: 'directory' }),
    entry('x.txt', { pax: { path: '../../renamed.txt' } }),
    entry('y.txt', { pax: { 'GNU.sparse.name': '../../sparse.txt', 'GNU.sparse.realsize': '99999999' } }),
    entry('../../unit/robustness/@LongLink', { type: 'gnu-long-name' }, latin('../../long.txt\0')),
    entry('short.txt'),
    entry(`${'d/'.repeat(5000)}deep.txt`),
    entry(`${'n'.repeat(10_000)}.txt`),
    entry('nul\0inside.txt', { pax: { path: 'nul\0../../inside.txt' } }),
    entry('models/emmernet-high-context/manifest.json'),
  ];
}

describe('importing a hostile archive', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-hostile-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('stores the network in it, and leaves everything else as it was', async () => {
    const store = join(folder, 'deep', 'down', 'models');
    mkdirSync(join(folder, 'deep', 'down'), { recursive: true });
    const secret = join(folder, 'secret.txt');
    writeFileSync(secret, 'untouched');
    const pt = writePytorch(randomWeights(4, EMMERNET));
    const tar = await packTar([
      ...hostile(secret),
      entry('emmernet/EMmerNet_highContext.pt', {}, new Uint8Array(pt)),
      ...hostile(secret),
    ]);
    const archive = join(folder, 'emmernet.tar.gz');
    writeFileSync(archive, gzipSync(tar, { level: 0 }));
    const before = listing(folder);
    const imported = await importNetwork(archive, { folder: store });
    expect(imported.map(({ manifest }) => manifest.name)).toEqual(['emmernet-high-context']);
    const added = listing(folder).filter((path) => !before.includes(path));
    const home = join('deep', 'down', 'models');
    expect(added.sort()).toEqual(
      [
        home,
        join(home, 'emmernet-high-context'),
        join(home, 'emmernet-high-context', 'manifest.json'),
        join(home, 'emmernet-high-context', 'plain.onnx'),
      ].sort(),
    );
    expect(readFileSync(secret, 'utf8')).toBe('untouched');
  });

  it('without a network it leaves an empty store', async () => {
    const store = join(folder, 'models');
    const archive = join(folder, 'x.tar');
    writeFileSync(archive, await packTar(hostile('/etc/passwd')));
    await expect(importNetwork(archive, { folder: store })).rejects.toMatchObject({ tag: 'bad-input' });
    expect(listing(folder)).toEqual(['models', 'x.tar']);
  });
});

describe('entries of a tar archive', () => {
  const limits = { fileBytes: 1000, archiveBytes: 2 ** 20 };
  async function read(entries: TarEntry[], wanted = (path: string) => path.endsWith('.bin')) {
    const tar = await packTar(entries);
    const found: [string, number[]][] = [];
    for await (const file of readTar({ bytes: pieces(tar), byteLength: tar.length }, 'x.tar', wanted, limits))
      found.push([file.path, [...file.bytes]]);
    return found;
  }
  async function* pieces(bytes: Uint8Array) {
    for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
  }

  it('links, devices and folders that are requested are no files', async () => {
    const kinds = ['symlink', 'link', 'character-device', 'block-device', 'fifo', 'directory'] as const;
    const others = kinds.map((type) => entry(`${type}.bin`, { type, linkname: '/etc/passwd' }));
    expect(await read([...others, entry('a.bin')])).toEqual([['a.bin', [1, 2, 3]]]);
  });

  it.each<[string, number | string]>([
    ['1000', 1000],
    // The padding of the entry: the bytes are there.
    ['1020', 1020],
    // No number: that of the header counts.
    ['-999', 1000],
    ['1e99', 1000],
    // Into the end of the archive, which then is none.
    ['1500', 'not a readable tar archive'],
    ['9999', 'declares 9999 bytes'],
  ])('a PAX header that gives a size of %s', async (size, expected) => {
    const tar = await packTar([entry('a.bin', { pax: { size: '1000' } }, new Uint8Array(1000))]);
    const record = Buffer.from(tar).indexOf('13 size=1000\n');
    tar.set(latin(`13 size=${size}\n`), record);
    const lengths: number[] = [];
    const result = (async () => {
      const source = { bytes: pieces(tar), byteLength: tar.length };
      const larger = { ...limits, fileBytes: 2000 };
      for await (const file of readTar(source, 'x.tar', () => true, larger)) lengths.push(file.bytes.length);
      return lengths;
    })();
    if (typeof expected === 'number') expect(await result).toEqual([expected]);
    else
      await expect(result).rejects.toMatchObject({
        tag: 'bad-input',
        message: expect.stringContaining(expected),
      });
  });

  it('names are whole, however long, and shown in messages without what acts on a terminal', async () => {
    const long = `${'n'.repeat(10_000)}.bin`;
    expect((await read([entry(long)]))[0]?.[0]).toBe(long);
    const bad = entry('\u001b[2Jx.bin', {}, new Uint8Array(1001));
    const error = await read([bad]).catch((thrown: unknown) => thrown as LocScaleError);
    expect((error as LocScaleError).message).toContain('?[2Jx.bin declares 1001 bytes');
  });
});

describe('ZIP archives of PyTorch', () => {
  const numbers = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
  const state = pickled.file(pickled.dict([['w', tensorPickle({ key: '0', count: 3, shape: [3] })]]));

  it.each(['../../unit/', '/', '../../etc/', 'C:\\'])(
    'entries under %s are compared as names, not opened',
    async (root) => {
      const archive = pytorchArchive(state, { 0: numbers }, { root });
      const found = await readPytorchState(archive, 'x.pt').then(
        async ([tensor]) => [...((await tensor?.read()) ?? [])],
        (error: unknown) => (error as LocScaleError).tag,
      );
      expect([[1, 2, 3].join(), 'bad-input']).toContain(String(found));
    },
  );

  it('two entries of one name are refused, named without what acts on a terminal', async () => {
    const archive = pytorchArchive(state, { '\u001b1': numbers, '\u001b2': numbers });
    const text = Buffer.from(archive).toString('latin1').replaceAll('\u001b2', '\u001b1');
    const twice = Uint8Array.from(Buffer.from(text, 'latin1'));
    const message = await readPytorchState(twice, 'x.pt').then(
      () => 'accepted',
      (error: unknown) => (error as Error).message,
    );
    expect(message).toContain('two entries archive/data/?1');
  });

  it('entries that share their bytes cannot expand beyond what weights take', async () => {
    // Each expands 4 kB to 4 MiB: 240 MiB out of a file of 20 kB.
    const bytes = 2 ** 22;
    const keys = Array.from({ length: 60 }, (_, i) => `${i}`);
    const pickle = pickled.file(
      pickled.dict(keys.map((key) => [`w${key}`, tensorPickle({ key, count: bytes / 4, shape: [4] })])),
    );
    const whole = pytorchArchive(pickle, { 0: new Uint8Array(bytes) }, { level: 9 });
    const shared = withSharedEntry(
      whole,
      'archive/data/0',
      keys.slice(1).map((key) => `archive/data/${key}`),
    );
    expect(shared.length).toBeLessThan(40_000);
    const tensors = await readPytorchState(shared, 'x.pt');
    const outcomes = await Promise.all(
      tensors.map(({ read }) =>
        read().then(
          (values) => values.length,
          (error: unknown) => (error as LocScaleError).message,
        ),
      ),
    );
    const refused = outcomes.filter((outcome) => typeof outcome === 'string');
    expect(outcomes.length - refused.length).toBe(16);
    expect(refused[0]).toContain('expands to more than');
  });

  it('a tensor that repeats one number many times over is refused', async () => {
    const repeated = (edge: number): Uint8Array =>
      pytorchArchive(
        pickled.file(
          pickled.dict([['w', tensorPickle({ key: '0', count: 3, shape: [edge, edge], stride: [0, 0] })]]),
        ),
        { 0: numbers },
      );
    const [small] = await readPytorchState(repeated(100), 'x.pt');
    expect((await small?.read())?.length).toBe(10_000);
    await expect(readPytorchState(repeated(2 ** 13), 'x.pt')).rejects.toMatchObject({ tag: 'bad-input' });
  });
});

/** The archive with more directory entries for the bytes of `name`. */
function withSharedEntry(archive: Uint8Array, name: string, others: readonly string[]): Uint8Array {
  const found = openZip(archive, 'x').entries.get(name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  expect(crc32(new Uint8Array(found.bytes))).toBe(found.crc32);
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const end = archive.length - 22;
  const start = view.getUint32(end + 16, true);
  const directory = [...archive.subarray(start, end)];
  for (const other of others) {
    const record = new Uint8Array(46);
    const fields = new DataView(record.buffer);
    record.set([0x50, 0x4b, 1, 2, 20, 0, 20, 0]);
    fields.setUint16(10, found.method, true);
    fields.setUint32(16, found.crc32, true);
    fields.setUint32(20, found.packedBytes, true);
    fields.setUint32(24, found.bytes, true);
    fields.setUint16(28, other.length, true);
    fields.setUint32(42, found.headerOffset, true);
    directory.push(...record, ...latin(other));
  }
  const last = archive.slice(end);
  const count = view.getUint16(end + 10, true) + others.length;
  const lastView = new DataView(last.buffer);
  lastView.setUint16(8, count, true);
  lastView.setUint16(10, count, true);
  lastView.setUint32(12, directory.length, true);
  return Uint8Array.from([...archive.subarray(0, start), ...directory, ...last]);
}
