/**
 * Archives of weights: tar, plain, in gzip and in bzip2, as an import reads them, and the whole way of an
 * import from a file on disk for some. The repair sets the checksums of the headers and compresses again.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { gunzipSync, gzipSync } from 'fflate';
import { packTar, type TarHeader } from 'modern-tar';
import { readTar } from '../../../../src/formats/tar-gz.ts';
import { readModels } from '../../../../src/network/store/read-weights.ts';
import { encodeBzip2 } from '../../../support/bzip2-encode.ts';
import { writePytorch } from '../../../support/weight-files.ts';
import { ascii, hashOf, property, withClearRefusals } from '../target-tools.ts';
import type { FuzzTarget } from '../types.ts';
import { smallWeights } from './small-weights.ts';

const NAME = 'case.tar';
const BLOCK_BYTES = 512;
/** As small beside the seeds as those of an import are beside its archives. */
const limits = { fileBytes: 16_384, archiveBytes: 2 ** 20 };
/** One case in so many is also imported from a file. */
const IMPORT_EVERY = 16;
const MOST_REPAIRED_BYTES = 2 ** 20;

/** Names, types of entries, and records of PAX headers. */
const dictionary = [
  ...['ustar\u000000', 'ustar  \u0000', '../../', '/etc/', 'EMmerNet_highContext.pt', 'x.bin'],
  ...['00000000000\u0000', '77777777777\u0000', '00000001000\u0000'],
  ...['30 path=../../../outside/x.bin\n', '13 size=1000\n', '24 size=99999999999999\n', '12 path=a.bin\n'],
  ...['21 linkpath=/etc/passwd\n', '28 GNU.sparse.realsize=9999\n', '20 GNU.sparse.major=1\n'],
  ...['0', '1', '2', '3', '4', '5', '6', '7', 'L', 'K', 'x', 'g', 'S', 'V', 'M', '\u0000'],
].map(ascii);
dictionary.push(
  Uint8Array.of(0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff),
  new Uint8Array(BLOCK_BYTES),
  Uint8Array.of(0x1f, 0x8b, 8),
  ascii('BZh9'),
);

const mtime = new Date(0);
const header = (name: string, size: number, more: Partial<TarHeader> = {}): TarHeader => ({
  name,
  size,
  mtime,
  ...more,
});

async function seeds(): Promise<readonly Uint8Array[]> {
  const body = Uint8Array.from({ length: 700 }, (_, i) => (i * i) & 255);
  const tar = await packTar([
    { header: header('folder/', 0, { type: 'directory' }) },
    { header: header('folder/readme.txt', 600), body: body.subarray(0, 600) },
    { header: header('folder/x.bin', body.length), body },
    { header: header('folder/link', 0, { type: 'symlink', linkname: '/etc/passwd' }) },
    { header: header('folder/hard', 0, { type: 'link', linkname: 'folder/x.bin' }) },
    { header: header(`${'long/'.repeat(60)}y.bin`, 5), body: body.subarray(0, 5) },
    { header: header('z.bin', 3, { pax: { comment: 'of no use' } }), body: body.subarray(0, 3) },
  ]);
  const pt = writePytorch(smallWeights);
  const weights = await packTar([
    { header: header('emmernet/EMmerNet_highContext.pt', pt.length), body: pt },
    { header: header('emmernet/emmernet_lowcontext.pt', 12), body: body.subarray(0, 12) },
  ]);
  return [
    new Uint8Array(tar),
    gzipSync(tar, { level: 6, mtime: 0 }),
    new Uint8Array(weights),
    new Uint8Array(encodeBzip2(tar)),
  ];
}

/**
 * Checksums of the headers along the way that the sizes give; then packed, plain or cut, by the bytes
 * themselves.
 */
function repair(bytes: Uint8Array): Uint8Array {
  const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const tar = zipped ? unzipped(bytes) : new Uint8Array(bytes);
  if (tar === undefined) return bytes;
  for (let at = 0; at + BLOCK_BYTES <= tar.length; ) {
    const block = tar.subarray(at, at + BLOCK_BYTES);
    if (block.every((byte) => byte === 0)) break;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(ascii(`${sum.toString(8).padStart(6, '0')}\u0000 `), 148);
    const digits = String.fromCharCode(...block.subarray(124, 135)).replaceAll(/[^0-7]/g, '');
    const size = Number.parseInt(digits || '0', 8);
    at += BLOCK_BYTES + Math.ceil(Math.min(size, tar.length) / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return hashOf(tar) % 4 === 0 ? gzipSync(tar, { level: 1, mtime: 0 }) : tar;
}

function unzipped(bytes: Uint8Array): Uint8Array | undefined {
  try {
    return gunzipSync(bytes, { out: new Uint8Array(MOST_REPAIRED_BYTES) });
  } catch {
    return undefined;
  }
}

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function read(bytes: Uint8Array): Promise<void> {
  const choice = hashOf(bytes);
  const source = {
    bytes: inPieces(bytes, choice % 3 === 0 ? 100 : 65_536),
    byteLength: bytes.length,
  };
  const wanted = (path: string): boolean => path.endsWith('.bin') || path.endsWith('.pt');
  let total = 0;
  for await (const { path, bytes: content } of readTar(source, NAME, wanted, limits)) {
    property(typeof path === 'string' && wanted(path), 'only files that were asked for come out');
    property(content.length <= limits.fileBytes, 'no file is larger than the limit');
    total += content.length;
    property(total <= limits.archiveBytes, 'all files together are not larger than the archive may be');
  }
  if (choice % IMPORT_EVERY === 0) await importFromDisk(bytes);
}

let folder: string | undefined;

/** No case holds a network of EMmerNet's size, so that nothing may be imported. */
async function importFromDisk(bytes: Uint8Array): Promise<void> {
  if (folder === undefined) {
    folder = mkdtempSync(joinPath(tmpdir(), 'locscale-fuzz-tar-'));
    const made = folder;
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  const path = joinPath(folder, NAME);
  writeFileSync(path, bytes);
  for await (const { manifest } of readModels(path))
    property(false, `what is not EMmerNet is imported as ${manifest.name}`);
}

export const tar: FuzzTarget = {
  name: 'tar',
  title: 'tar archives of weights, plain, gzip and bzip2, and their import',
  seeds,
  dictionary,
  repair,
  read: withClearRefusals(read),
  refusals: ['bad-input'],
  memoryLimitBytes: 64 * 2 ** 20,
};
