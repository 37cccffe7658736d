/**
 * Units of a tile, the work of one workgroup; only units that touch occupied blocks of the mask are computed.
 * Of local scaling: UNIT_ROWS voxels along y by `lanes` along x at one z, voxels numbered (unit, y, x). Of local
 * resolution: RUN voxels along z by `lanes` along x at one y, numbered (unit, z, x).
 */
import type { Shape } from '../math/grid.ts';
import { OCCUPANCY_BLOCK, type Occupancy } from '../math/scaling/occupancy.ts';

/** Voxels along z of a unit of local resolution; RUN of the shaders. */
export const RUN = 32;
/** Voxels along y of a unit of local scaling; ROWS of the shaders. */
export const UNIT_ROWS = 16;

/** Rows of a unit, along x: how many, and the axis on which they lie one behind the other. */
export interface UnitRows {
  readonly axis: 'z' | 'y';
  readonly count: number;
}

export const RESOLUTION_ROWS: UnitRows = { axis: 'z', count: RUN };
export const SCALING_ROWS: UnitRows = { axis: 'y', count: UNIT_ROWS };

/** Tile edges are multiples of these, so that tiles split into units of up to 16 voxels along x. */
export const TILE_MULTIPLES: Shape = [RUN, OCCUPANCY_BLOCK, 16];
/** The same for local scaling, whose sums along z are seeded anew after as many planes as a unit has rows. */
export const PLANE_TILE_MULTIPLES: Shape = [UNIT_ROWS, UNIT_ROWS, 16];

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
  const occupied = occupiedBlocks(occupancy);
  const list: number[] = [];
  for (let y = 0; y < size[1]; y++) {
    for (let z = 0; z < size[0]; z += RUN) {
      for (let x = 0; x < size[2]; x += lanes) {
        const first: Shape = [start[0] + z, start[1] + y, start[2] + x];
        if (touches(occupied, block, first, [RUN, 1, lanes])) list.push(z, y, x, 0);
      }
    }
  }
  return { list: Uint32Array.from(list), count: list.length / 4 };
}

/** The same of local scaling, ordered by z, y, x: neighbours read the same sums along z. */
export function listPlaneUnits(
  occupancy: Occupancy,
  block: number,
  start: Shape,
  size: Shape,
  lanes: number,
): TileUnits {
  const occupied = occupiedBlocks(occupancy);
  const list: number[] = [];
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y += UNIT_ROWS) {
      for (let x = 0; x < size[2]; x += lanes) {
        const first: Shape = [start[0] + z, start[1] + y, start[2] + x];
        if (touches(occupied, block, first, [1, UNIT_ROWS, lanes])) list.push(z, y, x, 0);
      }
    }
  }
  return { list: Uint32Array.from(list), count: list.length / 4 };
}

type IsOccupied = (z: number, y: number, x: number) => boolean;

function occupiedBlocks({ blocks, counts }: Occupancy): IsOccupied {
  return (z, y, x) =>
    z < blocks[0] && y < blocks[1] && x < blocks[2] && counts[(z * blocks[1] + y) * blocks[2] + x] > 0;
}

/** Whether any block under the unit has mask voxels. */
function touches(occupied: IsOccupied, block: number, first: Shape, size: Shape): boolean {
  const from = first.map((n) => Math.floor(n / block));
  const to = first.map((n, axis) => Math.floor((n + size[axis] - 1) / block));
  for (let z = from[0]; z <= to[0]; z++)
    for (let y = from[1]; y <= to[1]; y++)
      for (let x = from[2]; x <= to[2]; x++) if (occupied(z, y, x)) return true;
  return false;
}
