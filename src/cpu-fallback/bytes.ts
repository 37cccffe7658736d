/** Memory of the CPU engine's verbs, from the arrays they allocate (index.ts). */
import type { VerbBytes } from '../engine/engine.ts';
import { finerGrid, RECORD } from '../math/atoms/splat-plan.ts';
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import { type Shape, sameShape, voxelCount } from '../math/grid.ts';
import { planSymmetrise, symmetriseBytes } from '../math/symmetry/rotation-plan.ts';
import { resamplePlanes } from './resample.ts';

/** Share of the voxels whose p value is small enough to be sorted, with the tables made of them. */
const SORTED_SHARE = 0.5;

const volume = (shape: Shape): number => 4 * voxelCount(shape);
/** Real and imaginary parts. */
const spectrum = ([nz, ny, nx]: Shape): number => 8 * nz * ny * spectrumPitch(nx);

const radialFilter = (shape: Shape): number => spectrum(shape) + volume(shape);

const resample = (from: Shape, to: Shape): number =>
  sameShape(from, to) ? volume(to) : 8 * resamplePlanes(from, to) * to[1] * spectrumPitch(to[2]) + volume(to);

export const cpuBytes: VerbBytes = {
  average: volume,
  binarise: volume,
  radialFilter,
  resample,
  simulateMap(atoms, grid) {
    const { shape: fine } = finerGrid(grid);
    const summing = volume(fine) + 4 * RECORD.length * atoms;
    const cropping = volume(fine) + resample(fine, grid.shape);
    return Math.max(summing, cropping, volume(grid.shape) + radialFilter(grid.shape));
  },
  symmetrise: (shape, operators, options) => symmetriseBytes(planSymmetrise(shape, operators, options)),
  shellSpectra: (shape) => 2 * spectrum(shape),
  confidenceMap: (shape) => (1 + SORTED_SHARE) * volume(shape),
  localFilter: (shape) => volume(shape) + radialFilter(shape),
};
