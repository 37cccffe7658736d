/**
 * Rotations of the cyclic and dihedral point groups in RELION's setting: n-fold axis along z, 2-fold along x.
 */
import { LocScaleError } from '../errors.ts';
import { type Matrix, multiply, rotationAbout } from './vectors.ts';

/** "C4", "D2", ...; exact matrices wherever the angles are multiples of 90 degrees. */
export function pointGroupRotations(symmetry: string): Matrix[] {
  const match = /^([CD])([1-9]\d?)$/i.exec(symmetry.trim());
  if (!match) {
    throw new LocScaleError(
      'usage',
      `The point group "${symmetry}" is not known to the generator of test data.`,
      {
        expected: 'C<n> or D<n>, n = 1 ... 99',
        found: symmetry,
      },
    );
  }
  const order = Number(match[2]);
  const rotations: Matrix[] = [];
  for (let i = 0; i < order; i++) rotations.push(rotationAbout([0, 0, 1], (360 * i) / order));
  if (match[1].toUpperCase() === 'D') {
    const flip = rotationAbout([1, 0, 0], 180);
    rotations.push(...rotations.map((r) => multiply(r, flip)));
  }
  return rotations;
}
