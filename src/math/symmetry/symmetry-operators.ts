/**
 * Operators besides the named point groups: from files, and helices. A file has matrices as text, three rows
 * each of three or four numbers (a row may stand on a line of its own or with the others), on (x, y, z); the
 * fourth column is a shift in angstrom, x' = R x + t. REMARK 350 BIOMT lines of a PDB file are accepted as
 * they are.
 */
import { LocScaleError, named } from '../../errors.ts';
import { isGroup, type Operator } from './point-group.ts';
import {
  determinant,
  IDENTITY,
  type Matrix3,
  matrixDistance,
  multiplyMatrices,
  rotationAbout,
  transposeMatrix,
  type Vector3,
} from './rotation.ts';

export interface OperatorFile {
  readonly operators: readonly Operator[];
  /** Fixed point of all operators, (x, y, z) in angstrom; undefined if there are no shifts. */
  readonly centreAngstrom: Vector3 | undefined;
}

/** Files give four decimals or more. */
const DECIMALS = 1e-3;
/** How far (A) operators may disagree about their common centre. */
const CENTRE_TOLERANCE = 0.05;

export function readOperators(text: string, where: string): OperatorFile {
  const rows = text.includes('BIOMT') ? biomtRows(text) : plainRows(text, where);
  if (rows.length === 0 || rows.length % 3 !== 0) {
    throw new LocScaleError('bad-input', `${where} does not hold symmetry operators.`, {
      where,
      expected: 'three rows of three or four numbers for each operator, or REMARK 350 BIOMT lines',
      found: `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`,
    });
  }
  const operators: Operator[] = [];
  const shifts: Vector3[] = [];
  for (let i = 0; i < rows.length; i += 3) {
    const matrix = rows.slice(i, i + 3).map(([a, b, c]) => [a, b, c]) as unknown as Matrix3;
    const square = multiplyMatrices(matrix, transposeMatrix(matrix));
    if (matrixDistance(square, IDENTITY) > 10 * DECIMALS || determinant(matrix) < 0) {
      throw new LocScaleError('bad-input', `Operator ${i / 3 + 1} of ${where} is not a rotation.`, {
        where,
        hint: 'Mirrors and scalings are no symmetry of a molecule.',
      });
    }
    operators.push(sharpen(matrix));
    shifts.push(rows.slice(i, i + 3).map((row) => row[3] ?? 0) as unknown as Vector3);
  }
  const exact = exactGroup(operators);
  if (!isGroup(exact, DECIMALS)) {
    throw new LocScaleError(
      'bad-input',
      `The ${exact.length} operators of ${where} are not a closed group.`,
      {
        where,
        hint: 'Give all operators of the group, the identity too, each once.',
      },
    );
  }
  const shifted = rows.some((row) => row[3] !== undefined && Math.abs(row[3]) > DECIMALS);
  return { operators: exact, centreAngstrom: shifted ? commonCentre(exact, shifts, where) : undefined };
}

function biomtRows(text: string): number[][] {
  return [...text.matchAll(/^REMARK 350\s+BIOMT[123]\s+\d+\s+(.+)$/gm)].map(([, numbers]) =>
    numbers.trim().split(/\s+/).map(Number),
  );
}

function plainRows(text: string, where: string): number[][] {
  const lines = text
    .split(/\r?\n/)
    .map((line) =>
      line
        .replace(/[#!;].*$/, '')
        .trim()
        .split(/[\s,]+/)
        .filter((word) => word !== ''),
    )
    .filter((words) => words.length > 0);
  const rows: number[][] = [];
  for (const words of lines) {
    const numbers = words.map(Number);
    if (numbers.some((value) => !Number.isFinite(value))) {
      throw new LocScaleError('bad-input', `${where} has a line that is not numbers: "${words.join(' ')}".`, {
        where,
        expected: 'rows of three or four numbers',
      });
    }
    const width = numbers.length === 9 || numbers.length === 3 ? 3 : 4;
    if (numbers.length % width !== 0 || numbers.length > 12) {
      throw new LocScaleError('bad-input', `${where} has a row of ${numbers.length} numbers.`, {
        where,
        expected: '3 or 4 numbers per row, or 9 or 12 for a whole operator',
      });
    }
    for (let i = 0; i < numbers.length; i += width) rows.push(numbers.slice(i, i + width));
  }
  return rows;
}

/** Elements within the decimals of the file of 0, 1/2 and 1 are those numbers. */
function sharpen(matrix: Matrix3): Matrix3 {
  const sharp = (value: number): number => {
    const halves = Math.round(2 * value) / 2;
    return (Math.abs(value - halves) < DECIMALS / 10 ? halves : value) + 0;
  };
  return matrix.map((row) => row.map(sharp)) as unknown as Matrix3;
}

/** The identity first. */
function exactGroup(operators: readonly Operator[]): Operator[] {
  const rest = operators.filter((operator) => matrixDistance(operator, IDENTITY) >= DECIMALS);
  return rest.length === operators.length ? [...operators] : [IDENTITY, ...rest];
}

/**
 * The fixed point nearest to the mean of R 0 + t (of the origin's images), from (1 - R) c = t of all
 * operators by least squares: along a sole axis any point will do, and that one is where the molecule is.
 */
function commonCentre(
  operators: readonly Operator[],
  givenShifts: readonly Vector3[],
  where: string,
): Vector3 {
  // The mean of all images of a point is fixed by every operator of a group.
  const mean = [0, 1, 2].map(
    (i) => givenShifts.reduce((sum, shift) => sum + shift[i], 0) / givenShifts.length,
  ) as unknown as Vector3;
  const worst = givenShifts.reduce((most, shift) => {
    // One of the operators takes the mean to itself with this shift.
    const least = Math.min(
      ...operators.map((operator) => {
        const moved = operator.map(
          (row, i) => row[0] * mean[0] + row[1] * mean[1] + row[2] * mean[2] + shift[i],
        );
        return Math.hypot(moved[0] - mean[0], moved[1] - mean[1], moved[2] - mean[2]);
      }),
    );
    return Math.max(most, least);
  }, 0);
  if (worst > CENTRE_TOLERANCE) {
    throw new LocScaleError('bad-input', `The operators of ${where} have no fixed point in common.`, {
      where,
      hint:
        `Shifts along an axis belong to a helix: use ${named('twistDegrees')} and ` +
        `${named('riseAngstrom')}.`,
    });
  }
  return mean;
}

export interface Helix {
  /** Rotation about z from one subunit to the next, degrees. */
  readonly twistDegrees: number;
  /** Shift along z from one subunit to the next, A; negative with a positive twist: left-handed. */
  readonly riseAngstrom: number;
  /** Steps to each side; default: as many as half the box holds, at most 200. */
  readonly steps?: number;
}

/** More copies only cost time. */
const MOST_COPIES = 401;

/**
 * Operators of a helix along z: k = -K ... K steps of twist and rise, those whose rise is at most half the
 * box, so that the middle of the box is averaged over all of them; each with every operator of `group` (C<n>
 * or D<n>).
 */
export function helicalOperators(
  { twistDegrees, riseAngstrom, steps: requested }: Helix,
  group: readonly Operator[],
  planes: number,
  voxelSize: number,
): { operators: Operator[]; translations: (readonly [z: number, y: number, x: number])[] } {
  const rise = riseAngstrom / voxelSize;
  const half = Math.floor(planes / 2 / Math.abs(rise));
  if (!Number.isFinite(half) || half < 1) {
    throw new LocScaleError('usage', `A helical rise of ${riseAngstrom} A does not fit the box.`, {
      parameter: 'riseAngstrom',
      expected: `more than 0 and at most ${((planes * voxelSize) / 2).toFixed(1)} A`,
    });
  }
  // Copies shifted by a whole box or more are entirely outside it.
  const most = Math.max(half, Math.ceil(planes / Math.abs(rise)) - 1);
  if (requested !== undefined && requested > most) {
    throw new LocScaleError('usage', `${requested} steps of the helix reach beyond the box.`, {
      parameter: 'steps',
      expected: `at most ${most}`,
      found: String(requested),
    });
  }
  const steps = requested ?? Math.min(half, (MOST_COPIES - 1) / 2);
  const operators: Operator[] = [];
  const translations: (readonly [number, number, number])[] = [];
  for (let k = -steps; k <= steps; k++) {
    const turn = rotationAbout([0, 0, 1], twistDegrees * k);
    for (const operator of group) {
      operators.push(multiplyMatrices(turn, operator));
      translations.push([rise * k, 0, 0]);
    }
  }
  return { operators, translations };
}

/** The operators of `group` with its z axis rotated by `frame`. */
export function rotateOperators(group: readonly Operator[], frame: Matrix3): Operator[] {
  const back = transposeMatrix(frame);
  return group.map((operator) => multiplyMatrices(multiplyMatrices(frame, operator), back));
}
