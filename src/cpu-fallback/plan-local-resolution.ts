/**
 * Chooses the tiles of a local-resolution job on the CPU: long enough to amortise the start of recursions and
 * the halos, small enough to follow the mask and to fit in memory. Independent of the number of threads.
 */
import type { Shape } from '../math/grid.ts';
import { coefficientColumns, shellCounts, type WindowWeights } from '../math/scaling/local-resolution.ts';
import { OCCUPANCY_BLOCK, type Occupancy } from '../math/scaling/occupancy.ts';
import { cheapestPlan, evenTileSize, occupiedTiles } from '../math/scaling/tiling.ts';
import { resolverBytes } from './local-resolution.ts';

/** Tiles of a job and what they take. */
export interface ResolutionPlan {
  /** Voxels (z, y, x); whole occupancy blocks. */
  readonly tileSize: Shape;
  /** First voxels of the tiles with mask voxels, fullest first. */
  readonly starts: readonly Shape[];
  /** Of all tiles, for progress. */
  readonly maskVoxels: number;
  /** Kernel memory. */
  readonly bytesPerThread: number;
  /** Relative cost: one frequency of both maps at one voxel of the z recursion. */
  readonly cost: number;
}

/** Tile edges tried, in occupancy blocks. */
const EDGES = [2, 3, 4, 5, 6, 8, 10, 12];

/** The cheapest plan within the memory (the smallest tiles if none fits); undefined for an empty mask. */
export function planResolutionTiles(
  occupancy: Occupancy,
  windowVoxels: number,
  weights: WindowWeights,
  memoryPerThread: number,
): ResolutionPlan | undefined {
  const sizes = EDGES.map((edge) => evenTileSize(occupancy, edge * OCCUPANCY_BLOCK));
  const plans = sizes
    .filter((size) => size !== undefined)
    .map((size) => makePlan(occupancy, size, windowVoxels, weights));
  return cheapestPlan(plans, ({ bytesPerThread }) => bytesPerThread <= memoryPerThread) ?? plans[0];
}

/** Cost and bytes for one tile size; the cheapest that fits is chosen. */
function makePlan(occupancy: Occupancy, tileSize: Shape, w: number, weights: WindowWeights): ResolutionPlan {
  const frequencies = shellCounts(w).reduce((sum, n) => sum + n, 0) / 2;
  const pairs = coefficientColumns(w).length;
  const [tz, ty, tx] = tileSize;
  const planes = tz + w - 1;
  const tiles = occupiedTiles(occupancy, tileSize);
  let cost = 0;
  for (const { blocks, columns } of tiles) {
    // A z run starts with w / 2 products per frequency, a column of y sums with w.
    const slides = blocks * OCCUPANCY_BLOCK ** 3 * frequencies;
    const seeds = 0.25 * columns * OCCUPANCY_BLOCK ** 2 * (w / 2) * frequencies;
    const ySums = 0.5 * planes * pairs * (columns * OCCUPANCY_BLOCK ** 2 + w * tx);
    const xSums = 1.5 * planes * (ty + w) * (tx + w) * (w / 2);
    cost += slides + seeds + ySums + xSums;
  }
  return {
    tileSize,
    starts: tiles.sort((a, b) => b.maskVoxels - a.maskVoxels).map(({ start }) => start),
    maskVoxels: tiles.reduce((sum, { maskVoxels }) => sum + maskVoxels, 0),
    bytesPerThread: resolverBytes(w, weights, tileSize),
    cost,
  };
}
