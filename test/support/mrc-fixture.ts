/**
 * Raw bytes of MRC files, written from the specification's table and independent of src/formats: the reader
 * is tested on these, not on what the writer makes.
 */

export type FixtureMode = 0 | 1 | 2 | 6 | 12;

export interface MrcFixture {
  /** Extents along columns, rows, sections. */
  extents: readonly [number, number, number];
  mode?: number;
  littleEndian?: boolean;
  /** Voxels in file order; length nc * nr * ns. */
  values?: ArrayLike<number>;
  start?: readonly [number, number, number];
  /** Default: the extents along x, y, z. */
  sampling?: readonly [number, number, number];
  cell?: readonly [number, number, number];
  voxelSize?: number;
  angles?: readonly [number, number, number];
  axes?: readonly [number, number, number];
  statistics?: readonly [min: number, max: number, mean: number, rms: number];
  spaceGroup?: number;
  extended?: Uint8Array;
  /** NSYMBT, where it should not be the length of `extended`. */
  extendedLength?: number;
  extendedType?: string;
  version?: number;
  origin?: readonly [number, number, number];
  magic?: string;
  machineStamp?: readonly [number, number, number, number];
  labels?: readonly string[];
  labelCount?: number;
  /** Bytes 97-104 and 113-196, which the specification leaves free, are filled with this. */
  extraByte?: number;
  /** IMOD's stamp and these flags, at bytes 152 and 156. */
  imodFlags?: number;
}

/** Bits of the binary16 number nearest to `value` (normal numbers, zero, infinities, NaN). */
export function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size === Infinity) return sign | 0x7c00;
  if (size === 0) return sign;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const fraction = size / 2 ** exponent;
  if (fraction < 1) return sign | Math.round(fraction * 1024);
  return sign | (((exponent + 15) << 10) + Math.round((fraction - 1) * 1024));
}

const bytesPerVoxel: Readonly<Record<number, number>> = { 0: 1, 1: 2, 2: 4, 3: 4, 4: 8, 6: 2, 12: 2 };

export function makeMrc(fixture: MrcFixture): Uint8Array<ArrayBuffer> {
  const {
    extents,
    mode = 2,
    littleEndian: le = true,
    axes = [1, 2, 3],
    extended = new Uint8Array(0),
  } = fixture;
  const [nc, nr, ns] = extents;
  const voxels = nc * nr * ns;
  const size = bytesPerVoxel[mode] ?? 1;
  const bytes = new Uint8Array(1024 + extended.length + voxels * size);
  const view = new DataView(bytes.buffer);
  const i32 = (word: number, values: readonly number[]): void => {
    for (const [i, v] of values.entries()) view.setInt32(4 * (word - 1 + i), v, le);
  };
  const f32 = (word: number, values: readonly number[]): void => {
    for (const [i, v] of values.entries()) view.setFloat32(4 * (word - 1 + i), v, le);
  };
  const text = (offset: number, value: string): void => {
    for (let i = 0; i < value.length; i++) view.setUint8(offset + i, value.charCodeAt(i));
  };
  const along = [nc, nr, ns];
  axes.forEach((axis, i) => {
    if (axis >= 1 && axis <= 3) along[axis - 1] = extents[i];
  });
  const sampling = fixture.sampling ?? (along as [number, number, number]);
  const voxelSize = fixture.voxelSize ?? 1.5;
  if (fixture.extraByte !== undefined) {
    bytes.fill(fixture.extraByte, 96, 104);
    bytes.fill(fixture.extraByte, 112, 196);
  }
  if (fixture.imodFlags !== undefined) i32(39, [1_146_047_817, fixture.imodFlags]);
  i32(1, [nc, nr, ns, mode]);
  i32(5, fixture.start ?? [0, 0, 0]);
  i32(8, sampling);
  f32(11, fixture.cell ?? (sampling.map((m) => m * voxelSize) as unknown as readonly number[]));
  f32(14, fixture.angles ?? [90, 90, 90]);
  i32(17, axes);
  f32(20, (fixture.statistics ?? [0, -1, -2, -1]).slice(0, 3));
  i32(23, [fixture.spaceGroup ?? 1, fixture.extendedLength ?? extended.length]);
  text(104, fixture.extendedType ?? (extended.length > 0 ? 'CCP4' : ''));
  i32(28, [fixture.version ?? 20140]);
  f32(50, fixture.origin ?? [0, 0, 0]);
  text(208, fixture.magic ?? 'MAP ');
  bytes.set(fixture.machineStamp ?? (le ? [0x44, 0x44, 0, 0] : [0x11, 0x11, 0, 0]), 212);
  f32(55, [(fixture.statistics ?? [0, 0, 0, -1])[3]]);
  const labels = fixture.labels ?? [];
  i32(56, [fixture.labelCount ?? labels.length]);
  for (const [i, label] of labels.entries()) text(224 + 80 * i, label);
  bytes.set(extended, 1024);
  const data = 1024 + extended.length;
  const values = fixture.values ?? Array.from({ length: voxels }, (_, i) => (i % 100) + 1);
  for (let i = 0; i < voxels; i++) {
    const at = data + i * size;
    if (mode === 0) view.setInt8(at, values[i]);
    else if (mode === 1) view.setInt16(at, values[i], le);
    else if (mode === 2) view.setFloat32(at, values[i], le);
    else if (mode === 6) view.setUint16(at, values[i], le);
    else if (mode === 12) view.setUint16(at, halfBits(values[i]), le);
  }
  return bytes;
}

/** `bytes` in chunks of `size`: what a file stream delivers. */
export async function* inChunks(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, Math.min(bytes.length, at + size));
}

/** A source with known length, as a plain file has. */
export function asFile(
  bytes: Uint8Array,
  chunkSize?: number,
): { bytes: AsyncIterable<Uint8Array>; byteLength: number } {
  return { bytes: inChunks(bytes, chunkSize), byteLength: bytes.length };
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
