/**
 * Chooses the tiles of a local-resolution job on the CPU: long enough that the recursions' starts and the
 * halos cost little, small enough to follow the mask and to fit the memory. Independent of the threads.
 */
import type { Shape } from '../math/grid.ts';
import { coefficientColumns, shellCounts, type WindowWeights } from '../math/local-resolution.ts';
import { OCCUPANCY_BLOCK, type Occupancy, occupiedExtent } from '../math/occupancy.ts';
import { resolverBytes } from './local-resolution.ts';

export interface ResolutionPlan {
  readonly tileSize: Shape;
  /** First voxels of the tiles that hold mask voxels, fullest first. */
  readonly starts: readonly Shape[];
  readonly maskVoxels: number;
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
  const extent = occupiedExtent(occupancy);
  if (!extent) return undefined;
  const plans = EDGES.map((edge) => makePlan(occupancy, extent, edge, windowVoxels, weights));
  const fitting = plans.filter((plan) => plan.bytesPerThread <= memoryPerThread);
  return fitting.reduce<ResolutionPlan>(
    (best, plan) => (plan.cost < best.cost ? plan : best),
    fitting[0] ?? plans[0]!,
  );
}

function makePlan(
  { blocks, counts }: Occupancy,
  { first, end }: { first: Shape; end: Shape },
  edge: number,
  w: number,
  weights: WindowWeights,
): ResolutionPlan {
  const size = [0, 1, 2].map((axis) => {
    const extent = end[axis]! - first[axis]!;
    return Math.ceil(extent / Math.ceil(extent / edge));
  }) as unknown as Shape;
  const tileSize = size.map((n) => n * OCCUPANCY_BLOCK) as unknown as Shape;
  const frequencies = shellCounts(w).reduce((sum, n) => sum + n, 0) / 2;
  const pairs = coefficientColumns(w).length;
  const [tz, ty, tx] = tileSize;
  const planes = tz + w - 1;
  const tiles: { start: Shape; voxels: number }[] = [];
  let cost = 0;
  let maskVoxels = 0;
  for (let z = first[0]; z < end[0]; z += size[0]) {
    for (let y = first[1]; y < end[1]; y += size[1]) {
      for (let x = first[2]; x < end[2]; x += size[2]) {
        let voxels = 0;
        let columns = 0;
        let used = 0;
        for (let by = y; by < Math.min(blocks[1], y + size[1]); by++) {
          for (let bx = x; bx < Math.min(blocks[2], x + size[2]); bx++) {
            let inColumn = 0;
            for (let bz = z; bz < Math.min(blocks[0], z + size[0]); bz++) {
              const n = counts[(bz * blocks[1] + by) * blocks[2] + bx]!;
              voxels += n;
              if (n > 0) inColumn++;
            }
            used += inColumn;
            if (inColumn > 0) columns++;
          }
        }
        if (voxels === 0) continue;
        tiles.push({ start: [z * OCCUPANCY_BLOCK, y * OCCUPANCY_BLOCK, x * OCCUPANCY_BLOCK], voxels });
        maskVoxels += voxels;
        // A z run starts with w / 2 products per frequency, a column of y sums with w.
        const slides = used * OCCUPANCY_BLOCK ** 3 * frequencies;
        const seeds = 0.25 * columns * OCCUPANCY_BLOCK ** 2 * (w / 2) * frequencies;
        const ySums = 0.5 * planes * pairs * (columns * OCCUPANCY_BLOCK ** 2 + w * tx);
        const xSums = 1.5 * planes * (ty + w) * (tx + w) * (w / 2);
        cost += slides + seeds + ySums + xSums;
      }
    }
  }
  tiles.sort((a, b) => b.voxels - a.voxels);
  return {
    tileSize,
    starts: tiles.map(({ start }) => start),
    maskVoxels,
    bytesPerThread: resolverBytes(w, weights, tileSize),
    cost,
  };
}
