/** Number of mask voxels in each small block of a volume, for planning tiles. */
import type { Shape } from '../grid.ts';

/** Occupancy is counted in blocks of this edge, and tiles start at multiples of it. */
export const OCCUPANCY_BLOCK = 8;

/** Mask voxels per block, ordered (bz, by, bx). */
export interface Occupancy {
  readonly blocks: Shape;
  readonly counts: Uint32Array;
}

/** Number of blocks along each axis. */
export function blockGrid(shape: Shape, block: number = OCCUPANCY_BLOCK): Shape {
  const [nz, ny, nx] = shape;
  return [Math.ceil(nz / block), Math.ceil(ny / block), Math.ceil(nx / block)];
}

/** Blocks first <= k < end along each axis that hold mask voxels; undefined if none does. */
export function occupiedExtent({ blocks, counts }: Occupancy): { first: Shape; end: Shape } | undefined {
  const first: [number, number, number] = [...blocks];
  const end: [number, number, number] = [0, 0, 0];
  for (let z = 0, i = 0; z < blocks[0]; z++) {
    for (let y = 0; y < blocks[1]; y++) {
      for (let x = 0; x < blocks[2]; x++, i++) {
        if (counts[i] === 0) continue;
        first[0] = Math.min(first[0], z);
        first[1] = Math.min(first[1], y);
        first[2] = Math.min(first[2], x);
        end[0] = Math.max(end[0], z + 1);
        end[1] = Math.max(end[1], y + 1);
        end[2] = Math.max(end[2], x + 1);
      }
    }
  }
  return end[0] > 0 ? { first, end } : undefined;
}
