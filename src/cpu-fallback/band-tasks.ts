/**
 * What worker threads do for one band of the scaling in soft frequency bands (band-scaling.ts): parts of
 * volumes in shared memory, each copied into kernel memory and back. No part depends on the number of
 * threads.
 *
 * A band travels in one array, planes z one after the other: first the half spectrum of a plane (ny rows of
 * `pitch` floats re, then im), transformed back along z; then, in the same place, its voxels in rows of
 * `rowPitch` floats.
 */
import {
  type BandPlan,
  highestIndex,
  planInterpolation,
  squaredBandFrequencies,
} from '../math/soft-scaling/bands.ts';
import type { MapSum } from '../math/soft-scaling/inputs.ts';
import type { BandSums } from '../math/soft-scaling/targets.ts';
import { type BandTilt, shellCount, shellEnds } from '../math/soft-scaling/tilts.ts';
import { forEachRowGroup, planeBuffers, ROWS_PER_TASK, type SharedSpectrum, transformRows } from './fft.ts';
import type { Kernels } from './kernels/kernels.ts';

/** Floats per row of voxels of a band. */
export function bandRowPitch(nx: number): number {
  return 4 * Math.ceil(nx / 4);
}

/** Floats per plane of a band: the larger of half spectrum and voxels. */
export function bandPlaneFloats({ shape: [, ny], pitch }: Pick<SharedSpectrum, 'shape' | 'pitch'>): number {
  return 2 * ny * pitch;
}

/** Rows along x and columns along y of the planes from <= z < to of a sum of maps. */
export function forwardSumPlanes(
  kernels: Kernels,
  { a, b, centres, factors }: MapSum<Float32Array>,
  spectrum: SharedSpectrum,
  from: number,
  to: number,
): void {
  const [, ny, nx] = spectrum.shape;
  const { pitch } = spectrum;
  kernels.fftPlan(nx);
  const planY = kernels.fftPlan(ny);
  const memory = kernels.mark();
  const buffers = planeBuffers(kernels, ny, nx, pitch);
  const floats = ny * nx;
  const other = kernels.allocate(4 * (floats + 4));
  const { rows, re, im } = buffers;
  for (let z = from; z < to; z++) {
    kernels.floats(rows, floats).set(a.subarray(z * floats, (z + 1) * floats));
    kernels.floats(other, floats).set(b.subarray(z * floats, (z + 1) * floats));
    const groups = Math.ceil(floats / 4);
    kernels.exports.combineRows(rows, rows, other, groups, centres[0], factors[0], centres[1], factors[1]);
    transformRows(kernels, ny, nx, pitch, buffers);
    kernels.exports.fftColumns(planY, re, im, 4 * pitch, pitch / 4);
    spectrum.re.set(kernels.floats(re, ny * pitch), z * ny * pitch);
    spectrum.im.set(kernels.floats(im, ny * pitch), z * ny * pitch);
  }
  kernels.release(memory);
}

/** Floats per row of a band's coefficients: those behind are 0 in it. */
export function bandWidth(plan: BandPlan, band: number): number {
  return 4 * Math.ceil((highestIndex(plan, 2, band) + 1) / 4);
}

/** Planes from <= kz < to of a half spectrum: squared moduli summed over shells, but for the origin. */
export function shellPowers(
  plan: BandPlan,
  { shape: [nz, ny, nx], pitch, re, im }: SharedSpectrum,
  from: number,
  to: number,
): Float64Array {
  const shells = shellCount(plan);
  const powers = new Float64Array(shells);
  const bins = Math.floor(nx / 2) + 1;
  const alongZ = squaredBandFrequencies(plan, 0, nz);
  const alongY = squaredBandFrequencies(plan, 1, ny);
  // Of kx = 1; those of other kx are multiples by kx^2.
  const unit = squaredBandFrequencies(plan, 2, 2)[1];
  for (let z = from; z < to; z++)
    for (let y = 0; y < ny; y++) {
      const rest = alongZ[z] + alongY[y];
      const ends = shellEnds(shells, rest, unit, bins);
      const row = (z * ny + y) * pitch;
      for (let s = 0; s < shells; s++) {
        let sum = 0;
        for (let x = ends[s]; x < ends[s + 1]; x++) {
          if (x === 0 && rest === 0) continue;
          const square = re[row + x] ** 2 + im[row + x] ** 2;
          // Half of the spectrum is there: the other has the same moduli.
          sum += x === 0 || 2 * x === nx ? square : 2 * square;
        }
        powers[s] += sum;
      }
    }
  return powers;
}

/**
 * Columns along z of rows from <= ky < to of one band: weighted, inverse (unnormalised), from spectrum to
 * `target`.
 */
export function bandColumns(
  kernels: Kernels,
  plan: BandPlan,
  band: number,
  { below, above }: BandTilt,
  spectrum: SharedSpectrum,
  target: Float32Array,
  from: number,
  to: number,
): void {
  const [nz, ny] = spectrum.shape;
  const { pitch } = spectrum;
  const { exports } = kernels;
  const transform = kernels.fftPlan(nz);
  const memory = kernels.mark();
  const width = bandWidth(plan, band);
  const rows = to - from;
  const count = rows * width;
  const [alongZ, alongY, alongX] = [nz, ny, width].map((n, axis) =>
    squaredBandFrequencies(plan, axis as 0 | 1 | 2, n),
  );
  const squares = kernels.putFloats(alongX);
  // Whole rows of the spectrum, of which the band takes the first `width` coefficients.
  const staged = [0, 1].map(() => kernels.allocate(4 * rows * pitch));
  const block = [0, 1].map(() => kernels.allocate(4 * nz * count));
  const stages = staged.map((address) => kernels.floats(address, rows * pitch));
  const parts = block.map((address) => kernels.floats(address, nz * count));
  const highest = highestIndex(plan, 0, band);
  const sources = [spectrum.re, spectrum.im];
  for (let kz = 0; kz < nz; kz++) {
    // Planes that the band does not reach, at positive and negative frequencies.
    if (kz > highest && nz - kz > highest) {
      for (const part of parts) part.fill(0, kz * count, (kz + 1) * count);
      continue;
    }
    const at = (kz * ny + from) * pitch;
    stages.forEach((stage, i) => {
      stage.set(sources[i].subarray(at, at + rows * pitch));
    });
    for (let row = 0; row < rows; row++) {
      const offset = 4 * (kz * count + row * width);
      const rest = alongZ[kz] + alongY[from + row];
      const [re, im] = staged.map((address) => address + 4 * row * pitch);
      const [toRe, toIm] = block.map((address) => address + offset);
      if (below === 0 && above === 0) exports.bandRow(toRe, toIm, re, im, width / 4, rest, squares, band);
      else exports.tiltedBandRow(toRe, toIm, re, im, width / 4, rest, squares, band, below, above);
    }
  }
  for (let row = 0; row < rows; row++) {
    // Columns beyond the band at kz = 0, its widest place, are zero all along.
    const rest = (band + 1) ** 2 - alongY[from + row];
    let bins = 0;
    while (bins < width && alongX[bins] < rest) bins++;
    const offset = 4 * row * width;
    // The inverse transform is the forward one with re and im exchanged.
    exports.fftColumns(transform, block[1] + offset, block[0] + offset, 4 * count, Math.ceil(bins / 4));
  }
  // Real parts of all rows, then imaginary parts, narrow rows without gaps.
  const planeFloats = bandPlaneFloats(spectrum);
  for (let z = 0; z < nz; z++) {
    parts.forEach((part, i) => {
      target.set(part.subarray(z * count, (z + 1) * count), z * planeFloats + (i * ny + from) * width);
    });
  }
  kernels.release(memory);
}

/** Rows ky that hold anything of a band, as ranges of at most `rows`. */
export function bandRowRanges(plan: BandPlan, band: number, rows: number): { from: number; to: number }[] {
  const ny = plan.shape[1];
  const highest = highestIndex(plan, 1, band);
  const ranges: { from: number; to: number }[] = [];
  for (let from = 0; from < ny; from += rows) {
    const to = Math.min(ny, from + rows);
    if (from <= highest || ny - (to - 1) <= highest) ranges.push({ from, to });
  }
  return ranges;
}

/** Planes of a band, as a task gets them. */
export interface BandPlanes {
  readonly plan: BandPlan;
  readonly index: number;
  /** Of the spectra. */
  readonly pitch: number;
  readonly band: Float32Array;
  readonly blocks: Float32Array;
  readonly mask: Float32Array | undefined;
  readonly keep: boolean;
}

/**
 * Planes from <= z < to of a band: columns along y and rows along x, inverse; the squares summed over blocks
 * into `blocks`. Plane `from` is the first of its blocks. The voxels replace the spectrum where `keep` is
 * set.
 */
export function bandPlanes(
  kernels: Kernels,
  { plan, index, pitch, band, blocks, mask, keep }: BandPlanes,
  from: number,
  to: number,
): BandSums {
  const [nz, ny, nx] = plan.shape;
  const [kz, ky, kx] = plan.windows.factor;
  const [, by, bx] = plan.windows.blocks;
  const planX = kernels.fftPlan(nx);
  const planY = kernels.fftPlan(ny);
  const memory = kernels.mark();
  const { exports } = kernels;
  const rowPitch = bandRowPitch(nx);
  // Eight rows at least are read and written at once.
  const height = Math.max(8, ny);
  const rows = kernels.allocate(4 * (height * rowPitch + 8));
  const work = kernels.allocate(64 * (Math.max(rowPitch, 4) + 8));
  const width = bandWidth(plan, index);
  const narrow = [0, 1].map(() => kernels.allocate(4 * height * width));
  const sums = kernels.allocate(4 * by * bx);
  const squares = kernels.allocate(4 * rowPitch);
  const inMask = mask ? kernels.allocate(4 * ny * nx) : 0;
  const planeFloats = bandPlaneFloats({ shape: plan.shape, pitch });
  const scale = 1 / (nz * ny * nx);
  const ranges = bandRowRanges(plan, index, ROWS_PER_TASK);
  const parts = narrow.map((address) => kernels.floats(address, ny * width));
  let inside = 0;
  let all = 0;
  for (let z = from; z < to; z++) {
    const source = z * planeFloats;
    parts.forEach((part, i) => {
      const begin = source + i * ny * width;
      // Rows between the ranges hold what was there before.
      if (ranges.length * ROWS_PER_TASK < ny) part.fill(0);
      for (const range of ranges) {
        const [first, last] = [range.from * width, range.to * width];
        part.set(band.subarray(begin + first, begin + last), first);
      }
    });
    exports.fftColumns(planY, narrow[1], narrow[0], 4 * width, width / 4);
    forEachRowGroup(ny, (y) => {
      const at = 4 * y * width;
      exports.irfftRows8(
        planX,
        narrow[0] + at,
        narrow[1] + at,
        4 * width,
        rows + 4 * y * rowPitch,
        4 * rowPitch,
        scale,
        work,
        width,
      );
    });
    // One plane of blocks at a time: tasks begin and end at its bounds.
    if (z % kz === 0) kernels.floats(sums, by * bx).fill(0);
    if (mask) kernels.floats(inMask, ny * nx).set(mask.subarray(z * ny * nx, (z + 1) * ny * nx));
    inside += exports.addBlockSquares(rows, 4 * rowPitch, ny, nx, ky, kx, sums, 4 * bx, inMask, squares);
    if (z % kz === kz - 1 || z === nz - 1) {
      const found = kernels.floats(sums, by * bx);
      for (let i = 0; i < found.length; i++) all += found[i];
      blocks.set(found, Math.floor(z / kz) * by * bx);
    }
    if (keep) band.set(kernels.floats(rows, ny * rowPitch), source);
  }
  kernels.release(memory);
  return { inside: mask ? inside : all, all };
}

/** Planes from <= z < to: out += band gain, gains linear between the centres of blocks. */
export function accumulateBand(
  kernels: Kernels,
  plan: BandPlan,
  pitch: number,
  band: Float32Array,
  gains: Float32Array,
  out: Float32Array,
  from: number,
  to: number,
): void {
  const [, ny, nx] = plan.shape;
  const [bz, by, bx] = plan.windows.blocks;
  const memory = kernels.mark();
  const { exports } = kernels;
  const rowPitch = bandRowPitch(nx);
  const [alongZ, alongY, alongX] = ([0, 1, 2] as const).map((axis) => planInterpolation(plan, axis));
  // Lanes behind the row repeat its last value; their results are not used.
  const padTo = (values: ArrayLike<number>, count: number): number[] =>
    Array.from({ length: count }, (_, i) => values[Math.min(i, values.length - 1)]);
  const lower = kernels.putWords(
    padTo(
      alongX.lower.map((i) => 4 * i),
      rowPitch,
    ),
  );
  const share = kernels.putFloats(padTo(alongX.share, rowPitch));
  // A row of gains and one value more, whose share is 0.
  const gainPitch = 4 * Math.ceil((bx + 1) / 4);
  const planes = [0, 1, 2].map(() => kernels.allocate(4 * by * gainPitch));
  const row = kernels.allocate(4 * gainPitch);
  const values = kernels.allocate(4 * ny * rowPitch);
  const sums = kernels.allocate(4 * ny * rowPitch);
  const planeFloats = bandPlaneFloats({ shape: plan.shape, pitch });
  // Planes of gains change once per block, not once per plane of voxels.
  const loaded = [-1, -1];
  const load = (i: number, z: number): void => {
    if (loaded[i] === z) return;
    loaded[i] = z;
    const plane = kernels.floats(planes[i], by * gainPitch);
    for (let y = 0; y < by; y++) {
      const at = (z * by + y) * bx;
      plane.set(gains.subarray(at, at + bx), y * gainPitch);
    }
  };
  // Rows of the result have no gaps; those of the band do.
  const rowsAtOnce = rowPitch === nx ? ny : 1;
  const total = kernels.floats(sums, ny * rowPitch);
  for (let z = from; z < to; z++) {
    load(0, alongZ.lower[z]);
    load(1, Math.min(alongZ.lower[z] + 1, bz - 1));
    exports.blend(planes[2], planes[0], planes[1], (by * gainPitch) / 4, alongZ.share[z]);
    kernels
      .floats(values, ny * rowPitch)
      .set(band.subarray(z * planeFloats, z * planeFloats + ny * rowPitch));
    for (let y = 0; y < ny; y += rowsAtOnce) {
      const at = (z * ny + y) * nx;
      total.set(out.subarray(at, at + rowsAtOnce * nx), y * rowPitch);
    }
    for (let y = 0; y < ny; y++) {
      const near = planes[2] + 4 * alongY.lower[y] * gainPitch;
      const far = planes[2] + 4 * Math.min(alongY.lower[y] + 1, by - 1) * gainPitch;
      const at = 4 * y * rowPitch;
      exports.blend(row, near, far, gainPitch / 4, alongY.share[y]);
      exports.accumulateRow(sums + at, values + at, rowPitch / 4, row, lower, share);
    }
    for (let y = 0; y < ny; y += rowsAtOnce) {
      const at = (z * ny + y) * nx;
      out.set(total.subarray(y * rowPitch, y * rowPitch + rowsAtOnce * nx), at);
    }
  }
  kernels.release(memory);
}

/** Voxels from <= i < to: 0 where the mask is not above 0.5. */
export function clearOutside(volume: Float32Array, mask: Float32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) if (!(mask[i] > 0.5)) volume[i] = 0;
}
