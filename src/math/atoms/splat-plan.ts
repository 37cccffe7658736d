/**
 * Plans the summation of atoms on a grid (verb simulateMap) for both engines. Each atom is five Gaussians
 * (International Tables C 4.3.2.2) smeared by its B factor,
 *   rho(r) = occ sum_i a_i (4 pi / w_i)^(3/2) exp(-4 pi^2 r^2 / w_i),   w_i = b_i + B + B0,
 * the transform of occ sum_i a_i exp(-w_i k^2 / 4). To avoid aliasing, atoms are summed on a finer grid with
 * an extra blur B0; then the transform is cropped to the grid's own frequencies and B0 removed, up to the
 * Nyquist frequency. The finer grid lets B0 be small: its inverse amplifies float32 rounding by exp(B0 f^2 /
 * 4), 400 times at most, where the grid itself would need 6000. The grid is periodic.
 */
import { LocScaleError } from '../../errors.ts';
import { nextFastLength } from '../fourier/fft-plan.ts';
import { type RadialTransfer, tabulateTransfer } from '../fourier/radial-transfer.ts';
import { type Grid, isotropicVoxelSize } from '../grid.ts';
import type { AtomSet } from './atom-set.ts';
import { type ScatteringFactor, scatteringFactorOf } from './scattering-factors.ts';

/** The finer grid has at least this many voxels per voxel along each axis. */
const OVERSAMPLING = 5 / 4;
/**
 * B factor of the sharpest atom with B0, in units of 1 / (Nyquist frequency)^2 of the grid itself. With the
 * oversampling r, the alias of the frequency alpha f_Nyquist is exp(-24 (r^2 - r alpha)) of the signal there:
 * at most 6e-4 at alpha = 1, where the band ends, 3e-5 at 0.9, 2e-10 at 0.5.
 */
const SHARPEST_AT_NYQUIST = 24;
/**
 * The band ends here, cycles per voxel: at the Nyquist frequency, as in the original's maps, less two samples
 * of the table of the transfer function, so that Nyquist itself is not on the slope between two samples.
 */
const BAND_END = 0.5 - 3e-5;
/** Tolerated truncation of an atom's tails, relative to its peak, after the blur is removed. */
const TAIL_TOLERANCE = 1e-6;

/** Floats of one atom's record, in this order; lengths in voxels, exponents in 1/A^2. */
export const RECORD = {
  /** Nearest voxel along z, y, x, inside the box: three whole numbers. */
  voxel: 0,
  /** Position minus that voxel, -0.5 ... 0.5, along z, y, x. */
  offset: 3,
  /** Distance (A) at which the atom is truncated. */
  reach: 6,
  /** Five heights occ a_i (4 pi / w_i)^(3/2). */
  heights: 7,
  /** Five exponents 4 pi^2 / w_i. */
  exponents: 12,
  length: 17,
} as const;

export interface SplatPlan {
  /** The finer grid that atoms are summed on: the same periodic box. */
  readonly grid: Grid;
  /** RECORD.length floats per atom. Sums in the order of atoms do not depend on how work is divided. */
  readonly records: Float32Array;
  /** Largest reach of any atom, A. */
  readonly reach: number;
  /** B0, A^2. */
  readonly blur: number;
  /** Removes B0 and limits the band, on the requested grid. */
  readonly unblur: RadialTransfer;
}

/**
 * B factors in effect: with `blurBFactor`, and not below 0, where an atom would be sharper than its
 * potential.
 */
export function effectiveBFactors(atoms: AtomSet, blurBFactor: number): Float64Array {
  return atoms.bFactors.map((b) => Math.max(0, b + blurBFactor));
}

/** 1 below the Nyquist frequency, 0 from there on; cycles per voxel. */
export function bandLimit(frequency: number): number {
  return frequency < BAND_END ? 1 : 0;
}

export function planSplat(atoms: AtomSet, grid: Grid, blurBFactor = 0): SplatPlan {
  requireFinite(atoms, blurBFactor);
  const voxelSize = isotropicVoxelSize(grid);
  const bFactors = effectiveBFactors(atoms, blurBFactor);
  const sharpest = bFactors.reduce((least, b) => Math.min(least, b), Number.POSITIVE_INFINITY);
  const blur = atoms.count === 0 ? 0 : Math.max(0, SHARPEST_AT_NYQUIST * (2 * voxelSize) ** 2 - sharpest);
  const perSquare = blur / (4 * voxelSize ** 2);
  // The blur's inverse amplifies what is cut off by up to exp(perSquare / 4).
  const tail = Math.log(1 / TAIL_TOLERANCE) + perSquare / 4;
  const factors = factorsOf(atoms.elements);
  const fine = finerGrid(grid);
  const records = new Float32Array(RECORD.length * atoms.count);
  let reach = 0;
  for (let i = 0; i < atoms.count; i++) {
    const at = RECORD.length * i;
    for (let axis = 0; axis < 3; axis++) {
      const n = fine.shape[axis];
      const position = (atoms.positions[3 * i + 2 - axis] - fine.origin[axis]) / fine.voxelSize[axis];
      const nearest = Math.round(position);
      records[at + RECORD.voxel + axis] = ((nearest % n) + n) % n;
      records[at + RECORD.offset + axis] = position - nearest;
    }
    const { a, b } = factors[i];
    let widest = 0;
    for (let g = 0; g < 5; g++) {
      const width = b[g] + bFactors[i] + blur;
      records[at + RECORD.heights + g] = atoms.occupancies[i] * a[g] * ((4 * Math.PI) / width) ** 1.5;
      records[at + RECORD.exponents + g] = (4 * Math.PI ** 2) / width;
      widest = Math.max(widest, width);
    }
    const radius = Math.sqrt(tail * widest) / (2 * Math.PI);
    records[at + RECORD.reach] = radius;
    reach = Math.max(reach, radius);
  }
  const unblur = tabulateTransfer((f) => (bandLimit(f) === 0 ? 0 : Math.exp(perSquare * f * f)));
  return { grid: fine, records, reach, blur, unblur };
}

/** Larger B factors (A^2) spread an atom over so many voxels that it hardly contributes. */
const LARGEST_B = 1000;

/** Reach of such an atom on this grid, A, with the blur that the sharpest atoms require. */
export function largestReach(grid: Grid): number {
  const blur = SHARPEST_AT_NYQUIST * (2 * isotropicVoxelSize(grid)) ** 2;
  const tail = Math.log(1 / TAIL_TOLERANCE) + SHARPEST_AT_NYQUIST / 4;
  return Math.sqrt(tail * (LARGEST_B + blur)) / (2 * Math.PI);
}

/** The finer grid that atoms are summed on. */
export function finerGrid({ shape, voxelSize, origin }: Grid): Grid {
  const finer = (n: number): number => nextFastLength(Math.ceil(OVERSAMPLING * n));
  const [nz, ny, nx] = shape.map(finer);
  const [sz, sy, sx] = voxelSize;
  return {
    shape: [nz, ny, nx],
    voxelSize: [(sz * shape[0]) / nz, (sy * shape[1]) / ny, (sx * shape[2]) / nx],
    origin,
  };
}

/** Each element is looked up once. */
function factorsOf(elements: readonly string[]): ScatteringFactor[] {
  const known = new Map<string, ScatteringFactor>();
  return elements.map((element, i) => {
    const factor = known.get(element) ?? scatteringFactorOf(element);
    if (!factor) {
      throw new LocScaleError(
        'bad-input',
        `No electron scattering factor is known for element "${element}".`,
        {
          where: `atom ${i + 1} of the model`,
          hint: 'Correct the element in the coordinate file, or remove the atom.',
        },
      );
    }
    known.set(element, factor);
    return factor;
  });
}

function requireFinite(atoms: AtomSet, blurBFactor: number): void {
  const { count, positions, elements, bFactors, occupancies } = atoms;
  const lengths = [positions.length / 3, elements.length, bFactors.length, occupancies.length];
  if (lengths.some((length) => length !== count)) {
    throw new LocScaleError(
      'internal',
      `The arrays of ${count} atoms have other lengths: ${lengths.join(', ')}.`,
    );
  }
  const finite = (values: Float64Array): boolean => values.every((value) => Number.isFinite(value));
  if (!finite(positions) || !finite(bFactors) || !finite(occupancies) || !Number.isFinite(blurBFactor)) {
    throw new LocScaleError(
      'internal',
      'A model has a position, B factor or occupancy that is not a number.',
    );
  }
}
