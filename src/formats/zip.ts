/**
 * Reads entries of a ZIP archive in memory, for PyTorch weight files: stored or deflated entries, including
 * ZIP64 records. Sizes are checked against limits before anything is inflated, and every entry read is
 * verified by its CRC-32. Names are only compared, never used as paths. Layout: PKWARE APPNOTE 6.3.10,
 * sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14-16 (ends).
 */
import { LocScaleError } from '../errors.ts';
import { printable } from './printable.ts';

export interface ZipEntry {
  readonly name: string;
  /** 0: stored, 8: deflated. */
  readonly method: number;
  readonly flags: number;
  readonly crc32: number;
  readonly packedBytes: number;
  readonly bytes: number;
  /** Offset of the local header from the start of the archive. */
  readonly headerOffset: number;
}

export interface ZipArchive {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** The entry's content: a view of the archive if stored, a new array if deflated. */
  readonly read: (entry: ZipEntry, limitBytes: number) => Promise<Uint8Array>;
}

const LOCAL_HEADER = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
const END_BYTES = 22;
const ENCRYPTED = 1;
/** The comment after the end record has a 16-bit length. */
const MOST_COMMENT_BYTES = 0xffff;
/** State dicts have one entry per tensor, checkpoints a few times as many. */
const MOST_ENTRIES = 100_000;
const ALL_ONES = 0xffffffff;

export function openZip(archive: Uint8Array, name: string): ZipArchive {
  const damaged = (what: string): LocScaleError =>
    new LocScaleError('bad-input', `${name} is a damaged or truncated ZIP archive: ${what}.`, {
      where: name,
      hint: 'Copy or download the file again.',
    });
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const { count, offset, bytes } = findDirectory(view, damaged);
  if (count > MOST_ENTRIES) throw damaged(`it declares ${count} entries`);
  if (offset + bytes > archive.length) throw damaged('its directory lies beyond the end');
  const entries = new Map<string, ZipEntry>();
  let at = offset;
  for (let i = 0; i < count; i++) {
    const { entry, next } = readDirectoryEntry(archive, view, at, offset + bytes, damaged);
    if (entries.has(entry.name)) throw damaged(`it has two entries ${printable(entry.name)}`);
    entries.set(entry.name, entry);
    at = next;
  }
  return { entries, read: (entry, limitBytes) => readEntry(archive, view, entry, limitBytes, damaged) };
}

type Damaged = (what: string) => LocScaleError;

function findDirectory(view: DataView, damaged: Damaged): { count: number; offset: number; bytes: number } {
  const first = Math.max(0, view.byteLength - END_BYTES - MOST_COMMENT_BYTES);
  let end = view.byteLength - END_BYTES;
  // The comment must end exactly at the end of the file, so a signature inside a comment is not mistaken for
  // the record.
  while (
    end >= first &&
    !(
      view.getUint32(end, true) === END &&
      end + END_BYTES + view.getUint16(end + 20, true) === view.byteLength
    )
  )
    end--;
  if (end < first) throw damaged('it has no directory at its end');
  const disks = view.getUint16(end + 4, true);
  const count = view.getUint16(end + 10, true);
  const bytes = view.getUint32(end + 12, true);
  const offset = view.getUint32(end + 16, true);
  const locator = end - 20;
  if (locator >= 0 && view.getUint32(locator, true) === END_64_LOCATOR) {
    const at = readLength(view, locator + 8, damaged);
    if (at + 56 > view.byteLength || view.getUint32(at, true) !== END_64)
      throw damaged('its ZIP64 record is not where it should be');
    return {
      count: readLength(view, at + 32, damaged),
      bytes: readLength(view, at + 40, damaged),
      offset: readLength(view, at + 48, damaged),
    };
  }
  if (disks !== 0) throw damaged('it is one of several volumes');
  return { count, offset, bytes };
}

/** A 64-bit length or offset. */
function readLength(view: DataView, at: number, damaged: Damaged): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('it declares an impossible size');
  return Number(value);
}

function readDirectoryEntry(
  archive: Uint8Array,
  view: DataView,
  at: number,
  limit: number,
  damaged: Damaged,
): { entry: ZipEntry; next: number } {
  if (at + 46 > limit || view.getUint32(at, true) !== DIRECTORY_ENTRY)
    throw damaged('its directory ends early');
  const nameBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const commentBytes = view.getUint16(at + 32, true);
  const extra = at + 46 + nameBytes;
  const next = extra + extraBytes + commentBytes;
  if (next > limit) throw damaged('its directory ends early');
  const sizes = {
    bytes: view.getUint32(at + 24, true),
    packedBytes: view.getUint32(at + 20, true),
    headerOffset: view.getUint32(at + 42, true),
  };
  readZip64Extra(view, extra, extra + extraBytes, sizes, damaged);
  const entry = {
    name: new TextDecoder().decode(archive.subarray(at + 46, extra)),
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    crc32: view.getUint32(at + 16, true),
    ...sizes,
  };
  return { entry, next };
}

/** Extra field 1 holds, in this order, the sizes whose 32-bit field is all ones. */
function readZip64Extra(
  view: DataView,
  start: number,
  end: number,
  sizes: { bytes: number; packedBytes: number; headerOffset: number },
  damaged: Damaged,
): void {
  for (let at = start; at + 4 <= end; ) {
    const kind = view.getUint16(at, true);
    const fieldEnd = at + 4 + view.getUint16(at + 2, true);
    if (fieldEnd > end) throw damaged('an extra field is longer than its entry');
    if (kind === 1) {
      let value = at + 4;
      for (const key of ['bytes', 'packedBytes', 'headerOffset'] as const) {
        if (sizes[key] !== ALL_ONES) continue;
        if (value + 8 > fieldEnd) throw damaged('a ZIP64 field is too short');
        sizes[key] = readLength(view, value, damaged);
        value += 8;
      }
    }
    at = fieldEnd;
  }
}

async function readEntry(
  archive: Uint8Array,
  view: DataView,
  entry: ZipEntry,
  limitBytes: number,
  damaged: Damaged,
): Promise<Uint8Array> {
  const { headerOffset, packedBytes, bytes, method, flags } = entry;
  const name = printable(entry.name);
  if ((flags & ENCRYPTED) !== 0) throw damaged(`${name} is encrypted`);
  if (bytes > limitBytes)
    throw damaged(`${name} declares ${bytes} bytes, more than the ${limitBytes} that can be`);
  if (headerOffset + 30 > archive.length || view.getUint32(headerOffset, true) !== LOCAL_HEADER)
    throw damaged(`${name} is not where the directory says`);
  // Name and extra field may have other lengths in the local header than in the directory.
  const start =
    headerOffset + 30 + view.getUint16(headerOffset + 26, true) + view.getUint16(headerOffset + 28, true);
  if (start + packedBytes > archive.length) throw damaged(`${name} reaches beyond the end`);
  const packed = archive.subarray(start, start + packedBytes);
  let content: Uint8Array;
  if (method === 0) {
    if (packedBytes !== bytes) throw damaged(`${name} has two different sizes`);
    content = packed;
  } else if (method === 8) content = await inflate(packed, bytes, name, damaged);
  else throw damaged(`${name} is compressed by a method (${method}) that PyTorch does not use`);
  if (crc32(content) !== entry.crc32) throw damaged(`the checksum of ${name} is wrong`);
  return content;
}

/** Stops as soon as the output exceeds the declared size. */
async function inflate(
  packed: Uint8Array,
  bytes: number,
  name: string,
  damaged: Damaged,
): Promise<Uint8Array> {
  // Deflate expands at most 1032:1, so a tiny entry cannot claim much memory.
  if (bytes > packed.length * 1032 + 64) throw damaged(`${name} cannot hold the ${bytes} bytes it declares`);
  const content = new Uint8Array(bytes);
  let filled = 0;
  const input = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(new Uint8Array(packed));
      controller.close();
    },
  });
  const reader = input.pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  try {
    for (;;) {
      const step = await reader.read();
      if (step.done) break;
      if (filled + step.value.length > bytes) throw damaged(`${name} holds more than it declares`);
      content.set(step.value, filled);
      filled += step.value.length;
    }
  } catch (cause) {
    if (cause instanceof LocScaleError) throw cause;
    throw damaged(`${name} cannot be decompressed`);
  } finally {
    await reader.cancel().catch(() => {});
  }
  if (filled !== bytes) throw damaged(`${name} holds less than it declares`);
  return content;
}

let tables: Uint32Array[] | undefined;

/** CRC-32 (IEEE 802.3, reflected polynomial EDB88320), eight bytes per step. */
export function crc32(bytes: Uint8Array): number {
  tables ??= crcTables();
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let crc = -1;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc =
      t7[crc & 255] ^
      t6[(crc >>> 8) & 255] ^
      t5[(crc >>> 16) & 255] ^
      t4[crc >>> 24] ^
      t3[bytes[i + 4]] ^
      t2[bytes[i + 5]] ^
      t1[bytes[i + 6]] ^
      t0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}

/** Table k advances the CRC of a byte by k zero bytes. */
function crcTables(): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    return c;
  });
  const all = [first];
  for (let k = 1; k < 8; k++) {
    const last = all[k - 1];
    all.push(Uint32Array.from(last, (c) => (c >>> 8) ^ first[c & 255]));
  }
  return all;
}
