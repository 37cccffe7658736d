/** Mask around an atomic model, as made by LocScale to find unmodelled density. */
import { HEAP, type HostMemory } from '../../engine/host-memory.ts';
import type { AtomSet } from '../../math/atoms/atom-set.ts';
import type { Shape } from '../../math/grid.ts';

/** Voxels of the cosine window that smooths the dilated mask. */
const COSINE_VOXELS = 5;

export interface ModelMaskJob {
  readonly atoms: AtomSet;
  readonly shape: Shape;
  readonly voxelSize: number;
  readonly origin: readonly [z: number, y: number, x: number];
  /** Radius around each atom, A; LocScale: the resolution, 3 A if unknown. */
  readonly radiusAngstrom: number;
}

/**
 * 1 around the atoms, else 0; (z, y, x), x fastest. The voxel nearest to each atom, dilated by a ball of the
 * radius in whole voxels, convolved with a separable cosine window, divided by the largest value and
 * binarised at 1/2. Atoms outside the box are ignored.
 */
export function makeModelMask(
  { atoms, shape, voxelSize, origin, radiusAngstrom }: ModelMaskJob,
  memory: HostMemory = HEAP,
): Uint8Array {
  const [nz, ny, nx] = shape;
  const marked = new Set<number>();
  for (let i = 0; i < atoms.count; i++) {
    const x = Math.round((atoms.positions[3 * i] - origin[2]) / voxelSize);
    const y = Math.round((atoms.positions[3 * i + 1] - origin[1]) / voxelSize);
    const z = Math.round((atoms.positions[3 * i + 2] - origin[0]) / voxelSize);
    if (x < 0 || y < 0 || z < 0 || x >= nx || y >= ny || z >= nz) continue;
    marked.add((z * ny + y) * nx + x);
  }
  let smooth = memory.allocateHost(nz * ny * nx);
  const radius = Math.round(radiusAngstrom / voxelSize);
  for (const voxel of marked) addBall(smooth, shape, voxel, radius);
  const weights = Float64Array.from({ length: COSINE_VOXELS }, (_, k) =>
    Math.sin((Math.PI * (k + 0.5)) / COSINE_VOXELS),
  );
  let convolved = memory.allocateHost(smooth.length);
  for (const stride of [1, nx, nx * ny]) {
    convolveLines(smooth, shape, stride, weights, convolved);
    [smooth, convolved] = [convolved, smooth];
  }
  let largest = 0;
  for (let i = 0; i < smooth.length; i++) if (smooth[i] > largest) largest = smooth[i];
  const mask = new Uint8Array(smooth.length);
  for (let i = 0; i < mask.length; i++) mask[i] = largest > 0 && smooth[i] >= largest / 2 ? 1 : 0;
  memory.freeHost(smooth);
  memory.freeHost(convolved);
  return mask;
}

function addBall(mask: Float32Array, [nz, ny, nx]: Shape, voxel: number, radius: number): void {
  const cx = voxel % nx;
  const cy = Math.floor(voxel / nx) % ny;
  const cz = Math.floor(voxel / (nx * ny));
  for (let z = Math.max(0, cz - radius); z <= Math.min(nz - 1, cz + radius); z++) {
    for (let y = Math.max(0, cy - radius); y <= Math.min(ny - 1, cy + radius); y++) {
      const rest = radius * radius - (z - cz) ** 2 - (y - cy) ** 2;
      if (rest < 0) continue;
      const reach = Math.floor(Math.sqrt(rest));
      const row = (z * ny + y) * nx;
      mask.fill(1, row + Math.max(0, cx - reach), row + Math.min(nx - 1, cx + reach) + 1);
    }
  }
}

/** Convolution along the axis with this stride, zero outside the box. */
function convolveLines(
  volume: Float32Array,
  shape: Shape,
  stride: number,
  weights: Float64Array,
  out: Float32Array,
): void {
  const n = stride === 1 ? shape[2] : stride === shape[2] ? shape[1] : shape[0];
  const half = (weights.length - 1) / 2;
  for (let i = 0; i < volume.length; i++) {
    const position = Math.floor(i / stride) % n;
    let sum = 0;
    for (let k = Math.max(-half, -position); k <= Math.min(half, n - 1 - position); k++)
      sum += weights[k + half] * volume[i + k * stride];
    out[i] = sum;
  }
}
