/** Connected parts of a region, and its holes. */
import type { Shape } from '../grid.ts';

/** A set of non-zero voxels connected by faces, edges or corners. */
interface Piece {
  /** One of its voxels. */
  readonly seed: number;
  readonly voxels: number;
}

/** The `count` largest pieces; among equal ones the first in voxel order. */
export function largestPieces(region: Uint8Array, shape: Shape, count: number): Uint8Array {
  const left = region.slice();
  const pieces: Piece[] = [];
  for (let seed = 0; seed < left.length; seed++)
    if (left[seed] !== 0) pieces.push({ seed, voxels: flood(left, shape, [seed], 1, 0, CUBE) });
  const chosen = pieces.sort((a, b) => b.voxels - a.voxels || a.seed - b.seed).slice(0, count);
  const marked = onesWhere(region, (value) => value !== 0);
  flood(
    marked,
    shape,
    chosen.map(({ seed }) => seed),
    1,
    2,
    CUBE,
  );
  return onesWhere(marked, (value) => value === 2);
}

/** The voxels of the piece around `seed`, which are 0 afterwards. */
export function pieceAt(region: Uint8Array, shape: Shape, seed: number): Int32Array {
  const found: number[] = [];
  flood(region, shape, [seed], 1, 0, CUBE, found);
  return Int32Array.from(found);
}

/** Fills enclosed voxels: zeros that no path through faces connects with the rim of the box. */
export function fillHoles(region: Uint8Array, shape: Shape): Uint8Array {
  const [nz, ny, nx] = shape;
  const marked = onesWhere(region, (value) => value !== 0);
  const rim: number[] = [];
  for (let z = 0, i = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const inside = z > 0 && z < nz - 1 && y > 0 && y < ny - 1;
      for (let x = 0; x < nx; x++, i++) if (marked[i] === 0 && !(inside && x > 0 && x < nx - 1)) rim.push(i);
    }
  flood(marked, shape, rim, 0, 2, FACES);
  return onesWhere(marked, (value) => value !== 2);
}

/**
 * 1 where the condition holds. A plain loop: `from` with a function iterates, ten times slower on large maps.
 */
export function onesWhere(values: ArrayLike<number>, condition: (value: number) => boolean): Uint8Array {
  const ones = new Uint8Array(values.length);
  for (let i = 0; i < ones.length; i++) if (condition(values[i])) ones[i] = 1;
  return ones;
}

type Steps = readonly (readonly [z: number, y: number, x: number])[];

const CUBE: Steps = [-1, 0, 1].flatMap((z) =>
  [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => [z, y, x] as const)),
);
const FACES: Steps = CUBE.filter(([z, y, x]) => Math.abs(z) + Math.abs(y) + Math.abs(x) === 1);

/**
 * Flood fill: replaces `from` by `to` in all voxels connected with the seeds, appends them to `found`, and
 * returns their number.
 */
function flood(
  values: Uint8Array,
  [nz, ny, nx]: Shape,
  seeds: readonly number[],
  from: number,
  to: number,
  steps: Steps,
  found?: number[],
): number {
  let stack = new Int32Array(Math.max(1024, seeds.length));
  let waiting = 0;
  let count = 0;
  const push = (voxel: number): void => {
    if (waiting === stack.length) {
      const longer = new Int32Array(2 * stack.length);
      longer.set(stack);
      stack = longer;
    }
    values[voxel] = to;
    found?.push(voxel);
    stack[waiting++] = voxel;
    count++;
  };
  for (const seed of seeds) if (values[seed] === from) push(seed);
  while (waiting > 0) {
    const voxel = stack[--waiting];
    const x = voxel % nx;
    const y = Math.floor(voxel / nx) % ny;
    const z = Math.floor(voxel / (nx * ny));
    for (const [dz, dy, dx] of steps) {
      const [u, v, w] = [z + dz, y + dy, x + dx];
      if (u < 0 || v < 0 || w < 0 || u >= nz || v >= ny || w >= nx) continue;
      const next = (u * ny + v) * nx + w;
      if (values[next] === from) push(next);
    }
  }
  return count;
}
