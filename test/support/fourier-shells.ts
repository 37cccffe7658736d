/** Spectra of two maps in shells, by the generator's own float64 transform: a check on the engines' FSC. */

import { forEachFrequency, transformVolume } from '../../src/math/fourier/host-fft.ts';
import type { Grid } from '../../src/math/grid.ts';

export interface Shell {
  /** 1/A, in the middle of the shell. */
  readonly frequency: number;
  cross: number;
  powerA: number;
  powerB: number;
  /** Coefficients, Friedel mates included. */
  count: number;
}

/** Shells r = floor(|k| n voxelSize), r = 0 ... n/2 - 1, of a cubic grid. */
export function fourierShells(a: ArrayLike<number>, b: ArrayLike<number>, grid: Grid): Shell[] {
  const n = grid.shape[0];
  const step = 1 / (n * grid.voxelSize[0]);
  const [ar, br] = [Float64Array.from(a), Float64Array.from(b)];
  const [ai, bi] = [new Float64Array(ar.length), new Float64Array(br.length)];
  transformVolume(ar, ai, grid.shape);
  transformVolume(br, bi, grid.shape);
  const shells: Shell[] = Array.from({ length: n / 2 }, (_, r) => ({
    frequency: (r + 0.5) * step,
    cross: 0,
    powerA: 0,
    powerB: 0,
    count: 0,
  }));
  forEachFrequency(grid, (i, squared) => {
    const shell = shells[Math.floor(Math.sqrt(squared) / step + 1e-9)];
    if (!shell) return;
    shell.cross += ar[i]! * br[i]! + ai[i]! * bi[i]!;
    shell.powerA += ar[i]! ** 2 + ai[i]! ** 2;
    shell.powerB += br[i]! ** 2 + bi[i]! ** 2;
    shell.count++;
  });
  return shells;
}
