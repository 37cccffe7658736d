/**
 * The results of some tiles as one array: for every volume of the result in turn, for every tile in turn, its mask
 * voxels in the order of the volume. It is what ranks send each other and what is kept on disk.
 */
import type { LocalScalingResult, Volume } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import type { Shape } from '../math/grid.ts';

/** The tiles of a job and the mask that says which of their voxels count (> 0.5). */
export interface TileSet {
  readonly shape: Shape;
  readonly tileSize: Shape;
  readonly mask: Float32Array;
}

/** The volumes of a result, in the order of packing. */
export function volumesOf({ scaled, bFactor, quality }: LocalScalingResult): Volume[] {
  return [scaled, bFactor, quality].filter((volume) => volume !== undefined);
}

export function packTiles(
  set: TileSet,
  starts: readonly Shape[],
  volumes: readonly Float32Array[],
): Float32Array {
  let voxels = 0;
  for (const start of starts) voxels += visitTile(set, start, () => undefined);
  const packed = new Float32Array(voxels * volumes.length);
  let at = 0;
  for (const volume of volumes) {
    for (const start of starts) {
      visitTile(set, start, (voxel) => {
        packed[at++] = volume[voxel];
      });
    }
  }
  return packed;
}

/** Writes packed values into `volumes`. */
export function unpackTiles(
  set: TileSet,
  starts: readonly Shape[],
  packed: Float32Array,
  volumes: readonly Float32Array[],
): void {
  let at = 0;
  for (const volume of volumes) {
    for (const start of starts) {
      visitTile(set, start, (voxel) => {
        volume[voxel] = packed[at++];
      });
    }
  }
  if (at !== packed.length)
    throw new LocScaleError('internal', 'Values of tiles do not fit the mask.', {
      expected: `${at} values`,
      found: `${packed.length}`,
    });
}

/** Calls `visit` with the index of every mask voxel of a tile; returns their number. */
function visitTile({ shape, tileSize, mask }: TileSet, start: Shape, visit: (voxel: number) => void): number {
  const [nz, ny, nx] = shape;
  const [endZ, endY, endX] = [nz, ny, nx].map((n, axis) => Math.min(n, start[axis] + tileSize[axis]));
  let count = 0;
  for (let z = start[0]; z < endZ; z++) {
    for (let y = start[1]; y < endY; y++) {
      const row = (z * ny + y) * nx;
      for (let voxel = row + start[2]; voxel < row + endX; voxel++) {
        if (!(mask[voxel] > 0.5)) continue;
        visit(voxel);
        count++;
      }
    }
  }
  return count;
}
