/**
 * Selects and cuts the cubes of the resampled map that the network predicts (method 6). A cube's position is
 * its first voxel (z, y, x).
 */
import { LocScaleError } from '../../errors.ts';
import type { Grid, Shape } from '../../math/grid.ts';
import type { Standardisation } from './standardise.ts';

/** The box of a map with the network's voxels. */
export interface NetworkGrid {
  /** The same box and origin as the input's. */
  readonly grid: Grid;
  /** The input has smaller voxels along some axis, so this grid loses detail. */
  readonly inputIsFiner: boolean;
}

/**
 * The box in voxels of `voxelSizeAngstrom`, rounded to whole voxels: over the whole box the grid differs by
 * at most half a voxel from the requested one.
 */
export function planNetworkGrid(grid: Grid, voxelSizeAngstrom: number): NetworkGrid {
  const edges = grid.shape.map((n, axis) => n * grid.voxelSize[axis]);
  const [nz, ny, nx] = edges.map((edge) => Math.max(1, Math.round(edge / voxelSizeAngstrom)));
  return {
    grid: {
      shape: [nz, ny, nx],
      voxelSize: [edges[0] / nz, edges[1] / ny, edges[2] / nx],
      origin: grid.origin,
    },
    inputIsFiner: nz < grid.shape[0] || ny < grid.shape[1] || nx < grid.shape[2],
  };
}

/** Size and spacing of cubes. */
export interface CubeOptions {
  /** Edge in voxels. */
  readonly edge: number;
  readonly stride: number;
}

/** Cubes that cover the mask. */
export interface CubePlan extends CubeOptions {
  readonly shape: Shape;
  /** First voxels of the cubes as consecutive (z, y, x), ordered by z, y, x. */
  readonly positions: Int32Array;
  readonly count: number;
  /** Number of cubes in the whole box, inside the mask or not. */
  readonly candidates: number;
}

/** A cube is predicted if it holds more mask voxels than this. */
const LEAST_MASK_VOXELS = 5;

/**
 * Positions along one axis of n voxels: 0, stride, ... while the cube fits, and n - edge. An axis shorter
 * than the cube has one position, the cube's middle on the box's.
 *
 * The original takes every multiple of the stride whose cube has its centre inside, and moves those that
 * reach beyond the end back to n - edge: the same positions, except that strides below half an edge repeat n
 * - edge, which only changes weights next to the end, and that strides above half an edge may leave the end
 * uncovered, which is covered here.
 */
export function cubeStarts(n: number, edge: number, stride: number): number[] {
  if (n < edge) return [0 - Math.floor((edge - n) / 2)];
  const starts: number[] = [];
  for (let start = 0; start < n - edge; start += stride) starts.push(start);
  return [...starts, n - edge];
}

/** `mask`: 0 or 1 on the network's grid. */
export function planCubes(shape: Shape, mask: Uint8Array, { edge, stride }: CubeOptions): CubePlan {
  requireWhole('cube edge', edge);
  requireWhole('stride', stride);
  const [startsZ, startsY, startsX] = shape.map((n) => cubeStarts(n, edge, stride));
  const sums = maskSums(shape, mask, edge, [startsZ, startsY, startsX]);
  const positions: number[] = [];
  let i = 0;
  for (const z of startsZ) {
    for (const y of startsY) {
      for (const x of startsX) if (sums[i++] > LEAST_MASK_VOXELS) positions.push(z, y, x);
    }
  }
  return {
    shape,
    edge,
    stride,
    positions: Int32Array.from(positions),
    count: positions.length / 3,
    candidates: sums.length,
  };
}

/** Throws 'usage' for anything but a positive integer. */
function requireWhole(what: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new LocScaleError('usage', `The ${what} must be a whole number of voxels, at least 1, not ${value}.`);
}

/**
 * Number of mask voxels in the cube at every combination of starts, ordered by z, y, x. Sums rows, then
 * planes, then cubes.
 */
function maskSums(
  [nz, ny, nx]: Shape,
  mask: Uint8Array,
  edge: number,
  [startsZ, startsY, startsX]: readonly number[][],
): Float64Array {
  const perPlane = startsY.length * startsX.length;
  const sums = new Float64Array(startsZ.length * perPlane);
  const plane = new Float64Array(perPlane);
  const upTo = new Int32Array(nx + 1);
  for (let z = 0; z < nz; z++) {
    plane.fill(0);
    for (let y = 0; y < ny; y++) {
      const row = (z * ny + y) * nx;
      for (let x = 0; x < nx; x++) upTo[x + 1] = upTo[x] + mask[row + x];
      if (upTo[nx] === 0) continue;
      for (let j = 0; j < startsY.length; j++) {
        if (y < startsY[j] || y >= startsY[j] + edge) continue;
        for (let i = 0; i < startsX.length; i++) {
          const from = Math.max(0, startsX[i]);
          plane[j * startsX.length + i] += upTo[Math.min(nx, startsX[i] + edge)] - upTo[from];
        }
      }
    }
    for (let k = 0; k < startsZ.length; k++) {
      if (z < startsZ[k] || z >= startsZ[k] + edge) continue;
      for (let i = 0; i < perPlane; i++) sums[k * perPlane + i] += plane[i];
    }
  }
  return sums;
}

/**
 * Copies the standardised cubes first ... first + count - 1 of a plan into `target` (count, edge, edge,
 * edge). Voxels outside the map become 0, the standardised mean.
 */
export function cutCubes(
  map: Float32Array,
  { shape, positions, edge }: Pick<CubePlan, 'shape' | 'positions' | 'edge'>,
  { mean, factor }: Standardisation,
  first: number,
  count: number,
  target: Float32Array,
): void {
  const [nz, ny, nx] = shape;
  target.fill(0, 0, count * edge ** 3);
  for (let cube = 0; cube < count; cube++) {
    const at = 3 * (first + cube);
    const [z0, y0, x0] = [positions[at], positions[at + 1], positions[at + 2]];
    const [fromX, toX] = [Math.max(0, -x0), Math.min(edge, nx - x0)];
    for (let z = Math.max(0, -z0); z < Math.min(edge, nz - z0); z++) {
      for (let y = Math.max(0, -y0); y < Math.min(edge, ny - y0); y++) {
        const source = ((z0 + z) * ny + y0 + y) * nx + x0;
        const to = ((cube * edge + z) * edge + y) * edge;
        for (let x = fromX; x < toX; x++) target[to + x] = (map[source + x] - mean) * factor;
      }
    }
  }
}
