/**
 * Blends predicted cubes: weighted mean of the cubes that cover a voxel, 0 where there is none.
 *   uniform   every voxel of a cube counts the same, as in the original
 *   taper     sin^2(pi (i + 1/2) / edge) along each axis: a cube fades out towards its faces, where the
 *             network sees least of the surroundings, so that no seam is left
 * Sums are float32: at most 64 terms per voxel with positive weights, relative error below 64 * 2^-24 = 4e-6
 * in the worst case and below 3e-7 in practice.
 */
import { HEAP, type HostMemory } from '../../engine/host-memory.ts';
import { type Shape, voxelCount } from '../../math/grid.ts';

/** 'uniform': LocScale's mean. 'taper': voxels near the faces of a cube, which have seen less, weigh less. */
export type CubeWeighting = 'uniform' | 'taper';

/** Adds overlapping cubes to a box. */
export interface CubeBlend {
  /**
   * Adds one cube per channel (edge^3 values, x fastest) whose first voxel is (z, y, x) = positions[3 index
   * ...]; what lies outside the box is dropped.
   */
  add(positions: Int32Array, index: number, ...cubes: Float32Array[]): void;
  /** State for checkpoints: weighted sums per channel, then the weights. Setting them resumes a blend. */
  readonly state: readonly Float32Array[];
  /** Returns the blended maps, one per channel. The blend cannot be used afterwards. */
  finish(): Float32Array[];
}

/**
 * Blends `channels` maps from the same cubes, for example mean and variance; `memory` holds sums and weights.
 */
export function createBlend(
  shape: Shape,
  edge: number,
  weighting: CubeWeighting,
  channels = 1,
  memory: HostMemory = HEAP,
): CubeBlend {
  const [nz, ny, nx] = shape;
  const sums = Array.from({ length: channels }, () => memory.allocateHost(voxelCount(shape)));
  const weights = memory.allocateHost(voxelCount(shape));
  const along = axisWeights(edge, weighting);

  return {
    state: [...sums, weights],
    add(positions, index, ...cubes) {
      const [z0, y0, x0] = positions.subarray(3 * index, 3 * index + 3);
      const [fromX, toX] = [Math.max(0, -x0), Math.min(edge, nx - x0)];
      for (let z = Math.max(0, -z0); z < Math.min(edge, nz - z0); z++) {
        for (let y = Math.max(0, -y0); y < Math.min(edge, ny - y0); y++) {
          const to = ((z0 + z) * ny + y0 + y) * nx + x0;
          const from = (z * edge + y) * edge;
          const weight = along[z] * along[y];
          for (let x = fromX; x < toX; x++) weights[to + x] += weight * along[x];
          for (let channel = 0; channel < channels; channel++) {
            const [sum, cube] = [sums[channel], cubes[channel]];
            for (let x = fromX; x < toX; x++) sum[to + x] += weight * along[x] * cube[from + x];
          }
        }
      }
    },
    finish() {
      for (const sum of sums) {
        for (let i = 0; i < sum.length; i++) if (weights[i] > 0) sum[i] /= weights[i];
      }
      memory.freeHost(weights);
      return sums;
    },
  };
}

/** Weights along one axis; those of a voxel are their product. */
function axisWeights(edge: number, weighting: CubeWeighting): Float64Array {
  return Float64Array.from({ length: edge }, (_, i) =>
    weighting === 'uniform' ? 1 : Math.sin((Math.PI * (i + 0.5)) / edge) ** 2,
  );
}
