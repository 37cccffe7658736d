/**
 * A bzip2 decoder for browsers, for one stream in memory: Huffman codes, move to front, inverse
 * Burrows-Wheeler transform, run lengths. Every block's CRC is checked. Variable names follow the description
 * of the format ("A simple description of bzip2", J. Tsai).
 */
const BLOCK_MAGIC = [0x314159, 0x265359] as const;
const END_MAGIC = [0x177245, 0x385090] as const;
const RUN_A = 0;
const RUN_B = 1;
/** Number of symbols per Huffman table selector. */
const GROUP = 50;
const MOST_BITS = 20;

/** CRC-32 in bzip2's bit order: highest bit first. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

class Bits {
  private at = 0;
  private held = 0;
  private count = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Up to 24 bits. */
  read(count: number): number {
    while (this.count < count) {
      if (this.at >= this.bytes.length) throw new Error('it ends too soon');
      this.held = (this.held << 8) | this.bytes[this.at++];
      this.count += 8;
    }
    this.count -= count;
    const value = (this.held >>> this.count) & ((1 << count) - 1);
    this.held &= (1 << this.count) - 1;
    return value;
  }
}

interface Huffman {
  /** Per code length: the highest code (-1 if none) and the offset from code to index. */
  readonly limit: Int32Array;
  readonly offset: Int32Array;
  readonly symbols: Uint16Array;
}

/** Decodes a stream of at most `size` bytes. */
export function decompressBlock(stream: Uint8Array, size: number): Uint8Array {
  const bits = new Bits(stream);
  const start = bits.read(24);
  const level = bits.read(8) - 0x30;
  if (start !== 0x425a68 || level < 1 || level > 9) throw new Error('its header is damaged');
  const parts: Uint8Array[] = [];
  for (let left = size; ; ) {
    const [high, low] = [bits.read(24), bits.read(24)];
    if (high === END_MAGIC[0] && low === END_MAGIC[1]) return join(parts);
    if (high !== BLOCK_MAGIC[0] || low !== BLOCK_MAGIC[1]) throw new Error('a block does not begin as one');
    const crc = ((bits.read(16) << 16) | bits.read(16)) >>> 0;
    const part = decodeBlock(bits, level * 100_000, left);
    if (crcOf(part) !== crc) throw new Error('the checksum of a block does not match');
    parts.push(part);
    left -= part.length;
  }
}

function decodeBlock(bits: Bits, blockSize: number, mostBytes: number): Uint8Array {
  if (bits.read(1) === 1) throw new Error('it is randomised, a feature of very old versions');
  const origin = bits.read(24);
  const alphabet = readAlphabet(bits);
  const tableCount = bits.read(3);
  const selectors = readSelectors(bits, tableCount);
  const tables = Array.from({ length: tableCount }, () => readTable(bits, alphabet.length + 2));
  const { columns, counts } = readSymbols(bits, alphabet, selectors, tables, blockSize);
  if (origin >= columns.length) throw new Error('its start lies outside the block');
  return unroll(sortBack(columns, counts), origin, mostBytes);
}

/** Bytes that occur in the block, ascending. */
function readAlphabet(bits: Bits): number[] {
  const used = bits.read(16);
  const bytes: number[] = [];
  for (let high = 0; high < 16; high++) {
    if (((used >> (15 - high)) & 1) === 0) continue;
    const row = bits.read(16);
    for (let low = 0; low < 16; low++) if ((row >> (15 - low)) & 1) bytes.push(16 * high + low);
  }
  if (bytes.length === 0) throw new Error('no byte occurs in a block');
  return bytes;
}

function readSelectors(bits: Bits, tableCount: number): Uint8Array {
  if (tableCount < 2 || tableCount > 6) throw new Error('it has no such number of tables');
  const selectors = new Uint8Array(bits.read(15));
  const order = Array.from({ length: tableCount }, (_, i) => i);
  for (let i = 0; i < selectors.length; i++) {
    let place = 0;
    while (bits.read(1) === 1)
      if (++place >= tableCount) throw new Error('a table is named that is not there');
    const [table] = order.splice(place, 1);
    order.unshift(table);
    selectors[i] = table;
  }
  return selectors;
}

function readTable(bits: Bits, symbolCount: number): Huffman {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let i = 0; i < symbolCount; i++) {
    for (;;) {
      if (length < 1 || length > MOST_BITS) throw new Error('a code has no such length');
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[i] = length;
  }
  const limit = new Int32Array(MOST_BITS + 2).fill(-1);
  const offset = new Int32Array(MOST_BITS + 2);
  const symbols: number[] = [];
  let code = 0;
  for (let n = 1; n <= MOST_BITS; n++) {
    offset[n] = code - symbols.length;
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      if (lengths[symbol] !== n) continue;
      symbols.push(symbol);
      limit[n] = code++;
    }
    code *= 2;
  }
  return { limit, offset, symbols: Uint16Array.from(symbols) };
}

function readSymbol(bits: Bits, { limit, offset, symbols }: Huffman): number {
  let code = 0;
  for (let n = 1; n <= MOST_BITS; n++) {
    code = code * 2 + bits.read(1);
    if (code <= limit[n]) return symbols[code - offset[n]];
  }
  throw new Error('a code is not in its table');
}

/** The last column of the sorted rotations, and the count of each byte in it. */
function readSymbols(
  bits: Bits,
  alphabet: readonly number[],
  selectors: Uint8Array,
  tables: readonly Huffman[],
  blockSize: number,
): { columns: Uint8Array; counts: Uint32Array } {
  const front = Uint8Array.from(alphabet);
  const columns = new Uint8Array(blockSize);
  const counts = new Uint32Array(256);
  const end = alphabet.length + 1;
  let filled = 0;
  let run = 0;
  let weight = 1;
  const put = (byte: number, times: number): void => {
    if (filled + times > blockSize) throw new Error('a block is longer than it may be');
    columns.fill(byte, filled, filled + times);
    counts[byte] += times;
    filled += times;
  };
  for (let n = 0; ; n++) {
    const selector = selectors[Math.floor(n / GROUP)];
    if (selector === undefined) throw new Error('its tables end too soon');
    const symbol = readSymbol(bits, tables[selector]);
    if (symbol === RUN_A || symbol === RUN_B) {
      run += symbol === RUN_A ? weight : 2 * weight;
      weight *= 2;
      if (run > blockSize) throw new Error('a block is longer than it may be');
      continue;
    }
    if (run > 0) put(front[0], run);
    run = 0;
    weight = 1;
    if (symbol === end) return { columns: columns.subarray(0, filled), counts };
    const byte = front[symbol - 1];
    front.copyWithin(1, 0, symbol - 1);
    front[0] = byte;
    put(byte, 1);
  }
}

/** Each entry: a byte in the lowest 8 bits, the row of its successor above them. */
function sortBack(columns: Uint8Array, counts: Uint32Array): Uint32Array {
  const first = new Uint32Array(256);
  for (let byte = 1; byte < 256; byte++) first[byte] = first[byte - 1] + counts[byte - 1];
  const rows = new Uint32Array(columns.length);
  for (let i = 0; i < columns.length; i++) rows[i] = columns[i];
  for (let i = 0; i < columns.length; i++) rows[first[columns[i]]++] |= i << 8;
  return rows;
}

/** Follows the rows; expands four equal bytes and a count to a run. */
function unroll(rows: Uint32Array, origin: number, mostBytes: number): Uint8Array {
  let out = new Uint8Array(Math.min(mostBytes, 2 * rows.length));
  let filled = 0;
  const put = (byte: number, times: number): void => {
    if (filled + times > mostBytes) throw new Error('it is longer than it may be');
    if (filled + times > out.length) {
      const larger = new Uint8Array(Math.min(mostBytes, 2 * (filled + times)));
      larger.set(out.subarray(0, filled));
      out = larger;
    }
    out.fill(byte, filled, filled + times);
    filled += times;
  };
  let row = rows[origin];
  let equal = 0;
  let last = -1;
  for (let i = 0; i < rows.length; i++) {
    row = rows[row >>> 8];
    const byte = row & 0xff;
    if (equal === 4) {
      put(last, byte);
      equal = 0;
      last = -1;
      continue;
    }
    equal = byte === last ? equal + 1 : 1;
    last = byte;
    put(byte, 1);
  }
  return out.subarray(0, filled);
}

function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = (crc << 8) ^ crcTable[((crc >>> 24) ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
