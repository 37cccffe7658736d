/**
 * Tiles of jobs that go window by window: boxes of whole occupancy blocks that share the occupied extent of
 * the mask evenly. Costs and limits of tiles are engine-specific.
 */
import type { Shape } from '../grid.ts';
import { OCCUPANCY_BLOCK, type Occupancy, occupiedExtent } from './occupancy.ts';

/** A tile with mask voxels. */
export interface OccupiedTile {
  /** First voxel (z, y, x). */
  readonly start: Shape;
  readonly maskVoxels: number;
  /** Blocks with mask voxels. */
  readonly blocks: number;
  /** (y, x) columns of blocks with mask voxels. */
  readonly columns: number;
}

/**
 * Tile size in voxels for tiles of about `edge` voxels: multiples of `multiples` (themselves some of the
 * block's edge) that share the occupied extent evenly. Undefined for an empty mask.
 */
export function evenTileSize(
  occupancy: Occupancy,
  edge: number,
  multiples: Shape = [OCCUPANCY_BLOCK, OCCUPANCY_BLOCK, OCCUPANCY_BLOCK],
): Shape | undefined {
  const extent = occupiedExtent(occupancy);
  if (!extent) return undefined;
  const along = (axis: number): number => {
    const voxels = (extent.end[axis] - extent.first[axis]) * OCCUPANCY_BLOCK;
    return Math.ceil(voxels / Math.ceil(voxels / edge) / multiples[axis]) * multiples[axis];
  };
  return [along(0), along(1), along(2)];
}

/** Tiles of `tileSize` voxels with mask voxels, from the first occupied block on, z slowest. */
export function occupiedTiles(occupancy: Occupancy, tileSize: Shape): OccupiedTile[] {
  const extent = occupiedExtent(occupancy);
  if (!extent) return [];
  const { first, end } = extent;
  const [sz, sy, sx] = tileSize.map((n) => n / OCCUPANCY_BLOCK);
  const tiles: OccupiedTile[] = [];
  for (let z = first[0]; z < end[0]; z += sz)
    for (let y = first[1]; y < end[1]; y += sy)
      for (let x = first[2]; x < end[2]; x += sx) {
        const use = countBlocks(occupancy, [z, y, x], [z + sz, y + sy, x + sx]);
        if (use.maskVoxels === 0) continue;
        tiles.push({ start: [z * OCCUPANCY_BLOCK, y * OCCUPANCY_BLOCK, x * OCCUPANCY_BLOCK], ...use });
      }
  return tiles;
}

function countBlocks({ blocks, counts }: Occupancy, from: Shape, to: Shape): Omit<OccupiedTile, 'start'> {
  let [maskVoxels, occupied, columns] = [0, 0, 0];
  for (let y = from[1]; y < Math.min(blocks[1], to[1]); y++)
    for (let x = from[2]; x < Math.min(blocks[2], to[2]); x++) {
      let inColumn = 0;
      for (let z = from[0]; z < Math.min(blocks[0], to[0]); z++) {
        const count = counts[(z * blocks[1] + y) * blocks[2] + x];
        if (count === 0) continue;
        maskVoxels += count;
        inColumn++;
      }
      occupied += inColumn;
      if (inColumn > 0) columns++;
    }
  return { maskVoxels, blocks: occupied, columns };
}

/** The cheapest of the plans within the budget; undefined if none fits. */
export function cheapestPlan<P extends { readonly cost: number }>(
  plans: readonly P[],
  fits: (plan: P) => boolean,
): P | undefined {
  let best: P | undefined;
  for (const plan of plans) if (fits(plan) && (best === undefined || plan.cost < best.cost)) best = plan;
  return best;
}
