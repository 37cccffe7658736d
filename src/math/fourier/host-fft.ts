/**
 * A small float64 complex 3D Fourier transform (Stockham autosort, mixed radix) for the generator of
 * test and demo data. It shares no code with the engines, so their transforms can be checked against it.
 * Volumes are (z, y, x), x fastest; real and imaginary parts lie in two arrays.
 */
import { type Grid, type Shape, voxelCount } from '../grid.ts';

/** In place; forward e^(-2 pi i), inverse e^(+2 pi i) divided by the number of voxels. */
export function transformVolume(
  real: Float64Array,
  imaginary: Float64Array,
  shape: Shape,
  inverse = false,
): void {
  const scratch = { real: new Float64Array(real.length), imaginary: new Float64Array(real.length) };
  const [nz, ny, nx] = shape;
  const sign = inverse ? 1 : -1;
  transformAxis(real, imaginary, scratch, nx, 1, sign);
  transformAxis(real, imaginary, scratch, ny, nx, sign);
  transformAxis(real, imaginary, scratch, nz, nx * ny, sign);
  if (!inverse) return;
  const scale = 1 / voxelCount(shape);
  for (let i = 0; i < real.length; i++) {
    real[i] *= scale;
    imaginary[i] *= scale;
  }
}

/**
 * Multiplies the transforms of two real volumes by the real even function g of |k| (1/A), in place.
 * Both ride in one complex transform, as real and imaginary part.
 */
export function filterPair(
  a: Float64Array,
  b: Float64Array,
  grid: Grid,
  g: (frequency: number) => number,
): void {
  transformVolume(a, b, grid.shape);
  forEachFrequency(grid, (index, squared) => {
    const factor = g(Math.sqrt(squared));
    a[index] *= factor;
    b[index] *= factor;
  });
  transformVolume(a, b, grid.shape, true);
}

/** Calls `visit` with the index and |k|^2 (1/A^2) of every coefficient of a transformed volume. */
export function forEachFrequency(grid: Grid, visit: (index: number, squaredFrequency: number) => void): void {
  const [z2, y2, x2] = grid.shape.map((n, axis) => {
    const step = 1 / (n * grid.voxelSize[axis]);
    return Float64Array.from({ length: n }, (_, i) => ((i <= n / 2 ? i : i - n) * step) ** 2);
  }) as [Float64Array, Float64Array, Float64Array];
  let index = 0;
  for (let z = 0; z < z2.length; z++) {
    for (let y = 0; y < y2.length; y++) {
      const zy = z2[z] + y2[y];
      for (let x = 0; x < x2.length; x++) visit(index++, zy + x2[x]);
    }
  }
}

interface Scratch {
  real: Float64Array;
  imaginary: Float64Array;
}

/** Transforms of length n along the axis with this stride; everything faster than it is the inner loop. */
function transformAxis(
  real: Float64Array,
  imaginary: Float64Array,
  scratch: Scratch,
  n: number,
  stride: number,
  sign: number,
): void {
  if (n === 1) return;
  const roots = rootsOfUnity(n, sign);
  let from: Scratch = { real, imaginary };
  let to = scratch;
  let remaining = n;
  let inner = stride;
  for (const radix of radicesOf(n)) {
    const block = remaining * inner;
    for (let start = 0; start < real.length; start += block)
      runStage(from, to, start, radix, remaining, inner, roots);
    [from, to] = [to, from];
    remaining /= radix;
    inner *= radix;
  }
  if (from.real !== real) {
    real.set(from.real);
    imaginary.set(from.imaginary);
  }
}

/** e^(sign 2 pi i j / n), j = 0 ... n - 1. */
function rootsOfUnity(n: number, sign: number): Scratch {
  const angle = (j: number): number => (sign * 2 * Math.PI * j) / n;
  return {
    real: Float64Array.from({ length: n }, (_, j) => Math.cos(angle(j))),
    imaginary: Float64Array.from({ length: n }, (_, j) => Math.sin(angle(j))),
  };
}

function radicesOf(n: number): number[] {
  const radices: number[] = [];
  let rest = n;
  for (const radix of [4, 2, 3, 5, 7]) {
    while (rest % radix === 0) {
      radices.push(radix);
      rest /= radix;
    }
  }
  for (let prime = 11; rest > 1; prime += 2) {
    while (rest % prime === 0) {
      radices.push(prime);
      rest /= prime;
    }
  }
  return radices;
}

/**
 * One Stockham stage on one block: y[k + inner (radix q + t)] =
 * w^(q t) sum_r x[k + inner (q + m r)] e^(sign 2 pi i r t / radix), m = remaining / radix, w = e^(sign 2 pi i
 * / remaining).
 */
function runStage(
  from: Scratch,
  to: Scratch,
  start: number,
  radix: number,
  remaining: number,
  inner: number,
  roots: Scratch,
): void {
  const m = remaining / radix;
  const rootStep = roots.real.length / remaining;
  const xr = from.real;
  const xi = from.imaginary;
  const yr = to.real;
  const yi = to.imaginary;
  for (let q = 0; q < m; q++) {
    const source = start + inner * q;
    const target = start + inner * radix * q;
    for (let t = 0; t < radix; t++) {
      const out = target + inner * t;
      for (let r = 0; r < radix; r++) {
        // One factor for butterfly and twiddle together, its angle reduced exactly.
        const turns = (((r * t) % radix) * m + q * t) % remaining;
        const c = roots.real[turns * rootStep];
        const s = roots.imaginary[turns * rootStep];
        const at = source + inner * m * r;
        if (r === 0) {
          for (let k = 0; k < inner; k++) {
            yr[out + k] = c * xr[at + k] - s * xi[at + k];
            yi[out + k] = c * xi[at + k] + s * xr[at + k];
          }
        } else {
          for (let k = 0; k < inner; k++) {
            yr[out + k] += c * xr[at + k] - s * xi[at + k];
            yi[out + k] += c * xi[at + k] + s * xr[at + k];
          }
        }
      }
    }
  }
}
