/**
 * Q-score of atoms in a map (Pintilie et al. 2020, Nature Methods 17, 328-334): similarity of the density
 * around an atom to that of an atom at about 1.5 A resolution, a Gaussian of 0.6 A. The correlation of the
 * density with
 *
 *   v(r) = A exp(-r^2 / (2 sigma^2)) + B,  A = d_max - d_min, B = d_min
 *   d_max = min(mean + 10 sd, largest), d_min = max(mean - sd, smallest) of the map
 *
 * over points at r = 0 (eight times the centre), 0.1 ... 2.0 A, at least eight on each sphere, none of them
 * nearer than 0.9 r to another atom. 1 for such an atom, 0 for noise.
 */
import type { Grid } from '../grid.ts';
import { createCellList } from './cell-list.ts';

const SIGMA = 0.6;
const STEP = 0.1;
const REACH = 2;
/** Points required on each sphere. */
const POINTS = 8;
/** Attempts with denser spheres if other atoms are near. */
const ATTEMPTS = 50;
/** A point belongs to another atom closer than this, in units of r. */
const OWN = 0.9;

export interface MapLevels {
  readonly mean: number;
  readonly sd: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Per atom. `map`: (z, y, x); `positions`: x, y, z of each atom in the map's frame, A. The neighbours of an
 * atom are the other atoms of the list. Points outside the box have no density: 0.
 */
export function qScores(
  map: ArrayLike<number>,
  grid: Grid,
  positions: Float64Array,
  { mean, sd, min, max }: MapLevels,
): Float64Array {
  const highest = Math.min(mean + 10 * sd, max);
  const lowest = Math.max(mean - sd, min);
  const expected = (r: number): number =>
    (highest - lowest) * Math.exp(-(r * r) / (2 * SIGMA * SIGMA)) + lowest;
  const density = densityAt(map, grid);
  const scores = new Float64Array(positions.length / 3);
  if (scores.length === 0) return scores;
  // No other atom can be nearer than 0.9 r to a point at r.
  const neighbours = createCellList(scores.length, (1 + OWN) * REACH);
  neighbours.rebuild(positions);
  for (let atom = 0; atom < scores.length; atom++) {
    const centre = positions.subarray(3 * atom, 3 * atom + 3);
    const others: number[] = [];
    neighbours.forEachNear(centre[0], centre[1], centre[2], (i) => {
      if (i !== atom) others.push(positions[3 * i], positions[3 * i + 1], positions[3 * i + 2]);
    });
    const sums = createSums();
    for (let i = 0; i < POINTS; i++) sums.add(density(centre[0], centre[1], centre[2]), expected(0));
    for (let step = 1; step * STEP < REACH + STEP / 2; step++) {
      const r = step * STEP;
      for (const [x, y, z] of ownPoints(centre, r, others)) sums.add(density(x, y, z), expected(r));
    }
    scores[atom] = sums.correlation();
  }
  return scores;
}

/** Points at distance r of a centre that no other atom is near to; `others`: x, y, z of those around. */
function ownPoints(
  [cx, cy, cz]: ArrayLike<number> & Iterable<number>,
  r: number,
  others: readonly number[],
): (readonly [number, number, number])[] {
  const limit = (OWN * r) ** 2;
  let kept: (readonly [number, number, number])[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    kept = [];
    for (const [ux, uy, uz] of spiral(POINTS + 2 * attempt)) {
      const [x, y, z] = [cx + r * ux, cy + r * uy, cz + r * uz];
      let isOwn = true;
      for (let i = 0; i < others.length && isOwn; i += 3)
        isOwn = (x - others[i]) ** 2 + (y - others[i + 1]) ** 2 + (z - others[i + 2]) ** 2 >= limit;
      if (isOwn) kept.push([x, y, z]);
    }
    if (kept.length >= POINTS) break;
  }
  return kept;
}

type Direction = readonly [x: number, y: number, z: number];
const spirals = new Map<number, readonly Direction[]>();

/** n directions along a spiral from pole to pole (Saff and Kuijlaars 1997, Math. Intelligencer 19, 5-11). */
function spiral(n: number): readonly Direction[] {
  const known = spirals.get(n);
  if (known !== undefined) return known;
  const directions: Direction[] = [];
  for (let k = 0, theta = 0; k < n; k++) {
    const h = -1 + (2 * k) / (n - 1);
    const across = Math.sqrt(Math.max(0, 1 - h * h));
    theta = k === 0 || k === n - 1 ? 0 : (theta + 3.6 / Math.sqrt(n * (1 - h * h))) % (2 * Math.PI);
    directions.push([across * Math.cos(theta), across * Math.sin(theta), h]);
  }
  spirals.set(n, directions);
  return directions;
}

/** Trilinear; 0 outside the box. (x, y, z) in A. */
function densityAt(
  map: ArrayLike<number>,
  { shape: [nz, ny, nx], voxelSize, origin }: Grid,
): (x: number, y: number, z: number) => number {
  const at = (z: number, y: number, x: number): number =>
    z < 0 || y < 0 || x < 0 || z >= nz || y >= ny || x >= nx ? 0 : map[(z * ny + y) * nx + x];
  return (x, y, z) => {
    const [w, v, u] = [
      (z - origin[0]) / voxelSize[0],
      (y - origin[1]) / voxelSize[1],
      (x - origin[2]) / voxelSize[2],
    ];
    const [iz, iy, ix] = [Math.floor(w), Math.floor(v), Math.floor(u)];
    const [fz, fy, fx] = [w - iz, v - iy, u - ix];
    const row = (dz: number, dy: number): number =>
      (1 - fx) * at(iz + dz, iy + dy, ix) + fx * at(iz + dz, iy + dy, ix + 1);
    return (1 - fz) * ((1 - fy) * row(0, 0) + fy * row(0, 1)) + fz * ((1 - fy) * row(1, 0) + fy * row(1, 1));
  };
}

/** Correlation about the means; 0 if either is constant. */
function createSums() {
  let [n, sumA, sumB, aa, bb, ab] = [0, 0, 0, 0, 0, 0];
  return {
    add(a: number, b: number): void {
      n++;
      sumA += a;
      sumB += b;
      aa += a * a;
      bb += b * b;
      ab += a * b;
    },
    correlation(): number {
      const [varianceA, varianceB] = [aa - (sumA * sumA) / n, bb - (sumB * sumB) / n];
      // Constant density, up to rounding.
      if (!(varianceA > 1e-14 * aa && varianceB > 1e-14 * bb)) return 0;
      return (ab - (sumA * sumB) / n) / Math.sqrt(varianceA * varianceB);
    },
  };
}
