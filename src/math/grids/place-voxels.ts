/** Voxels of one box put into another: copied at whole voxels, or interpolated linearly between them. */
import { type Shape, voxelCount } from '../grid.ts';

type Triple = readonly [z: number, y: number, x: number];

/**
 * Copies the first `covered` voxels of each axis to where voxel (0, 0, 0) lies at `start` of the other box,
 * which is `outside` elsewhere.
 */
export function placeVoxels(
  voxels: Float32Array,
  from: Shape,
  out: Float32Array,
  to: Shape,
  { start, covered = from, outside }: { start: Triple; covered?: Shape; outside: number },
): Float32Array {
  out.fill(outside);
  const first = start.map((at) => Math.max(0, at));
  const end = start.map((at, axis) => Math.min(to[axis], at + covered[axis]));
  const count = end[2] - first[2];
  if (count <= 0) return out;
  for (let z = first[0]; z < end[0]; z++)
    for (let y = first[1]; y < end[1]; y++) {
      const row = ((z - start[0]) * from[1] + y - start[1]) * from[2] + first[2] - start[2];
      out.set(voxels.subarray(row, row + count), (z * to[1] + y) * to[2] + first[2]);
    }
  return out;
}

interface Neighbours {
  readonly lower: Int32Array;
  /** Share of the one above; -1: outside. */
  readonly share: Float64Array;
}

/**
 * The value at voxel j of the other box is that at `scale` j + `start` of this one, from its eight
 * neighbours; from half a voxel beyond the box on it is 0. Stays between the values of the neighbours, as
 * masks must.
 */
export function interpolateVoxels(
  voxels: Float32Array,
  from: Shape,
  out: Float32Array,
  to: Shape,
  { scale, start }: { scale: Triple; start: Triple },
): Float32Array {
  out.fill(0);
  const [, ny, nx] = from;
  const [mz, my, mx] = to;
  const [alongZ, alongY, alongX] = from.map((n, axis) =>
    neighboursOf(n, to[axis], scale[axis], start[axis]),
  ) as [Neighbours, Neighbours, Neighbours];
  const [stepZ, stepY, stepX] = from.map((n) => (n > 1 ? 1 : 0)) as [number, number, number];
  for (let z = 0; z < mz; z++) {
    const fz = alongZ.share[z];
    if (fz < 0) continue;
    const planes = [alongZ.lower[z], alongZ.lower[z] + stepZ];
    for (let y = 0; y < my; y++) {
      const fy = alongY.share[y];
      if (fy < 0) continue;
      const [a, b] = planes.map((plane) => (plane * ny + alongY.lower[y]) * nx);
      const up = stepY * nx;
      const row = (z * my + y) * mx;
      for (let x = 0; x < mx; x++) {
        const fx = alongX.share[x];
        if (fx < 0) continue;
        const i = alongX.lower[x];
        const mixed = (at: number): number => voxels[at] + fx * (voxels[at + stepX] - voxels[at]);
        const near = mixed(a + i) + fy * (mixed(a + up + i) - mixed(a + i));
        const far = mixed(b + i) + fy * (mixed(b + up + i) - mixed(b + i));
        out[row + x] = near + fz * (far - near);
      }
    }
  }
  return out;
}

function neighboursOf(n: number, count: number, scale: number, start: number): Neighbours {
  const lower = new Int32Array(count);
  const share = new Float64Array(count).fill(-1);
  for (let j = 0; j < count; j++) {
    const position = scale * j + start;
    if (position < -0.5 || position > n - 0.5) continue;
    const within = Math.min(n - 1, Math.max(0, position));
    lower[j] = Math.min(Math.floor(within), Math.max(0, n - 2));
    share[j] = within - lower[j];
  }
  return { lower, share };
}

/** Mean over the six faces of the box: the level that its surroundings are likely to have. */
export function meanOfFaces(voxels: Float32Array, [nz, ny, nx]: Shape): number {
  let sum = 0;
  let count = 0;
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const row = (z * ny + y) * nx;
      const isFace = z === 0 || z === nz - 1 || y === 0 || y === ny - 1;
      const step = isFace ? 1 : Math.max(1, nx - 1);
      for (let x = 0; x < nx; x += step) {
        sum += voxels[row + x];
        count++;
      }
    }
  return count === 0 ? 0 : sum / count;
}

/** `shape` in a box of `to`, voxel (0, 0, 0) where it is. */
export function padVoxels(
  voxels: Float32Array,
  shape: Shape,
  to: Shape,
  outside: number,
  allocate: (voxels: number) => Float32Array,
): Float32Array {
  return placeVoxels(voxels, shape, allocate(voxelCount(to)), to, { start: [0, 0, 0], outside });
}
