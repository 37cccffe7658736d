/**
 * Packs the results of tiles as one array: per volume of the result, per tile, its mask voxels in volume
 * order. Used for messages between ranks and for checkpoints on disk.
 */
import { LocScaleError } from '../errors.ts';
import type { Shape } from '../math/grid.ts';

/** The tiles of a job, and the mask that selects their voxels (> 0.5). */
export interface TileSet {
  readonly shape: Shape;
  readonly tileSize: Shape;
  readonly mask: Float32Array | Uint8Array;
}

/** Values of all volumes in the tiles, volume by volume, in the order of `starts`. */
export function packTiles(
  set: TileSet,
  starts: readonly Shape[],
  volumes: readonly Float32Array[],
): Float32Array {
  const voxels = voxelsOfTiles(set, starts);
  const packed = new Float32Array(voxels.length * volumes.length);
  let at = 0;
  for (const volume of volumes) for (let i = 0; i < voxels.length; i++) packed[at++] = volume[voxels[i]];
  return packed;
}

/** Writes packed values into `volumes`. */
export function unpackTiles(
  set: TileSet,
  starts: readonly Shape[],
  packed: Float32Array,
  volumes: readonly Float32Array[],
): void {
  const voxels = voxelsOfTiles(set, starts);
  if (packed.length !== voxels.length * volumes.length)
    throw new LocScaleError('internal', 'Values of tiles do not fit the mask.', {
      expected: `${voxels.length * volumes.length} values`,
      found: `${packed.length}`,
    });
  let at = 0;
  for (const volume of volumes) for (let i = 0; i < voxels.length; i++) volume[voxels[i]] = packed[at++];
}

/** Indices of the mask voxels of the tiles, tile by tile. */
export function voxelsOfTiles(set: TileSet, starts: readonly Shape[]): Uint32Array {
  const { shape, tileSize, mask } = set;
  let voxels = new Uint32Array(1 << 16);
  let count = 0;
  for (const start of starts) {
    const [endZ, endY, endX] = shape.map((n, axis) => Math.min(n, start[axis] + tileSize[axis]));
    for (let z = start[0]; z < endZ; z++) {
      for (let y = start[1]; y < endY; y++) {
        const row = (z * shape[1] + y) * shape[2];
        if (count + endX > voxels.length) {
          const more = new Uint32Array(2 * (voxels.length + endX));
          more.set(voxels);
          voxels = more;
        }
        for (let voxel = row + start[2]; voxel < row + endX; voxel++) {
          if (mask[voxel] > 0.5) voxels[count++] = voxel;
        }
      }
    }
  }
  return voxels.subarray(0, count);
}
