/**
 * Writes a map file: mode 2, little endian, in the axis order and on the grid of its header.
 *
 * Unchanged: extents, NSTART, MX/MY/MZ, cell, angles, MAPC/R/S, ISPG, ORIGIN, labels, the bytes the
 * specification leaves free, and the extended header with its EXTTYP (as bytes: a numeric extended header of
 * a big-endian file stays big-endian). Changed: mode, byte order, statistics (recomputed), NVERSION (20140 if
 * the input declares neither 20140 nor 20141), and one label is added; if all ten are in use the last is
 * replaced. NLABL is the number of labels with text. An extended header of text lines without EXTTYP
 * (symmetry operators, written before 2014) gets type CCP4, as NVERSION requires. Without an extended header
 * EXTTYP is blank.
 */
import { LocScaleError } from '../errors.ts';
import { type AxisLayout, axisLayout, gatherSections } from './axis-order.ts';
import { type DensityStatistics, DensitySums, densityStatistics } from './density-statistics.ts';
import { imodFlag, imodFlagsOf, setImodFlags } from './mode-0.ts';
import { addLabel, encodeMrcHeader, type MrcHeader, mrcHeaderBytes, mrcMagic } from './mrc-header.ts';
import { hostIsLittleEndian, swapBytes32 } from './voxel-codec.ts';

/** What a written file gets besides its header and voxels. */
export interface MrcWriteOptions {
  /** Text of the added label; at most 80 printable ASCII characters. */
  readonly label: string;
  /**
   * The voxels stay as they are until the last chunk was taken: chunks are views of them where that is
   * possible.
   */
  readonly unchanging?: boolean;
}

/** Voxels per chunk of output if the axis order allows any size (1 MiB). */
const chunkVoxels = 262_144;

/** The header of an output: mode 2, with statistics and label of its own. */
function outputHeader(header: MrcHeader, statistics: DensityStatistics, label: string): MrcHeader {
  const labels = addLabel(header.labels, label);
  return {
    ...header,
    mode: 2,
    dmin: statistics.min,
    dmax: statistics.max,
    dmean: statistics.mean,
    rms: statistics.rms,
    nversion: header.nversion === 20140 || header.nversion === 20141 ? header.nversion : 20140,
    nsymbt: header.extended.length,
    exttyp: extendedType(header),
    machst: [0x44, 0x44, 0, 0],
    labels,
    nlabl: labels.filter((text) => text.trim() !== '').length,
  };
}

/** EXTTYP of what is copied: a text without a type is that of CCP4. */
function extendedType(header: MrcHeader): string {
  if (header.extended.length === 0) return '\0\0\0\0';
  return isUnnamedText(header) ? 'CCP4' : header.exttyp;
}

/** Whether it is CCP4 symmetry operators without a declared type: lines of 80 printable characters. */
function isUnnamedText({ exttyp, extended }: MrcHeader): boolean {
  const blank = /^[ \0]*$/.test(exttyp);
  const lines = extended.length > 0 && extended.length % 80 === 0;
  return blank && lines && extended.every((byte) => byte >= 0x20 && byte < 0x7f);
}

/**
 * The header's raw bytes with "MAP ", which the input may lack. IMOD's stamp is preserved, adapted to the
 * byte order and origin sign that are written.
 */
function ownBytes(header: MrcHeader): Uint8Array {
  const bytes = header.raw.slice();
  if (bytes.length === mrcHeaderBytes) bytes.set(new TextEncoder().encode(mrcMagic), 208);
  const flags = imodFlagsOf(header);
  if (flags !== undefined) setImodFlags(bytes, flags | imodFlag.standardOrigin);
  return bytes;
}

/** Yields the voxels' bytes in file order; each chunk has its own memory, unless they are `unchanging`. */
function* encodeVoxels(
  layout: AxisLayout,
  data: Float32Array,
  unchanging: boolean,
): Generator<Uint8Array<ArrayBuffer>> {
  const emit = (values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
    if (!hostIsLittleEndian) swapBytes32(new Uint32Array(values.buffer), values.length);
    return new Uint8Array(values.buffer);
  };
  if (layout.identity && unchanging && hostIsLittleEndian && data.buffer instanceof ArrayBuffer) {
    for (let start = 0; start < data.length; start += chunkVoxels) {
      const { length } = data.subarray(start, start + chunkVoxels);
      yield new Uint8Array(data.buffer, data.byteOffset + 4 * start, 4 * length);
    }
    return;
  }
  if (layout.identity) {
    for (let start = 0; start < data.length; start += chunkVoxels) {
      // A copy even if the volume is not shared memory: it may change or be released before the next chunk is
      // requested.
      const values = new Float32Array(Math.min(chunkVoxels, data.length - start));
      values.set(data.subarray(start, start + values.length));
      yield emit(values);
    }
    return;
  }
  const sectionVoxels = layout.columns * layout.rows;
  for (let first = 0; first < layout.sections; first += layout.sectionsPerBlock) {
    const count = Math.min(layout.sectionsPerBlock, layout.sections - first);
    const values = new Float32Array(count * sectionVoxels);
    gatherSections(layout, first, count, data, values);
    yield emit(values);
  }
}

/**
 * Yields the file's bytes in chunks. `image.data` is in canonical (z, y, x) order and must fit the header's
 * extents and axis order.
 */
export async function* writeMrc(
  image: WrittenMap,
  options: MrcWriteOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { header, data } = image;
  const layout = layoutOf(image);
  yield headerBytes(header, densityStatistics(data), options.label);
  if (header.extended.length > 0) yield header.extended.slice();
  yield* encodeVoxels(layout, data, options.unchanging === true);
}

/** Bytes of a file, and where in it they belong. */
export interface PlacedBytes {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/**
 * The bytes of `writeMrc`, header last: the statistics of one chunk are summed while another is written.
 */
export async function* writeMrcHeaderLast(
  image: WrittenMap,
  options: MrcWriteOptions,
): AsyncGenerator<PlacedBytes> {
  const { header, data } = image;
  const layout = layoutOf(image);
  // Other axis orders would change the order of the sums.
  const sums = layout.identity ? new DensitySums() : undefined;
  const start = mrcHeaderBytes + header.extended.length;
  if (header.extended.length > 0) yield { at: mrcHeaderBytes, bytes: header.extended.slice() };
  let written = 0;
  for (const bytes of encodeVoxels(layout, data, options.unchanging === true)) {
    sums?.add(data.subarray(written / 4, (written + bytes.length) / 4));
    yield { at: start + written, bytes };
    written += bytes.length;
  }
  yield { at: 0, bytes: headerBytes(header, sums?.statistics ?? densityStatistics(data), options.label) };
}

/** In canonical order; the header has the extents and axis order of the file. */
interface WrittenMap {
  readonly header: MrcHeader;
  readonly data: Float32Array;
}

function headerBytes(
  header: MrcHeader,
  statistics: DensityStatistics,
  label: string,
): Uint8Array<ArrayBuffer> {
  return encodeMrcHeader({ ...outputHeader(header, statistics, label), raw: ownBytes(header) }, true);
}

function layoutOf({ header, data }: WrittenMap): AxisLayout {
  const layout = axisLayout(header);
  if (layout.columns * layout.rows * layout.sections === data.length) return layout;
  throw new LocScaleError('internal', 'The volume to write does not have the extents of its header.', {
    expected: `${header.nc} x ${header.nr} x ${header.ns} voxels`,
    found: `${data.length} voxels`,
  });
}
