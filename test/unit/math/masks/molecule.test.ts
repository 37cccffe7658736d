/** The molecule as a bulk-solvent mask has it, against its definition. */
import { describe, expect, it } from 'vitest';
import type { AtomSet } from '../../../../src/math/atoms/atom-set.ts';
import type { Grid } from '../../../../src/math/grid.ts';
import { moleculeRegion } from '../../../../src/math/masks/molecule.ts';
import { randomAtoms } from '../../../support/random-atoms.ts';

/** A, with the probe of 1.11 A. */
const RADII: Readonly<Record<string, number>> = { C: 2.885, N: 2.61, O: 2.56, S: 2.91 };

function directly(atoms: AtomSet, { shape: [nz, ny, nx], voxelSize: [step], origin }: Grid): Uint8Array {
  const place = (i: number): number[] => [
    origin[2] + step * (i % nx),
    origin[1] + step * (Math.floor(i / nx) % ny),
    origin[0] + step * Math.floor(i / (nx * ny)),
  ];
  const count = nz * ny * nx;
  const near = Array.from({ length: count }, (_, i) => {
    const at = place(i);
    return atoms.elements.some(
      (element, a) => Math.hypot(...at.map((v, k) => v - atoms.positions[3 * a + k])) <= RADII[element],
    );
  });
  const solvent = near.flatMap((value, i) => (value ? [] : [place(i)]));
  return Uint8Array.from(near, (value, i) => {
    if (!value) return 0;
    const at = place(i);
    // Half a thousandth of an angstrom: steps along the axes may add up to just the distance.
    return solvent.some((other) => Math.hypot(...other.map((v, k) => v - at[k])) <= 0.9 + 5e-4) ? 0 : 1;
  });
}

describe('the region of the molecule', () => {
  it.each([0.5, 0.7, 1.1])('is what a probe cannot enter, at voxels of %s A', (step) => {
    const n = Math.round(12 / step);
    const grid: Grid = { shape: [n, n + 1, n + 2], voxelSize: [step, step, step], origin: [3, -2, 8] };
    const atoms = randomAtoms(6, grid, { seed: 3 });
    const found = moleculeRegion(atoms, grid);
    const expected = directly(atoms, grid);
    expect(found.reduce((sum, v) => sum + v, 0)).toBeGreaterThan(50);
    expect(Buffer.compare(found, expected)).toBe(0);
  });
});
