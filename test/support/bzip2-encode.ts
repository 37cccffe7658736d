/**
 * A small bzip2 compressor for fixtures (the package in use only decompresses). One Huffman table of equal
 * code lengths: valid, not compact.
 */
class BitWriter {
  private readonly bytes: number[] = [];
  private current = 0;
  private used = 0;

  bits(value: number, count: number): void {
    for (let i = count - 1; i >= 0; i--) {
      this.current = (this.current << 1) | (Math.floor(value / 2 ** i) & 1);
      if (++this.used === 8) {
        this.bytes.push(this.current);
        this.current = 0;
        this.used = 0;
      }
    }
  }

  finish(): Uint8Array {
    while (this.used !== 0) this.bits(0, 1);
    return Uint8Array.from(this.bytes);
  }
}

/** CRC-32 with bzip2's bit order (most significant first). */
function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte << 24;
    for (let i = 0; i < 8; i++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return ~crc >>> 0;
}

/** Runs of 4 to 255 equal bytes become 4 bytes and a count. */
function encodeRuns(data: Uint8Array): number[] {
  const out: number[] = [];
  for (let i = 0; i < data.length; ) {
    let run = 1;
    while (run < 255 && i + run < data.length && data[i + run] === data[i]) run++;
    for (let k = 0; k < Math.min(run, 4); k++) out.push(data[i]);
    if (run >= 4) out.push(run - 4);
    i += run;
  }
  return out;
}

/** Burrows-Wheeler transform by prefix doubling of the cyclic rotations. */
function transform(data: readonly number[]): { last: number[]; origin: number } {
  const n = data.length;
  let rank = Int32Array.from(data);
  const order = Array.from({ length: n }, (_, i) => i);
  for (let step = 0; ; step = step === 0 ? 1 : step * 2) {
    const second = (i: number): number => (step === 0 ? 0 : rank[(i + step) % n]);
    order.sort((a, b) => rank[a] - rank[b] || second(a) - second(b));
    const next = new Int32Array(n);
    for (let k = 1; k < n; k++) {
      const [a, b] = [order[k - 1], order[k]];
      next[b] = next[a] + (rank[a] === rank[b] && second(a) === second(b) ? 0 : 1);
    }
    rank = next;
    if (rank[order[n - 1]] === n - 1 || step >= n) break;
  }
  return { last: order.map((i) => data[(i + n - 1) % n]), origin: order.indexOf(0) };
}

function writeBlock(out: BitWriter, data: Uint8Array): number {
  const crc = crc32(data);
  const { last, origin } = transform(encodeRuns(data));
  out.bits(0x314159265359, 48);
  out.bits(crc, 32);
  out.bits(0, 1);
  out.bits(origin, 24);
  const used = [...new Set(last)].sort((a, b) => a - b);
  for (let g = 0; g < 16; g++) out.bits(used.some((b) => b >> 4 === g) ? 1 : 0, 1);
  for (let g = 0; g < 16; g++) {
    if (used.some((b) => b >> 4 === g))
      for (let b = 0; b < 16; b++) out.bits(used.includes(g * 16 + b) ? 1 : 0, 1);
  }
  // Move to front; runs of zeros in bijective base 2 with the symbols 0 and 1.
  const list = [...used];
  const symbols: number[] = [];
  let zeros = 0;
  const flush = (): void => {
    for (; zeros > 0; zeros = (zeros - 1) >> 1) symbols.push((zeros - 1) & 1);
    zeros = 0;
  };
  for (const byte of last) {
    const position = list.indexOf(byte);
    if (position === 0) {
      zeros++;
      continue;
    }
    flush();
    symbols.push(position + 1);
    list.splice(position, 1);
    list.unshift(byte);
  }
  flush();
  const alphabet = used.length + 2;
  symbols.push(alphabet - 1);
  const groups = Math.ceil(symbols.length / 50);
  out.bits(2, 3);
  out.bits(groups, 15);
  for (let g = 0; g < groups; g++) out.bits(0, 1);
  const length = Math.max(1, Math.ceil(Math.log2(alphabet)));
  for (let table = 0; table < 2; table++) {
    out.bits(length, 5);
    for (let s = 0; s < alphabet; s++) out.bits(0, 1);
  }
  for (const symbol of symbols) out.bits(symbol, length);
  return crc;
}

/** One bzip2 stream with a block for every `blockBytes` bytes (at most 90,000: level 1). */
export function encodeBzip2(data: Uint8Array, blockBytes = 20_000): Uint8Array {
  const out = new BitWriter();
  out.bits(0x425a6831, 32);
  let crc = 0;
  for (let at = 0; at < data.length; at += blockBytes) {
    const block = writeBlock(out, data.subarray(at, at + blockBytes));
    crc = (((crc << 1) | (crc >>> 31)) ^ block) >>> 0;
  }
  out.bits(0x177245385090, 48);
  out.bits(crc, 32);
  return out.finish();
}
