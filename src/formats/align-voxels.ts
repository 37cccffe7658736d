/**
 * Moves voxels that were read from the wrong offset because the extended header has another length than
 * assumed. In a stream of unknown length this shows only at its end.
 */
import { shiftVoxels } from './axis-order.ts';
import type { ByteReader } from './byte-source.ts';
import { extensionThatFits, isPossibleExtension } from './extended-header.ts';
import type { MrcHeader } from './mrc-header.ts';
import {
  type CheckedHeader,
  declaredByteLength,
  declaredExtension,
  refuseExtension,
  refuseTruncated,
} from './mrc-header-checks.ts';
import { decodeVoxels, realModeBytes } from './voxel-codec.ts';

/** Limit on bytes counted beyond the declared end: a compressed file may expand to any amount. */
const trailingBytesRead = 1_048_576;

/** A checked header, and the bytes behind it that were inspected. */
export interface OpenedMap extends CheckedHeader {
  readonly name: string;
  readonly start: Uint8Array;
  /** Length of the file, if known. */
  readonly byteLength: number | undefined;
}

/** What lies between header and voxels, and whether that was not what NSYMBT states. */
export interface AlignedMap {
  readonly extended: Uint8Array;
  /** The voxels have been moved. */
  readonly moved: boolean;
}

/** Length of the extended header, given the actual length of the stream. */
export function extensionOf(
  { header, mode, voxels, start }: OpenedMap,
  fileBytes: number,
): number | undefined {
  return extensionThatFits(
    declaredExtension(header, mode, start),
    fileBytes - declaredByteLength(0, mode, voxels),
  );
}

/** The file ended at byte `found`, which no interpretation of its header explains. */
export function refuseLength({ header, mode, voxels, name }: OpenedMap, found: number): never {
  if (!isPossibleExtension(header.nsymbt)) refuseExtension(header.nsymbt, { name });
  const expected = declaredByteLength(header.nsymbt, mode, voxels);
  return refuseTruncated(header, mode, name, expected, `${found} bytes`);
}

/** The stream ended early: bytes taken for the end of the extended header may be the missing voxels. */
export function fillFromExtension(
  map: OpenedMap,
  data: Float32Array,
  extended: Uint8Array,
  arrived: number,
  fileBytes: number,
): AlignedMap {
  const { header, mode, voxels, layout, bytes } = map;
  const found = extensionOf(map, fileBytes);
  if (found === undefined || extended.length - found !== (voxels - arrived) * realModeBytes[mode])
    return refuseLength(map, fileBytes);
  const first = decodeVoxels(extended.subarray(found), mode, header.littleEndian, bytes?.signed);
  shiftVoxels(layout, data, first.length, first);
  return { extended: extended.slice(0, found), moved: true };
}

/**
 * Reads the bytes after the voxels. They are voxels if as many bytes of the extended header were read as
 * voxels: if that header is recognised, or if the extremes match the header's only then.
 */
export async function takeTail(
  reader: ByteReader,
  map: OpenedMap,
  data: Float32Array,
  extended: Uint8Array,
  onWarning: (message: string) => void,
): Promise<AlignedMap> {
  const { name, header, mode, voxels, layout, start, byteLength, bytes } = map;
  const asRead = { extended, moved: false };
  const tail = await reader.read(trailingBytesRead + 1);
  if (tail.length === 0) return asRead;
  // An impossible count is corrected by an exact fit only.
  if (!isPossibleExtension(header.nsymbt)) refuseExtension(header.nsymbt, { name });
  const length = extended.length + tail.length;
  const count = tail.length / realModeBytes[mode];
  if (Number.isInteger(count) && count <= voxels && length <= start.length) {
    const longer = { extended: start.slice(0, length), moved: true };
    const recognised = extensionOf(map, reader.position) === length;
    if (recognised || !hasStatedExtremes(data, header)) {
      const last = decodeVoxels(tail, mode, header.littleEndian, bytes?.signed);
      const first = shiftVoxels(layout, data, -count, last);
      if (recognised || hasStatedExtremes(data, header)) return longer;
      shiftVoxels(layout, data, count, first);
    }
  }
  const behind = byteLength === undefined ? tail.length : byteLength - reader.position + tail.length;
  const more = byteLength === undefined && behind > trailingBytesRead;
  onWarning(
    `${name} has ${more ? `more than ${trailingBytesRead}` : behind} bytes after the end of its map; ` +
      'they are ignored.',
  );
  return asRead;
}

/** Voxels that are read at the right place have the extremes of their header. */
function hasStatedExtremes(data: Float32Array, { dmin, dmax }: MrcHeader): boolean {
  let [min, max] = [Infinity, -Infinity];
  for (const value of data) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min === dmin && max === dmax;
}
