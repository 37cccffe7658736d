/**
 * Distances to a region, exactly (Felzenszwalb and Huttenlocher 2012, Theory of Computing 8, 415-428): the
 * lower envelope of parabolas along one axis after the other.
 */
import type { Shape } from '../grid.ts';

/** Larger than the square of any distance in a box, and exact in float32. */
const FAR = 2 ** 24;

/**
 * Squared distance of every voxel to the nearest that is not 0, voxels^2; 2^24 where there is none. (z, y,
 * x).
 */
export function squaredDistances(region: Uint8Array, shape: Shape): Float32Array {
  const [nz, ny, nx] = shape;
  const squares = new Float32Array(region.length);
  for (let i = 0; i < region.length; i++) squares[i] = region[i] === 0 ? FAR : 0;
  const envelope = createEnvelope(Math.max(nz, ny, nx));
  for (let row = 0; row < nz * ny; row++) envelope(squares, row * nx, 1, nx);
  for (let z = 0; z < nz; z++) for (let x = 0; x < nx; x++) envelope(squares, z * ny * nx + x, nx, ny);
  for (let i = 0; i < ny * nx; i++) envelope(squares, i, ny * nx, nz);
  return squares;
}

/** Replaces the n values of a line by min over q of (p - q)^2 + value(q). */
function createEnvelope(longest: number) {
  const values = new Float64Array(longest);
  /** Apexes of the envelope's parabolas, and the start of the range where each is lowest. */
  const places = new Int32Array(longest);
  const from = new Float64Array(longest + 1);
  return (squares: Float32Array, first: number, stride: number, n: number): void => {
    let last = -1;
    for (let q = 0; q < n; q++) {
      const value = squares[first + q * stride];
      values[q] = value;
      if (value >= FAR) continue;
      let begins = Number.NEGATIVE_INFINITY;
      while (last >= 0) {
        const p = places[last];
        begins = (value + q * q - values[p] - p * p) / (2 * (q - p));
        if (begins > from[last]) break;
        last--;
      }
      last++;
      places[last] = q;
      from[last] = last === 0 ? Number.NEGATIVE_INFINITY : begins;
    }
    if (last < 0) return;
    from[last + 1] = Number.POSITIVE_INFINITY;
    for (let p = 0, k = 0; p < n; p++) {
      while (from[k + 1] < p) k++;
      squares[first + p * stride] = Math.min(FAR, (p - places[k]) ** 2 + values[places[k]]);
    }
  };
}
