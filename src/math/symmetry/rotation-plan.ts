/**
 * Plans the average of a volume over operators. With f the map and x a position relative to the centre,
 *   out(x) = 1 / |G| sum over g of f(g x).
 * The operators of a group G that map the grid onto itself form a subgroup H. Averages over H move voxels
 * and interpolate nothing. With a = average of f over H, and one operator c of each of the |G| / |H| cosets H
 * c,
 *   out(x) = |H| / |G| sum over c of a(c x),
 * and out is the same on all voxels of an orbit of H. So only one voxel of each orbit is interpolated, from
 * |G| / |H| copies: for an icosahedral map (H is tetrahedral) 60 operators cost 5 / 12 of a rotation.
 *
 * Copies count where they lie in the box, 0 ... 2 floor(n/2) on each axis, which is symmetric about the
 * default centre (0 ... n - 1 about others); in the largest sphere in the box all do. Outside it a voxel is
 * the average of those copies that are inside (the faces of index 0 of an even box stand for both its sides:
 * they get what one of them has). Interpolated averages keep frequencies within the sphere |f| < 1/2 cycles
 * per voxel (within the cylinder, for rotations about z): beyond it a rotated copy has nothing that the grid
 * could hold.
 */
import { LocScaleError } from '../../errors.ts';
import type { Shape } from '../grid.ts';
import { indexOfOperator, isGroup, type Operator } from './point-group.ts';
import { multiplyMatrices } from './rotation.ts';
import { axisGains, fineLength } from './rotation-kernel.ts';

export interface SymmetriseOptions {
  /**
   * Point that all rotations leave where it is, voxels along (z, y, x); default floor(n / 2) on each axis.
   */
  readonly centre?: readonly [z: number, y: number, x: number];
  /**
   * Shift of each operator after its rotation, voxels along (z, y, x); with them operators need not be a
   * group.
   */
  readonly translations?: readonly (readonly [z: number, y: number, x: number])[];
}

/**
 * Voxel (z, y, x) goes to tables.z[z] + tables.y[y] + tables.x[x], its linear index; negative: outside the
 * box. The three tables of an operator follow each other.
 */
export interface GridMaps {
  readonly count: number;
  /** (count, nz + ny + nx). */
  readonly tables: Int32Array;
}

/** A copy: fine-grid position = start + z byZ + y byY + x byX, each a vector along (z, y, x). */
export interface Copy {
  readonly start: Vec;
  readonly byZ: Vec;
  readonly byY: Vec;
  readonly byX: Vec;
}

type Vec = readonly [z: number, y: number, x: number];

export interface Interpolation {
  /** The fine grid; along z as many planes as the map where every rotation is about z. */
  readonly fine: Shape;
  /** Rotations about z alone: neighbours in one plane. */
  readonly planar: boolean;
  readonly copies: readonly Copy[];
  /** Factors of the fine spectrum along z, y, x (rotation-kernel.ts). */
  readonly gains: readonly [z: Float32Array, y: Float32Array, x: Float32Array];
  /** Least and largest positions along (z, y, x) on the fine grid that count as inside. */
  readonly first: Vec;
  readonly last: Vec;
}

export interface SymmetrisePlan {
  readonly shape: Shape;
  /** Operators applied by moving voxels; at least the identity. */
  readonly maps: GridMaps;
  /** Operators that need interpolation; undefined if all map the grid onto itself. */
  readonly interpolation: Interpolation | undefined;
}

/** Positions this far beyond the box, in voxels, still count as inside, so that rounding does not matter. */
const EDGE_TOLERANCE = 1e-3;
/** Outside the box: more negative than any index is large. */
export const OUTSIDE = -(2 ** 30);

export function defaultCentre(shape: Shape): [number, number, number] {
  return [Math.floor(shape[0] / 2), Math.floor(shape[1] / 2), Math.floor(shape[2] / 2)];
}

export function planSymmetrise(
  shape: Shape,
  operators: readonly Operator[],
  options: SymmetriseOptions = {},
): SymmetrisePlan {
  const middle = defaultCentre(shape);
  const centre = options.centre ?? middle;
  const { translations } = options;
  checkOperators(operators, translations);
  // Orbits help only where the box itself is symmetric under the grid maps.
  const symmetricBox = centre.every((c, axis) => c === middle[axis]);
  const last = shape.map((n) => (symmetricBox ? 2 * Math.floor(n / 2) : n - 1)) as unknown as Vec;
  const identityOnly = { count: 1, tables: gridMapTables(shape, [1, 1, 1], [0, 1, 2], centre, last) };
  if (translations !== undefined) {
    const copies = operators.map((operator, i) => ({ operator, shift: translations[i] }));
    return { shape, maps: identityOnly, interpolation: planCopies(shape, copies, centre, last) };
  }
  const isMap = operators.map((operator) => gridMap(shape, operator, centre));
  const toMaps = (list: typeof isMap): GridMaps => {
    const tables = list.flatMap((map) =>
      map ? [gridMapTables(shape, map.signs, map.axes, centre, last)] : [],
    );
    const each = shape[0] + shape[1] + shape[2];
    const all = new Int32Array(tables.length * each);
    tables.forEach((table, i) => {
      all.set(table, i * each);
    });
    return { count: tables.length, tables: all };
  };
  if (isMap.every((map) => map !== undefined))
    return { shape, maps: toMaps(isMap), interpolation: undefined };
  const subgroup = operators.filter((_, i) => symmetricBox && isMap[i] !== undefined);
  const representatives = symmetricBox ? cosetRepresentatives(operators, subgroup) : operators;
  const copies = representatives.map((operator) => ({ operator, shift: [0, 0, 0] as const }));
  return {
    shape,
    maps: symmetricBox ? toMaps(isMap) : identityOnly,
    interpolation: planCopies(shape, copies, centre, last),
  };
}

/**
 * Memory in bytes, excluding the input volume: the fine grid with its spectrum, the average over grid maps,
 * the result.
 */
export function symmetriseBytes({ shape, maps, interpolation }: SymmetrisePlan): number {
  const bytes = 4 * shape[0] * shape[1] * shape[2];
  if (interpolation === undefined) return bytes;
  const fine = 4 * interpolation.fine[0] * interpolation.fine[1] * interpolation.fine[2];
  return 2 * fine + bytes + (maps.count > 1 ? bytes : 0);
}

function checkOperators(
  operators: readonly Operator[],
  translations: SymmetriseOptions['translations'],
): void {
  if (operators.length === 0) throw new LocScaleError('internal', 'There are no operators to average over.');
  if (translations !== undefined) {
    if (translations.length === operators.length) return;
    throw new LocScaleError('internal', 'Operators and translations differ in number.');
  }
  // Operators read from text have four or more decimals.
  if (!isGroup(operators, 1e-3)) {
    throw new LocScaleError('usage', 'The symmetry operators do not form a closed group.', {
      hint: 'Give all operators of the group, the identity too.',
    });
  }
}

interface GridMap {
  /** Axis of the source (z, y, x as 0, 1, 2) that each axis of the position comes from, and its sign. */
  readonly axes: readonly [number, number, number];
  readonly signs: readonly [number, number, number];
}

/** The operator as a map of the grid onto itself, if it is one. */
function gridMap(shape: Shape, operator: Operator, centre: Vec): GridMap | undefined {
  const axes = [0, 0, 0] as [number, number, number];
  const signs = [0, 0, 0] as [number, number, number];
  for (let i = 0; i < 3; i++) {
    // Matrices are on (x, y, z), grids on (z, y, x).
    const row = [operator[2 - i][2], operator[2 - i][1], operator[2 - i][0]];
    const axis = row.findIndex((value) => value === 1 || value === -1);
    if (axis < 0 || row.some((value, k) => k !== axis && value !== 0)) return undefined;
    if (shape[axis] !== shape[i] || !Number.isInteger(centre[i] - row[axis] * centre[axis])) return undefined;
    axes[i] = axis;
    signs[i] = row[axis];
  }
  return { axes, signs };
}

/** One entry per voxel of each axis; see GridMaps. */
function gridMapTables(shape: Shape, signs: Vec, axes: Vec, centre: Vec, last: Vec): Int32Array {
  const [nz, ny, nx] = shape;
  const strides = [ny * nx, nx, 1];
  const starts = [0, nz, nz + ny];
  const tables = new Int32Array(nz + ny + nx);
  for (let i = 0; i < 3; i++) {
    const from = axes[i];
    const n = shape[i];
    for (let k = 0; k < shape[from]; k++) {
      const position = centre[i] + signs[i] * (k - centre[from]);
      // Position n of an even box is its periodic image 0.
      tables[starts[from] + k] = position < 0 || position > last[i] ? OUTSIDE : strides[i] * (position % n);
    }
  }
  return tables;
}

/** One operator of each coset H c, a rotation about z if there is one. */
function cosetRepresentatives(operators: readonly Operator[], subgroup: readonly Operator[]): Operator[] {
  const left = [...operators].sort((a, b) => Number(isAboutZ(b)) - Number(isAboutZ(a)));
  const representatives: Operator[] = [];
  while (left.length > 0) {
    const next = left[0];
    representatives.push(next);
    for (const h of subgroup) {
      const at = indexOfOperator(left, multiplyMatrices(h, next), 1e-3);
      if (at >= 0) left.splice(at, 1);
    }
  }
  return representatives;
}

function isAboutZ(operator: Operator): boolean {
  const [x, y, z] = operator[2];
  return x === 0 && y === 0 && z === 1;
}

function planCopies(
  shape: Shape,
  list: readonly { operator: Operator; shift: Vec }[],
  centre: Vec,
  last: Vec,
): Interpolation {
  const planar = list.every(({ operator, shift }) => isAboutZ(operator) && Number.isInteger(shift[0]));
  const fine: Shape = [planar ? shape[0] : fineLength(shape[0]), fineLength(shape[1]), fineLength(shape[2])];
  const ratio = shape.map((n, axis) => fine[axis] / n);
  const copies = list.map(({ operator, shift }) => {
    const column = (from: number): Vec =>
      [0, 1, 2].map((to) => ratio[to] * operator[2 - to][2 - from]) as unknown as Vec;
    const [byZ, byY, byX] = [column(0), column(1), column(2)];
    const start = [0, 1, 2].map(
      (to) =>
        ratio[to] * (centre[to] + shift[to]) -
        byZ[to] * centre[0] -
        byY[to] * centre[1] -
        byX[to] * centre[2],
    ) as unknown as Vec;
    return { start, byZ, byY, byX };
  });
  const gains = [0, 1, 2].map((axis) =>
    axis === 0 && planar ? new Float32Array(shape[0]).fill(1) : axisGains(shape[axis], fine[axis]),
  ) as unknown as Interpolation['gains'];
  return {
    fine,
    planar,
    copies,
    gains,
    first: ratio.map((r) => -r * EDGE_TOLERANCE) as unknown as Vec,
    last: last.map((k, axis) => ratio[axis] * (k + EDGE_TOLERANCE)) as unknown as Vec,
  };
}
