/**
 * Signedness of mode-0 bytes. MRC2014 defines them as signed. IMOD wrote unsigned ones for years, with a
 * stamp and flags (bio3d.colorado.edu/imod/doc/mrc_format.txt); other programs write unsigned bytes without
 * marking them.
 */
import type { MrcHeader } from './mrc-header.ts';

/** "IMOD" as a little-endian integer. */
const imodStamp = 1_146_047_817;
/** Byte offsets in the header of IMOD's stamp and flags. */
const stampOffset = 152;
const flagsOffset = 156;

/** Bits of IMOD's flags. */
export const imodFlag = {
  signedBytes: 1,
  /** Flag set: ORIGIN is the position of the first voxel, as in MRC2014. Flag clear: its sign is inverted. */
  standardOrigin: 4,
  /** Two 4-bit voxels per byte. */
  packedNibbles: 16,
} as const;

/** What the flags are read from. */
type StampedHeader = Pick<MrcHeader, 'raw' | 'littleEndian'>;

/** IMOD's flags, in the byte order of its stamp; undefined for files of other programs. */
export function imodFlagsOf({ raw, littleEndian }: StampedHeader): number | undefined {
  if (raw.length < flagsOffset + 4) return undefined;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const order = [littleEndian, !littleEndian].find((le) => view.getInt32(stampOffset, le) === imodStamp);
  return order === undefined ? undefined : view.getInt32(flagsOffset, order);
}

/** Writes IMOD's stamp and these flags into a little-endian header. */
export function setImodFlags(bytes: Uint8Array, flags: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setInt32(stampOffset, imodStamp, true);
  view.setInt32(flagsOffset, flags, true);
}

/** IMOD's older convention: ORIGIN is the position of the coordinate zero relative to the first voxel. */
export function hasInvertedOrigin(header: StampedHeader & Pick<MrcHeader, 'nversion'>): boolean {
  const flags = imodFlagsOf(header);
  return flags !== undefined && (flags & imodFlag.standardOrigin) === 0 && !declaresStandard(header);
}

/** Versions of MRC2014, which define bytes as signed. */
function declaresStandard({ nversion }: Pick<MrcHeader, 'nversion'>): boolean {
  return nversion === 20140 || nversion === 20141;
}

/** How the bytes of a mode-0 file are read, and why. */
export interface ByteInterpretation {
  readonly signed: boolean;
  /** Evidence: IMOD's flag, the extremes in the header, or none. */
  readonly source: 'stamp' | 'extremes' | 'standard';
  /** The reason, as a clause after "because". */
  readonly reason: string;
}

/** Decides the signedness of a mode-0 file by IMOD's flag, else by the header's extremes, else as MRC2014. */
export function interpretBytes(header: StampedHeader & Pick<MrcHeader, 'dmin' | 'dmax'>): ByteInterpretation {
  const flags = imodFlagsOf(header);
  if (flags !== undefined) {
    const signed = (flags & imodFlag.signedBytes) !== 0;
    return {
      signed,
      source: 'stamp',
      reason: `it has IMOD's stamp, and bit 0 of its flags is ${signed ? 'set' : 'clear'}`,
    };
  }
  const { dmin, dmax } = header;
  if (dmin >= 0 && dmax > 127 && dmax <= 255)
    return {
      signed: false,
      source: 'extremes',
      reason: `its header has DMIN ${dmin} and DMAX ${dmax}, out of the range of signed bytes`,
    };
  if (dmin < 0 && dmin >= -128 && dmax <= 127 && dmax >= dmin)
    return { signed: true, source: 'extremes', reason: `its header has DMIN ${dmin} and DMAX ${dmax}` };
  return {
    signed: true,
    source: 'standard',
    reason: 'that is the rule of MRC2014 and the header has no other mark',
  };
}

/** Margin: for unordered bytes the two interpretations differ by less. */
const stepsMargin = 1.02;

/**
 * Whether bytes read as signed look unsigned: differences between neighbouring voxels are smaller if read as
 * unsigned. Densities that cross 127 jump by 255 if read as signed, and those that cross 0 if read as
 * unsigned.
 */
export function looksUnsigned(data: Float32Array): boolean {
  let signed = 0;
  let unsigned = 0;
  for (let i = 1; i < data.length; i++) {
    const [a, b] = [data[i - 1], data[i]];
    signed += Math.abs(a - b);
    unsigned += Math.abs(unsignedByte(a) - unsignedByte(b));
  }
  return signed > stepsMargin * unsigned;
}

/** The same eight bits as a number from 0 to 255. */
export function unsignedByte(signed: number): number {
  return signed < 0 ? signed + 256 : signed;
}

/** In place. */
export function makeUnsigned(data: Float32Array): void {
  for (let i = 0; i < data.length; i++) data[i] = unsignedByte(data[i]);
}
