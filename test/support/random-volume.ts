/** Seeded volumes for engine tests. */
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import { createRandom } from '../../src/math/statistics/random.ts';

/** White Gaussian noise, mean 0.2. */
export function noiseVolume(shape: Shape, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: voxelCount(shape) }, () => 0.2 + random.gaussian());
}

/**
 * Noise with a falling spectrum, as maps have: white noise plus its averages over 3 and 7 neighbours
 * along every axis (periodic).
 */
export function mapLikeVolume(shape: Shape, seed: number): Float32Array {
  const white = noiseVolume(shape, seed);
  const smooth = boxAverage(boxAverage(white, shape, 1), shape, 1);
  const smoother = boxAverage(boxAverage(smooth, shape, 3), shape, 3);
  return white.map((v, i) => 0.05 * v + smooth[i] + 4 * smoother[i]);
}

/** An ellipsoid that reaches `reach` of the half edges, with a bite of pseudo-random holes. */
export function blobMask(shape: Shape, reach: number, seed = 5): Float32Array {
  const random = createRandom(seed);
  const mask = new Float32Array(voxelCount(shape));
  let i = 0;
  for (let z = 0; z < shape[0]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      for (let x = 0; x < shape[2]; x++, i++) {
        const radius = Math.hypot(...[z, y, x].map((k, axis) => (2 * k + 1) / shape[axis] - 1));
        mask[i] = radius < reach && random.uniform() > 0.1 ? 1 : 0;
      }
    }
  }
  return mask;
}

function boxAverage(data: Float32Array, shape: Shape, half: number): Float32Array {
  const [nz, ny, nx] = shape;
  let from = data;
  for (const [n, stride] of [
    [nx, 1],
    [ny, nx],
    [nz, nx * ny],
  ]) {
    const to = new Float32Array(from.length);
    for (let i = 0; i < from.length; i++) {
      const k = Math.floor(i / stride) % n;
      let sum = 0;
      for (let d = -half; d <= half; d++) sum += from[i + (((k + d + 2 * n) % n) - k) * stride];
      to[i] = sum / (2 * half + 1);
    }
    from = to;
  }
  return from;
}
