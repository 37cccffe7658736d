/**
 * Averages over symmetry operators (math/symmetry/rotation-plan.ts). Operators that map the grid onto itself
 * average orbits of voxels; for the others, blocks of the result gather from the part of the fine grid that
 * the rotated block covers. The voxel of an orbit with the lowest index is computed and written to all, so no
 * two tasks write the same voxel.
 */
import type { Shape } from '../math/grid.ts';
import { TAPS, TAPS_BEFORE, weightTable } from '../math/symmetry/rotation-kernel.ts';
import type { Copy, GridMaps, Interpolation } from '../math/symmetry/rotation-plan.ts';
import type { SharedSpectrum } from './fft.ts';
import type { Kernels } from './kernels/kernels.ts';
import { resampleColumns } from './resample.ts';

/** Planes and rows of the result per task. */
export const BLOCK_ROWS = 32;
/** Planes per block, where all operators rotate within planes and where they do not. */
export const BLOCK_PLANES = { planar: 8, spatial: 32 };
/** Voxels along x per block. */
const BLOCK_COLUMNS = 32;

/** Averages over the orbits whose first voxel is in the planes from <= z < to. */
export function averageOrbits(
  volume: Float32Array,
  shape: Shape,
  maps: GridMaps,
  out: Float32Array,
  from: number,
  to: number,
): void {
  const orbits = new Orbits(shape, maps, shape[2]);
  const { images, ends } = orbits;
  for (let z = from; z < to; z++) {
    for (let y = 0; y < shape[1]; y++) {
      orbits.clear();
      orbits.addRow(z, y, 0, shape[2]);
      for (let i = 0, k = 0; i < orbits.found; i++) {
        const start = k;
        let sum = 0;
        for (; k < ends[i]; k++) sum += volume[images[k]];
        const mean = sum / (k - start);
        for (let t = start; t < k; t++) out[images[t]] = mean;
      }
    }
  }
}

/** Lists the voxels that come first in their orbit, with the orbit's voxels inside the box. */
class Orbits {
  /** Orbits listed so far. */
  found = 0;
  /** Per listed voxel: x, and the end of its orbit in `images`. */
  readonly xs: Int32Array;
  /** Index after the orbit's last voxel; it begins where the one before ends. */
  readonly ends: Int32Array;
  /** Linear voxel indices, orbit by orbit. */
  readonly images: Int32Array;
  /** Of the volume (z, y, x). */
  private readonly shape: Shape;
  /** Images of voxels under the operators, per axis. */
  private readonly maps: GridMaps;
  /** Start of the row's image under an operator. */
  private readonly rows: Float64Array;

  constructor(shape: Shape, maps: GridMaps, most: number) {
    this.shape = shape;
    this.maps = maps;
    this.xs = new Int32Array(most);
    this.ends = new Int32Array(most);
    this.images = new Int32Array(most * maps.count);
    this.rows = new Float64Array(maps.count);
  }

  /** Forgets the rows so far. */
  clear(): void {
    this.found = 0;
  }

  /** Adds the voxels of a row that are the first of their orbit, with all their images. */
  addRow(z: number, y: number, fromX: number, toX: number): void {
    const { rows, images, ends, xs } = this;
    const [nz, ny, nx] = this.shape;
    const { count, tables } = this.maps;
    const each = nz + ny + nx;
    const row = (z * ny + y) * nx;
    for (let k = 0; k < count; k++) {
      const image = tables[k * each + z] + tables[k * each + nz + y];
      // Skips a row that maps to a whole row of lower indices: none of its voxels comes first in its orbit.
      if (image >= 0 && image + nx <= row && this.keepsRows(k)) return;
      rows[k] = image;
    }
    let end = this.found === 0 ? 0 : ends[this.found - 1];
    for (let x = fromX; x < toX; x++) {
      const own = row + x;
      const begin = end;
      for (let k = 0, at = nz + ny + x; k < count; k++, at += each) {
        const image = rows[k] + tables[at];
        if (image < 0) continue;
        if (image < own) {
          end = -1;
          break;
        }
        images[end++] = image;
      }
      if (end < 0) {
        end = begin;
        continue;
      }
      xs[this.found] = x;
      ends[this.found++] = end;
    }
  }

  /** Whether an operator takes x to x or -x, every voxel of a row inside the box. */
  private keepsRows(k: number): boolean {
    const [nz, ny, nx] = this.shape;
    const first = (k + 1) * (nz + ny + nx) - nx;
    const { tables } = this.maps;
    const steps = Math.abs(tables[first + 1] - tables[first + nx - 1]);
    return steps === nx - 2 && tables[first] >= 0;
  }
}

/** Factors of the spectrum of the fine grid; see `prefilterColumns`. */
export interface Prefilter {
  /** Per axis, one factor for each frequency of the fine grid. */
  readonly gains: Interpolation['gains'];
  /** z is not interpolated: its factors are 1. */
  readonly planar: boolean;
}

/**
 * Square of the Nyquist frequency. Frequencies exactly on the sphere, such as (4, 4, 2) / 12, are ratios of
 * integers; the margin covers their rounding, as in shaders/symmetrise.wgsl.
 */
const WITHIN_NYQUIST = 0.25 - 1e-7;

/**
 * `resampleColumns` of the columns of rows first <= ky < last, with factors on the spectrum: the
 * interpolation kernel's, and 0 beyond the map's Nyquist frequency.
 */
export function prefilterColumns(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  from: Shape,
  { gains, planar }: Prefilter,
  first: number,
  last: number,
): void {
  const { shape, pitch } = spectrum;
  const square = (k: number, axis: number): number => {
    const signed = 2 * k <= shape[axis] ? k : k - shape[axis];
    return (signed / from[axis]) ** 2;
  };
  const bins = Math.floor(from[2] / 2) + 1;
  resampleColumns(kernels, spectrum, from, first, last, (re, im, kz) => {
    for (let ky = first; ky < last; ky++) {
      const rest = WITHIN_NYQUIST - square(ky, 1) - (planar ? 0 : square(kz, 0));
      const gain = gains[0][kz] * gains[1][ky];
      const row = (ky - first) * pitch;
      for (let kx = 0; kx < bins; kx++) {
        const factor = square(kx, 2) < rest ? gain * gains[2][kx] : 0;
        re[row + kx] *= factor;
        im[row + kx] *= factor;
      }
    }
  });
}

/** Interpolation of the rotated copies from a finer grid. */
export interface GatherJob {
  /** Of the result (z, y, x). */
  readonly shape: Shape;
  /** Operators that need no interpolation: they give the orbits. */
  readonly maps: GridMaps;
  /** The other operators. */
  readonly interpolation: Interpolation;
  /** Coefficients on the fine grid. */
  readonly fine: Float32Array;
  /** Result; each thread writes whole orbits. */
  readonly out: Float32Array;
}

/** Averages the first voxels of orbits in planes zFrom <= z < zTo and rows yFrom <= y < yTo. */
export function gatherCopies(
  kernels: Kernels,
  job: GatherJob,
  [zFrom, zTo]: readonly [number, number],
  [yFrom, yTo]: readonly [number, number],
): void {
  const { shape, maps, interpolation, out } = job;
  const nx = shape[2];
  const memory = kernels.mark();
  const table = kernels.putFloats(weightTable());
  const scratch = kernels.allocate(64);
  const limits = kernels.allocate(48);
  const rows = (zTo - zFrom) * (yTo - yFrom);
  const most = rows * BLOCK_COLUMNS;
  const [xs, sums, counts] = [0, 0, 0].map(() => kernels.allocate(4 * most));
  const orbits = new Orbits(shape, maps, most);
  /** Per row: end of its voxels in the list. */
  const rowEnds = new Int32Array(rows);
  const inner = kernels.mark();
  for (let xFrom = 0; xFrom < nx; xFrom += BLOCK_COLUMNS) {
    const { low, high } = collectBlock(orbits, rowEnds, [zFrom, zTo], [yFrom, yTo], [xFrom, nx]);
    const { found } = orbits;
    if (found === 0) continue;
    kernels.words(xs, found).set(orbits.xs.subarray(0, found));
    kernels.floats(sums, found).fill(0);
    kernels.floats(counts, found).fill(0);
    for (const copy of interpolation.copies) {
      const box = coveredBox(copy, interpolation, low, high);
      if (box === undefined) continue;
      const { first, extent } = box;
      const pitch = 4 * Math.ceil((extent[2] + 4) / 4);
      const data = kernels.allocate(4 * (extent[0] * extent[1] * pitch + 8));
      copyBox(kernels.floats(data, extent[0] * extent[1] * pitch), job, first, extent, pitch);
      const bounds = new Float64Array(kernels.exports.memory.buffer, limits, 6);
      for (let axis = 0; axis < 3; axis++) {
        bounds[axis] = interpolation.first[axis] - first[axis];
        bounds[3 + axis] = interpolation.last[axis] - first[axis];
      }
      const { start, byZ, byY, byX } = copy;
      for (let row = 0, begin = 0, z = zFrom; z < zTo; z++) {
        for (let y = yFrom; y < yTo; y++, row++) {
          const count = rowEnds[row] - begin;
          if (count === 0) continue;
          kernels.exports.gatherRow(
            xs + 4 * begin,
            count,
            sums + 4 * begin,
            counts + 4 * begin,
            start[0] + z * byZ[0] + y * byY[0] - first[0],
            start[1] + z * byZ[1] + y * byY[1] - first[1],
            start[2] + z * byZ[2] + y * byY[2] - first[2],
            byX[0],
            byX[1],
            byX[2],
            data,
            4 * pitch,
            4 * extent[1] * pitch,
            limits,
            limits + 24,
            table,
            scratch,
            interpolation.planar,
          );
          begin = rowEnds[row];
        }
      }
      kernels.release(inner);
    }
    const [totals, inside] = [kernels.floats(sums, found), kernels.floats(counts, found)];
    for (let i = 0, k = 0; i < found; i++) {
      const value = inside[i] > 0 ? totals[i] / inside[i] : 0;
      for (; k < orbits.ends[i]; k++) out[orbits.images[k]] = value;
    }
  }
  kernels.release(memory);
}

/**
 * Collects the block's voxels that come first in their orbit, and the row ends; returns their bounding box.
 */
function collectBlock(
  orbits: Orbits,
  rowEnds: Int32Array,
  [zFrom, zTo]: readonly [number, number],
  [yFrom, yTo]: readonly [number, number],
  [xFrom, nx]: readonly [number, number],
): { low: number[]; high: number[] } {
  orbits.clear();
  const low = [zTo, yTo, nx];
  const high = [-1, -1, -1];
  for (let row = 0, z = zFrom; z < zTo; z++) {
    for (let y = yFrom; y < yTo; y++, row++) {
      const before = orbits.found;
      orbits.addRow(z, y, xFrom, Math.min(nx, xFrom + BLOCK_COLUMNS));
      rowEnds[row] = orbits.found;
      if (orbits.found === before) continue;
      const corners = [z, y, orbits.xs[before], z, y, orbits.xs[orbits.found - 1]];
      for (let axis = 0; axis < 3; axis++) {
        low[axis] = Math.min(low[axis], corners[axis]);
        high[axis] = Math.max(high[axis], corners[3 + axis]);
      }
    }
  }
  return { low, high };
}

/** Part of the fine grid that a rotated block needs; undefined if it is outside the box. */
function coveredBox(
  copy: Copy,
  { planar, first: least, last }: Interpolation,
  low: readonly number[],
  high: readonly number[],
): { first: number[]; extent: number[] } | undefined {
  const first: number[] = [];
  const extent: number[] = [];
  for (let axis = 0; axis < 3; axis++) {
    let [lowest, greatest] = [copy.start[axis], copy.start[axis]];
    for (const [i, step] of [copy.byZ[axis], copy.byY[axis], copy.byX[axis]].entries()) {
      lowest += Math.min(step * low[i], step * high[i]);
      greatest += Math.max(step * low[i], step * high[i]);
    }
    if (greatest < least[axis] || lowest > last[axis]) return undefined;
    const exact = planar && axis === 0;
    const [before, after] = exact ? [0, 0] : [TAPS_BEFORE + 1, TAPS - TAPS_BEFORE];
    const from = (exact ? Math.round : Math.floor)(Math.max(least[axis], lowest)) - before;
    const to = (exact ? Math.round : Math.floor)(Math.min(last[axis], greatest)) + after;
    first.push(from);
    extent.push(to - from + 1);
  }
  return { first, extent };
}

/** Copies a part of the periodic fine grid, rows of `pitch` floats. */
function copyBox(
  to: Float32Array,
  { fine, interpolation }: GatherJob,
  first: readonly number[],
  extent: readonly number[],
  pitch: number,
): void {
  const [mz, my, mx] = interpolation.fine;
  const wrap = (k: number, m: number): number => ((k % m) + m) % m;
  for (let z = 0; z < extent[0]; z++) {
    const plane = wrap(first[0] + z, mz) * my;
    for (let y = 0; y < extent[1]; y++) {
      const row = (plane + wrap(first[1] + y, my)) * mx;
      const at = (z * extent[1] + y) * pitch;
      for (let x = 0; x < extent[2]; ) {
        const source = wrap(first[2] + x, mx);
        const run = Math.min(extent[2] - x, mx - source);
        to.set(fine.subarray(row + source, row + source + run), at + x);
        x += run;
      }
    }
  }
}
