/**
 * Reads a map file (MRC2014/CCP4) in one pass: bytes are converted and reordered to canonical (z, y, x) as
 * they arrive, so that only one copy of the volume exists. mrc-write.ts writes them.
 */
import { LocScaleError } from '../errors.ts';
import type { Grid } from '../math/grid.ts';
import { extensionOf, fillFromExtension, type OpenedMap, refuseLength, takeTail } from './align-voxels.ts';
import { type AxisLayout, axisLayout, scatterSections, voxelPosition } from './axis-order.ts';
import { ByteReader, type ByteSource } from './byte-source.ts';
import { describeExtension, extendedStartBytes } from './extended-header.ts';
import type { MapImage } from './map-image.ts';
import { looksUnsigned, makeUnsigned } from './mode-0.ts';
import { type MrcHeader, mrcHeaderBytes, parseMrcHeader } from './mrc-header.ts';
import { type CheckedHeader, checkMrcHeader, declaredByteLength } from './mrc-header-checks.ts';
import { isRealMode, VoxelDecoder } from './voxel-codec.ts';

export { type MrcWriteOptions, writeMrc, writeMrcHeaderLast } from './mrc-write.ts';

/** How a map is read. */
export interface MrcReadOptions {
  /** File name or label, for messages. */
  readonly name: string;
  /** Allocates memory for the voxels; called once, after the header has been checked. */
  readonly allocate: (voxels: number) => Float32Array;
  /** Voxel size in A to use instead of the header's (-p/--apix). */
  readonly voxelSizeOverride?: number | undefined;
  /** One sentence each. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Harmless observations, one sentence each. */
  readonly onInfo?: ((message: string) => void) | undefined;
  readonly onGrid?: ((grid: Grid) => void) | undefined;
  /** Role of the file, which decides the wording of messages and how bytes of unknown signedness are read. */
  readonly kind?: 'map' | 'mask';
  /** Accept a file whose voxels are all 0 (a difference mask may be empty). */
  readonly allowAllZero?: boolean;
}

/** Tracks whether all voxels so far are finite, and whether any is not 0. */
interface VoxelCensus {
  anyNonZero: boolean;
  nonFinite: number;
  /** Index in file order. */
  firstNonFinite: number;
}

/** Counts zeros, extremes and values that are not finite in a run of voxels, with the first such voxel. */
function inspect(
  data: Float32Array,
  from: number,
  count: number,
  fileIndex: number,
  census: VoxelCensus,
): void {
  let nonFinite = 0;
  // v - v is 0 for finite values and NaN otherwise; summing it avoids a branch per voxel. Two sums do not
  // wait for each other.
  let probe = 0;
  let other = 0;
  const pairs = from + count - (count % 2);
  for (let i = from; i < pairs; i += 2) {
    probe += data[i] - data[i];
    other += data[i + 1] - data[i + 1];
  }
  if (pairs < from + count) probe += data[pairs] - data[pairs];
  if (probe + other !== 0) {
    for (let i = from; i < from + count; i++) {
      if (Number.isFinite(data[i])) continue;
      if (census.nonFinite === 0 && nonFinite === 0) census.firstNonFinite = fileIndex + (i - from);
      nonFinite++;
    }
  }
  census.nonFinite += nonFinite;
  for (let i = from; !census.anyNonZero && i < from + count; i++) if (data[i] !== 0) census.anyNonZero = true;
}

/** Memory for the voxels; throws 'out-of-memory' with the size if there is none. */
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

/** Converts up to `wanted` voxels into `target`; returns their number. */
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
    let converted = 0;
    if (chunk !== undefined) {
      converted = decoder.copyPlain(chunk, target, filled);
      decoder.push(chunk.subarray(converted * decoder.bytesPerVoxel));
      if (converted === 0 && decoder.room > 0 && chunk.length < bytesAwaited) continue;
    }
    if (converted === 0) converted = decoder.flush(target, filled);
    inspect(target, filled, converted, fileIndex + filled, census);
    filled += converted;
    if (chunk === undefined) break;
  }
  return filled;
}

/**
 * Streams the voxels into `data`. Returns their number, which is smaller than declared if the file is
 * truncated.
 */
async function readVoxels(
  reader: ByteReader,
  checked: CheckedHeader,
  data: Float32Array,
  census: VoxelCensus,
): Promise<number> {
  const { header, layout, mode, voxels, bytes } = checked;
  const decoder = new VoxelDecoder(mode, header.littleEndian, bytes?.signed);
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
    scatterSections(layout, first, count, buffer, data);
    if (filled < count * sectionVoxels) return first * sectionVoxels + filled;
  }
  return voxels;
}

/** Throws for NaN, infinities, and maps that are all zeros. */
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
        hint: 'Check that the right file was given.',
      },
    );
  }
}

/**
 * Signedness of bytes without a stamp; the header's extremes may come from a program that misread them. A
 * mask has no negative values, and a density does not jump by 255.
 */
function judgeBytes(data: Float32Array, { name, kind, onWarning }: MrcReadOptions): void {
  const wraps = looksUnsigned(data);
  if (kind === 'mask' && (wraps || (data.some((v) => v < 0) && !data.some((v) => v > 0)))) {
    makeUnsigned(data);
    onWarning?.(
      `The bytes of ${name} (mode 0) are read as unsigned, because as signed bytes they are not a mask.`,
    );
  } else if (wraps) {
    onWarning?.(
      `The bytes of ${name} (mode 0) are read as signed, as MRC2014 requires, but look like unsigned ` +
        'ones; if they are, convert the map to float32 (mode 2).',
    );
  }
}

/** Options that checks of headers need. */
type HeaderOptions = Pick<MrcReadOptions, 'name' | 'voxelSizeOverride' | 'onWarning' | 'onInfo'>;

/** Reads and checks the header; the reader then stands at the voxels. */
async function readHeader(
  reader: ByteReader,
  source: ByteSource,
  options: HeaderOptions,
): Promise<OpenedMap> {
  const { name } = options;
  const headerBytes = await reader.read(mrcHeaderBytes);
  if (headerBytes.length < mrcHeaderBytes) {
    throw new LocScaleError(
      'bad-input',
      `${name} is too short for a map: a header has ${mrcHeaderBytes} bytes, the file only ` +
        `${headerBytes.length}.`,
      {
        where: name,
        expected: `at least ${mrcHeaderBytes} bytes`,
        found: `${headerBytes.length} bytes`,
        hint: 'Copy or download the file again.',
      },
    );
  }
  const { byteLength, byteLengthLimit } = source;
  const parsed = parseMrcHeader(headerBytes);
  const fits = byteLength !== undefined && byteLength === lengthOf(parsed);
  const start = fits ? new Uint8Array(0) : await reader.peek(extendedStartBytes);
  const checked = checkMrcHeader(parsed, {
    name,
    byteLength,
    byteLengthLimit,
    start,
    voxelSizeOverride: options.voxelSizeOverride,
    onWarning: options.onWarning ?? (() => {}),
    onInfo: options.onInfo ?? (() => {}),
  });
  return { ...checked, name, start, byteLength };
}

/** Length of the file by its header; undefined for modes that are not read. */
function lengthOf({ mode, nc, nr, ns, nsymbt }: MrcHeader): number | undefined {
  return isRealMode(mode) ? declaredByteLength(nsymbt, mode, nc * nr * ns) : undefined;
}

/**
 * Header and grid of a map, with the checks of `readMrc`, but without voxels and extended header. Closes the
 * source.
 */
export async function readMrcHeader(
  source: ByteSource,
  options: HeaderOptions,
): Promise<Omit<MapImage, 'data'>> {
  const reader = new ByteReader(source.bytes);
  try {
    const { header, grid } = await readHeader(reader, source, options);
    return { name: options.name, header, grid };
  } finally {
    await reader.close();
  }
}

/** Reads a map from its (decompressed) bytes. Throws LocScaleError 'bad-input' if it is not a usable map. */
export async function readMrc(source: ByteSource, options: MrcReadOptions): Promise<MapImage> {
  const { name } = options;
  const onWarning = options.onWarning ?? (() => {});
  const reader = new ByteReader(source.bytes);
  try {
    const map = await readHeader(reader, source, options);
    const { header, layout, voxels, byteLength, extendedBytes } = map;
    options.onGrid?.(map.grid);
    const extended = await reader.read(extendedBytes);
    const incomplete = extended.length < extendedBytes;
    if (incomplete && (byteLength !== undefined || extensionOf(map, reader.position) === undefined))
      refuseLength(map, reader.position);
    const data = allocateVoxels(options, voxels);
    let census: VoxelCensus = { anyNonZero: false, nonFinite: 0, firstNonFinite: -1 };
    const arrived = incomplete ? 0 : await readVoxels(reader, map, data, census);
    if (arrived < voxels && byteLength !== undefined) refuseLength(map, reader.position);
    const aligned =
      arrived < voxels
        ? fillFromExtension(map, data, extended, arrived, reader.position)
        : await takeTail(reader, map, data, extended, onWarning);
    const stated = byteLength === undefined ? header.nsymbt : extendedBytes;
    if (aligned.extended.length !== stated)
      onWarning(`${name} declares ${describeExtension(header.nsymbt, aligned.extended.length)}.`);
    let order = layout;
    if (aligned.moved) {
      census = { anyNonZero: false, nonFinite: 0, firstNonFinite: -1 };
      inspect(data, 0, voxels, 0, census);
      const [ns, nr, nc] = layout.shape;
      order = axisLayout({ nc, nr, ns, mapc: 1, mapr: 2, maps: 3 });
    }
    if (map.bytes?.signed && map.bytes.source !== 'stamp') judgeBytes(data, options);
    refuseVoxels(census, order, options);
    return { name, header: { ...header, extended: aligned.extended }, grid: map.grid, data };
  } finally {
    await reader.close();
  }
}
