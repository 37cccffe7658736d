/**
 * Voxels that were read from the wrong byte, because the extended header is not as long as it was taken for,
 * are moved to their places. In a stream of unknown length that comes out only at its end.
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

/** Bytes after the declared end that are read to count them; a compressed file may hide any amount. */
const trailingBytesRead = 1_048_576;

/** A header as checked, and the bytes behind it as far as they were looked at. */
export interface OpenedMap extends CheckedHeader {
  readonly name: string;
  readonly start: Uint8Array;
  /** The file's, where it is known. */
  readonly byteLength: number | undefined;
}

export interface AlignedMap {
  readonly extended: Uint8Array;
  /** Voxels are no longer where they were read to. */
  readonly moved: boolean;
}

/** Length of the extended header of a stream that turned out to have so many bytes. */
export function extensionOf(
  { header, mode, voxels, start }: OpenedMap,
  fileBytes: number,
): number | undefined {
  return extensionThatFits(
    declaredExtension(header, mode, start),
    fileBytes - declaredByteLength(0, mode, voxels),
  );
}

/** The file ended at byte `found`, and no interpretation of its header fits that. */
export function refuseLength({ header, mode, voxels, name }: OpenedMap, found: number): never {
  if (!isPossibleExtension(header.nsymbt)) refuseExtension(header.nsymbt, { name });
  const expected = declaredByteLength(header.nsymbt, mode, voxels);
  return refuseTruncated(header, mode, name, expected, `${found} bytes`);
}

/** The stream ended early: what was taken for the end of the extended header may be the missing voxels. */
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
 * Reads what follows the voxels. It belongs to them if as many bytes of the extended header were taken for
 * voxels: where that header is recognised, or where only then the extremes are those that the header states.
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
  // Nothing else than an exact fit made up for an impossible count.
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

function hasStatedExtremes(data: Float32Array, { dmin, dmax }: MrcHeader): boolean {
  let [min, max] = [Infinity, -Infinity];
  for (const value of data) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min === dmin && max === dmax;
}
