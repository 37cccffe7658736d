/**
 * Fourier resampling of whole volumes (math/fourier/resample-plan.ts) in three passes over shared memory:
 * planes forward (rows along x, columns along y) and cropped or padded to the new rows and columns; columns
 * along z forward, cropped or padded, inverse; planes inverse (fft.ts). The spectrum between the passes has
 * the new rows and columns and as many planes as the longer of the two boxes.
 */

import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import { axisTaps, halfAxis, resampleScale } from '../math/fourier/resample-plan.ts';
import type { Shape } from '../math/grid.ts';
import { loadColumns, planeBuffers, type SharedSpectrum, transformRows } from './fft.ts';
import type { Kernels } from './kernels/kernels.ts';

/** Planes of the spectrum between the passes; its `shape` is the new one. */
export function resamplePlanes(from: Shape, to: Shape): number {
  return Math.max(from[0], to[0]);
}

/**
 * Rows along x and columns along y of the planes first <= z < last of a volume of `from`. Coefficients absent
 * from the old box are not written: they are zero in a new spectrum.
 */
export function forwardResampledPlanes(
  kernels: Kernels,
  volume: Float32Array,
  from: Shape,
  spectrum: SharedSpectrum,
  first: number,
  last: number,
): void {
  const [, ny, nx] = from;
  const [, my, mx] = spectrum.shape;
  const pitch = spectrumPitch(nx);
  const { bins, lastWeight } = halfAxis(nx, mx);
  const taps = axisTaps(ny, my);
  const planY = kernels.fftPlan(ny);
  kernels.fftPlan(nx);
  const memory = kernels.mark();
  const buffers = planeBuffers(kernels, ny, nx, pitch);
  for (let z = first; z < last; z++) {
    kernels.floats(buffers.rows, ny * nx).set(volume.subarray(z * ny * nx, (z + 1) * ny * nx));
    transformRows(kernels, ny, nx, pitch, buffers);
    // Columns that will be cropped are not transformed.
    kernels.exports.fftColumns(planY, buffers.re, buffers.im, 4 * pitch, Math.ceil(bins / 4));
    for (const part of ['re', 'im'] as const) {
      const plane = kernels.floats(buffers[part], ny * pitch);
      const out = spectrum[part];
      for (let ky = 0; ky < my; ky++) {
        if (taps.first[ky] < 0) continue;
        const to = (z * my + ky) * spectrum.pitch;
        const row = taps.first[ky] * pitch;
        out.set(plane.subarray(row, row + bins), to);
        if (taps.second[ky] >= 0) {
          const other = taps.second[ky] * pitch;
          for (let kx = 0; kx < bins; kx++) out[to + kx] += plane[other + kx];
        }
        const weight = taps.weight[ky];
        if (weight !== 1) for (let kx = 0; kx < bins; kx++) out[to + kx] *= weight;
        out[to + bins - 1] *= lastWeight;
      }
    }
  }
  kernels.release(memory);
}

/**
 * Columns along z of rows first <= ky < last: forward over the old planes, cropped or padded, inverse
 * (unnormalised) over the new ones, in place. Includes the factor that the inverse planes expect. `filter`
 * may change the new coefficients of each plane kz: rows first <= ky < last of `pitch` floats.
 */
export function resampleColumns(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  from: Shape,
  first: number,
  last: number,
  filter?: (re: Float32Array, im: Float32Array, kz: number) => void,
): void {
  const [nz] = from;
  const [mz, my] = spectrum.shape;
  const { pitch } = spectrum;
  const count = (last - first) * pitch;
  const scale = resampleScale(from, spectrum.shape);
  const taps = axisTaps(nz, mz);
  const [forward, inverse] = [kernels.fftPlan(nz), kernels.fftPlan(mz)];
  const memory = kernels.mark();
  const block = loadColumns(kernels, spectrum, first, last, nz);
  const target = { re: kernels.allocate(4 * mz * count), im: kernels.allocate(4 * mz * count) };
  kernels.exports.fftColumns(forward, block.re, block.im, 4 * count, count / 4);
  for (const part of ['re', 'im'] as const) {
    const source = kernels.floats(block[part], nz * count);
    const out = kernels.floats(target[part], mz * count);
    for (let kz = 0; kz < mz; kz++) {
      const [a, b] = [taps.first[kz] * count, taps.second[kz] * count];
      if (a < 0) continue;
      const factor = taps.weight[kz] * scale;
      const to = kz * count;
      if (b < 0) for (let i = 0; i < count; i++) out[to + i] = factor * source[a + i];
      else for (let i = 0; i < count; i++) out[to + i] = factor * (source[a + i] + source[b + i]);
    }
  }
  if (filter) {
    const plane = (address: number, kz: number): Float32Array =>
      kernels.floats(address + 4 * kz * count, count);
    for (let kz = 0; kz < mz; kz++)
      if (taps.first[kz] >= 0) filter(plane(target.re, kz), plane(target.im, kz), kz);
  }
  // The inverse transform is the forward one with re and im exchanged.
  kernels.exports.fftColumns(inverse, target.im, target.re, 4 * count, count / 4);
  for (const part of ['re', 'im'] as const) {
    const floats = kernels.floats(target[part], mz * count);
    for (let z = 0; z < mz; z++) {
      spectrum[part].set(floats.subarray(z * count, (z + 1) * count), (z * my + first) * pitch);
    }
  }
  kernels.release(memory);
}
