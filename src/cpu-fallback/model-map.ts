/**
 * Sum of atoms on a slab of planes (math/splat-plan.ts): per atom one-dimensional tables of its five
 * Gaussians, multiplied and added by the kernel in a tile whose rows are longer than the box on both sides;
 * the parts beyond the box are folded back at the end, because the box is periodic.
 */
import type { Grid } from '../math/grid.ts';
import { RECORD } from '../math/splat-plan.ts';
import type { Kernels } from './kernels/kernels.ts';

export interface SplatJob {
  readonly grid: Grid;
  readonly records: Float32Array;
  /** Largest reach of any atom, A. */
  readonly reach: number;
  readonly out: Float32Array;
}

/** Planes per task: fixed, so that sums do not depend on the threads; a tile of 256^2 rows fits the cache. */
export const PLANES_PER_SLAB = 8;
/** Floats of a plane's or row's entry in the kernel's tables. */
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
  const [longestZ, longestY, longestX] = grid.voxelSize.map((step) => 2 * Math.ceil(reach / step) + 3);
  const zTable = kernels.allocate(4 * ENTRY * longestZ);
  const yTable = kernels.allocate(4 * ENTRY * longestY);
  const xPitch = 4 * Math.ceil((longestX + 4) / 4);
  const xTable = kernels.allocate(4 * 5 * xPitch);
  const tables = {
    z: kernels.floats(zTable, ENTRY * longestZ),
    y: kernels.floats(yTable, ENTRY * longestY),
    x: kernels.floats(xTable, 5 * xPitch),
    zWords: kernels.words(zTable, ENTRY * longestZ),
    yWords: kernels.words(yTable, ENTRY * longestY),
  };
  const inSlab = (z: number): boolean => z >= from && z < to;
  for (let at = 0; at < records.length; at += RECORD.length) {
    const radius = records[at + RECORD.reach];
    const reachZ = Math.ceil(radius / stepZ);
    const planes = fillAxis(
      tables.z,
      tables.zWords,
      records,
      at,
      0,
      reachZ,
      stepZ,
      nz,
      inSlab,
      (z) => z - from,
      4 * ny * pitch,
      true,
    );
    if (planes === 0) continue;
    const reachY = Math.ceil(radius / stepY);
    const rows = fillAxis(
      tables.y,
      tables.yWords,
      records,
      at,
      1,
      reachY,
      stepY,
      ny,
      always,
      itself,
      4 * pitch,
      false,
    );
    const reachX = Math.ceil(radius / stepX);
    const lanes = 2 * reachX + 1;
    const groups = Math.ceil(lanes / 4);
    fillRow(tables.x, records, at, reachX, stepX, 4 * groups);
    const first = records[at + RECORD.voxel + 2] - reachX + margin;
    kernels.exports.splatAtom(
      tile,
      zTable,
      planes,
      yTable,
      rows,
      xTable,
      groups,
      4 * first,
      reachX + records[at + RECORD.offset + 2],
      1 / stepX,
      radius * radius,
    );
  }
  foldRows(kernels.floats(tile, (to - from) * ny * pitch), pitch, margin, nx, out, from * ny * nx);
  kernels.release(memory);
}

const always = (): boolean => true;
const itself = (i: number): number => i;

/**
 * Entries for the voxels within `reach` along an axis, those that `wanted` accepts: five Gaussians (times
 * heights), squared distance, byte offset. Returns how many.
 */
function fillAxis(
  table: Float32Array,
  words: Uint32Array,
  records: Float32Array,
  at: number,
  axis: 0 | 1,
  reach: number,
  step: number,
  n: number,
  wanted: (i: number) => boolean,
  place: (i: number) => number,
  placeBytes: number,
  withHeights: boolean,
): number {
  const centre = records[at + RECORD.voxel + axis];
  const offset = records[at + RECORD.offset + axis];
  let count = 0;
  for (let d = -reach; d <= reach; d++) {
    const i = (((centre + d) % n) + n) % n;
    if (!wanted(i)) continue;
    const distance = (d - offset) * step;
    const entry = ENTRY * count++;
    for (let g = 0; g < 5; g++) {
      const value = Math.exp(-records[at + RECORD.exponents + g] * distance * distance);
      table[entry + g] = withHeights ? value * records[at + RECORD.heights + g] : value;
    }
    table[entry + 5] = distance * distance;
    words[entry + 6] = place(i) * placeBytes;
  }
  return count;
}

/**
 * Five lines of `pitch` values, voxels -reach ... Gaussians at equal steps follow from their neighbours,
 *   e(d + 1) = e(d) r(d), r(d + 1) = r(d) exp(-2 c step^2),
 * in float64 outwards from the atom, where values and ratios only fall.
 */
function fillRow(
  table: Float32Array,
  records: Float32Array,
  at: number,
  reach: number,
  step: number,
  pitch: number,
): void {
  const offset = records[at + RECORD.offset + 2];
  for (let g = 0; g < 5; g++) {
    const c = records[at + RECORD.exponents + g] * step * step;
    const q = Math.exp(-2 * c);
    const middle = g * pitch + reach;
    const peak = Math.exp(-c * offset * offset);
    table[middle] = peak;
    for (const direction of [1, -1] as const) {
      let value = peak;
      let ratio = Math.exp(-c * (1 - 2 * direction * offset));
      for (let d = 1; d <= reach; d++) {
        value *= ratio;
        ratio *= q;
        table[middle + direction * d] = value;
      }
    }
    for (let i = 2 * reach + 1; i < pitch; i++) table[g * pitch + i] = 0;
  }
}

/** Rows of the tile into rows of the volume; what lies beyond the box comes back on the other side. */
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
    for (let x = margin - 1; x >= 0; x--) {
      // Outwards from the box, so that each lands on a voxel of the box or of a part not folded yet.
      tile[first + ((((x - margin) % nx) + nx) % nx)] += tile[row + x];
    }
    for (let x = margin + nx; x < pitch; x++) tile[first + ((x - margin) % nx)] += tile[row + x];
    out.set(tile.subarray(first, first + nx), to);
  }
}
