/**
 * Seeded random numbers: xoshiro128** 1.1 (Blackman & Vigna, ACM TOMS 47, 2021), its state filled from
 * the seed by splitmix32; Gaussians by the polar Box-Muller method. Streams of one seed (half map 1, half map
 * 2, ...) are distinguished by their number.
 */

export interface RandomSource {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Mean 0, variance 1. */
  gaussian(): number;
  /** Integer in [low, high], both included. */
  integer(low: number, high: number): number;
}

export function createRandom(seed: number, stream = 0): RandomSource {
  const state = seedState(seed, stream);
  let spare = Number.NaN;

  function next(): number {
    let s0 = state[0];
    let s1 = state[1];
    let s2 = state[2];
    let s3 = state[3];
    const scrambled = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotateLeft(s3, 11);
    state[0] = s0;
    state[1] = s1;
    state[2] = s2;
    state[3] = s3;
    return scrambled;
  }

  function uniform(): number {
    const high = next() >>> 5;
    const low = next() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  function gaussian(): number {
    if (!Number.isNaN(spare)) {
      const value = spare;
      spare = Number.NaN;
      return value;
    }
    let u = 0;
    let v = 0;
    let radius2 = 0;
    do {
      u = 2 * uniform() - 1;
      v = 2 * uniform() - 1;
      radius2 = u * u + v * v;
    } while (radius2 >= 1 || radius2 === 0);
    const factor = Math.sqrt((-2 * Math.log(radius2)) / radius2);
    spare = v * factor;
    return u * factor;
  }

  return { uniform, gaussian, integer: (low, high) => low + Math.floor(uniform() * (high - low + 1)) };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** Four words of splitmix32; a zero state cannot come out, its four outputs being distinct. */
function seedState(seed: number, stream: number): Int32Array {
  const state = new Int32Array(4);
  // Both halves of the seed count, so that seeds beyond 2^32 stay different.
  let x = (seed | 0) ^ Math.imul(Math.floor(seed / 4294967296) | 0, 0x85ebca6b);
  x ^= Math.imul(stream + 1, 0xc2b2ae35);
  for (let i = 0; i < 4; i++) {
    x = (x + 0x9e3779b9) | 0;
    let z = x;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    state[i] = z ^ (z >>> 15);
  }
  return state;
}
