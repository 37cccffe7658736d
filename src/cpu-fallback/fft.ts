/**
 * Real 3D FFT of whole volumes in three passes over shared memory: planes (rows along x, columns along
 * y), then blocks of columns along z; each task copies its part to kernel memory and back.
 */

import type { ShellRule } from '../math/fourier/fsc.ts';
import type { RadialTransfer } from '../math/fourier/radial-transfer.ts';
import type { Shape } from '../math/grid.ts';
import type { Kernels } from './kernels/kernels.ts';

/** Half spectrum (kz, ky, kx <= nx/2), re and im in separate arrays, rows of `pitch` floats. */
export interface SharedSpectrum {
  /** Of the real volume (z, y, x). */
  readonly shape: Shape;
  /** floor(nx / 2) + 1, padded to whole vectors. */
  readonly pitch: number;
  /** Row (kz, ky) begins at (kz ny + ky) * pitch; shared by the threads. */
  readonly re: Float32Array;
  /** Same layout as `re`. */
  readonly im: Float32Array;
}

/** Rows ky of columns along z per task: contiguous pieces of 8 rows per plane. */
export const ROWS_PER_TASK = 8;

/** Rows along x and columns along y of the planes from <= z < to. */
export function forwardPlanes(
  kernels: Kernels,
  volume: Float32Array,
  spectrum: SharedSpectrum,
  from: number,
  to: number,
): void {
  const [, ny, nx] = spectrum.shape;
  const { pitch } = spectrum;
  // Plans created here outlive the task.
  kernels.fftPlan(nx);
  const planY = kernels.fftPlan(ny);
  const memory = kernels.mark();
  const { exports } = kernels;
  const buffers = planeBuffers(kernels, ny, nx, pitch);
  const { rows, re, im } = buffers;
  for (let z = from; z < to; z++) {
    kernels.floats(rows, ny * nx).set(volume.subarray(z * ny * nx, (z + 1) * ny * nx));
    transformRows(kernels, ny, nx, pitch, buffers);
    exports.fftColumns(planY, re, im, 4 * pitch, pitch / 4);
    spectrum.re.set(kernels.floats(re, ny * pitch), z * ny * pitch);
    spectrum.im.set(kernels.floats(im, ny * pitch), z * ny * pitch);
  }
  kernels.release(memory);
}

/** Columns along y and rows along x of the planes from <= z < to, divided by the number of voxels. */
export function inversePlanes(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  out: Float32Array,
  from: number,
  to: number,
): void {
  const [nz, ny, nx] = spectrum.shape;
  const { pitch } = spectrum;
  const planX = kernels.fftPlan(nx);
  const planY = kernels.fftPlan(ny);
  const memory = kernels.mark();
  const { exports } = kernels;
  const rowPitch = 4 * Math.ceil(nx / 4);
  const { rows, re, im, work } = planeBuffers(kernels, ny, rowPitch, pitch);
  const scale = 1 / (nz * ny * nx);
  for (let z = from; z < to; z++) {
    kernels.floats(re, ny * pitch).set(spectrum.re.subarray(z * ny * pitch, (z + 1) * ny * pitch));
    kernels.floats(im, ny * pitch).set(spectrum.im.subarray(z * ny * pitch, (z + 1) * ny * pitch));
    // The inverse transform is the forward one with re and im exchanged.
    exports.fftColumns(planY, im, re, 4 * pitch, pitch / 4);
    forEachRowGroup(ny, (y) => {
      exports.irfftRows8(
        planX,
        re + 4 * y * pitch,
        im + 4 * y * pitch,
        4 * pitch,
        rows + 4 * y * rowPitch,
        4 * rowPitch,
        scale,
        work,
        pitch,
      );
    });
    const plane = kernels.floats(rows, ny * rowPitch);
    for (let y = 0; y < ny; y++) out.set(plane.subarray(y * rowPitch, y * rowPitch + nx), (z * ny + y) * nx);
  }
  kernels.release(memory);
}

/** Columns along z of rows from <= ky < to: forward, times transfer(|f|), inverse (unnormalised). */
export function filterColumns(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  transfer: RadialTransfer,
  from: number,
  to: number,
): void {
  const [nz, ny, nx] = spectrum.shape;
  const { pitch } = spectrum;
  changeColumns(kernels, spectrum, from, to, (block) => {
    const table = kernels.putFloats(transfer.table);
    const perSample = (transfer.table.length - 1) / transfer.maxFrequency;
    const [sz, sy, sx] = transfer.axisScale ?? [1, 1, 1];
    const squares = kernels.putFloats(Float64Array.from({ length: pitch }, (_, kx) => ((sx * kx) / nx) ** 2));
    for (let kz = 0; kz < nz; kz++) {
      const fz = (sz * signed(kz, nz)) / nz;
      for (let ky = from; ky < to; ky++) {
        const fy = (sy * signed(ky, ny)) / ny;
        const row = 4 * (kz * (to - from) + ky - from) * pitch;
        kernels.exports.filterRow(
          block.re + row,
          block.im + row,
          pitch / 4,
          fz * fz + fy * fy,
          squares,
          table,
          perSample,
          transfer.table.length - 2,
        );
      }
    }
  });
}

/** Columns along z of rows from <= ky < to: forward, changed in kernel memory, inverse (unnormalised). */
export function changeColumns(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  from: number,
  to: number,
  change: (block: ReturnType<typeof loadColumns>) => void,
): void {
  // Before `mark`, as plans are kept between tasks.
  const plan = kernels.fftPlan(spectrum.shape[0]);
  const memory = kernels.mark();
  const block = loadColumns(kernels, spectrum, from, to);
  const floats = (to - from) * spectrum.pitch;
  kernels.exports.fftColumns(plan, block.re, block.im, 4 * floats, floats / 4);
  change(block);
  kernels.exports.fftColumns(plan, block.im, block.re, 4 * floats, floats / 4);
  storeColumns(kernels, spectrum, block, from, to);
  kernels.release(memory);
}

/** Sums of one range of rows; those of all ranges are added in order, which fixes the bits. */
export interface PartialShellSums {
  /** sum of Re(A conj(B)) per shell. */
  cross: Float64Array;
  /** sum of |A|^2 per shell. */
  powerA: Float64Array;
  /** sum of |B|^2 per shell. */
  powerB: Float64Array;
  /** Coefficients per shell. */
  counts: Float64Array;
}

/** Shells up to half of the shortest edge. */
export function shellSumCount(shape: Shape): number {
  return Math.floor(Math.min(...shape) / 2);
}

/**
 * Shell sums of the columns of rows from <= ky < to, every stored coefficient (kx <= nx/2) once as in the
 * original; takes the spectra of `forwardPlanes` and leaves them unchanged.
 */
export function shellSumsOfColumns(
  kernels: Kernels,
  a: SharedSpectrum,
  b: SharedSpectrum,
  from: number,
  to: number,
  rule: ShellRule,
): PartialShellSums {
  const [nz, , nx] = a.shape;
  const { pitch } = a;
  const shells = shellSumCount(a.shape);
  const plan = kernels.fftPlan(nz);
  const memory = kernels.mark();
  const blockA = loadColumns(kernels, a, from, to);
  const blockB = loadColumns(kernels, b, from, to);
  const rows = to - from;
  for (const block of [blockA, blockB]) {
    kernels.exports.fftColumns(plan, block.re, block.im, 4 * rows * pitch, (rows * pitch) / 4);
  }
  const [ar, ai, br, bi] = [blockA.re, blockA.im, blockB.re, blockB.im].map((address) =>
    kernels.floats(address, nz * rows * pitch),
  );
  const sums: PartialShellSums = {
    cross: new Float64Array(shells),
    powerA: new Float64Array(shells),
    powerB: new Float64Array(shells),
    counts: new Float64Array(shells),
  };
  const bins = Math.floor(nx / 2) + 1;
  // 'nearest' rounds the radius, 'floor' cuts it, as RELION and LocScale do.
  const shift = rule === 'nearest' ? 0.5 : 0;
  const [squareZ, squareY, squareX] = a.shape.map((n) => squaredShellRadii(n, Math.min(...a.shape)));
  for (let kz = 0; kz < nz; kz++) {
    for (let ky = from; ky < to; ky++) {
      const rest = squareZ[kz] + squareY[ky];
      const row = (kz * rows + ky - from) * pitch;
      for (let kx = 0; kx < bins; kx++) {
        // Exact in a cubic box: the square root of an integer below 2^53 never rounds across an integer.
        const shell = Math.floor(Math.sqrt(rest + squareX[kx]) + shift);
        // Radii grow with kx: the rest of the row lies outside, too.
        if (shell >= shells) break;
        const i = row + kx;
        sums.cross[shell] += ar[i] * br[i] + ai[i] * bi[i];
        sums.powerA[shell] += ar[i] * ar[i] + ai[i] * ai[i];
        sums.powerB[shell] += br[i] * br[i] + bi[i] * bi[i];
        sums.counts[shell]++;
      }
    }
  }
  kernels.release(memory);
  return sums;
}

/** Squared frequency of every index of an axis, in shells: signed k times edge / n. */
function squaredShellRadii(n: number, edge: number): Float64Array {
  return Float64Array.from({ length: n }, (_, k) => ((signed(k, n) * edge) / n) ** 2);
}

/** Signed frequency of index k of n: n/2 is negative. */
export function signed(k: number, n: number): number {
  return 2 * k < n ? k : k - n;
}

/** Columns along z of rows from <= ky < to, forward, in place. */
export function forwardColumns(kernels: Kernels, spectrum: SharedSpectrum, from: number, to: number): void {
  const [nz] = spectrum.shape;
  const plan = kernels.fftPlan(nz);
  const memory = kernels.mark();
  const block = loadColumns(kernels, spectrum, from, to);
  const floats = (to - from) * spectrum.pitch;
  kernels.exports.fftColumns(plan, block.re, block.im, 4 * floats, floats / 4);
  storeColumns(kernels, spectrum, block, from, to);
  kernels.release(memory);
}

/** Rows in groups of eight; the last group moves back inside the plane. */
export function forEachRowGroup(ny: number, run: (y: number) => void): void {
  for (let y = 0; y < ny; y += 8) run(Math.max(0, Math.min(y, ny - 8)));
}

/** Forward transform of the rows of the plane in `rows`, which has no gaps, to `re` and `im`. */
export function transformRows(
  kernels: Kernels,
  ny: number,
  nx: number,
  pitch: number,
  { rows, re, im, work }: PlaneBuffers,
): void {
  const plan = kernels.fftPlan(nx);
  forEachRowGroup(ny, (y) => {
    const to = 4 * y * pitch;
    kernels.exports.rfftRows8(plan, rows + 4 * y * nx, 4 * nx, re + to, im + to, 4 * pitch, work);
  });
}

/** Addresses in kernel memory. */
interface PlaneBuffers {
  /** Real rows of a plane. */
  readonly rows: number;
  /** Real parts of its half spectrum. */
  readonly re: number;
  /** Imaginary parts. */
  readonly im: number;
  /** Scratch of the transforms. */
  readonly work: number;
}

/** Kernel memory for one plane: rows of `rowPitch` floats, half spectrum, work. */
export function planeBuffers(kernels: Kernels, ny: number, rowPitch: number, pitch: number): PlaneBuffers {
  // Eight rows at least, and slack for vector reads past the last row.
  const height = Math.max(8, ny);
  return {
    rows: kernels.allocate(4 * (height * rowPitch + 8)),
    re: kernels.allocate(4 * height * pitch),
    im: kernels.allocate(4 * height * pitch),
    work: kernels.allocate(64 * (Math.max(rowPitch, 4) + 8)),
  };
}

/**
 * Copies the columns of rows `from` to `to` into kernel memory, (z, row, x). `nz`: planes of the block if it
 * has more than the spectrum; the rest is not cleared.
 */
export function loadColumns(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  from: number,
  to: number,
  nz: number = spectrum.shape[0],
): { re: number; im: number } {
  const [, ny] = spectrum.shape;
  const { pitch } = spectrum;
  const count = (to - from) * pitch;
  const block = { re: kernels.allocate(4 * nz * count), im: kernels.allocate(4 * nz * count) };
  for (const part of ['re', 'im'] as const) {
    const floats = kernels.floats(block[part], nz * count);
    for (let z = 0; z < nz; z++) {
      const at = (z * ny + from) * pitch;
      floats.set(spectrum[part].subarray(at, at + count), z * count);
    }
  }
  return block;
}

/** The opposite of `loadColumns`. */
export function storeColumns(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  block: { re: number; im: number },
  from: number,
  to: number,
): void {
  const [nz, ny] = spectrum.shape;
  const { pitch } = spectrum;
  const count = (to - from) * pitch;
  for (const part of ['re', 'im'] as const) {
    const floats = kernels.floats(block[part], nz * count);
    for (let z = 0; z < nz; z++) {
      spectrum[part].set(floats.subarray(z * count, (z + 1) * count), (z * ny + from) * pitch);
    }
  }
}
