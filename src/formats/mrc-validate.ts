/**
 * Lists every deviation of a map file from MRC2014 (Cheng et al. 2015 and the updates at ccpem.ac.uk).
 * Severity: `error` violates the specification or makes the file unreadable, `warning` is allowed but wrong
 * or misleading in practice, `note` is worth knowing. No file content makes this throw.
 */
import { isLocScaleError } from '../errors.ts';
import { ByteReader, type ByteSource } from './byte-source.ts';
import { type DensityStatistics, RunningStatistics } from './density-statistics.ts';
import {
  describeExtension,
  extendedStartBytes,
  extensionThatFits,
  likelyExtension,
} from './extended-header.ts';
import { hasInvertedOrigin, imodFlag, imodFlagsOf, interpretBytes, unsignedByte } from './mode-0.ts';
import {
  byteOrderOfMachineStamp,
  decodeLabelSlots,
  isAxisPermutation,
  type MrcHeader,
  magicOf,
  mrcHeaderBytes,
  mrcMagic,
  mrcModes,
  parseMrcHeader,
} from './mrc-header.ts';
import { declaredExtension } from './mrc-header-checks.ts';
import { quoted } from './printable.ts';
import { isRealMode, VoxelDecoder } from './voxel-codec.ts';

/** 'error': breaks the specification. 'warning': likely to mislead programs. 'note': harmless. */
export type Severity = 'error' | 'warning' | 'note';

/** A deviation from MRC2014. */
export interface Deviation {
  readonly severity: Severity;
  /** Header field in the specification's spelling, or 'file' or 'data'. */
  readonly field: string;
  readonly message: string;
}

/** Verdict on a file. */
export interface ValidationSummary {
  /** No error. */
  readonly valid: boolean;
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
  /** Undefined if the file is too short to have one. */
  readonly header?: MrcHeader;
  /** Statistics of the data, if it could be read. */
  readonly statistics?: DensityStatistics;
}

/** All deviations, in the order of the header, and the verdict. */
export interface ValidationReport {
  readonly deviations: readonly Deviation[];
  readonly summary: ValidationSummary;
}

/** Adds a deviation. */
type Report = (severity: Severity, field: string, message: string) => void;

/** EXTTYP values that the specification lists. */
const knownExtendedTypes = ['CCP4', 'MRCO', 'SERI', 'AGAR', 'FEI1', 'FEI2', 'HDF5'];
/** Relative difference of statistics reported as wrong: 1 %, as in mrcfile's validator. */
const statisticsTolerance = 0.01;

/** Magic number, machine stamp, version and mode. */
function checkIdentity(h: MrcHeader, report: Report): void {
  const magic = magicOf(h);
  if (magic !== mrcMagic) report('error', 'MAP', `is ${quoted(magic)}, should be "MAP "`);
  const stamp = h.machst.map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
  const stamped = byteOrderOfMachineStamp(h.machst);
  const used = h.littleEndian ? 'little' : 'big';
  if (stamped === undefined)
    report(
      'error',
      'MACHST',
      `is ${stamp}, should be 0x44 0x44 0x00 0x00 or 0x11 0x11 0x00 0x00; read as ${used} endian`,
    );
  else if (stamped !== used)
    report(
      'error',
      'MACHST',
      `says ${stamped} endian (${stamp}), but the fields make sense as ${used} endian`,
    );
  else if (h.machst[2] !== 0 || h.machst[3] !== 0)
    report('warning', 'MACHST', `is ${stamp}; the last two bytes should be 0`);
  const mode = mrcModes.get(h.mode);
  if (mode === undefined) report('error', 'MODE', `is ${h.mode}, which is not defined`);
  else if (!isRealMode(h.mode))
    report('note', 'MODE', `is ${h.mode} (${mode.name}), valid but not a map that can be scaled`);
  else if (h.mode === 0 && ((imodFlagsOf(h) ?? 0) & imodFlag.packedNibbles) !== 0)
    report('warning', 'MODE', "is 0 with IMOD's flag 16: two voxels of 4 bits in a byte, which is not read");
  if (h.nversion !== 20140 && h.nversion !== 20141)
    report('error', 'NVERSION', `is ${h.nversion}, should be 20140 or 20141`);
}

/** Reports how mode-0 bytes were read. If all are below 128, both readings agree and nothing is reported. */
function checkBytes(h: MrcHeader, found: RunningStatistics, report: Report): void {
  const { signed, source, reason } = interpretBytes(h);
  if (!signed)
    report('warning', 'MODE', `is 0, read as unsigned bytes, which MRC2014 does not know: ${reason}`);
  else if (source === 'stamp' || found.min < 0)
    report('note', 'MODE', `is 0, read as signed bytes: ${reason}`);
}

/** Extents and sampling. */
function checkGrid(h: MrcHeader, report: Report): void {
  const fields = [
    ['NX', h.nc],
    ['NY', h.nr],
    ['NZ', h.ns],
    ['MX', h.mx],
    ['MY', h.my],
    ['MZ', h.mz],
  ] as const;
  for (const [field, value] of fields)
    if (value <= 0) report('error', field, `is ${value}, should be above 0`);
  const starts = [
    ['NXSTART', h.ncstart],
    ['NYSTART', h.nrstart],
    ['NZSTART', h.nsstart],
  ] as const;
  for (const [field, value] of starts) {
    // More than a million voxels from the origin indicates a byte-order or writing error.
    if (Math.abs(value) > 1e6) report('warning', field, `is ${value}, which is absurd`);
  }
  if (!isAxisPermutation(h.mapc, h.mapr, h.maps)) {
    report(
      'error',
      'MAPC',
      `MAPC, MAPR, MAPS are ${h.mapc}, ${h.mapr}, ${h.maps}, should be a permutation of 1, 2, 3`,
    );
  }
}

/** Cell edges and angles. */
function checkCell(h: MrcHeader, report: Report): void {
  const edges = [
    ['CELLA.X', h.cellA],
    ['CELLA.Y', h.cellB],
    ['CELLA.Z', h.cellC],
  ] as const;
  for (const [field, value] of edges) {
    if (!Number.isFinite(value) || value < 0) report('error', field, `is ${value}, should be a length in A`);
    else if (value === 0) report('warning', field, 'is 0: the voxel size is not known');
  }
  const size = [h.cellA / h.mx, h.cellB / h.my, h.cellC / h.mz];
  if (size.every((s) => s > 0 && Number.isFinite(s))) {
    const words = `${size.map((s) => Number(s.toPrecision(6))).join(' x ')} A`;
    if (size.some((s) => s < 0.05 || s > 50))
      report('warning', 'CELLA', `gives an absurd voxel size of ${words}`);
    if (Math.max(...size) > 1.001 * Math.min(...size))
      report('note', 'CELLA', `gives a different voxel size along each axis: ${words}`);
  }
  const angles = [
    ['CELLB.ALPHA', h.alpha],
    ['CELLB.BETA', h.beta],
    ['CELLB.GAMMA', h.gamma],
  ] as const;
  for (const [field, value] of angles) {
    if (value === 0) report('warning', field, 'is 0, should be 90 degrees for an orthogonal cell');
    else if (!(value > 0 && value < 180))
      report('error', field, `is ${value}, should be between 0 and 180 degrees`);
    else if (value !== 90) report('note', field, `is ${value} degrees: the cell is not orthogonal`);
  }
  const origin = [
    ['ORIGIN.X', h.originX],
    ['ORIGIN.Y', h.originY],
    ['ORIGIN.Z', h.originZ],
  ] as const;
  for (const [field, value] of origin)
    if (!Number.isFinite(value)) report('error', field, `is ${value}, should be a position in A`);
  if (origin.some(([, value]) => value !== 0) && (h.ncstart !== 0 || h.nrstart !== 0 || h.nsstart !== 0)) {
    report(
      'note',
      'ORIGIN',
      'and NSTART are both set; programs differ in which one they follow (ORIGIN here)',
    );
  }
  if (hasInvertedOrigin(h) && origin.some(([, value]) => value !== 0))
    report('warning', 'ORIGIN', "has the inverted sign of IMOD's older files (its flag 4 is clear)");
}

/** 0 and 1 for images and volumes, 401 for stacks of volumes. */
function checkSpaceGroup(h: MrcHeader, report: Report): void {
  const { ispg } = h;
  if (ispg === 0) {
    if (h.ns > 1 && h.mz !== 1)
      report(
        'warning',
        'ISPG',
        `is 0 (image stack) but MZ is ${h.mz}: a volume should have 1, an image stack MZ = 1`,
      );
    else if (h.ns > 1) report('note', 'ISPG', `is 0: a stack of ${h.ns} images`);
    if (h.ns > 1 && h.mz === 1 && (h.mapc !== 1 || h.mapr !== 2 || h.maps !== 3))
      report('error', 'MAPC', 'an image stack should have the axis order 1, 2, 3');
  } else if (ispg >= 401 && ispg <= 630) {
    if (h.mz > 0 && h.ns % h.mz !== 0)
      report('error', 'NZ', `is ${h.ns}, should be a multiple of MZ (${h.mz}) in a stack of volumes`);
    else if (h.mz > 0 && h.mz < h.ns && h.mz > 1)
      report('note', 'ISPG', `is ${ispg}: a stack of ${h.ns / h.mz} volumes`);
    else report('note', 'ISPG', `is ${ispg}: a stack that holds one volume`);
  } else if (ispg < 0) report('error', 'ISPG', `is ${ispg}, which is negative`);
  else if (ispg > 230)
    report(
      'warning',
      'ISPG',
      `is ${ispg}, which is no space group (1 to 230), image stack (0) or volume stack (401 to 630)`,
    );
}

/** NSYMBT and EXTTYP. */
function checkExtended(h: MrcHeader, report: Report): void {
  const blank = h.exttyp.replace(/[\0 ]/g, '') === '';
  const type = blank ? 'blank' : JSON.stringify(h.exttyp);
  if (h.nsymbt < 0) report('error', 'NSYMBT', `is ${h.nsymbt}, which is negative`);
  else if (h.nsymbt === 0 && !blank)
    report('note', 'EXTTYP', `is ${type} although there is no extended header`);
  else if (h.nsymbt > 0) {
    if (!knownExtendedTypes.includes(h.exttyp))
      report(
        'error',
        'EXTTYP',
        `is ${type} for an extended header of ${h.nsymbt} bytes, should be one of ` +
          `${knownExtendedTypes.join(', ')}`,
      );
    if (h.exttyp === 'CCP4' && h.nsymbt % 80 !== 0)
      report('warning', 'NSYMBT', `is ${h.nsymbt}, should be a multiple of 80 for CCP4 symmetry records`);
  }
}

/** NLABL, order and characters of the labels. */
function checkLabels(h: MrcHeader, report: Report): void {
  const slots = decodeLabelSlots(h.raw);
  const used = slots.map((text) => text.trim() !== '');
  const count = used.filter(Boolean).length;
  if (h.nlabl < 0 || h.nlabl > 10) report('error', 'NLABL', `is ${h.nlabl}, should be 0 to 10`);
  else if (h.nlabl !== count) report('error', 'NLABL', `is ${h.nlabl}, but ${count} labels contain text`);
  if (used.lastIndexOf(true) + 1 > count)
    report('error', 'LABEL', 'has blank labels between labels with text');
  slots.forEach((text, i) => {
    if (/[^\x20-\x7e]/.test(text))
      report('warning', 'LABEL', `${i + 1} contains characters that cannot be printed`);
  });
}

/**
 * Compares the header's statistics with those of the data, and with those of the same bytes in the other
 * signedness.
 */
function checkStatistics(
  h: MrcHeader,
  found: RunningStatistics,
  resigned: RunningStatistics,
  report: Report,
): void {
  const [own, other] = [found, resigned].map((statistics) => {
    const list: Deviation[] = [];
    compareStatistics(h, statistics, (severity, field, message) => list.push({ severity, field, message }));
    return list;
  });
  const wrong = (list: readonly Deviation[]): boolean => list.some(({ severity }) => severity === 'error');
  if (resigned.count > 0 && wrong(own) && !wrong(other))
    report('note', 'DMIN', 'and the other statistics are those of the same bytes with the other sign');
  else for (const { severity, field, message } of own) report(severity, field, message);
}

/** DMIN, DMAX, DMEAN and RMS against the voxels. */
function compareStatistics(h: MrcHeader, s: RunningStatistics, report: Report): void {
  if (s.nonFinite > 0) report('error', 'data', `has ${s.nonFinite} voxels that are NaN or infinite`);
  if (s.nonFinite > 0 || s.count === 0) return;
  if (s.min === s.max) report('warning', 'data', `is ${s.min} in every voxel`);
  const stated = [
    ['DMIN', h.dmin],
    ['DMAX', h.dmax],
    ['DMEAN', h.dmean],
    ['RMS', h.rms],
  ] as const;
  for (const [field, value] of stated)
    if (!Number.isFinite(value)) report('error', field, `is ${value}, should be a number`);
  // Conventions for "not determined": DMAX < DMIN; DMEAN below both; RMS < 0.
  if (h.dmax < h.dmin) report('note', 'DMIN', 'and DMAX are marked as not determined');
  else {
    if (h.dmin !== Math.fround(s.min) && Number.isFinite(h.dmin))
      report('error', 'DMIN', `is ${h.dmin}, but the data's minimum is ${s.min}`);
    if (h.dmax !== Math.fround(s.max) && Number.isFinite(h.dmax))
      report('error', 'DMAX', `is ${h.dmax}, but the data's maximum is ${s.max}`);
  }
  if (h.dmean < Math.min(h.dmin, h.dmax)) report('note', 'DMEAN', 'is marked as not determined');
  // A mean near 0 carries the rounding of float32 sums: allowed is 0.1 % of the deviation.
  else if (Math.abs(h.dmean - s.mean) > Math.max(statisticsTolerance * Math.abs(s.mean), 1e-3 * s.rms))
    report('error', 'DMEAN', `is ${h.dmean}, but the data's mean is ${s.mean}`);
  if (h.rms < 0) report('note', 'RMS', 'is marked as not determined');
  else if (Math.abs(h.rms - s.rms) > statisticsTolerance * s.rms)
    report('error', 'RMS', `is ${h.rms}, but the data's deviation from its mean is ${s.rms}`);
}

/**
 * Reads the data to its end; returns the number of bytes behind header and extended header. `resigned`:
 * statistics of the same bytes in the other signedness, for mode 0.
 */
async function readData(
  reader: ByteReader,
  h: MrcHeader,
  expectedBytes: number,
  statistics: RunningStatistics,
  resigned: RunningStatistics,
): Promise<number> {
  const { signed } = interpretBytes(h);
  const decoder = isRealMode(h.mode) ? new VoxelDecoder(h.mode, h.littleEndian, signed) : undefined;
  const values = new Float32Array(262_144);
  let bytes = 0;
  for (;;) {
    const inside = bytes < expectedBytes;
    const chunk = await reader.next(
      inside ? Math.min(decoder?.room ?? 65_536, expectedBytes - bytes) : 1_048_576,
    );
    if (chunk !== undefined) bytes += chunk.length;
    if (decoder !== undefined) {
      if (chunk !== undefined && inside) decoder.push(chunk);
      if (decoder.room === 0 || chunk === undefined || bytes >= expectedBytes) {
        const count = decoder.flush(values, 0);
        statistics.add(values, count);
        if (h.mode === 0) {
          for (let i = 0; i < count; i++)
            values[i] = signed ? unsignedByte(values[i]) : values[i] > 127 ? values[i] - 256 : values[i];
          resigned.add(values, count);
        }
      }
    }
    if (chunk === undefined) return bytes;
    // Stop here: a compressed file may expand without end.
    if (bytes > expectedBytes + 1_048_576) return bytes;
  }
}

/** Reads the whole file once; checks what can be checked. */
async function inspectFile(
  source: ByteSource,
  reader: ByteReader,
  report: Report,
): Promise<Pick<ValidationSummary, 'header' | 'statistics'>> {
  const bytes = await reader.read(mrcHeaderBytes);
  if (bytes.length < mrcHeaderBytes) {
    report('error', 'file', `has ${bytes.length} bytes, fewer than the ${mrcHeaderBytes} of a header`);
    return {};
  }
  let header = parseMrcHeader(bytes);
  checkIdentity(header, report);
  checkGrid(header, report);
  checkCell(header, report);
  checkSpaceGroup(header, report);
  checkExtended(header, report);
  checkLabels(header, report);
  const { nc, nr, ns, nsymbt } = header;
  const mode = mrcModes.get(header.mode);
  if (mode === undefined || nc <= 0 || nr <= 0 || ns <= 0) {
    report(
      'note',
      'file',
      'data and file size were not checked, because the header does not say how long the data is',
    );
    return { header };
  }
  // 4-bit rows are padded to whole bytes.
  const dataBytes = Math.ceil(nc * mode.bytesPerVoxel) * nr * ns;
  const { byteLength } = source;
  const expected = mrcHeaderBytes + nsymbt + dataBytes;
  const start = byteLength === expected ? new Uint8Array(0) : await reader.peek(extendedStartBytes);
  const extension = declaredExtension(header, header.mode, start);
  const fitting = (fileBytes: number): number | undefined =>
    extensionThatFits(extension, fileBytes - mrcHeaderBytes - dataBytes);
  const assumed =
    byteLength === undefined ? likelyExtension(extension) : (fitting(byteLength) ?? Math.max(0, nsymbt));
  const extended = await reader.read(assumed);
  header = { ...header, extended };
  const [statistics, resigned] = [new RunningStatistics(), new RunningStatistics()];
  const found =
    mrcHeaderBytes + extended.length + (await readData(reader, header, dataBytes, statistics, resigned));
  const length = byteLength ?? found;
  const atLeast = byteLength === undefined && found > expected + 1_048_576 ? 'at least ' : '';
  const fits = fitting(length);
  if (fits !== undefined && fits !== nsymbt && atLeast === '')
    report('error', 'NSYMBT', `declares ${describeExtension(nsymbt, fits)}`);
  else if (length < expected)
    report('error', 'file', `has ${length} bytes, but the header declares ${expected}`);
  else if (length > expected)
    report(
      'error',
      'file',
      `has ${atLeast}${length} bytes, ${atLeast}${length - expected} more than the ${expected} the ` +
        'header declares',
    );
  // The stream's extended header has another length than assumed, so its voxels were read from the wrong
  // offset.
  if (fits === undefined || fits !== assumed || !isRealMode(header.mode)) return { header };
  if (header.mode === 0) checkBytes(header, statistics, report);
  checkStatistics(header, statistics, resigned, report);
  if (statistics.count === 0) return { header };
  return {
    header,
    statistics: { min: statistics.min, max: statistics.max, mean: statistics.mean, rms: statistics.rms },
  };
}

/** Lists every deviation of the file with these (decompressed) bytes from MRC2014. */
export async function validateMrc(source: ByteSource): Promise<ValidationReport> {
  const deviations: Deviation[] = [];
  const report: Report = (severity, field, message) => deviations.push({ severity, field, message });
  const reader = new ByteReader(source.bytes);
  let inspected: Pick<ValidationSummary, 'header' | 'statistics'> = {};
  try {
    inspected = await inspectFile(source, reader, report);
  } catch (error) {
    // Damaged compressed data. Read errors of the disk are left to the caller.
    if (!isLocScaleError(error) || error.tag !== 'bad-input') throw error;
    report('error', 'file', error.message);
  } finally {
    await reader.close();
  }
  const count = (severity: Severity): number => deviations.filter((d) => d.severity === severity).length;
  const errors = count('error');
  return {
    deviations,
    summary: { valid: errors === 0, errors, warnings: count('warning'), notes: count('note'), ...inspected },
  };
}
