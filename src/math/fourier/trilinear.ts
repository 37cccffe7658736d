/**
 * Trilinear interpolation of a box of n voxels at the positions of m voxels of the same box: voxel j of m
 * lies at voxel j n / m. Values stay within the range of their neighbours, unlike with Fourier resampling.
 * The last voxel's value extends beyond it.
 */
import type { Shape } from '../grid.ts';

interface AxisWeights {
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  /** Weight of the upper neighbour. */
  readonly share: Float64Array;
}

function axisWeights(from: number, to: number): AxisWeights {
  const lower = new Int32Array(to);
  const upper = new Int32Array(to);
  const share = new Float64Array(to);
  for (let j = 0; j < to; j++) {
    // Integer product first: j from / to is exact if it is an integer.
    const index = Math.floor((j * from) / to);
    lower[j] = index;
    upper[j] = Math.min(index + 1, from - 1);
    share[j] = ((j * from) % to) / to;
  }
  return { lower, upper, share };
}

/**
 * Calls `take` with every row of the new box and the index of its first voxel. The row is reused. `filled`:
 * rows of the old box with non-zero values; rows of the new box that depend on none of them are skipped.
 */
export function interpolateRows(
  data: Float32Array | Uint8Array,
  from: Shape,
  to: Shape,
  take: (row: Float64Array, offset: number) => void,
  filled?: Uint8Array,
): void {
  const [, ny, nx] = from;
  const [mz, my, mx] = to;
  const [alongZ, alongY, alongX] = from.map((n, axis) => axisWeights(n, to[axis]));
  const mixed = new Float64Array(nx);
  const row = new Float64Array(mx);
  const { lower, upper, share } = alongX;
  for (let z = 0; z < mz; z++) {
    const fz = alongZ.share[z];
    for (let y = 0; y < my; y++) {
      const fy = alongY.share[y];
      const rows = [
        alongZ.lower[z] * ny + alongY.lower[y],
        alongZ.lower[z] * ny + alongY.upper[y],
        alongZ.upper[z] * ny + alongY.lower[y],
        alongZ.upper[z] * ny + alongY.upper[y],
      ];
      if (filled !== undefined && rows.every((index) => filled[index] === 0)) continue;
      const [a, b, c, d] = rows.map((index) => index * nx);
      const [wa, wb, wc, wd] = [(1 - fz) * (1 - fy), (1 - fz) * fy, fz * (1 - fy), fz * fy];
      for (let x = 0; x < nx; x++) {
        mixed[x] = wa * data[a + x] + wb * data[b + x] + wc * data[c + x] + wd * data[d + x];
      }
      for (let x = 0; x < mx; x++) {
        const low = mixed[lower[x]];
        row[x] = low + share[x] * (mixed[upper[x]] - low);
      }
      take(row, (z * my + y) * mx);
    }
  }
}

/** Fills `out` (to) and returns it. */
export function resampleTrilinear(
  data: Float32Array,
  from: Shape,
  to: Shape,
  out: Float32Array,
): Float32Array {
  interpolateRows(data, from, to, (row, offset) => out.set(row, offset));
  return out;
}
