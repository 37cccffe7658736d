/** Converts voxels between the bytes of a map file and float32, in either byte order. */

/** Modes `VoxelDecoder` converts. */
export type RealMode = 0 | 1 | 2 | 6 | 12;
export const realModeBytes: Readonly<Record<RealMode, number>> = { 0: 1, 1: 2, 2: 4, 6: 2, 12: 2 };

export function isRealMode(mode: number): mode is RealMode {
  return mode in realModeBytes;
}

export const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

let halfTable: Float32Array | undefined;

/** Value of every IEEE 754 binary16 bit pattern. */
function halfToFloat(): Float32Array {
  if (halfTable !== undefined) return halfTable;
  halfTable = new Float32Array(65_536);
  for (let bits = 0; bits < 65_536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    halfTable[bits] =
      exponent === 31
        ? fraction === 0
          ? sign * Infinity
          : Number.NaN
        : exponent === 0
          ? sign * fraction * 2 ** -24
          : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return halfTable;
}

export function swapBytes16(words: Uint16Array, count: number): void {
  for (let i = 0; i < count; i++) words[i] = (words[i] << 8) | (words[i] >>> 8);
}

export function swapBytes32(words: Uint32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const w = words[i];
    words[i] = (w << 24) | ((w & 0xff00) << 8) | ((w >>> 8) & 0xff00) | (w >>> 24);
  }
}

/** Bytes per conversion step: fits in the L2 cache. */
const scratchBytes = 262_144;

/** Converts whole voxels of a piece of a file. */
export function decodeVoxels(
  bytes: Uint8Array,
  mode: RealMode,
  littleEndian: boolean,
  signedBytes = true,
): Float32Array {
  const decoder = new VoxelDecoder(mode, littleEndian, signedBytes);
  const values = new Float32Array(Math.floor(bytes.length / realModeBytes[mode]));
  let filled = 0;
  for (let at = 0; at < bytes.length; ) {
    const chunk = bytes.subarray(at, at + decoder.room);
    decoder.push(chunk);
    filled += decoder.flush(values, filled);
    at += chunk.length;
  }
  return values;
}

/**
 * Accepts bytes in chunks of any length and alignment and writes float32 into a target. Bytes pass through
 * one aligned scratch buffer: the extra copy stays in cache and makes every conversion a plain typed-array
 * loop.
 */
export class VoxelDecoder {
  private readonly bytes = new Uint8Array(scratchBytes);
  private readonly words16 = new Uint16Array(this.bytes.buffer);
  private readonly signed16 = new Int16Array(this.bytes.buffer);
  private readonly words32 = new Uint32Array(this.bytes.buffer);
  private readonly floats = new Float32Array(this.bytes.buffer);
  private readonly signed8 = new Int8Array(this.bytes.buffer);
  private filled = 0;
  private readonly mode: RealMode;
  private readonly swap: boolean;
  private readonly signedBytes: boolean;

  /** `signedBytes`: of mode 0 (mode-0.ts). */
  constructor(mode: RealMode, littleEndian: boolean, signedBytes = true) {
    this.mode = mode;
    this.signedBytes = signedBytes;
    this.swap = littleEndian !== hostIsLittleEndian;
  }

  /** Bytes that may be pushed before `flush` must be called. */
  get room(): number {
    return scratchBytes - this.filled;
  }

  get bytesPerVoxel(): number {
    return realModeBytes[this.mode];
  }

  /** Bytes pushed but not yet converted. */
  get pendingBytes(): number {
    return this.filled;
  }

  /** Whether voxels are stored as they lie in memory. */
  private get isPlain(): boolean {
    return this.mode === 2 && !this.swap;
  }

  /** Converts whole voxels without the scratch buffer, if these bytes need none; returns their number. */
  copyPlain(chunk: Uint8Array, target: Float32Array, offset: number): number {
    if (!this.isPlain || this.filled > 0) return 0;
    const count = Math.floor(chunk.length / 4);
    new Uint8Array(target.buffer, target.byteOffset + 4 * offset, 4 * count).set(
      chunk.subarray(0, 4 * count),
    );
    return count;
  }

  push(chunk: Uint8Array): void {
    this.bytes.set(chunk, this.filled);
    this.filled += chunk.length;
  }

  /** Converts the whole voxels pushed so far to `target` from `offset`; returns their number. */
  flush(target: Float32Array, offset: number): number {
    const size = realModeBytes[this.mode];
    const count = Math.floor(this.filled / size);
    this.convert(target, offset, count);
    const used = count * size;
    this.bytes.copyWithin(0, used, this.filled);
    this.filled -= used;
    return count;
  }

  private convert(target: Float32Array, offset: number, count: number): void {
    const { words16, signed16, floats } = this;
    const bytes = this.signedBytes ? this.signed8 : this.bytes;
    if (this.swap && this.mode === 2) swapBytes32(this.words32, count);
    else if (this.swap && this.mode !== 0) swapBytes16(words16, count);
    if (this.mode === 2) target.set(floats.subarray(0, count), offset);
    else if (this.mode === 1) for (let i = 0; i < count; i++) target[offset + i] = signed16[i];
    else if (this.mode === 6) for (let i = 0; i < count; i++) target[offset + i] = words16[i];
    else if (this.mode === 0) for (let i = 0; i < count; i++) target[offset + i] = bytes[i];
    else {
      const table = halfToFloat();
      for (let i = 0; i < count; i++) target[offset + i] = table[words16[i]];
    }
  }
}
