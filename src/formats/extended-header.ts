/**
 * Finds the true length of the extended header. NSYMBT can be wrong: programs copy it without the bytes it
 * counts, reset the count but leave the bytes, or write it in the other byte order. The size of the file
 * decides if exactly one length fits it; a truncated file fits none.
 */
import { mrcHeaderBytes } from './mrc-header.ts';

/** Far above any extended header in use (FEI: 768 bytes for each image of a stack). */
export const maxExtendedBytes = 2 ** 28;
/** Bytes behind the header to inspect. */
export const extendedStartBytes = 262_144;
/** CCP4 symmetry operators are lines of 80 characters. */
const textRecordBytes = 80;

/** What a header states about its extended header. */
export interface DeclaredExtension {
  /** NSYMBT. */
  readonly declared: number;
  readonly exttyp: string;
  readonly littleEndian: boolean;
  /** One byte per voxel (mode 0): text cannot be distinguished from voxels. */
  readonly byteVoxels: boolean;
  /** The first bytes behind the header, at most `extendedStartBytes`. */
  readonly start: Uint8Array;
}

/** Negative lengths and lengths beyond any known use are nonsense. */
export function isPossibleExtension(bytes: number): boolean {
  return bytes >= 0 && bytes <= maxExtendedBytes;
}

/** The count in the other byte order. */
function swapped(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, value, true);
  return view.getInt32(0, false);
}

/**
 * Length of the records recognised at the start: lines of text, or FEI records, which begin with their
 * length.
 */
function recognisedBytes({ exttyp, littleEndian, start }: DeclaredExtension): number {
  if (exttyp === 'FEI1' || exttyp === 'FEI2') {
    const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
    const size = start.length >= 4 ? view.getInt32(0, littleEndian) : 0;
    if (size < 128 || size > 4096) return 0;
    let end = 0;
    while (end + size <= start.length && view.getInt32(end, littleEndian) === size) end += size;
    return end;
  }
  let text = 0;
  while (text < start.length && start[text] >= 0x20 && start[text] < 0x7f) text++;
  return text - (text % textRecordBytes);
}

/**
 * Length of the extended header of a file with `room` bytes besides header and voxels; the remainder follows
 * the voxels. Undefined if no length fits, or more than one.
 */
export function extensionThatFits(extension: DeclaredExtension, room: number): number | undefined {
  const { declared, byteVoxels } = extension;
  if (room < 0) return undefined;
  if (declared === room) return declared;
  const recognised = byteVoxels ? 0 : recognisedBytes(extension);
  const complete = recognised === room && room < extendedStartBytes;
  if (isPossibleExtension(declared) && declared < room) {
    // Surplus bytes follow the voxels, unless they are recognised as records before them.
    return complete || swapped(declared) === room ? room : declared;
  }
  // A truncated file that declares an extended header may have this size by coincidence.
  if (room === 0) return recognised > 0 && recognised >= declared ? undefined : 0;
  return complete || swapped(declared) === room ? room : undefined;
}

/** Assumption for a stream of unknown length; it is verified when the stream ends. */
export function likelyExtension(extension: DeclaredExtension): number {
  const { declared, byteVoxels } = extension;
  const recognised = byteVoxels ? 0 : recognisedBytes(extension);
  if (isPossibleExtension(declared))
    return recognised > declared && recognised < extendedStartBytes ? recognised : declared;
  const other = swapped(declared);
  if (other > 0 && other <= extendedStartBytes) return other;
  return recognised < extendedStartBytes ? recognised : 0;
}

/** States the declared and the actual length in a sentence. */
export function describeExtension(declared: number, found: number): string {
  return (
    `an extended header of ${declared} bytes (NSYMBT), but its size leaves room for ` +
    `${found === 0 ? 'none' : found}: the voxels begin at byte ${mrcHeaderBytes + found}`
  );
}
