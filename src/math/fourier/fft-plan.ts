/**
 * Plans of one-dimensional FFTs: factors, twiddle tables and Bluestein chirps in float64.
 * Both engines round these tables once to float32; no transcendental function is evaluated on a device.
 *
 * Stockham passes: with the remaining length R m and stride s,
 *   y[q + s (R p + k)] = exp(-2 pi i p k / (R m)) * sum_j x[q + s (p + m j)] exp(-2 pi i j k / R).
 * Lengths with prime factors above 13 use Bluestein's algorithm on the next fast length >= 2 n - 1.
 */

const RADICES = [4, 2, 3, 5, 7, 11, 13] as const;

export interface FftPass {
  readonly radix: number;
  /** m x (radix - 1) pairs {cos, sin} of 2 pi p k / (radix m), k = 1 ... radix - 1. */
  readonly twiddles: Float64Array;
}

export interface BluesteinPlan {
  readonly length: number;
  readonly inner: FftPlan;
  /** {cos, sin} of pi j^2 / n, j < n. */
  readonly chirp: Float64Array;
  /** {re, im} of the transformed chirp, divided by `length`. */
  readonly spectrum: Float64Array;
}

export interface FftPlan {
  readonly n: number;
  readonly passes: readonly FftPass[];
  readonly bluestein: BluesteinPlan | undefined;
}

/** Prime-power factors of n in the order the passes run, or undefined if a prime above 13 divides n. */
export function factorise(n: number): number[] | undefined {
  const factors: number[] = [];
  let rest = n;
  for (const radix of RADICES) {
    while (rest % radix === 0 && rest > 1) {
      factors.push(radix);
      rest /= radix;
    }
  }
  return rest === 1 ? factors : undefined;
}

/** Smallest length >= n whose prime factors are 2, 3 and 5 (the fastest passes). */
export function nextFastLength(n: number): number {
  for (let length = Math.max(1, n); ; length++) {
    let rest = length;
    for (const prime of [2, 3, 5]) while (rest % prime === 0) rest /= prime;
    if (rest === 1) return length;
  }
}

/** {cos, sin} of 2 pi j / R for j < R: the table of the odd-radix butterflies. */
export function rootsOfUnity(radix: number): Float64Array {
  const table = new Float64Array(2 * radix);
  for (let j = 0; j < radix; j++) {
    table[2 * j] = Math.cos((2 * Math.PI * j) / radix);
    table[2 * j + 1] = Math.sin((2 * Math.PI * j) / radix);
  }
  return table;
}

/**
 * Values per row of a half spectrum, both engines: nx/2 + 1 bins rounded up to a multiple of 4, one SIMD
 * vector of the CPU and 32 bytes, the unit of memory traffic, of a GPU. What lies between is meaningless.
 */
export function spectrumPitch(nx: number): number {
  return 4 * Math.ceil((Math.floor(nx / 2) + 1) / 4);
}

const plans = new Map<number, FftPlan>();

/** Plan for length n (cached). */
export function planFft(n: number): FftPlan {
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`FFT length must be a positive integer, not ${n}`);
  let plan = plans.get(n);
  if (!plan) {
    const factors = factorise(n);
    plan = factors ? { n, passes: makePasses(n, factors), bluestein: undefined } : planBluestein(n);
    plans.set(n, plan);
  }
  return plan;
}

function makePasses(n: number, factors: readonly number[]): FftPass[] {
  let rest = n;
  return factors.map((radix) => {
    const length = rest;
    rest /= radix;
    const twiddles = new Float64Array(2 * rest * (radix - 1));
    let at = 0;
    for (let p = 0; p < rest; p++) {
      for (let k = 1; k < radix; k++) {
        const angle = (2 * Math.PI * ((p * k) % length)) / length;
        twiddles[at++] = Math.cos(angle);
        twiddles[at++] = Math.sin(angle);
      }
    }
    return { radix, twiddles };
  });
}

function planBluestein(n: number): FftPlan {
  const length = nextFastLength(2 * n - 1);
  const chirp = new Float64Array(2 * n);
  for (let j = 0; j < n; j++) {
    // j^2 modulo 2 n keeps the angle exact for long lines.
    const angle = (Math.PI * ((j * j) % (2 * n))) / n;
    chirp[2 * j] = Math.cos(angle);
    chirp[2 * j + 1] = Math.sin(angle);
  }
  const re = new Float64Array(length);
  const im = new Float64Array(length);
  for (let j = 0; j < n; j++) {
    re[j] = chirp[2 * j];
    im[j] = chirp[2 * j + 1];
    if (j > 0) {
      re[length - j] = re[j];
      im[length - j] = im[j];
    }
  }
  transformFloat64(re, im);
  const spectrum = new Float64Array(2 * length);
  for (let j = 0; j < length; j++) {
    spectrum[2 * j] = re[j] / length;
    spectrum[2 * j + 1] = im[j] / length;
  }
  return { n, passes: [], bluestein: { length, inner: planFft(length), chirp, spectrum } };
}

/** In-place forward transform of a smooth length in float64: for tables, not for volumes. */
function transformFloat64(re: Float64Array, im: Float64Array): void {
  let stride = 1;
  let rest = re.length;
  let [xr, xi, yr, yi]: Float64Array[] = [re, im, new Float64Array(re.length), new Float64Array(re.length)];
  for (const { radix, twiddles } of planFft(re.length).passes) {
    rest /= radix;
    const roots = rootsOfUnity(radix);
    for (let p = 0; p < rest; p++) {
      for (let q = 0; q < stride; q++) {
        for (let k = 0; k < radix; k++) {
          let sumR = 0;
          let sumI = 0;
          for (let j = 0; j < radix; j++) {
            const at = q + stride * (p + rest * j);
            const c = roots[2 * ((j * k) % radix)];
            const s = roots[2 * ((j * k) % radix) + 1];
            sumR += xr[at] * c + xi[at] * s;
            sumI += xi[at] * c - xr[at] * s;
          }
          const w = 2 * (p * (radix - 1) + k - 1);
          const c = k === 0 ? 1 : twiddles[w];
          const s = k === 0 ? 0 : twiddles[w + 1];
          const to = q + stride * (radix * p + k);
          yr[to] = sumR * c + sumI * s;
          yi[to] = sumI * c - sumR * s;
        }
      }
    }
    [xr, xi, yr, yi] = [yr, yi, xr, xi];
    stride *= radix;
  }
  if (xr !== re) {
    re.set(xr);
    im.set(xi);
  }
}
