/**
 * Interpolation of a periodic band-limited map from six neighbours along an axis. On a grid that is at least
 * 1.25 times as fine as the map's own,
 *   f(p) = sum_j phi(p - j) c_j,    c = inverse DFT of F(k) / phiHat(k / m),
 * with a Kaiser-Bessel phi of support 6 (Beatty, Nishimura and Pauly 2005): dividing by its transform makes
 * the map's own band exact; what is left are images of it beyond the fine grid's Nyquist frequency,
 * below 6e-4 of the coefficient at the map's Nyquist frequency and 1e-5 at half of it.
 */
import { nextFastLength } from '../fourier/fft-plan.ts';

/** Neighbours along an axis: floor(p) - 2 ... floor(p) + 3. */
export const TAPS = 6;
/** Neighbours before floor(p). */
export const TAPS_BEFORE = 2;
/** Rows of the table of weights per unit of the fraction; between rows weights are linear, to 1e-6. */
export const TABLE_STEPS = 1024;
/** Floats of a row: six weights, two zeros for reading in groups of four. */
export const TABLE_PITCH = 8;
/** Least ratio of the fine grid to the map's. */
const OVERSAMPLING = 1.25;
/** Beatty's choice for support and ratio: pi sqrt((W / s)^2 (s - 1/2)^2 - 0.8). */
const BETA = Math.PI * Math.sqrt((TAPS / OVERSAMPLING) ** 2 * (OVERSAMPLING - 0.5) ** 2 - 0.8);

/** Voxels along an axis of the fine grid. */
export function fineLength(n: number): number {
  return nextFastLength(Math.ceil(OVERSAMPLING * n));
}

/** Modified Bessel function of order 0, by its series. */
function besselI0(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function kernelValue(x: number): number {
  const u = 1 - ((2 * x) / TAPS) ** 2;
  return u < 0 ? 0 : besselI0(BETA * Math.sqrt(u)) / besselI0(BETA);
}

/** The kernel's Fourier transform at `frequency`, cycles per voxel of the fine grid. */
function kernelTransform(frequency: number): number {
  const square = BETA * BETA - (Math.PI * TAPS * frequency) ** 2;
  const root = Math.sqrt(Math.abs(square));
  const shape = root < 1e-9 ? 1 : square > 0 ? Math.sinh(root) / root : Math.sin(root) / root;
  return (TAPS / besselI0(BETA)) * shape;
}

/**
 * Weights of the six neighbours for fractions 0, 1 / 1024, ... 1, and one row for reading beyond: (1026, 8).
 */
export function weightTable(): Float32Array {
  const table = new Float32Array((TABLE_STEPS + 2) * TABLE_PITCH);
  for (let i = 0; i < TABLE_STEPS + 2; i++) {
    for (let t = 0; t < TAPS; t++) {
      table[i * TABLE_PITCH + t] = kernelValue(t - TAPS_BEFORE - i / TABLE_STEPS);
    }
  }
  return table;
}

/**
 * 1 / phiHat for every signed index of an axis of `m` fine voxels that a map of n < m has; 0 for the others.
 */
export function axisGains(n: number, m: number): Float32Array {
  return Float32Array.from({ length: m }, (_, k) => {
    const signed = 2 * k <= m ? k : m - k;
    return 2 * signed <= n ? 1 / kernelTransform(signed / m) : 0;
  });
}
