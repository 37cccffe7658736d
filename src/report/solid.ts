/** Shrinks a map to at most 80 voxels along its longest edge, one byte per voxel, for the 3-D view. */
import type { Shape } from '../math/grid.ts';
import type { Solid } from './report-data.ts';
import type { VoxelBox } from './section.ts';

/** Largest edge of the embedded maps: 80^3 bytes each, about 0.7 MB as base64. */
export const SOLID_EDGE = 80;
/** Percentile, so that the few highest voxels (metal ions, ice) do not set the scale. */
const HIGHEST_SHARE = 0.9999;

/** Block means of the map within `crop`; the map itself if it is small. */
export function shrink(data: ArrayLike<number>, shape: Shape, { start, size }: VoxelBox): Solid {
  const scale = Math.max(1, Math.max(...size) / SOLID_EDGE);
  const small = size.map((n) => Math.max(1, Math.round(n / scale))) as unknown as Shape;
  const sums = new Float64Array(small[0] * small[1] * small[2]);
  const counts = new Uint32Array(sums.length);
  const bins = size.map((n, axis) =>
    Uint16Array.from({ length: n }, (_, i) => Math.floor(((i + 0.5) * small[axis]) / n)),
  ) as [Uint16Array, Uint16Array, Uint16Array];
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      const from = ((start[0] + z) * shape[1] + start[1] + y) * shape[2] + start[2];
      const to = (bins[0][z] * small[1] + bins[1][y]) * small[2];
      for (let x = 0; x < size[2]; x++) {
        const bin = to + bins[2][x];
        sums[bin] += data[from + x];
        counts[bin]++;
      }
    }
  }
  const means = Float32Array.from(sums, (sum, i) => sum / counts[i]);
  const highest = means.toSorted()[Math.floor(HIGHEST_SHARE * (means.length - 1))];
  // Square roots: half of the 255 steps are below a quarter of the highest value, where surfaces are drawn.
  const bytes = Uint8Array.from(means, (mean) =>
    highest > 0 ? Math.round(255 * Math.sqrt(Math.min(1, Math.max(0, mean / highest)))) : 0,
  );
  return { shape: small, bytes };
}
