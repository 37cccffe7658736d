/**
 * Reading a map file (MRC2014/CCP4) in one pass: bytes are converted and put in canonical (z, y, x) order
 * as they arrive, so that no second copy of the volume ever exists. Writing is in mrc-write.ts.
 */
import { LocScaleError } from '../errors.ts';
import { type AxisLayout, scatterSections, voxelPosition } from './axis-order.ts';
import { ByteReader, type ByteSource } from './byte-source.ts';
import type { MapImage } from './map-image.ts';
import { mrcHeaderBytes, parseMrcHeader } from './mrc-header.ts';
import {
  type CheckedHeader,
  checkMrcHeader,
  declaredByteLength,
  refuseTruncated,
} from './mrc-header-checks.ts';
import { VoxelDecoder } from './voxel-codec.ts';

export { type MrcWriteOptions, writeMrc } from './mrc-write.ts';

export interface MrcReadOptions {
  /** File name or label, for messages. */
  readonly name: string;
  /** Memory for the voxels; called once, after the header has been found plausible. */
  readonly allocate: (voxels: number) => Float32Array;
  /** Voxel size in A to use instead of the header's (-p/--apix). */
  readonly voxelSizeOverride?: number | undefined;
  /** One sentence each. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** What the file is for; only the wording of messages depends on it. */
  readonly kind?: 'map' | 'mask';
  /** Accept a file whose voxels are all 0 (a difference mask may be empty). */
  readonly allowAllZero?: boolean;
}

/** Bytes after the declared end that are read to count them; a compressed file may hide any amount. */
const trailingBytesRead = 1_048_576;

/** Whether the voxels seen so far are numbers, and whether any is not 0. */
interface VoxelCensus {
  anyNonZero: boolean;
  nonFinite: number;
  /** Index in file order. */
  firstNonFinite: number;
}

function inspect(
  data: Float32Array,
  from: number,
  count: number,
  fileIndex: number,
  census: VoxelCensus,
): void {
  let nonFinite = 0;
  // v - v is 0 for numbers and NaN for NaN and infinities; the sum keeps the loop free of branches.
  let probe = 0;
  for (let i = from; i < from + count; i++) probe += data[i] - data[i];
  if (probe !== 0) {
    for (let i = from; i < from + count; i++) {
      if (Number.isFinite(data[i])) continue;
      if (census.nonFinite === 0 && nonFinite === 0) census.firstNonFinite = fileIndex + (i - from);
      nonFinite++;
    }
  }
  census.nonFinite += nonFinite;
  for (let i = from; !census.anyNonZero && i < from + count; i++) if (data[i] !== 0) census.anyNonZero = true;
}

function allocateVoxels(options: MrcReadOptions, voxels: number): Float32Array {
  let data: Float32Array;
  try {
    data = options.allocate(voxels);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new LocScaleError(
      'out-of-memory',
      `There is no memory for the ${voxels} voxels of ${options.name} (${(voxels * 4) / 2 ** 30} GiB).`,
      {
        where: options.name,
        cause,
        hint: 'Use a smaller box or a machine with more memory.',
      },
    );
  }
  if (data.length !== voxels)
    throw new LocScaleError('internal', `allocate(${voxels}) returned ${data.length} voxels.`);
  return data;
}

/** Converts the next `wanted` voxels into `target`; returns how many there were. */
async function fillVoxels(
  reader: ByteReader,
  decoder: VoxelDecoder,
  target: Float32Array,
  wanted: number,
  fileIndex: number,
  census: VoxelCensus,
): Promise<number> {
  let filled = 0;
  while (filled < wanted) {
    const bytesAwaited = (wanted - filled) * decoder.bytesPerVoxel - decoder.pendingBytes;
    const chunk = await reader.next(Math.min(decoder.room, bytesAwaited));
    if (chunk !== undefined) {
      decoder.push(chunk);
      if (decoder.room > 0 && chunk.length < bytesAwaited) continue;
    }
    const converted = decoder.flush(target, filled);
    inspect(target, filled, converted, fileIndex + filled, census);
    filled += converted;
    if (chunk === undefined) break;
  }
  return filled;
}

/** Streams the voxels into `data`. Returns the voxels that arrived: fewer than declared if the file is cut. */
async function readVoxels(
  reader: ByteReader,
  checked: CheckedHeader,
  data: Float32Array,
  census: VoxelCensus,
): Promise<number> {
  const { header, layout, mode, voxels } = checked;
  const decoder = new VoxelDecoder(mode, header.littleEndian);
  if (layout.identity) return fillVoxels(reader, decoder, data, voxels, 0, census);
  const sectionVoxels = layout.columns * layout.rows;
  const buffer = new Float32Array(layout.sectionsPerBlock * sectionVoxels);
  for (let first = 0; first < layout.sections; first += layout.sectionsPerBlock) {
    const count = Math.min(layout.sectionsPerBlock, layout.sections - first);
    const filled = await fillVoxels(
      reader,
      decoder,
      buffer,
      count * sectionVoxels,
      first * sectionVoxels,
      census,
    );
    if (filled < count * sectionVoxels) return first * sectionVoxels + filled;
    scatterSections(layout, first, count, buffer, data);
  }
  return voxels;
}

function refuseVoxels(census: VoxelCensus, layout: AxisLayout, options: MrcReadOptions): void {
  const { name } = options;
  if (census.nonFinite > 0) {
    const { x, y, z } = voxelPosition(layout, census.firstNonFinite);
    const many = census.nonFinite === 1 ? '1 voxel that is' : `${census.nonFinite} voxels that are`;
    throw new LocScaleError(
      'bad-input',
      `${name} has ${many} NaN or infinite, the first at x, y, z = ${x}, ${y}, ${z}.`,
      {
        where: name,
        expected: 'finite numbers',
        found: `${census.nonFinite} NaN or infinite`,
        hint: 'Repair the map, or write it again with the program that made it.',
      },
    );
  }
  if (!census.anyNonZero && options.allowAllZero !== true) {
    const mask = options.kind === 'mask';
    throw new LocScaleError(
      'bad-input',
      mask ? `The mask ${name} is empty: every voxel is 0.` : `${name} is empty: every voxel is 0.`,
      {
        where: name,
        expected: mask ? 'voxels above 0' : 'a density',
        found: 'only zeros',
        hint: 'Check that the right file was given.',
      },
    );
  }
}

async function readHeader(
  reader: ByteReader,
  source: ByteSource,
  options: Pick<MrcReadOptions, 'name' | 'voxelSizeOverride' | 'onWarning'>,
): Promise<CheckedHeader> {
  const { name } = options;
  const headerBytes = await reader.read(mrcHeaderBytes);
  if (headerBytes.length < mrcHeaderBytes) {
    throw new LocScaleError(
      'bad-input',
      `${name} is too short for a map: a header has ${mrcHeaderBytes} bytes, the file only ${headerBytes.length}.`,
      {
        where: name,
        expected: `at least ${mrcHeaderBytes} bytes`,
        found: `${headerBytes.length} bytes`,
        hint: 'Copy or download the file again.',
      },
    );
  }
  const { byteLength, byteLengthLimit } = source;
  return checkMrcHeader(parseMrcHeader(headerBytes), {
    name,
    byteLength,
    byteLengthLimit,
    voxelSizeOverride: options.voxelSizeOverride,
    onWarning: options.onWarning ?? (() => {}),
  });
}

/**
 * Header and grid of a map, checked as `readMrc` checks them, without its voxels. The extended header is
 * left out. Ends the source.
 */
export async function readMrcHeader(
  source: ByteSource,
  options: Pick<MrcReadOptions, 'name' | 'voxelSizeOverride' | 'onWarning'>,
): Promise<Omit<MapImage, 'data'>> {
  const reader = new ByteReader(source.bytes);
  try {
    const { header, grid } = await readHeader(reader, source, options);
    return { name: options.name, header, grid };
  } finally {
    await reader.close();
  }
}

/** Reads a map from its (decompressed) bytes. Throws LocScaleError 'bad-input' for whatever is not a usable map. */
export async function readMrc(source: ByteSource, options: MrcReadOptions): Promise<MapImage> {
  const { name } = options;
  const onWarning = options.onWarning ?? (() => {});
  const reader = new ByteReader(source.bytes);
  try {
    const { byteLength } = source;
    const checked = await readHeader(reader, source, options);
    const { header, layout, mode, voxels } = checked;
    const declared = declaredByteLength(header.nsymbt, mode, voxels);
    const extended = await reader.read(header.nsymbt);
    const census: VoxelCensus = { anyNonZero: false, nonFinite: 0, firstNonFinite: -1 };
    const truncated = (): never => refuseTruncated(header, mode, name, declared, `${reader.position} bytes`);
    if (extended.length < header.nsymbt) truncated();
    const data = allocateVoxels(options, voxels);
    if ((await readVoxels(reader, checked, data, census)) < voxels) truncated();
    // A plain file's length is known; a compressed one is read to its end, where its checksum is.
    const rest =
      byteLength !== undefined
        ? { bytes: byteLength - declared, ended: true }
        : await reader.drain(trailingBytesRead);
    if (rest.bytes > 0) {
      onWarning(
        `${name} has ${rest.ended ? '' : 'more than '}${rest.bytes} bytes after the end of its map; they are ignored.`,
      );
    }
    refuseVoxels(census, layout, options);
    return { name, header: { ...header, extended }, grid: checked.grid, data };
  } finally {
    await reader.close();
  }
}
