/**
 * Integrals of maps times the densities of single atoms, sum over v of M(v) rho_i(v) dV, for gradients of
 * atomic parameters; in real space, with rho from math/atoms/splat-plan.ts: five Gaussians smeared by B.
 *
 * Sums over voxels equal integrals only if the product has no frequency at or beyond 1 / (voxel size). The
 * map is band-limited; to limit the atoms they get an extra blur B0, and the caller sharpens the map by its
 * inverse, exp(+B0 f^2 / 4), which is bounded because the map is band-limited.
 */

import { LocScaleError } from '../../errors.ts';
import type { AtomSet } from '../../math/atoms/atom-set.ts';
import { type ScatteringFactor, scatteringFactorOf } from '../../math/atoms/scattering-factors.ts';
import { type Grid, isotropicVoxelSize } from '../../math/grid.ts';

/** Tolerated aliasing into the band, and truncation of the tails, relative to the atom. */
const TOLERANCE = 1e-4;

/** B0 (A^2) for maps whose band ends at `highestFrequency` (1/A), right for atoms of any B factor. */
export function samplingBlur(voxelSize: number, highestFrequency: number): number {
  const aliasedFrom = 1 / voxelSize - Math.min(highestFrequency, 0.5 / voxelSize);
  return (4 * Math.log(1 / TOLERANCE)) / aliasedFrom ** 2;
}

/**
 * One value per atom and map; `maps` are (z, y, x) on `grid`, periodic, sharpened for `blur`. Summed in
 * float64 in a fixed order.
 */
export function sampleAtoms(
  maps: readonly Float32Array[],
  grid: Grid,
  atoms: AtomSet,
  blur: number,
): Float64Array[] {
  const results = maps.map(() => new Float64Array(atoms.count));
  const [, ny, nx] = grid.shape;
  const volume = isotropicVoxelSize(grid) ** 3;
  const factors = new Map<string, ScatteringFactor>();
  const axes = [0, 1, 2].map(() => createAxisTable());
  const heights = new Float64Array(5);
  const widths = new Float64Array(5);
  let density = new Float64Array(0);
  for (let i = 0; i < atoms.count; i++) {
    const { a, b } = factorOf(atoms.elements[i], factors);
    let widest = 0;
    for (let g = 0; g < 5; g++) {
      widths[g] = b[g] + atoms.bFactors[i] + blur;
      heights[g] = atoms.occupancies[i] * a[g] * ((4 * Math.PI) / widths[g]) ** 1.5 * volume;
      widest = Math.max(widest, widths[g]);
    }
    const reach = Math.sqrt(Math.log(1 / TOLERANCE) * widest) / (2 * Math.PI);
    for (let axis = 0; axis < 3; axis++) {
      const at = (atoms.positions[3 * i + 2 - axis] - grid.origin[axis]) / grid.voxelSize[axis];
      fillAxis(axes[axis], at, reach, grid.voxelSize[axis], grid.shape[axis], widths);
    }
    const [z, y, x] = axes;
    const ex = x.values;
    const m = x.count;
    if (density.length < m) density = new Float64Array(2 * m);
    for (let iz = 0; iz < z.count; iz++) {
      for (let iy = 0; iy < y.count; iy++) {
        // Only voxels within the radius: a little more than half of the cube.
        const left = reach * reach - z.squared[iz] - y.squared[iy];
        if (left < 0) continue;
        let first = 0;
        while (first < m && x.squared[first] > left) first++;
        let end = m;
        while (end > first && x.squared[end - 1] > left) end--;
        const row = (z.places[iz] * ny + y.places[iy]) * nx;
        const l0 = heights[0] * z.values[iz] * y.values[iy];
        const l1 = heights[1] * z.values[z.count + iz] * y.values[y.count + iy];
        const l2 = heights[2] * z.values[2 * z.count + iz] * y.values[2 * y.count + iy];
        const l3 = heights[3] * z.values[3 * z.count + iz] * y.values[3 * y.count + iy];
        const l4 = heights[4] * z.values[4 * z.count + iz] * y.values[4 * y.count + iy];
        for (let ix = first; ix < end; ix++)
          density[ix] =
            l0 * ex[ix] + l1 * ex[m + ix] + l2 * ex[2 * m + ix] + l3 * ex[3 * m + ix] + l4 * ex[4 * m + ix];
        for (let k = 0; k < results.length; k++) {
          const map = maps[k];
          let sum = 0;
          for (let ix = first; ix < end; ix++) sum += map[row + x.places[ix]] * density[ix];
          results[k][i] += sum;
        }
      }
    }
  }
  return results;
}

interface AxisTable {
  /** [g * count + voxel]: Gaussian g along the axis. */
  values: Float64Array;
  /** Voxel indices inside the periodic box. */
  places: Int32Array;
  /** Squared distances from the atom along the axis, A^2. */
  squared: Float64Array;
  count: number;
}

function createAxisTable(): AxisTable {
  return {
    values: new Float64Array(0),
    places: new Int32Array(0),
    squared: new Float64Array(0),
    count: 0,
  };
}

function fillAxis(
  table: AxisTable,
  at: number,
  reach: number,
  step: number,
  n: number,
  widths: Float64Array,
): void {
  const first = Math.ceil(at - reach / step);
  const count = Math.max(1, Math.floor(at + reach / step) - first + 1);
  table.count = count;
  if (table.places.length < count) {
    table.places = new Int32Array(2 * count);
    table.squared = new Float64Array(2 * count);
    table.values = new Float64Array(10 * count);
  }
  for (let i = 0; i < count; i++) {
    table.places[i] = (((first + i) % n) + n) % n;
    const squared = ((first + i - at) * step) ** 2;
    table.squared[i] = squared;
    for (let g = 0; g < 5; g++)
      table.values[g * count + i] = Math.exp((-4 * Math.PI * Math.PI * squared) / widths[g]);
  }
}

function factorOf(element: string, known: Map<string, ScatteringFactor>): ScatteringFactor {
  const factor = known.get(element) ?? scatteringFactorOf(element);
  if (factor === undefined) {
    throw new LocScaleError('bad-input', `No electron scattering factor is known for element "${element}".`, {
      hint: 'Correct the element in the coordinate file, or remove the atom.',
    });
  }
  known.set(element, factor);
  return factor;
}
