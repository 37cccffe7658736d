/**
 * Units of a tile: RUN voxels along z by `lanes` voxels along x at one y, the work of one workgroup. Only
 * units that touch occupied blocks of the mask are computed. Voxels of all units are numbered (unit, z, x).
 */
import type { Shape } from '../math/grid.ts';
import { OCCUPANCY_BLOCK, type Occupancy } from '../math/scaling/occupancy.ts';

/** Voxels of a unit along z; RUN of the shaders. */
export const RUN = 32;

/** Tile edges are multiples of these, so that tiles split into units of up to 16 voxels along x. */
export const TILE_MULTIPLES: Shape = [RUN, OCCUPANCY_BLOCK, 16];

/** The units of a tile. */
export interface TileUnits {
  /** First z, y, first x within the tile, and 0, per unit. */
  readonly list: Uint32Array;
  readonly count: number;
}

/** Units with mask voxels (by occupancy) of the tile at `start` (multiples of `block`), ordered by y. */
export function listUnits(
  occupancy: Occupancy,
  block: number,
  start: Shape,
  size: Shape,
  lanes: number,
): TileUnits {
  const { blocks, counts } = occupancy;
  const occupied = (z: number, y: number, x: number): boolean =>
    z < blocks[0] && y < blocks[1] && x < blocks[2] && counts[(z * blocks[1] + y) * blocks[2] + x] > 0;
  const list: number[] = [];
  for (let y = 0; y < size[1]; y++) {
    for (let z = 0; z < size[0]; z += RUN) {
      for (let x = 0; x < size[2]; x += lanes) {
        if (touches(occupied, block, [start[0] + z, start[1] + y, start[2] + x], lanes))
          list.push(z, y, x, 0);
      }
    }
  }
  return { list: Uint32Array.from(list), count: list.length / 4 };
}

/** Whether any block under the unit has mask voxels. */
function touches(
  occupied: (z: number, y: number, x: number) => boolean,
  block: number,
  [z, y, x]: Shape,
  lanes: number,
): boolean {
  for (let bz = Math.floor(z / block); bz <= Math.floor((z + RUN - 1) / block); bz++) {
    for (let bx = Math.floor(x / block); bx <= Math.floor((x + lanes - 1) / block); bx++) {
      if (occupied(bz, Math.floor(y / block), bx)) return true;
    }
  }
  return false;
}
