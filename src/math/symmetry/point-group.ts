/**
 * Rotational point groups from generators, in RELION's settings (axes as in its symmetry library):
 *   C<n>  n-fold axis along z
 *   D<n>  the same, with a 2-fold axis along x
 *   T     3-fold along z, 2-fold along (0, sqrt 2, 1); its axes are not those of the grid
 *   O     4-fold along z (and x, y), 3-fold along (1, 1, 1)
 *   I1    2-folds along x, y, z; 5-fold along (phi, 0, -1) (golden ratio phi)
 *   I2    2-folds along x, y, z; 5-fold along (1, 0, phi): I1 turned by 90 degrees about z. "I" is I2
 *   I3    5-fold along z, 2-fold along (-1, 0, phi)
 *   I4    5-fold along z, 2-fold along (1, 0, phi): I3 turned by 180 degrees about z
 */
import { LocScaleError } from '../../errors.ts';
import {
  IDENTITY,
  type Matrix3,
  matrixDistance,
  multiplyMatrices,
  rotationAbout,
  snapMatrix,
  type Vector3,
} from './rotation.ts';

/** A rotation of the map, on (x, y, z). */
export type Operator = Matrix3;

export interface Symmetry {
  /** "C4", "D7", "T", "O", "I1" ... "I4". */
  readonly name: string;
  /** Number of operators. */
  readonly order: number;
}

const PHI = (1 + Math.sqrt(5)) / 2;
/** Operators of a group closer than this are one: rounding is 1e-15, the finest step (C99) 0.06. */
const SAME = 1e-6;
/** The finest axis accepted. */
const LARGEST_FOLD = 99;

type Generator = readonly [fold: number, axis: Vector3];

const POLYHEDRAL: Readonly<Record<string, { readonly order: number; readonly generators: Generator[] }>> = {
  T: {
    order: 12,
    generators: [
      [3, [0, 0, 1]],
      [2, [0, Math.SQRT2, 1]],
    ],
  },
  O: {
    order: 24,
    generators: [
      [4, [0, 0, 1]],
      [3, [1, 1, 1]],
    ],
  },
  I1: {
    order: 60,
    generators: [
      [2, [1, 0, 0]],
      [5, [PHI, 0, -1]],
    ],
  },
  I2: {
    order: 60,
    generators: [
      [2, [0, 0, 1]],
      [5, [1, 0, PHI]],
    ],
  },
  I3: {
    order: 60,
    generators: [
      [5, [0, 0, 1]],
      [2, [-1, 0, PHI]],
    ],
  },
  I4: {
    order: 60,
    generators: [
      [5, [0, 0, 1]],
      [2, [1, 0, PHI]],
    ],
  },
};

/** The group a name stands for, upper or lower case; a usage error for anything else. */
export function parseSymmetry(text: string): Symmetry {
  const given = text.trim().toUpperCase();
  const name = given === 'I' ? 'I2' : given;
  const polyhedral = Object.hasOwn(POLYHEDRAL, name) ? POLYHEDRAL[name] : undefined;
  if (polyhedral !== undefined) return { name, order: polyhedral.order };
  const match = /^([CD])(\d{1,3})$/.exec(name);
  const fold = Number(match?.[2]);
  if (match && fold >= 1 && fold <= LARGEST_FOLD) {
    return { name: `${match[1]}${fold}`, order: match[1] === 'C' ? fold : 2 * fold };
  }
  throw new LocScaleError('usage', `"${text}" is not a point group.`, {
    expected: `C1 ... C${LARGEST_FOLD}, D1 ... D${LARGEST_FOLD}, T, O, I, I1, I2, I3 or I4`,
    found: text,
    hint: "Give a group such as C4, D7 or O (RELION's conventions: axis along z), or a file with operators.",
  });
}

/** All operators of a point group, the identity first. */
export function pointGroup(name: string): Operator[] {
  const symmetry = parseSymmetry(name);
  const generators = generatorsOf(symmetry).map(([fold, axis]) => rotationAbout(axis, 360 / fold));
  const operators = closeGroup(generators, symmetry.order);
  if (operators?.length !== symmetry.order) {
    throw new LocScaleError('internal', `The operators of ${symmetry.name} do not form a group.`);
  }
  return operators;
}

function generatorsOf({ name, order }: Symmetry): readonly Generator[] {
  if (Object.hasOwn(POLYHEDRAL, name)) return POLYHEDRAL[name].generators;
  const axis: Generator = [name[0] === 'C' ? order : order / 2, [0, 0, 1]];
  return name[0] === 'C' ? [axis] : [axis, [2, [1, 0, 0]]];
}

/**
 * The group that `generators` generate, the identity first; undefined where it has more than `most` elements.
 */
export function closeGroup(generators: readonly Operator[], most: number): Operator[] | undefined {
  const group: Operator[] = [IDENTITY];
  for (let next = 0; next < group.length; next++) {
    for (const generator of generators) {
      const product = snapMatrix(multiplyMatrices(group[next], generator));
      if (indexOfOperator(group, product, SAME) >= 0) continue;
      if (group.length === most) return undefined;
      group.push(product);
    }
  }
  return group;
}

/** Position of an operator in a list, or -1. */
export function indexOfOperator(list: readonly Operator[], operator: Operator, tolerance = SAME): number {
  return list.findIndex((other) => matrixDistance(other, operator) < tolerance);
}

/** Whether the operators are all different and every product of two is one of them. */
export function isGroup(operators: readonly Operator[], tolerance = SAME): boolean {
  if (indexOfOperator(operators, IDENTITY, tolerance) < 0) return false;
  return operators.every(
    (a, i) =>
      indexOfOperator(operators, a, tolerance) === i &&
      operators.every((b) => indexOfOperator(operators, multiplyMatrices(a, b), tolerance) >= 0),
  );
}
