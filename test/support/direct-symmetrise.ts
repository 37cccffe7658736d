/**
 * Averages over operators by their definition, float64: out(x) = mean over operators of f(R (x - c) + c + t),
 * over those positions that are in the box. f is the trigonometric polynomial through the voxels, without
 * what lies beyond the sphere |f| < 1/2 (for rotations about z alone the cylinder), summed coefficient by
 * coefficient. Operators that all map the grid onto itself look voxels up.
 */
import type { Shape } from '../../src/math/grid.ts';
import type { Operator } from '../../src/math/symmetry/point-group.ts';
import type { SymmetriseOptions } from '../../src/math/symmetry/rotation-plan.ts';
import { referenceFft3d, signedIndex } from './reference-fft.ts';

const near = (value: number): boolean => Math.abs(value - Math.round(value)) < 1e-9;

export function symmetriseDirectly(
  data: ArrayLike<number>,
  shape: Shape,
  operators: readonly Operator[],
  options: SymmetriseOptions = {},
): Float64Array {
  const [nz, ny, nx] = shape;
  const middle = shape.map((n) => Math.floor(n / 2));
  const centre = options.centre ?? middle;
  const periodic = centre.every((c, axis) => c === middle[axis]);
  const last = shape.map((n) => (periodic ? 2 * Math.floor(n / 2) : n - 1));
  const source = (operator: Operator, which: number, voxel: readonly number[]): number[] =>
    [0, 1, 2].map((to) => {
      const shift = options.translations?.[which][to] ?? 0;
      const sum = [0, 1, 2].reduce(
        (total, from) => total + operator[2 - to][2 - from] * (voxel[from] - centre[from]),
        0,
      );
      return centre[to] + shift + sum;
    });
  const exact =
    options.translations === undefined &&
    operators.every(
      (operator, k) =>
        operator.every((row) => row.every(near)) &&
        source(operator, k, [0, 0, 0]).every(near) &&
        [0, 1, 2].every((to) =>
          [0, 1, 2].every(
            (f) => near(operator[2 - to][2 - f]) && (!operator[2 - to][2 - f] || shape[to] === shape[f]),
          ),
        ),
    );
  const planar = operators.every(
    (operator, k) => Math.abs(operator[2][2]) === 1 && Number.isInteger(options.translations?.[k][0] ?? 0),
  );
  const value = exact ? lookUp(data, shape) : bandLimited(data, shape, planar);
  return Float64Array.from({ length: nz * ny * nx }, (_, i) => {
    const voxel = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    let [sum, count] = [0, 0];
    operators.forEach((operator, k) => {
      const at = source(operator, k, voxel);
      if (at.some((p, axis) => p < -1e-3 || p > last[axis] + 1e-3)) return;
      sum += value(at);
      count++;
    });
    return count === 0 ? 0 : sum / count;
  });
}

function lookUp(data: ArrayLike<number>, [nz, ny, nx]: Shape): (at: readonly number[]) => number {
  return ([z, y, x]) => data[((Math.round(z) % nz) * ny + (Math.round(y) % ny)) * nx + (Math.round(x) % nx)];
}

function bandLimited(
  data: ArrayLike<number>,
  shape: Shape,
  planar: boolean,
): (at: readonly number[]) => number {
  const [nz, ny, nx] = shape;
  const { re, im } = referenceFft3d(Float64Array.from(data), undefined, shape);
  const list: number[][] = [];
  for (let i = 0; i < re.length; i++) {
    const k = [
      signedIndex(Math.floor(i / (ny * nx)), nz),
      signedIndex(Math.floor(i / nx) % ny, ny),
      signedIndex(i % nx, nx),
    ];
    const square = (planar ? 0 : (k[0] / nz) ** 2) + (k[1] / ny) ** 2 + (k[2] / nx) ** 2;
    if (square < 0.25 - 1e-7) list.push([...k, re[i] / re.length, im[i] / re.length]);
  }
  return (at) => {
    // exp(2 pi i k p / n) of every k of an axis, once per position.
    const waves = shape.map((n, axis) =>
      Array.from({ length: 2 * n }, (_, k) => {
        const angle = (2 * Math.PI * ((k - n) * at[axis])) / n;
        return [Math.cos(angle), Math.sin(angle)];
      }),
    );
    let sum = 0;
    for (const [kz, ky, kx, a, b] of list) {
      const [c1, s1] = waves[0][kz + nz];
      const [c2, s2] = waves[1][ky + ny];
      const [c3, s3] = waves[2][kx + nx];
      const [c, s] = [c1 * c2 - s1 * s2, c1 * s2 + s1 * c2];
      sum += a * (c * c3 - s * s3) - b * (c * s3 + s * c3);
    }
    return sum;
  };
}
