/** Rotations of space as 3x3 matrices on (x, y, z), float64. */

export type Vector3 = readonly [x: number, y: number, z: number];
/** Rows of a 3x3 matrix. */
export type Matrix3 = readonly [Vector3, Vector3, Vector3];

export const IDENTITY: Matrix3 = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

export function dot(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function normalise(a: Vector3): Vector3 {
  const length = Math.sqrt(dot(a, a));
  return [a[0] / length, a[1] / length, a[2] / length];
}

export function applyMatrix(m: Matrix3, v: Vector3): Vector3 {
  return [dot(m[0], v), dot(m[1], v), dot(m[2], v)];
}

export function transposeMatrix(m: Matrix3): Matrix3 {
  return [
    [m[0][0], m[1][0], m[2][0]],
    [m[0][1], m[1][1], m[2][1]],
    [m[0][2], m[1][2], m[2][2]],
  ];
}

export function multiplyMatrices(a: Matrix3, b: Matrix3): Matrix3 {
  const columns = transposeMatrix(b);
  const row = (r: Vector3): Vector3 => [dot(r, columns[0]), dot(r, columns[1]), dot(r, columns[2])];
  return [row(a[0]), row(a[1]), row(a[2])];
}

export function determinant(m: Matrix3): number {
  return dot(m[0], cross(m[1], m[2]));
}

/** Largest difference of two elements. */
export function matrixDistance(a: Matrix3, b: Matrix3): number {
  let worst = 0;
  for (let i = 0; i < 3; i++)
    for (let k = 0; k < 3; k++) worst = Math.max(worst, Math.abs(a[i][k] - b[i][k]));
  return worst;
}

/** Rotation by `degrees` about `axis` (any length), right-handed; integer elements are exact. */
export function rotationAbout(axis: Vector3, degrees: number): Matrix3 {
  const angle = (degrees * Math.PI) / 180;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const [x, y, z] = normalise(axis);
  const t = 1 - c;
  return snapMatrix([
    [t * x * x + c, t * x * y - s * z, t * x * z + s * y],
    [t * x * y + s * z, t * y * y + c, t * y * z - s * x],
    [t * x * z - s * y, t * y * z + s * x, t * z * z + c],
  ]);
}

/**
 * Elements within 1e-12 of 0, 1/2 or 1 (of either sign) are rounded to it, so that rotations of the grid are
 * exact.
 */
export function snapMatrix(m: Matrix3): Matrix3 {
  const snap = (value: number): number => {
    const halves = Math.round(2 * value) / 2;
    // "+ 0" turns -0 into 0.
    return (Math.abs(value - halves) < 1e-12 ? halves : value) + 0;
  };
  const row = (r: Vector3): Vector3 => [snap(r[0]), snap(r[1]), snap(r[2])];
  return [row(m[0]), row(m[1]), row(m[2])];
}

/** A rotation that takes the direction z to `axis`. */
export function rotationFromZ(axis: Vector3): Matrix3 {
  const [x, y, z] = normalise(axis);
  if (z > 1 - 1e-15) return IDENTITY;
  const turn: Vector3 = x === 0 && y === 0 ? [1, 0, 0] : [-y, x, 0];
  return rotationAbout(turn, (Math.acos(Math.max(-1, Math.min(1, z))) * 180) / Math.PI);
}

/** The axis of a rotation other than the identity, z >= 0 where it can be chosen. */
export function axisOf(m: Matrix3): Vector3 {
  // m + m^T - (trace - 1) 1 is 2 (1 - cos) times the projector on the axis: its longest column lies along it.
  const trace = m[0][0] + m[1][1] + m[2][2];
  let best: Vector3 = [0, 0, 1];
  let longest = 0;
  for (let k = 0; k < 3; k++) {
    const column = [0, 1, 2].map((i) => m[i][k] + m[k][i] - (i === k ? trace - 1 : 0)) as unknown as Vector3;
    const length = dot(column, column);
    if (length > longest) [longest, best] = [length, column];
  }
  const [x, y, z] = normalise(best);
  const leading = Math.abs(z) > 1e-12 ? z : Math.abs(y) > 1e-12 ? y : x;
  return leading < 0 ? [-x + 0, -y + 0, -z + 0] : [x, y, z];
}
