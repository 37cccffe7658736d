/** Memory of the CPU engine's verbs: arrays they allocate (index.ts) plus the threads' kernel memory. */
import type { VerbBytes } from '../engine/engine.ts';
import { finerGrid, RECORD } from '../math/atoms/splat-plan.ts';
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import { type Shape, sameShape, voxelCount } from '../math/grid.ts';
import { planSymmetrise, symmetriseBytes } from '../math/symmetry/rotation-plan.ts';
import { ROWS_PER_TASK } from './fft.ts';
import { resamplePlanes } from './resample.ts';

/** Fraction of the voxels whose p value is small enough to be sorted, including the tables made of them. */
const SORTED_SHARE = 0.5;
/** Code and heap of a thread besides its kernels, once it has worked. */
const THREAD_BYTES = 5 * 2 ** 20;
/** Tables and scratch of a Fourier transform per point of its length. */
const PLAN_BYTES = 100;

/** float32. */
const volume = (shape: Shape): number => 4 * voxelCount(shape);
/** Real and imaginary parts. */
const spectrum = ([nz, ny, nx]: Shape): number => 8 * nz * ny * spectrumPitch(nx);

/** A plane and its half spectrum, in a thread. */
const planeBytes = ([, ny, nx]: Shape): number =>
  4 * Math.max(8, ny) * (nx + 2 * spectrumPitch(nx)) + 64 * nx;
/** Columns of a task, complex, over `planes`. */
const columnBytes = (planes: number, [, , nx]: Shape): number =>
  8 * planes * ROWS_PER_TASK * spectrumPitch(nx);
/** What a thread works in for Fourier transforms of this shape, in shell sums of two maps at most. */
const transformBytes = (shape: Shape): number =>
  Math.max(planeBytes(shape), 2 * columnBytes(shape[0], shape)) +
  PLAN_BYTES * shape.reduce((sum, n) => sum + n, 0);

/** Peak of resampling: the larger of both spectra, and the result. */
const resample = (from: Shape, to: Shape): number =>
  sameShape(from, to) ? volume(to) : 8 * resamplePlanes(from, to) * to[1] * spectrumPitch(to[2]) + volume(to);

/**
 * Peak bytes of the verbs on this engine, where everything is host memory. `threads`: each keeps its buffers.
 */
export function cpuBytes(threads: number): VerbBytes {
  const radialFilter = (shape: Shape): number => spectrum(shape) + volume(shape);
  return {
    average: volume,
    binarise: volume,
    radialFilter,
    randomisePhases: radialFilter,
    translate: radialFilter,
    resample,
    simulateMap(atoms, grid) {
      const { shape: fine } = finerGrid(grid);
      const summing = volume(fine) + 4 * RECORD.length * atoms;
      const cropping = volume(fine) + resample(fine, grid.shape);
      return Math.max(summing, cropping, volume(grid.shape) + radialFilter(grid.shape));
    },
    symmetrise: (shape, operators, options) => symmetriseBytes(planSymmetrise(shape, operators, options)),
    shellSpectra: (shape, maps = 2) => maps * spectrum(shape),
    confidenceMap: (shape) => (1 + SORTED_SHARE) * volume(shape),
    localFilter: (shape) => volume(shape) + radialFilter(shape),
    host: (bytes) => bytes,
    retained: (shape, workingBytes) =>
      Math.max(workingBytes, threads * transformBytes(shape)) + threads * THREAD_BYTES,
  };
}
