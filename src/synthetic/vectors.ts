/** 3-vector and 3x3-matrix operations for building structures. */

/** A, or without unit. */
export type Vector = readonly [x: number, y: number, z: number];
/** Rows of a 3x3 matrix. */
export type Matrix = readonly [Vector, Vector, Vector];

export const add = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const subtract = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scale = (a: Vector, s: number): Vector => [a[0] * s, a[1] * s, a[2] * s];
export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const norm = (a: Vector): number => Math.sqrt(dot(a, a));
export const normalise = (a: Vector): Vector => scale(a, 1 / norm(a));
export const distance = (a: Vector, b: Vector): number => norm(subtract(a, b));
export const apply = (m: Matrix, v: Vector): Vector => [dot(m[0], v), dot(m[1], v), dot(m[2], v)];

/** Product a b; rows of three. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const columns = transpose(b);
  const row = (r: Vector): Vector => [dot(r, columns[0]), dot(r, columns[1]), dot(r, columns[2])];
  return [row(a[0]), row(a[1]), row(a[2])];
}

/** The inverse of a rotation. */
export function transpose(m: Matrix): Matrix {
  return [
    [m[0][0], m[1][0], m[2][0]],
    [m[0][1], m[1][1], m[2][1]],
    [m[0][2], m[1][2], m[2][2]],
  ];
}

/**
 * Rotation by `degrees` about the unit vector `axis`, right-handed; exact for multiples of 90 about x, y or
 * z.
 */
export function rotationAbout(axis: Vector, degrees: number): Matrix {
  const c = cosineOfDegrees(degrees);
  const s = cosineOfDegrees(degrees - 90);
  const [x, y, z] = axis;
  const t = 1 - c;
  return [
    [t * x * x + c, t * x * y - s * z, t * x * z + s * y],
    [t * x * y + s * z, t * y * y + c, t * y * z - s * x],
    [t * x * z - s * y, t * y * z + s * x, t * z * z + c],
  ];
}

/** Exact at multiples of 90 degrees, so that symmetric copies are. */
function cosineOfDegrees(degrees: number): number {
  const reduced = ((degrees % 360) + 360) % 360;
  if (reduced === 90 || reduced === 270) return 0;
  if (reduced === 180) return -1;
  return Math.cos((reduced * Math.PI) / 180);
}

/** Rotation whose columns are an orthonormal frame with z along `direction` and x close to `towards`. */
export function frameAlong(direction: Vector, towards: Vector): Matrix {
  const z = normalise(direction);
  const x = normalise(subtract(towards, scale(z, dot(towards, z))));
  return transpose([x, cross(z, x), z]);
}

export function centroid(points: readonly Vector[]): Vector {
  return scale(points.reduce(add, [0, 0, 0]), 1 / points.length);
}

/**
 * Unit vector along the largest spread of the points, pointing from the first to the last; power iteration.
 */
export function principalAxis(points: readonly Vector[]): Vector {
  const centre = centroid(points);
  const offsets = points.map((p) => subtract(p, centre));
  const towardsEnd = normalise(subtract(points[points.length - 1], points[0]));
  let axis = towardsEnd;
  for (let i = 0; i < 60; i++) {
    axis = normalise(offsets.map((p) => scale(p, dot(p, axis))).reduce(add, [0, 0, 0]));
  }
  return axis;
}

/**
 * Natural extension reference frame: the atom D bonded to C, with the bond length |CD| (A), the angle B-C-D
 * and the dihedral A-B-C-D (degrees). Parsons et al., J. Comput. Chem. 26 (2005) 1063-1068.
 */
export function placeAtom(
  a: Vector,
  b: Vector,
  c: Vector,
  bond: number,
  angle: number,
  dihedral: number,
): Vector {
  const bc = normalise(subtract(c, b));
  const n = normalise(cross(subtract(b, a), bc));
  const m = cross(n, bc);
  const theta = (angle * Math.PI) / 180;
  const phi = (dihedral * Math.PI) / 180;
  const local: Vector = [
    -bond * Math.cos(theta),
    bond * Math.sin(theta) * Math.cos(phi),
    bond * Math.sin(theta) * Math.sin(phi),
  ];
  return add(c, add(scale(bc, local[0]), add(scale(m, local[1]), scale(n, local[2]))));
}

/** Dihedral A-B-C-D in degrees, -180 ... 180. */
export function dihedralOf(a: Vector, b: Vector, c: Vector, d: Vector): number {
  const b1 = subtract(b, a);
  const b2 = subtract(c, b);
  const b3 = subtract(d, c);
  const n1 = cross(b1, b2);
  const n2 = cross(b2, b3);
  return (Math.atan2(dot(cross(n1, n2), normalise(b2)), dot(n1, n2)) * 180) / Math.PI;
}

/** Angle A-B-C in degrees. */
export function angleOf(a: Vector, b: Vector, c: Vector): number {
  const cosine = dot(normalise(subtract(a, b)), normalise(subtract(c, b)));
  return (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
}
