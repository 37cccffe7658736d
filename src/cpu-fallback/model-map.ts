/**
 * Sums atoms on a slab of planes (math/atoms/splat-plan.ts): one-dimensional tables of each atom's five
 * Gaussians, multiplied and added by the kernel in a tile padded on both sides of the box. Because the box is
 * periodic, the padding is folded back at the end.
 */

import { RECORD } from '../math/atoms/splat-plan.ts';
import type { Grid } from '../math/grid.ts';
import type { Kernels } from './kernels/kernels.ts';

/** Atoms to add, as records (math/atoms/splat-plan.ts). */
export interface SplatJob {
  /** Finer grid that atoms are summed on. */
  readonly grid: Grid;
  /** Atoms, as listed by splat-plan.ts. */
  readonly records: Float32Array;
  /** Largest reach of any atom, A. */
  readonly reach: number;
  /** Sum, (z, y, x). */
  readonly out: Float32Array;
}

/** Planes per task: fixed, so that sums do not depend on the threads; a tile of 256^2 rows fits the cache. */
export const PLANES_PER_SLAB = 8;
/** Floats per plane or row in the kernel's tables. */
const ENTRY = 8;

/** Planes from <= z < to of `job.out`. */
export function splatPlanes(kernels: Kernels, job: SplatJob, from: number, to: number): void {
  const { grid, records, reach, out } = job;
  const [nz, ny, nx] = grid.shape;
  const [stepZ, stepY, stepX] = grid.voxelSize;
  const margin = 4 * Math.ceil((reach / stepX + 1) / 4);
  const pitch = 4 * Math.ceil((nx + 2 * margin + 4) / 4);
  const memory = kernels.mark();
  const tile = kernels.allocate(4 * (to - from) * ny * pitch);
  const longest = grid.voxelSize.map((step) => 2 * Math.ceil(reach / step) + 4);
  const zAddress = kernels.allocate(4 * ENTRY * longest[0]);
  const yAddress = kernels.allocate(4 * ENTRY * longest[1]);
  const xAddress = kernels.allocate(4 * 5 * (longest[2] + 4));
  const zTable = entryTable(kernels, zAddress, longest[0]);
  const yTable = entryTable(kernels, yAddress, longest[1]);
  const xTable = kernels.floats(xAddress, 5 * (longest[2] + 4));
  const line = new Float64Array(Math.max(...longest));
  for (let at = 0; at < records.length; at += RECORD.length) {
    const radius = records[at + RECORD.reach];
    const reachZ = Math.ceil(radius / stepZ);
    // First plane that the atom reaches, relative to the slab's first plane in the periodic box.
    const begin = modulo(records[at + RECORD.voxel] - reachZ - from, nz);
    if (begin >= to - from && begin + 2 * reachZ < nz) continue;
    const planes = fillEntries(zTable, line, records, at, 0, reachZ, stepZ, nz, 4 * ny * pitch, from, to);
    const reachY = Math.ceil(radius / stepY);
    const rows = fillEntries(yTable, line, records, at, 1, reachY, stepY, ny, 4 * pitch, 0, ny);
    const reachX = Math.ceil(radius / stepX);
    const groups = Math.ceil((2 * reachX + 1) / 4);
    const offset = records[at + RECORD.offset + 2];
    for (let g = 0; g < 5; g++) {
      fillLine(line, records[at + RECORD.exponents + g] * stepX * stepX, offset, reachX);
      const first = 4 * groups * g;
      for (let i = 0; i <= 2 * reachX; i++) xTable[first + i] = line[i];
      for (let i = 2 * reachX + 1; i < 4 * groups; i++) xTable[first + i] = 0;
    }
    kernels.exports.splatAtom(
      tile,
      zAddress,
      planes,
      yAddress,
      rows,
      xAddress,
      groups,
      4 * (records[at + RECORD.voxel + 2] - reachX + margin),
      reachX + offset,
      1 / stepX,
      radius * radius,
    );
  }
  foldRows(kernels.floats(tile, (to - from) * ny * pitch), pitch, margin, nx, out, from * ny * nx);
  kernels.release(memory);
}

/** A table of kernel memory whose entries mix floats and integers. */
interface EntryTable {
  readonly floats: Float32Array;
  readonly words: Uint32Array;
}

function entryTable(kernels: Kernels, address: number, entries: number): EntryTable {
  return { floats: kernels.floats(address, ENTRY * entries), words: kernels.words(address, ENTRY * entries) };
}

/**
 * Writes entries for the voxels first <= i < last within `reach` along an axis of n: five Gaussians (along z
 * times the heights), squared distance, (i - first) * placeBytes. Returns their number.
 */
function fillEntries(
  { floats, words }: EntryTable,
  line: Float64Array,
  records: Float32Array,
  at: number,
  axis: 0 | 1,
  reach: number,
  step: number,
  n: number,
  placeBytes: number,
  first: number,
  last: number,
): number {
  const centre = records[at + RECORD.voxel + axis];
  const offset = records[at + RECORD.offset + axis];
  let count = 0;
  for (let g = 0; g < 5; g++) {
    fillLine(line, records[at + RECORD.exponents + g] * step * step, offset, reach);
    const height = axis === 0 ? records[at + RECORD.heights + g] : 1;
    count = 0;
    for (let d = -reach; d <= reach; d++) {
      const i = modulo(centre + d, n);
      if (i < first || i >= last) continue;
      const entry = ENTRY * count++;
      floats[entry + g] = height * line[reach + d];
      if (g > 0) continue;
      floats[entry + 5] = ((d - offset) * step) ** 2;
      words[entry + 6] = (i - first) * placeBytes;
    }
  }
  return count;
}

/**
 * exp(-c (d - offset)^2) for d = -reach ... reach. Gaussians at equal steps follow by recurrence,
 *   e(d + 1) = e(d) r(d), r(d + 1) = r(d) exp(-2 c),
 * in float64 outwards from the atom, where values and ratios only decrease.
 */
function fillLine(line: Float64Array, c: number, offset: number, reach: number): void {
  const fall = Math.exp(-2 * c);
  const peak = Math.exp(-c * offset * offset);
  line[reach] = peak;
  let value = peak;
  let ratio = Math.exp(-c * (1 - 2 * offset));
  for (let d = 1; d <= reach; d++) {
    value *= ratio;
    ratio *= fall;
    line[reach + d] = value;
  }
  value = peak;
  ratio = Math.exp(-c * (1 + 2 * offset));
  for (let d = 1; d <= reach; d++) {
    value *= ratio;
    ratio *= fall;
    line[reach - d] = value;
  }
}

/** From 0 to n - 1, of negative numbers too. */
function modulo(i: number, n: number): number {
  const rest = i % n;
  return rest < 0 ? rest + n : rest;
}

/** Adds rows of the tile to rows of the volume, folding the padding back periodically. */
function foldRows(
  tile: Float32Array,
  pitch: number,
  margin: number,
  nx: number,
  out: Float32Array,
  start: number,
): void {
  for (let row = 0, to = start; row < tile.length; row += pitch, to += nx) {
    const first = row + margin;
    for (let x = 0; x < margin; x++) tile[first + modulo(x - margin, nx)] += tile[row + x];
    for (let x = margin + nx; x < pitch; x++) tile[first + ((x - margin) % nx)] += tile[row + x];
    out.set(tile.subarray(first, first + nx), to);
  }
}
