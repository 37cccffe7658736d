/** Counts mask voxels per block on the worker threads, for planning tiles. */
import { type Shape, voxelCount } from '../math/grid.ts';
import { blockGrid, OCCUPANCY_BLOCK, type Occupancy } from '../math/scaling/occupancy.ts';
import type { Pool } from './pool.ts';

/** Mask voxels per block, counted by all threads; decides which tiles are worth computing. */
export async function measureOccupancy(pool: Pool, mask: Float32Array, shape: Shape): Promise<Occupancy> {
  const blocks = blockGrid(shape);
  const parts = await pool.map(
    'occupancy',
    Array.from({ length: blocks[0] }, (_, z) => ({
      from: z,
      to: z + 1,
      mask,
      shape,
      block: OCCUPANCY_BLOCK,
    })),
  );
  const counts = new Uint32Array(voxelCount(blocks));
  // A task per plane of blocks, (z, y, x) in the result.
  parts.forEach((part, z) => {
    counts.set(part, z * blocks[1] * blocks[2]);
  });
  return { blocks, counts };
}
