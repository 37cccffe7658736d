/**
 * Random masks of Monte-Carlo dropout, drawn per element as in Keras: 1 / keepProbability for a retained
 * value, 0 for a dropped one.
 *
 * Every mask has its own generator, xoshiro128** 1.1 (Blackman & Vigna, ACM TOMS 47, 2021), seeded from all
 * parts of its key, so that a mask does not depend on batches, device or order. With 128 bits of state, 3e7
 * masks of 1e6 values share part of a sequence with probability 1e-18.
 */
import { LocScaleError } from '../../errors.ts';
import type { DropoutMask } from './model.ts';

/** What a dropout mask depends on, and nothing else: not on batch, device or order. */
export interface DropoutKey {
  readonly seed: number;
  /** Indices of the pass, of the cube in the whole map, and of the mask in the network's list. */
  readonly pass: number;
  readonly cube: number;
  readonly layer: number;
}

/** Fills `target`, one cube's mask, of the size of `mask.shape`. */
export function fillDropoutMask(target: Float32Array, mask: DropoutMask, key: DropoutKey): void {
  const { keepProbability } = mask;
  const values = mask.shape.reduce((product, length) => product * length, 1);
  if (target.length !== values || !(keepProbability > 0 && keepProbability <= 1)) {
    throw new LocScaleError('internal', `The mask ${mask.input} cannot be filled.`, {
      where: mask.input,
      expected: `${values} values, a probability in (0, 1]`,
      found: `${target.length} values, ${keepProbability}`,
    });
  }
  const state = seedState(key);
  if (keepProbability === 0.5) fillEvenOdds(target, state);
  else fill(target, state, keepProbability);
}

/** One bit per value: 32 values from a word. */
function fillEvenOdds(target: Float32Array, state: Int32Array): void {
  const whole = target.length - (target.length % 32);
  let [s0, s1, s2, s3] = state;
  for (let i = 0; i < target.length; i += 32) {
    const scrambled = Math.imul(s1, 5);
    let word = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 11) | (s3 >>> 21);
    const end = i < whole ? i + 32 : target.length;
    for (let at = i; at < end; at++) {
      target[at] = (word & 1) << 1;
      word >>>= 1;
    }
  }
}

/** One word per value, retained if below keepProbability * 2^32. */
function fill(target: Float32Array, state: Int32Array, keepProbability: number): void {
  const limit = keepProbability * 2 ** 32;
  const kept = 1 / keepProbability;
  let [s0, s1, s2, s3] = state;
  for (let at = 0; at < target.length; at++) {
    const scrambled = Math.imul(s1, 5);
    const word = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 11) | (s3 >>> 21);
    target[at] = word < limit ? kept : 0;
  }
}

/** Odd constants (golden ratio, Murmur3) that make the four words of state differ. */
const LANES = [0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;

/**
 * Derives 128 bits of state from the key. Each word absorbs the parts in turn by a bijection, so that keys
 * that differ in one part differ in every word; then all words are mixed.
 */
function seedState({ seed, pass, cube, layer }: DropoutKey): Int32Array {
  const parts = [seed, Math.floor(seed / 2 ** 32), pass, cube, Math.floor(cube / 2 ** 32), layer];
  const state = Int32Array.from(LANES, (constant) =>
    parts.reduce((hash, part) => avalanche(Math.imul(hash, constant) + constant + (part | 0)), constant),
  );
  for (let round = 0; round < 2; round++) {
    for (let lane = 0; lane < 4; lane++) state[lane] = avalanche(state[lane] + state[(lane + 3) & 3]);
  }
  // The all-zero state is a fixed point of the generator.
  if (state.every((word) => word === 0)) state[0] = 1;
  return state;
}

/** Every bit of the result depends on every bit of the argument (lowbias32, C. Wellons). */
function avalanche(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
