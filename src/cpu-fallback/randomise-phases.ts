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
import { changeColumns, type SharedSpectrum, signed } from './fft.ts';
import type { Kernels } from './kernels/kernels.ts';

/**
 * Randomises the columns of rows `from` to `to` of a spectrum that is transformed along y and x. Phases
 * depend on index and seed alone, so that ranges do not matter.
 */
export function turnColumns(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  phases: RandomPhases,
  from: number,
  to: number,
): void {
  const { shape, pitch } = spectrum;
  const [nz, ny, nx] = shape;
  const rows = to - from;
  changeColumns(kernels, spectrum, from, to, (block) => {
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
  });
}
