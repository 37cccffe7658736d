/**
 * Streaming bzip2 decoder. The WebAssembly library decodes whole buffers only, but a bzip2 stream is a series
 * of independent blocks, each preceded by a 48-bit magic number at any bit position. Blocks are located in
 * the incoming bytes, shifted to a byte boundary, wrapped as one-block streams and decoded one at a time.
 * Memory is bounded by one block (0.9 MB, at most 47 MB for runs), and the library checks each block's CRC.
 */
import { type Bzip2Decoder, loadBzip2 } from '../platform/index.ts';

/** Magic numbers of a block (digits of pi) and of the end of a stream (square root of pi). */
const blockMagic = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
/** End of a stream: the digits of the square root of pi. */
const endMagic = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
/** A block holds 100 kB x level; runs of up to 255 bytes are stored as 5 bytes before that. */
const runExpansion = 52;
/** Compressed blocks of 900 kB are at most a few per cent larger; far above that the data is damaged. */
const maxCompressedBlockBytes = 2_000_000;

/** Thrown for damaged data; decompress() converts it to a LocScaleError with the file's name. */
export class Bzip2DataError extends Error {}

/** Growable byte queue, consumed from the front. */
class ByteQueue {
  private storage = new Uint8Array(65_536);
  private start = 0;
  private end = 0;

  /** What is buffered. */
  get bytes(): Uint8Array {
    return this.storage.subarray(this.start, this.end);
  }

  /** Appends a chunk; the buffer grows only if at least half of it is in use. */
  push(chunk: Uint8Array): void {
    const length = this.end - this.start;
    if (this.end + chunk.length > this.storage.length) {
      const target =
        length + chunk.length > this.storage.length / 2
          ? new Uint8Array(2 * (length + chunk.length))
          : this.storage;
      target.set(this.bytes);
      this.storage = target;
      this.start = 0;
      this.end = length;
    }
    this.storage.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Forgets bytes that have been read. */
  drop(count: number): void {
    this.start = Math.min(this.end, this.start + count);
  }
}

/** Extracts `count` bits (a multiple of 8) from bit position `bit` as bytes; bits beyond the end are 0. */
function extractBits(bytes: Uint8Array, bit: number, count: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(count / 8));
  const shift = bit & 7;
  const first = bit >> 3;
  for (let i = 0; i < out.length; i++) {
    const high = bytes[first + i] ?? 0;
    const low = bytes[first + i + 1] ?? 0;
    out[i] = ((high << shift) | (low >> (8 - shift))) & 0xff;
  }
  const spare = out.length * 8 - count;
  if (spare > 0) out[out.length - 1] &= 0xff << spare;
  return out;
}

/** Second byte of a shifted magic number → candidate shifts. Most byte values have none. */
const secondByteShifts: readonly (readonly number[])[] = Array.from({ length: 256 }, (_, byte) =>
  [0, 1, 2, 3, 4, 5, 6, 7].filter((shift) =>
    [blockMagic, endMagic].some((magic) => ((((magic[0] << 8) | magic[1]) >> shift) & 0xff) === byte),
  ),
);

/** Magic numbers are not aligned to bytes. */
function magicAt(bytes: Uint8Array, bit: number): 'block' | 'end' | undefined {
  const six = extractBits(bytes, bit, 48);
  if (six.every((byte, i) => byte === blockMagic[i])) return 'block';
  if (six.every((byte, i) => byte === endMagic[i])) return 'end';
  return undefined;
}

/** First magic number at or after `fromBit` that lies wholly in `bytes`, or undefined. */
function findMagic(bytes: Uint8Array, fromBit: number): { bit: number; kind: 'block' | 'end' } | undefined {
  for (let i = (fromBit >> 3) + 1; i < bytes.length; i++) {
    for (const shift of secondByteShifts[bytes[i]]) {
      const bit = (i - 1) * 8 + shift;
      if (bit < fromBit || bit + 48 > bytes.length * 8) continue;
      const kind = magicAt(bytes, bit);
      if (kind !== undefined) return { bit, kind };
    }
  }
  return undefined;
}

/** A complete stream of level `level` holding the one block in bits [start, end). */
function wrapBlock(bytes: Uint8Array, start: number, end: number, level: number): Uint8Array {
  const body = extractBits(bytes, start, end - start);
  // The stream's CRC of a single block is the block's CRC, the 32 bits behind its magic number.
  const tail = [...endMagic, ...body.subarray(6, 10)];
  const bits = end - start;
  const out = new Uint8Array(4 + Math.ceil((bits + 80) / 8));
  out.set([0x42, 0x5a, 0x68, 0x30 + level]);
  out.set(body, 4);
  const shift = bits & 7;
  const at = 4 + (bits >> 3);
  tail.forEach((byte, i) => {
    out[at + i] |= byte >> shift;
    if (shift > 0) out[at + i + 1] |= (byte << (8 - shift)) & 0xff;
  });
  return out;
}

/** The byte order of bzip2. */
function bigEndian32(bytes: Uint8Array): number {
  return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
}

/** Decodes a bzip2 file, also one of several streams back to back. */
export async function* bunzip2(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const library = await loadBzip2();
  const queue = new ByteQueue();
  const input = source[Symbol.asyncIterator]();
  let ended = false;
  const more = async (): Promise<boolean> => {
    const step = ended ? { done: true as const, value: undefined } : await input.next();
    if (step.done) ended = true;
    else queue.push(step.value);
    return !step.done;
  };
  try {
    for (let streams = 0; ; streams++) {
      while (queue.bytes.length < 4 && (await more()));
      if (queue.bytes.length === 0 && streams > 0) return;
      const [b, z, h, digit] = queue.bytes;
      const level = (digit ?? 0) - 0x30;
      if (b !== 0x42 || z !== 0x5a || h !== 0x68 || level < 1 || level > 9) {
        if (streams > 0) throw new Bzip2DataError('there are other bytes after its end');
        throw new Bzip2DataError('its header is damaged');
      }
      queue.drop(4);
      yield* decodeStream(library, queue, more, level);
    }
  } finally {
    if (!ended) await input.return?.();
  }
}

/** Decodes one stream, from the end of its four-byte header to the padding after its CRC. */
async function* decodeStream(
  library: Bzip2Decoder,
  queue: ByteQueue,
  more: () => Promise<boolean>,
  level: number,
): AsyncGenerator<Uint8Array> {
  let startBit = 0;
  let streamCrc = 0;
  let searchBit = 0;
  let current: 'block' | undefined;
  for (;;) {
    const found = findMagic(queue.bytes, searchBit);
    if (found === undefined) {
      // A magic number may straddle the end of the buffered bytes: resume the search 7 bytes earlier.
      searchBit = Math.max(searchBit, (queue.bytes.length - 7) * 8);
      if (queue.bytes.length > maxCompressedBlockBytes) throw new Bzip2DataError('a block has no end');
      if (!(await more())) throw new Bzip2DataError('it ends in the middle of a block');
      continue;
    }
    if (current === undefined && found.bit !== 0) throw new Bzip2DataError('its first block is damaged');
    if (current === 'block') {
      const crc = bigEndian32(extractBits(queue.bytes, startBit + 48, 32));
      streamCrc = (((streamCrc << 1) | (streamCrc >>> 31)) ^ crc) >>> 0;
      const block = wrapBlock(queue.bytes, startBit, found.bit, level);
      let decoded: Uint8Array;
      try {
        decoded = library.decompress(block, level * 100_000 * runExpansion);
      } catch (cause) {
        throw new Bzip2DataError('a block is damaged', { cause });
      }
      yield decoded;
    }
    queue.drop(found.bit >> 3);
    startBit = found.bit & 7;
    if (found.kind === 'end') {
      while (queue.bytes.length * 8 < startBit + 80 && (await more()));
      if (queue.bytes.length * 8 < startBit + 80)
        throw new Bzip2DataError('it ends in the middle of its checksum');
      if (bigEndian32(extractBits(queue.bytes, startBit + 48, 32)) !== streamCrc)
        throw new Bzip2DataError('its checksum does not match');
      queue.drop(Math.ceil((startBit + 80) / 8));
      return;
    }
    current = 'block';
    searchBit = startBit + 48;
  }
}
