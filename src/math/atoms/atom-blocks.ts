/**
 * Lists the atoms that reach each block of voxels, for engines whose blocks gather their atoms. Blocks are
 * cubes of BLOCK_EDGE voxels; the box is periodic, so an atom may be listed in several images. Lists are in
 * the order of atoms.
 */
import type { Grid } from '../grid.ts';
import { RECORD } from './splat-plan.ts';

export const BLOCK_EDGE = 8;
/** Numbers per block: first voxel z (from the first plane of the range), y, x; first entry; entries. */
export const BLOCK_RECORD = 5;
/** An image is three fields of ten bits, z lowest; this is the box itself. */
const IMAGE_ZERO = 512;

export interface AtomBlocks {
  /** Number of blocks reached by some atom. */
  readonly blockCount: number;
  readonly blocks: Uint32Array;
  /** Atom and image, two numbers per entry. */
  readonly entries: Uint32Array;
}

/** Blocks of the planes from <= z < to, the first block beginning at plane `from`. */
export function listAtomBlocks(records: Float32Array, grid: Grid, from: number, to: number): AtomBlocks {
  const [, ny, nx] = grid.shape;
  const bz = Math.ceil((to - from) / BLOCK_EDGE);
  const by = Math.ceil(ny / BLOCK_EDGE);
  const bx = Math.ceil(nx / BLOCK_EDGE);
  const counts = new Uint32Array(bz * by * bx);
  visitPairs(records, grid, from, to, (block) => {
    counts[block]++;
  });
  const starts = new Uint32Array(counts.length);
  let total = 0;
  let blockCount = 0;
  for (let i = 0; i < counts.length; i++) {
    starts[i] = total;
    total += counts[i];
    if (counts[i] > 0) blockCount++;
  }
  const blocks = new Uint32Array(BLOCK_RECORD * blockCount);
  for (let i = 0, at = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    const [z, y, x] = [Math.floor(i / (by * bx)), Math.floor(i / bx) % by, i % bx];
    blocks.set([z * BLOCK_EDGE, y * BLOCK_EDGE, x * BLOCK_EDGE, starts[i], counts[i]], at);
    at += BLOCK_RECORD;
  }
  const entries = new Uint32Array(2 * total);
  visitPairs(records, grid, from, to, (block, atom, image) => {
    const at = 2 * starts[block]++;
    entries[at] = atom;
    entries[at + 1] = image;
  });
  return { blockCount, blocks, entries };
}

/** Upper bound of the entries of `listAtomBlocks` for planes from <= z < to. */
export function countAtomBlocks(records: Float32Array, grid: Grid, from: number, to: number): number {
  let count = 0;
  visitPairs(records, grid, from, to, () => {
    count++;
  });
  return count;
}

function visitPairs(
  records: Float32Array,
  grid: Grid,
  from: number,
  to: number,
  visit: (block: number, atom: number, image: number) => void,
): void {
  const [nz, ny, nx] = grid.shape;
  const [stepZ, stepY, stepX] = grid.voxelSize;
  const by = Math.ceil(ny / BLOCK_EDGE);
  const bx = Math.ceil(nx / BLOCK_EDGE);
  for (let atom = 0, at = 0; at < records.length; atom++, at += RECORD.length) {
    const reach = records[at + RECORD.reach];
    const z = records[at] + records[at + RECORD.offset];
    const y = records[at + 1] + records[at + RECORD.offset + 1];
    const x = records[at + 2] + records[at + RECORD.offset + 2];
    const [rz, ry, rx] = [reach / stepZ, reach / stepY, reach / stepX];
    // Image m of the atom is at position + m n; selects those within reach of the range.
    for (let mz = Math.ceil((from - rz - z) / nz); mz <= Math.floor((to - 1 + rz - z) / nz); mz++) {
      const cz = z + mz * nz;
      const lastZ = Math.floor((Math.min(to - 1, cz + rz) - from) / BLOCK_EDGE);
      for (let my = Math.ceil((-ry - y) / ny); my <= Math.floor((ny - 1 + ry - y) / ny); my++) {
        const cy = y + my * ny;
        const lastY = Math.floor(Math.min(ny - 1, cy + ry) / BLOCK_EDGE);
        for (let mx = Math.ceil((-rx - x) / nx); mx <= Math.floor((nx - 1 + rx - x) / nx); mx++) {
          const cx = x + mx * nx;
          const lastX = Math.floor(Math.min(nx - 1, cx + rx) / BLOCK_EDGE);
          const image = mz + IMAGE_ZERO + ((my + IMAGE_ZERO) << 10) + ((mx + IMAGE_ZERO) << 20);
          for (let i = Math.floor((Math.max(from, cz - rz) - from) / BLOCK_EDGE); i <= lastZ; i++) {
            const dz = beyond(cz, from + i * BLOCK_EDGE) * stepZ;
            for (let j = Math.floor(Math.max(0, cy - ry) / BLOCK_EDGE); j <= lastY; j++) {
              const dy = beyond(cy, j * BLOCK_EDGE) * stepY;
              for (let k = Math.floor(Math.max(0, cx - rx) / BLOCK_EDGE); k <= lastX; k++) {
                const dx = beyond(cx, k * BLOCK_EDGE) * stepX;
                if (dz * dz + dy * dy + dx * dx <= reach * reach) visit((i * by + j) * bx + k, atom, image);
              }
            }
          }
        }
      }
    }
  }
}

/** Distance (voxels) of a position from the voxels first ... first + BLOCK_EDGE - 1; 0 among them. */
function beyond(position: number, first: number): number {
  if (position < first) return first - position;
  const last = first + BLOCK_EDGE - 1;
  return position > last ? position - last : 0;
}
