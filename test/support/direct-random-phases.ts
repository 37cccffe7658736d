/** Random phases and the masked FSC by their definitions, in float64. */

import { PHASES, phaseOf, type RandomPhases } from '../../src/math/fourier/random-phases.ts';
import type { Shape } from '../../src/math/grid.ts';
import { referenceFft3d, referenceShellSums } from './reference-fft.ts';

const signed = (k: number, n: number): number => (2 * k < n ? k : k - n);

export function randomisePhasesDirectly(
  voxels: ArrayLike<number>,
  shape: Shape,
  { from, seed }: RandomPhases,
): Float64Array {
  const [nz, ny, nx] = shape;
  const { re, im } = referenceFft3d(voxels, undefined, shape);
  for (let i = 0; i < re.length; i++) {
    const [kz, ky, kx] = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    const f = Math.hypot(signed(kz, nz) / nz, signed(ky, ny) / ny, signed(kx, nx) / nx);
    if (f < from * (1 - 1e-9)) continue;
    // The half kx > nx / 2 is the conjugate of the stored one.
    const isMate = 2 * kx > nx;
    const stored = isMate
      ? phaseOf((nz - kz) % nz, (ny - ky) % ny, nx - kx, shape, seed)
      : phaseOf(kz, ky, kx, shape, seed);
    const angle = ((isMate ? -1 : 1) * 2 * Math.PI * stored) / PHASES;
    const [a, b] = [re[i], im[i]];
    re[i] = a * Math.cos(angle) - b * Math.sin(angle);
    im[i] = a * Math.sin(angle) + b * Math.cos(angle);
  }
  return Float64Array.from(referenceFft3d(re, im, shape, true).re, (value) => value / re.length);
}

/** FSC per shell round(|k|). */
export function directFsc(a: ArrayLike<number>, b: ArrayLike<number>, shape: Shape): number[] {
  const [one, other] = [a, b].map((voxels) => referenceFft3d(voxels, undefined, shape));
  const { cross, powerA, powerB } = referenceShellSums(one, other, shape, 'half', 'nearest');
  return Array.from(cross, (value, r) => value / Math.sqrt(powerA[r] * powerB[r]));
}
