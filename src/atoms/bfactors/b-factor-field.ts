/**
 * B factors on a coarse lattice, interpolated between lattice points: trilinear weights, each divided by the
 * point's variance, so that poorly determined windows count little.
 */

import { type Grid, type Shape, voxelCount } from '../../math/grid.ts';
import { bFactorStretch } from '../../math/scaling/follow-resolution.ts';
import type { WindowLattice } from './window-spectra.ts';

export interface BFactorField {
  /** Lattice points along (z, y, x); point (0, 0, 0) is voxel (0, 0, 0). */
  readonly shape: Shape;
  /** Voxels between lattice points. */
  readonly step: number;
  /** A^2, (z, y, x), x fastest; NaN where it was not requested or could not be measured. */
  readonly bFactors: Float64Array;
  /** Expected squared errors, A^4. */
  readonly variances: Float64Array;
  /** Overall B factor, A^2: used where no local value is known. */
  readonly overall: number;
  /** Resolution of the data, A. */
  readonly resolution: number;
}

/** Added to every variance, A^4: smaller differences between windows do not matter. */
const LEAST_VARIANCE = 10 ** 2;
/** Limits in A^2, for data finer than 6 A. */
export const MOST_B = 500;

/** Range of B factors in A^2 possible at this resolution (A); refinement uses the same range. */
export function bRangeFor(resolution: number): { readonly least: number; readonly most: number } {
  return { least: 0, most: MOST_B * bFactorStretch(resolution) };
}

export function clampB(bFactor: number, resolution: number): number {
  const { least, most } = bRangeFor(resolution);
  return Math.min(Math.max(bFactor, least), most);
}

export function latticeFor({ shape }: Grid, step: number): WindowLattice {
  // Ends with a point at or beyond the last voxel, so that every voxel has lattice points on both sides.
  const points = (n: number): number => Math.ceil((n - 1) / step) + 1;
  const lattice: Shape = [points(shape[0]), points(shape[1]), points(shape[2])];
  return { shape: lattice, step, wanted: new Uint8Array(voxelCount(lattice)) };
}

/** Calls `visit` with the lattice points around a voxel position (z, y, x) and their trilinear weights. */
function forEachCorner(
  [lz, ly, lx]: Shape,
  step: number,
  z: number,
  y: number,
  x: number,
  visit: (point: number, weight: number) => void,
): void {
  const pz = Math.min(Math.max(z / step, 0), lz - 1);
  const py = Math.min(Math.max(y / step, 0), ly - 1);
  const px = Math.min(Math.max(x / step, 0), lx - 1);
  const iz = Math.floor(pz);
  const iy = Math.floor(py);
  const ix = Math.floor(px);
  for (let corner = 0; corner < 8; corner++) {
    const dz = corner >> 2;
    const dy = (corner >> 1) & 1;
    const dx = corner & 1;
    const weight =
      (dz === 1 ? pz - iz : 1 - pz + iz) *
      (dy === 1 ? py - iy : 1 - py + iy) *
      (dx === 1 ? px - ix : 1 - px + ix);
    if (weight > 0) visit(((iz + dz) * ly + iy + dy) * lx + ix + dx, weight);
  }
}

/** Marks the lattice points needed to interpolate at `positions` (x, y, z in A). */
export function requirePositions(lattice: WindowLattice, grid: Grid, positions: Float64Array): void {
  const { voxelSize, origin } = grid;
  for (let i = 0; i < positions.length; i += 3)
    forEachCorner(
      lattice.shape,
      lattice.step,
      (positions[i + 2] - origin[0]) / voxelSize[0],
      (positions[i + 1] - origin[1]) / voxelSize[1],
      (positions[i] - origin[2]) / voxelSize[2],
      (point) => {
        lattice.wanted[point] = 1;
      },
    );
}

/** Marks the lattice points needed to interpolate in the voxels > 0.5 of `mask`. */
export function requireVoxels(lattice: WindowLattice, { shape: [, ny, nx] }: Grid, mask: Float32Array): void {
  for (let i = 0; i < mask.length; i++) {
    if (!(mask[i] > 0.5)) continue;
    const z = Math.floor(i / (ny * nx));
    const y = Math.floor(i / nx) % ny;
    forEachCorner(lattice.shape, lattice.step, z, y, i % nx, (point) => {
      lattice.wanted[point] = 1;
    });
  }
}

function valueAt(field: BFactorField, z: number, y: number, x: number): number {
  let sum = 0;
  let weights = 0;
  forEachCorner(field.shape, field.step, z, y, x, (point, trilinear) => {
    const b = field.bFactors[point];
    if (Number.isNaN(b)) return;
    const weight = trilinear / (LEAST_VARIANCE + field.variances[point]);
    sum += weight * b;
    weights += weight;
  });
  const value = weights > 0 ? sum / weights : field.overall;
  return clampB(value, field.resolution);
}

/** B factors at points (x, y, z in A), within the range that refinement allows; A^2. */
export function bFactorsAt(field: BFactorField, grid: Grid, positions: Float64Array): Float64Array {
  const { voxelSize, origin } = grid;
  return Float64Array.from({ length: positions.length / 3 }, (_, i) =>
    valueAt(
      field,
      (positions[3 * i + 2] - origin[0]) / voxelSize[0],
      (positions[3 * i + 1] - origin[1]) / voxelSize[1],
      (positions[3 * i] - origin[2]) / voxelSize[2],
    ),
  );
}

/** B factors in the voxels > 0.5 of `mask`, 0 elsewhere; A^2, (z, y, x). */
export function bFactorMap(
  field: BFactorField,
  { shape: [, ny, nx] }: Grid,
  mask: Float32Array,
): Float32Array {
  return mask.map((inside, i) =>
    inside > 0.5 ? valueAt(field, Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx) : 0,
  );
}
