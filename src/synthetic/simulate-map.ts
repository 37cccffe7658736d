/**
 * Potential map of a model on a grid. Each atom is the sum over its five Gaussians (International
 * Tables C 4.3.2.2) smeared by its B factor:
 *   rho(r) = occ sum_i a_i (4 pi / (b_i + B))^(3/2) exp(-4 pi^2 r^2 / (b_i + B)),
 * the transform of occ sum_i a_i exp(-(b_i + B) k^2 / 4).
 * Sharp atoms alias on a coarse grid, so the sum is computed with an extra blur B0, which is removed in
 * Fourier space up to the Nyquist frequency. The grid is periodic, as in every Fourier method.
 */

import { LocScaleError } from '../errors.ts';
import type { Atom } from '../math/atoms/atom.ts';
import { type ScatteringFactor, scatteringFactorOf } from '../math/atoms/scattering-factors.ts';
import { filterPair } from '../math/fourier/host-fft.ts';
import { type Grid, isotropicVoxelSize, voxelCount } from '../math/grid.ts';

/**
 * Gaussians are truncated at this fraction of their peak. Removing the blur amplifies the truncation error by
 * up to exp(BLUR_AT_NYQUIST / 4) = 6000, to 1e-6.
 */
const TRUNCATION = 1e-10;
/**
 * Blur in units of 1 / (Nyquist frequency)^2. The alias of frequency f = alpha f_Nyquist is
 * exp(-35 (1 - alpha)) of the signal there: 3e-5 at alpha = 0.7, 1e-3 at 0.8.
 */
const BLUR_AT_NYQUIST = 35;
/** Start of the soft edge of the band, as a fraction of the Nyquist frequency, which avoids ringing. */
const TAPER_START = 0.9;

/** Blur (A^2) that prevents aliasing on a grid of this voxel size. */
export function antialiasBlur(voxelSize: number): number {
  return BLUR_AT_NYQUIST * (2 * voxelSize) ** 2;
}

/** 1 up to 0.9 of the Nyquist frequency (1/A), raised cosine to 0 at the Nyquist frequency. */
export function bandLimit(frequency: number, voxelSize: number): number {
  const relative = frequency * 2 * voxelSize;
  if (relative <= TAPER_START) return 1;
  if (relative >= 1) return 0;
  return 0.5 + 0.5 * Math.cos((Math.PI * (relative - TAPER_START)) / (1 - TAPER_START));
}

/** Two maps that one complex transform filters together. */
export interface SimulatedPair {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** One map of `atoms` whose B factors are raised by `addedB` (A^2). */
export function simulateMap(atoms: readonly Atom[], grid: Grid, addedB = 0): Float64Array {
  const blur = antialiasBlur(isotropicVoxelSize(grid));
  const map = sumGaussians(atoms, grid, addedB + blur);
  removeBlur(map, new Float64Array(map.length), grid, blur);
  return map;
}

/** Simulates two models on one grid at the cost of one pair of transforms. */
export function simulateMapPair(first: readonly Atom[], second: readonly Atom[], grid: Grid): SimulatedPair {
  const blur = antialiasBlur(isotropicVoxelSize(grid));
  const maps = { first: sumGaussians(first, grid, blur), second: sumGaussians(second, grid, blur) };
  removeBlur(maps.first, maps.second, grid, blur);
  return maps;
}

/** Takes the blur of the wide atoms out again, up to the band limit of the grid. */
function removeBlur(a: Float64Array, b: Float64Array, grid: Grid, blur: number): void {
  const voxelSize = isotropicVoxelSize(grid);
  filterPair(a, b, grid, (f) => {
    const band = bandLimit(f, voxelSize);
    return band === 0 ? 0 : band * Math.exp((blur * f * f) / 4);
  });
}

/** The sum in real space with every B factor raised by `addedB` (A^2); (z, y, x), x fastest. */
export function sumGaussians(atoms: readonly Atom[], grid: Grid, addedB: number): Float64Array {
  const map = new Float64Array(voxelCount(grid.shape));
  const kernel = createKernel();
  for (const atom of atoms) addAtom(map, grid, atom, factorOf(atom), addedB, kernel);
  return map;
}

/** Throws for elements without a form factor. */
function factorOf(atom: Atom): ScatteringFactor {
  const factor = scatteringFactorOf(atom.element);
  if (factor) return factor;
  throw new LocScaleError(
    'bad-input',
    `No electron scattering factor is known for element "${atom.element}".`,
    {
      where: `chain ${atom.chain}, ${atom.residueName} ${atom.residueNumber}, atom ${atom.atomName}`,
    },
  );
}

/** Per axis: Gaussian values [gaussian][voxel] and the wrapped voxel indices; grown on demand. */
interface Kernel {
  values: Float64Array[];
  indices: Int32Array[];
}

/** Tables along the axes, reused from atom to atom. */
function createKernel(): Kernel {
  return {
    values: [0, 1, 2].map(() => new Float64Array(0)),
    indices: [0, 1, 2].map(() => new Int32Array(0)),
  };
}

/** Adds the potential of an atom, as a product of Gaussians along the axes, periodically. */
function addAtom(
  map: Float64Array,
  grid: Grid,
  atom: Atom,
  factor: ScatteringFactor,
  addedB: number,
  kernel: Kernel,
): void {
  const widths = factor.b.map((b) => b + atom.bFactor + addedB);
  const radius = Math.sqrt(-Math.log(TRUNCATION) * Math.max(...widths)) / (2 * Math.PI);
  const position = [atom.z, atom.y, atom.x];
  const counts = [0, 0, 0];
  for (let axis = 0; axis < 3; axis++) {
    const step = grid.voxelSize[axis];
    const n = grid.shape[axis];
    const at = (position[axis] - grid.origin[axis]) / step;
    const first = Math.ceil(at - radius / step);
    const count = Math.floor(at + radius / step) - first + 1;
    counts[axis] = count;
    if (kernel.indices[axis].length < count) {
      kernel.indices[axis] = new Int32Array(2 * count);
      kernel.values[axis] = new Float64Array(10 * count);
    }
    for (let i = 0; i < count; i++) {
      kernel.indices[axis][i] = (((first + i) % n) + n) % n;
      const offset = (first + i - at) * step;
      for (let g = 0; g < 5; g++) {
        kernel.values[axis][g * count + i] = Math.exp((-4 * Math.PI * Math.PI * offset * offset) / widths[g]);
      }
    }
  }
  const heights = widths.map((w, g) => atom.occupancy * factor.a[g] * ((4 * Math.PI) / w) ** 1.5);
  addSeparable(map, grid, heights, counts as [number, number, number], kernel);
}

/**
 * map[z, y, x] += sum_g height_g e_g(z) e_g(y) e_g(x): one exponential per axis position instead of one per
 * voxel.
 */
function addSeparable(
  map: Float64Array,
  grid: Grid,
  heights: readonly number[],
  [countZ, countY, countX]: [number, number, number],
  kernel: Kernel,
): void {
  const [, ny, nx] = grid.shape;
  const [ez, ey, ex] = kernel.values as [Float64Array, Float64Array, Float64Array];
  const [iz, iy, ix] = kernel.indices as [Int32Array, Int32Array, Int32Array];
  const line = new Float64Array(5);
  for (let z = 0; z < countZ; z++) {
    for (let y = 0; y < countY; y++) {
      for (let g = 0; g < 5; g++) line[g] = heights[g] * ez[g * countZ + z] * ey[g * countY + y];
      const [l0, l1, l2, l3, l4] = [line[0], line[1], line[2], line[3], line[4]];
      const row = (iz[z] * ny + iy[y]) * nx;
      for (let x = 0; x < countX; x++) {
        map[row + ix[x]] +=
          l0 * ex[x] +
          l1 * ex[countX + x] +
          l2 * ex[2 * countX + x] +
          l3 * ex[3 * countX + x] +
          l4 * ex[4 * countX + x];
      }
    }
  }
}
