/**
 * Columns along z of rows from <= ky < to: forward, times the factors of a translation, inverse
 * (unnormalised).
 */
import { translationFactors } from '../math/fourier/translation.ts';
import { changeColumns, type SharedSpectrum } from './fft.ts';
import type { Kernels } from './kernels/kernels.ts';

/** Multiplies the columns of rows `from` to `to` by the phases of a shift in voxels (z, y, x). */
export function translateColumns(
  kernels: Kernels,
  spectrum: SharedSpectrum,
  shift: readonly [z: number, y: number, x: number],
  from: number,
  to: number,
): void {
  const { shape, pitch } = spectrum;
  const [nz, ny, nx] = shape;
  const rows = to - from;
  changeColumns(kernels, spectrum, from, to, (block) => {
    const [re, im] = [block.re, block.im].map((address) => kernels.floats(address, nz * rows * pitch));
    const bins = Math.floor(nx / 2) + 1;
    const alongZ = translationFactors(nz, nz, shift[0]);
    const alongY = translationFactors(ny, ny, shift[1]);
    const alongX = translationFactors(nx, bins, shift[2]);
    for (let kz = 0; kz < nz; kz++) {
      const [az, bz] = [alongZ[2 * kz], alongZ[2 * kz + 1]];
      for (let ky = from; ky < to; ky++) {
        const [ay, by] = [alongY[2 * ky], alongY[2 * ky + 1]];
        const [a, b] = [az * ay - bz * by, az * by + bz * ay];
        const row = (kz * rows + ky - from) * pitch;
        for (let kx = 0; kx < bins; kx++) {
          const [ax, bx] = [alongX[2 * kx], alongX[2 * kx + 1]];
          const [cos, sin] = [a * ax - b * bx, a * bx + b * ax];
          const i = row + kx;
          const [real, imaginary] = [re[i], im[i]];
          re[i] = real * cos - imaginary * sin;
          im[i] = real * sin + imaginary * cos;
        }
      }
    }
  });
}
