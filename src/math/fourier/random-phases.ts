/**
 * Random phases for the Fourier coefficients of a volume beyond a frequency: each is rotated by an angle that
 * depends only on its index and the seed, so that engines, threads and slabs agree. Amplitudes are unchanged,
 * and the volume remains real.
 */
import type { Shape } from '../grid.ts';

export interface RandomPhases {
  /** Cycles per voxel: phases are changed for |f| >= from. */
  readonly from: number;
  /** A non-negative integer. */
  readonly seed: number;
}

/** Angles are multiples of 2 pi / PHASES. */
export const PHASES = 1024;
/** Margin: squared frequencies are float32, and coefficients of the first shell must be included. */
const TOLERANCE = 1e-6;

/** Squared frequency from which phases are changed. */
export function firstRotatedSquare({ from }: RandomPhases): number {
  return from * from * (1 - TOLERANCE);
}

/** {cos, sin} of all angles. */
export function phasorTable(): Float64Array {
  return Float64Array.from({ length: 2 * PHASES }, (_, i) => {
    const angle = (2 * Math.PI * (i >> 1)) / PHASES;
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
}

/**
 * The angle of a stored coefficient (0 <= kx <= nx / 2; kz and ky from 0 to n - 1) in units of 2 pi / PHASES.
 */
export function phaseOf(kz: number, ky: number, kx: number, [nz, ny, nx]: Shape, seed: number): number {
  const hashed = (z: number, y: number): number => {
    let hash = mix(seed ^ Math.imul(kx + 1, 0x9e3779b1));
    hash = mix(hash ^ Math.imul(y + 1, 0x85ebca77));
    return mix(hash ^ Math.imul(z + 1, 0xc2b2ae3d)) % PHASES;
  };
  if (kx !== 0 && 2 * kx !== nx) return hashed(kz, ky);
  // If the Friedel mate is stored as well it gets the opposite angle, and a coefficient that is its own mate
  // 0 or pi.
  const mateZ = (nz - kz) % nz;
  const mateY = (ny - ky) % ny;
  if (mateZ === kz && mateY === ky) return (hashed(kz, ky) % 2) * (PHASES / 2);
  const isFirst = kz < mateZ || (kz === mateZ && ky < mateY);
  return isFirst ? hashed(kz, ky) : (PHASES - hashed(mateZ, mateY)) % PHASES;
}

/** A bijection of 32-bit words that spreads every bit; the same in shaders/randomise-phases.wgsl. */
function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}
