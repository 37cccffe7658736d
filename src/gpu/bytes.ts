/** Device memory of the GPU engine's verbs, from their plans. */
import type { VerbBytes } from '../engine/engine.ts';
import { finerGrid, RECORD } from '../math/atoms/splat-plan.ts';
import { type Shape, sameShape, voxelCount } from '../math/grid.ts';
import { planSymmetrise, symmetriseBytes } from '../math/symmetry/rotation-plan.ts';
import type { GpuLimits } from './device.ts';
import { planSlabFft } from './fft-slabs.ts';
import { listBytes } from './model-map.ts';
import { planResample } from './resample.ts';

/** Tables, parameters and the two buffers of a read-back. */
const SMALL_BYTES = 512 * 1024;
/** Share of the voxels whose p value is small enough to be sorted, with the tables made of them. */
const SORTED_SHARE = 0.5;

/** What cannot be planned on this GPU at all needs more than it has. */
export function gpuBytes(limits: GpuLimits): VerbBytes {
  // Slabs have no padding.
  const volume = (shape: Shape): number => 4 * voxelCount(shape);
  /** A spectrum in slabs, and the strip that columns along z go through where it is several. */
  const spectrumAndStrip = (shape: Shape): { spectrum: number; strip: number } => {
    const planned = planSlabFft(shape, limits, 1, limits.totalBytes);
    if (!planned.ok) return { spectrum: Number.POSITIVE_INFINITY, strip: 0 };
    const { pitch, planesPerSlab, rowsPerStrip } = planned.plan;
    const [nz, ny] = shape;
    return {
      spectrum: 8 * nz * ny * pitch,
      strip: planesPerSlab === nz ? 0 : 8 * nz * rowsPerStrip * pitch,
    };
  };
  const radialFilter = (shape: Shape): number => {
    const { spectrum, strip } = spectrumAndStrip(shape);
    return spectrum + Math.max(strip, volume(shape)) + SMALL_BYTES;
  };
  const resample = (from: Shape, to: Shape): number => {
    if (sameShape(from, to)) return volume(to) + SMALL_BYTES;
    const planned = planResample(from, to, limits, limits.totalBytes);
    return planned.ok ? planned.plan.workingBytes + SMALL_BYTES : Number.POSITIVE_INFINITY;
  };
  return {
    average: (shape) => volume(shape) + SMALL_BYTES,
    binarise: (shape) => volume(shape) + SMALL_BYTES,
    radialFilter,
    randomisePhases: radialFilter,
    translate: radialFilter,
    resample,
    simulateMap(atoms, grid) {
      const { shape: fine } = finerGrid(grid);
      const summing = volume(fine) + 4 * RECORD.length * atoms + listBytes(atoms, grid) + SMALL_BYTES;
      const cropping = volume(fine) + resample(fine, grid.shape);
      return Math.max(summing, cropping, volume(grid.shape) + radialFilter(grid.shape));
    },
    symmetrise: (shape, operators, options) =>
      symmetriseBytes(planSymmetrise(shape, operators, options)) + SMALL_BYTES,
    shellSpectra(shape) {
      const { spectrum, strip } = spectrumAndStrip(shape);
      return 2 * (spectrum + strip) + SMALL_BYTES;
    },
    confidenceMap: (shape) => (1 + SORTED_SHARE) * volume(shape) + SMALL_BYTES,
    localFilter: (shape) => volume(shape) + radialFilter(shape),
    host: () => 0,
    retained: () => 0,
  };
}
