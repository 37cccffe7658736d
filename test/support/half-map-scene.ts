/** A random cluster of atoms in noise, as half maps and as what users make of them; seeded. */
import { fourierShellCorrelation } from '../../src/math/fourier/fsc.ts';
import { filterPair, forEachFrequency, transformVolume } from '../../src/math/fourier/host-fft.ts';
import { type Grid, type Shape, voxelCount } from '../../src/math/grid.ts';
import { type HalfMapVerdict, isSuspicious, judgeHalfMaps } from '../../src/math/inputs/half-map-verdict.ts';
import { correlateNoise } from '../../src/math/inputs/noise-correlation.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { referenceFft3d, referenceShellSums } from './reference-fft.ts';

export interface Scene {
  readonly grid: Grid;
  readonly signal: Float64Array;
  /** Independent for every stream. */
  noise(stream: number): Float64Array;
}

export interface SceneOptions {
  readonly shape?: Shape;
  /** A. */
  readonly voxelSize?: number;
  readonly seed?: number;
  /** A^2. */
  readonly bFactor?: number;
  /** FSC at Nyquist (white noise), or the resolution (A) at which it is 0.143. */
  readonly fscAtNyquist?: number;
  readonly resolution?: number;
  /** Share of the shortest edge; above 0.87 the cluster fills the box. */
  readonly radius?: number;
  /** Rotations about z imposed on signal and noise; a divisor of 4. */
  readonly fold?: 1 | 2 | 4;
  /** Amplitude of the noise over 1/A. */
  readonly colour?: (frequency: number) => number;
}

export function makeScene(options: SceneOptions = {}): Scene {
  const { shape = [48, 48, 48], voxelSize = 1.4, seed = 1, bFactor = 80, radius = 0.28, fold = 1 } = options;
  const { fscAtNyquist, resolution = 2.6 * voxelSize, colour = () => 1 } = options;
  const grid: Grid = { shape, voxelSize: [voxelSize, voxelSize, voxelSize], origin: [0, 0, 0] };
  const signal = average(cluster(shape, seed, radius), shape, fold);
  filterPair(signal, new Float64Array(signal.length), grid, (f) => Math.exp((-bFactor * f * f) / 4));
  const [target, wanted] =
    fscAtNyquist === undefined ? [1 / resolution, 0.143] : [1 / (2 * voxelSize), fscAtNyquist];
  const power = meanPowerAt(signal, grid, target);
  const sd = Math.sqrt((((1 - wanted) / wanted) * power) / signal.length) / colour(target);
  return {
    grid,
    signal,
    noise(stream) {
      const random = createRandom(1000 * seed + stream);
      const white = Float64Array.from(signal, () => random.gaussian());
      filterPair(white, new Float64Array(white.length), grid, colour);
      const folded = average(white, shape, fold);
      return folded.map((v) => v * sd * Math.sqrt(fold));
    },
  };
}

/** Mean |F|^2 in a shell of two steps at a frequency (1/A). */
function meanPowerAt(signal: Float64Array, grid: Grid, frequency: number): number {
  const real = signal.slice();
  const imaginary = new Float64Array(real.length);
  transformVolume(real, imaginary, grid.shape);
  const step = 1 / (Math.min(...grid.shape) * grid.voxelSize[0]);
  let power = 0;
  let count = 0;
  forEachFrequency(grid, (i, squared) => {
    if (Math.abs(Math.sqrt(squared) - frequency) > step) return;
    power += real[i] ** 2 + imaginary[i] ** 2;
    count++;
  });
  return power / count;
}

function cluster(shape: Shape, seed: number, radius: number): Float64Array {
  const [nz, ny, nx] = shape;
  const random = createRandom(seed);
  const data = new Float64Array(voxelCount(shape));
  const reach = radius * Math.min(...shape);
  const atoms = Math.round(0.02 * (4 / 3) * Math.PI * reach ** 3) + 50;
  for (let placed = 0; placed < atoms; ) {
    const at = shape.map((n) => Math.round((2 * random.uniform() - 1) * Math.min(reach, n / 2 - 1)));
    if (Math.hypot(...at) > reach) continue;
    const [z, y, x] = at.map((v, axis) => v + Math.floor(shape[axis] / 2)) as [number, number, number];
    data[((z % nz) * ny + (y % ny)) * nx + (x % nx)] += 1;
    placed++;
  }
  return data;
}

/** Over quarter turns about the axis through voxel n/2: exact on the grid, index 0 beside. */
function average(data: Float64Array, shape: Shape, fold: 1 | 2 | 4): Float64Array {
  if (fold === 1) return data;
  const [nz, ny, nx] = shape;
  const turned = (once: Float64Array): Float64Array => {
    const result = new Float64Array(once.length);
    for (let z = 0; z < nz; z++)
      for (let y = 0; y < ny; y++)
        for (let x = 0; x < nx; x++)
          result[(z * ny + y) * nx + x] = once[(z * ny + x) * nx + ((ny - y) % ny)];
    return result;
  };
  const sum = data.slice();
  let copy = data;
  for (let quarter = 1; quarter < 4; quarter++) {
    copy = turned(copy);
    if (fold === 4 || quarter === 2) for (let i = 0; i < sum.length; i++) sum[i] += copy[i];
  }
  return sum.map((v) => v / fold);
}

export type Pair = readonly [Float32Array, Float32Array];

export function combine(...terms: readonly (readonly [number, ArrayLike<number>])[]): Float32Array {
  return Float32Array.from(terms[0][1], (_, i) => terms.reduce((sum, [k, data]) => sum + k * data[i], 0));
}

/** Half maps as they should be. */
export function goodHalves(scene: Scene, streams: readonly [number, number] = [1, 2]): Pair {
  const [first, second] = streams.map((stream) => combine([1, scene.signal], [1, scene.noise(stream)]));
  return [first, second];
}

export function filtered(data: Float32Array, grid: Grid, g: (frequency: number) => number): Float32Array {
  const real = Float64Array.from(data);
  filterPair(real, new Float64Array(real.length), grid, g);
  return Float32Array.from(real);
}

/** Times a ball of this radius (voxels), whose edge falls to 0 over `soft` voxels. */
export function masked(data: Float32Array, { shape }: Grid, radius: number, soft = 0): Float32Array {
  const [nz, ny, nx] = shape;
  return data.map((value, i) => {
    const [z, y, x] = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    const beyond = Math.hypot(z - nz / 2, y - ny / 2, x - nx / 2) - radius;
    if (beyond <= 0) return value;
    return beyond >= soft ? 0 : value * (0.5 + 0.5 * Math.cos((Math.PI * beyond) / soft));
  });
}

/** As the pipeline does it, by reference arithmetic. */
export function judge([a, b]: Pair, { shape, voxelSize }: Grid): HalfMapVerdict {
  const [one, two] = [a, b].map((data) => referenceFft3d(data, undefined, shape));
  const sums = referenceShellSums(one, two, shape, 'half');
  const curve = fourierShellCorrelation(sums, voxelSize[0]);
  const noise = isSuspicious(curve, sums) ? correlateNoise(a, b, shape) : undefined;
  return judgeHalfMaps(curve, sums, voxelSize[0], noise);
}
