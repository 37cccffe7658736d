/**
 * Columns along z of rows from <= ky < to: forward, randomise phases beyond a frequency, inverse
 * (unnormalised).
 */
import {
  firstRotatedSquare,
  phaseOf,
  phasorTable,
  type RandomPhases,
} from '../math/fourier/random-phases.ts';
import { loadColumns, type SharedSpectrum, signed, storeColumns } from './fft.ts';
import type { Kernels } from './kernels/kernels.ts';

export function turnColumns(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  phases: RandomPhases,
  from: number,
  to: number,
): void {
  const { shape, pitch } = spectrum;
  const [nz, ny, nx] = shape;
  const plan = kernels.fftPlan(nz);
  const memory = kernels.mark();
  const block = loadColumns(kernels, spectrum, from, to);
  const rows = to - from;
  const groups = (rows * pitch) / 4;
  kernels.exports.fftColumns(plan, block.re, block.im, 4 * rows * pitch, groups);
  const [re, im] = [block.re, block.im].map((address) => kernels.floats(address, nz * rows * pitch));
  const phasors = phasorTable();
  const first = firstRotatedSquare(phases);
  for (let kz = 0; kz < nz; kz++)
    for (let ky = from; ky < to; ky++) {
      const rest = (signed(kz, nz) / nz) ** 2 + (signed(ky, ny) / ny) ** 2;
      const row = (kz * rows + ky - from) * pitch;
      for (let kx = 0; 2 * kx <= nx; kx++) {
        if (rest + (kx / nx) ** 2 < first) continue;
        const phase = phaseOf(kz, ky, kx, shape, phases.seed);
        const [cos, sin] = [phasors[2 * phase], phasors[2 * phase + 1]];
        const i = row + kx;
        const [a, b] = [re[i], im[i]];
        re[i] = a * cos - b * sin;
        im[i] = a * sin + b * cos;
      }
    }
  kernels.exports.fftColumns(plan, block.im, block.re, 4 * rows * pitch, groups);
  storeColumns(kernels, spectrum, block, from, to);
  kernels.release(memory);
}
