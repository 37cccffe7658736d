/**
 * The map of a model in float64 by its definition: structure factors of every frequency of the grid,
 *   F(k) = sum occ f(k) exp(-B k^2 / 4) exp(-2 pi i k r),
 * limited to the band as the engines limit it, and their inverse Fourier transform.
 */
import type { AtomSet } from '../../src/math/atoms/atom-set.ts';
import { evaluateScatteringFactor, scatteringFactorOf } from '../../src/math/atoms/scattering-factors.ts';
import { bandLimit } from '../../src/math/atoms/splat-plan.ts';
import { type Grid, voxelCount } from '../../src/math/grid.ts';
import { referenceFft3d, signedIndex } from './reference-fft.ts';

export function modelMapDirectly(atoms: AtomSet, grid: Grid, blurBFactor = 0): Float64Array {
  const { shape, voxelSize } = grid;
  const [, ny, nx] = shape;
  const re = new Float64Array(voxelCount(shape));
  const im = new Float64Array(re.length);
  const volume = voxelCount(shape) * voxelSize[0] * voxelSize[1] * voxelSize[2];
  /** Per axis: phase factors exp(-2 pi i k r / n) of all atoms, [k][atom]. */
  const phases = shape.map((n, axis) => phasesOf(atoms, n, voxelSize[axis], grid.origin[axis], 2 - axis));
  const factors = atoms.elements.map((element) => scatteringFactorOf(element)!);
  const distinct = [...new Set(factors)];
  const kinds = factors.map((factor) => distinct.indexOf(factor));
  for (let i = 0; i < re.length; i++) {
    const k = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    const cycles = Math.hypot(...k.map((value, axis) => signedIndex(value, shape[axis]) / shape[axis]));
    const band = bandLimit(cycles);
    if (band === 0) continue;
    const frequency = Math.hypot(
      ...k.map((value, axis) => signedIndex(value, shape[axis]) / (shape[axis] * voxelSize[axis])),
    );
    const values = distinct.map((factor) => evaluateScatteringFactor(factor, frequency));
    const decay = -(frequency * frequency) / 4;
    const [z, y, x] = k.map((value) => value * atoms.count);
    for (let a = 0; a < atoms.count; a++) {
      const b = Math.max(0, atoms.bFactors[a] + blurBFactor);
      const amplitude = (band * atoms.occupancies[a] * values[kinds[a]] * Math.exp(b * decay)) / volume;
      const [zr, zi] = [phases[0].re[z + a], phases[0].im[z + a]];
      const [yr, yi] = [phases[1].re[y + a], phases[1].im[y + a]];
      const [xr, xi] = [phases[2].re[x + a], phases[2].im[x + a]];
      const [pr, pi] = [zr * yr - zi * yi, zr * yi + zi * yr];
      re[i] += amplitude * (pr * xr - pi * xi);
      im[i] += amplitude * (pr * xi + pi * xr);
    }
  }
  return referenceFft3d(re, im, shape, true).re;
}

function phasesOf(
  { count, positions }: AtomSet,
  n: number,
  step: number,
  origin: number,
  component: number,
): { readonly re: Float64Array; readonly im: Float64Array } {
  const out = { re: new Float64Array(n * count), im: new Float64Array(n * count) };
  for (let k = 0; k < n; k++) {
    for (let a = 0; a < count; a++) {
      const angle = (-2 * Math.PI * signedIndex(k, n) * (positions[3 * a + component] - origin)) / (n * step);
      out.re[k * count + a] = Math.cos(angle);
      out.im[k * count + a] = Math.sin(angle);
    }
  }
  return out;
}
