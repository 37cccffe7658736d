/**
 * The 1024-byte MRC2014/CCP4 header, field by field in the order of the specification.
 * Parsing never fails and checks nothing (mrc-header-checks.ts and mrc-validate.ts do). Encoding a parsed
 * header reproduces its 1024 bytes, even if they make no sense.
 */
import type { Grid } from '../math/grid.ts';

/** Bytes of the header proper. */
export const mrcHeaderBytes = 1024;
/** Ten labels of 80 characters. */
const labelCount = 10;
const labelBytes = 80;
const labelOffset = 224;

/** The fields of an MRC2014 header, under the specification's names. See `raw` for all others. */
export interface MrcHeader {
  /** Columns, rows, sections: the extents along the file's fast, medium and slow axis. */
  nc: number;
  nr: number;
  ns: number;
  mode: number;
  /** First index along columns, rows, sections. */
  ncstart: number;
  nrstart: number;
  nsstart: number;
  /** Sampling along X, Y, Z of the unit cell. */
  mx: number;
  my: number;
  mz: number;
  /** Cell edges in A and angles in degrees. */
  cellA: number;
  cellB: number;
  cellC: number;
  alpha: number;
  beta: number;
  gamma: number;
  /** Which crystal axis (1 = X, 2 = Y, 3 = Z) runs along columns, rows, sections. */
  mapc: number;
  mapr: number;
  maps: number;
  dmin: number;
  dmax: number;
  dmean: number;
  ispg: number;
  nsymbt: number;
  /** Four characters, Latin-1. */
  exttyp: string;
  nversion: number;
  /** ORIGIN in A, x, y, z. */
  originX: number;
  originY: number;
  originZ: number;
  machst: readonly [number, number, number, number];
  rms: number;
  nlabl: number;
  /** Text of the label slots up to the last that is not blank, without trailing blanks and NULs. */
  labels: string[];
  littleEndian: boolean;
  /** The 1024 bytes as read. */
  raw: Uint8Array;
  /** The NSYMBT bytes after the header, as read. */
  extended: Uint8Array;
}

/** Fields that are numbers. */
type NumberField = {
  [K in keyof MrcHeader]: MrcHeader[K] extends number ? K : never;
}[keyof MrcHeader];

/** Byte offset and type of every numeric field. Words 25-26, 29-49 ("extra") stay as they are in `raw`. */
const numberFields: readonly (readonly [NumberField, number, 'i32' | 'f32'])[] = [
  ['nc', 0, 'i32'],
  ['nr', 4, 'i32'],
  ['ns', 8, 'i32'],
  ['mode', 12, 'i32'],
  ['ncstart', 16, 'i32'],
  ['nrstart', 20, 'i32'],
  ['nsstart', 24, 'i32'],
  ['mx', 28, 'i32'],
  ['my', 32, 'i32'],
  ['mz', 36, 'i32'],
  ['cellA', 40, 'f32'],
  ['cellB', 44, 'f32'],
  ['cellC', 48, 'f32'],
  ['alpha', 52, 'f32'],
  ['beta', 56, 'f32'],
  ['gamma', 60, 'f32'],
  ['mapc', 64, 'i32'],
  ['mapr', 68, 'i32'],
  ['maps', 72, 'i32'],
  ['dmin', 76, 'f32'],
  ['dmax', 80, 'f32'],
  ['dmean', 84, 'f32'],
  ['ispg', 88, 'i32'],
  ['nsymbt', 92, 'i32'],
  ['nversion', 108, 'i32'],
  ['originX', 196, 'f32'],
  ['originY', 200, 'f32'],
  ['originZ', 204, 'f32'],
  ['rms', 216, 'f32'],
  ['nlabl', 220, 'i32'],
];
/** Byte offsets of fields that are not numbers. */
const exttypOffset = 104;
const magicOffset = 208;
export const mrcMagic = 'MAP ';
const machstOffset = 212;

/** Modes that MRC2014 defines; 3, 4 and 101 are named in refusals, never converted. */
export const mrcModes: ReadonlyMap<number, { readonly name: string; readonly bytesPerVoxel: number }> =
  new Map([
    [0, { name: 'int8', bytesPerVoxel: 1 }],
    [1, { name: 'int16', bytesPerVoxel: 2 }],
    [2, { name: 'float32', bytesPerVoxel: 4 }],
    [3, { name: 'complex int16', bytesPerVoxel: 4 }],
    [4, { name: 'complex float32', bytesPerVoxel: 8 }],
    [6, { name: 'uint16', bytesPerVoxel: 2 }],
    [12, { name: 'float16', bytesPerVoxel: 2 }],
    [101, { name: '4-bit', bytesPerVoxel: 0.5 }],
  ]);

/** Each of 1, 2 and 3 once. */
export function isAxisPermutation(mapc: number, mapr: number, maps: number): boolean {
  return [mapc, mapr, maps].sort().join() === '1,2,3';
}

/** Byte order declared by MACHST; undefined for an unknown stamp. */
export function byteOrderOfMachineStamp(machst: ArrayLike<number>): 'little' | 'big' | undefined {
  // 0x44 0x41 is the CCP4 library's little-endian stamp, 0x44 0x44 the specification's.
  if (machst[0] === 0x44 && (machst[1] === 0x44 || machst[1] === 0x41)) return 'little';
  if (machst[0] === 0x11 && machst[1] === 0x11) return 'big';
  return undefined;
}

/** How many of mode, axis order, extents and sampling are plausible in the given byte order (0 to 4). */
function plausibility(view: DataView, littleEndian: boolean): number {
  const word = (offset: number): number => view.getInt32(offset, littleEndian);
  const sensible = (value: number): boolean => value > 0 && value <= 65_536;
  let score = 0;
  if (mrcModes.has(word(12))) score++;
  if (isAxisPermutation(word(64), word(68), word(72))) score++;
  if (sensible(word(0)) && sensible(word(4)) && sensible(word(8))) score++;
  if (sensible(word(28)) && sensible(word(32)) && sensible(word(36))) score++;
  return score;
}

/**
 * Byte order of a header: that of MACHST, unless it is invalid or the other order is clearly more plausible
 * (by at least two of four tests: one odd field does not outweigh a valid stamp).
 */
function detectByteOrder(bytes: Uint8Array): 'little' | 'big' {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = plausibility(view, true);
  const big = plausibility(view, false);
  const stamped = byteOrderOfMachineStamp(bytes.subarray(machstOffset, machstOffset + 4));
  if (stamped === 'little') return big >= little + 2 ? 'big' : 'little';
  if (stamped === 'big') return little >= big + 2 ? 'little' : 'big';
  return big > little ? 'big' : 'little';
}

/** Latin-1 preserves every byte value, unlike a UTF-8 decoder. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The bytes of a label. */
function labelSlot(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(labelOffset + index * labelBytes, labelOffset + (index + 1) * labelBytes);
}

/** The four characters at byte 208 of the header's file, which should be "MAP ". */
export function magicOf(header: MrcHeader): string {
  return header.raw.length === mrcHeaderBytes
    ? decodeLatin1(header.raw.subarray(magicOffset, magicOffset + 4))
    : mrcMagic;
}

/** Text of each of the ten label slots, trailing blanks and NULs removed. */
export function decodeLabelSlots(bytes: Uint8Array): string[] {
  return Array.from({ length: labelCount }, (_, i) => {
    const slot = labelSlot(bytes, i);
    let end = slot.length;
    while (end > 0 && (slot[end - 1] === 0x20 || slot[end - 1] === 0)) end--;
    return decodeLatin1(slot.subarray(0, end));
  });
}

/** Reads the 1024 bytes; `extended` is empty until the caller has read the NSYMBT bytes that follow. */
export function parseMrcHeader(bytes: Uint8Array): MrcHeader {
  if (bytes.length !== mrcHeaderBytes)
    throw new RangeError(`an MRC header has 1024 bytes, not ${bytes.length}`);
  const raw = bytes.slice();
  const view = new DataView(raw.buffer);
  const littleEndian = detectByteOrder(raw) === 'little';
  const numbers = {} as Record<NumberField, number>;
  for (const [name, offset, type] of numberFields) {
    numbers[name] =
      type === 'i32' ? view.getInt32(offset, littleEndian) : view.getFloat32(offset, littleEndian);
  }
  const slots = decodeLabelSlots(raw);
  const used = slots.findLastIndex((text) => text !== '') + 1;
  return {
    ...numbers,
    exttyp: decodeLatin1(raw.subarray(exttypOffset, exttypOffset + 4)),
    machst: [raw[machstOffset], raw[machstOffset + 1], raw[machstOffset + 2], raw[machstOffset + 3]],
    labels: slots.slice(0, used),
    littleEndian,
    raw,
    extended: new Uint8Array(0),
  };
}

/** One byte per character; the rest is padded. */
function writeLatin1(target: Uint8Array, text: string, pad: number): void {
  for (let i = 0; i < target.length; i++) target[i] = i < text.length ? text.charCodeAt(i) & 0xff : pad;
}

/**
 * The 1024 bytes of `header` in the requested byte order. Starts from `raw`, so bytes that the specification
 * leaves to the writing program survive; a field is written only if its value differs from `raw` (which
 * preserves NaN payloads and label padding) or the byte order changes.
 */
export function encodeMrcHeader(
  header: MrcHeader,
  littleEndian = header.littleEndian,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(mrcHeaderBytes);
  if (header.raw.length === mrcHeaderBytes) bytes.set(header.raw);
  const view = new DataView(bytes.buffer);
  const sameOrder = littleEndian === header.littleEndian;
  for (const [name, offset, type] of numberFields) {
    const value = header[name];
    const present =
      type === 'i32' ? view.getInt32(offset, littleEndian) : view.getFloat32(offset, littleEndian);
    if (sameOrder && Object.is(present, value)) continue;
    if (type === 'i32') view.setInt32(offset, value, littleEndian);
    else view.setFloat32(offset, value, littleEndian);
  }
  writeLatin1(bytes.subarray(exttypOffset, exttypOffset + 4), header.exttyp, 0);
  if (header.raw.length !== mrcHeaderBytes || !sameOrder)
    writeLatin1(bytes.subarray(magicOffset, magicOffset + 4), mrcMagic, 0);
  bytes.set(header.machst, machstOffset);
  const present = decodeLabelSlots(bytes);
  for (let i = 0; i < labelCount; i++) {
    const text = header.labels[i] ?? '';
    if (present[i] !== text) writeLatin1(labelSlot(bytes, i), text, text === '' ? 0 : 0x20);
  }
  return bytes;
}

/** Header of a new mode-2 volume in canonical axis order on `grid`, for maps not read from a file. */
export function createMrcHeader(grid: Grid, labels: readonly string[] = []): MrcHeader {
  const [nz, ny, nx] = grid.shape;
  return {
    nc: nx,
    nr: ny,
    ns: nz,
    mode: 2,
    ncstart: 0,
    nrstart: 0,
    nsstart: 0,
    mx: nx,
    my: ny,
    mz: nz,
    cellA: Math.fround(nx * grid.voxelSize[2]),
    cellB: Math.fround(ny * grid.voxelSize[1]),
    cellC: Math.fround(nz * grid.voxelSize[0]),
    alpha: 90,
    beta: 90,
    gamma: 90,
    mapc: 1,
    mapr: 2,
    maps: 3,
    // DMAX < DMIN, DMEAN below both, RMS < 0: "not determined" in the specification's convention.
    dmin: 0,
    dmax: -1,
    dmean: -2,
    rms: -1,
    ispg: 1,
    nsymbt: 0,
    exttyp: '\0\0\0\0',
    nversion: 20140,
    originX: Math.fround(grid.origin[2]),
    originY: Math.fround(grid.origin[1]),
    originZ: Math.fround(grid.origin[0]),
    machst: [0x44, 0x44, 0, 0],
    nlabl: Math.min(labels.length, labelCount),
    labels: labels.slice(0, labelCount).map((text) => sanitizeLabel(text)),
    littleEndian: true,
    raw: new Uint8Array(0),
    extended: new Uint8Array(0),
  };
}

/** A label as the format allows it: printable ASCII, at most 80 characters, no trailing blanks. */
export function sanitizeLabel(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, labelBytes)
    .trimEnd();
}

/**
 * Adds a label in the first blank slot, so that no gap remains, or in place of the last if all ten are in
 * use.
 */
export function addLabel(labels: readonly string[], text: string): string[] {
  const slots = Array.from({ length: labelCount }, (_, i) => labels[i] ?? '');
  const blank = slots.findIndex((slot) => slot.trim() === '');
  slots[blank < 0 ? labelCount - 1 : blank] = sanitizeLabel(text);
  return slots.slice(0, slots.findLastIndex((slot) => slot !== '') + 1);
}
