/**
 * Weights and scale of a B factor refinement, per shell of the whole map's transform.
 *
 * The target is E = 1/2 sum over f of W^2(f) |k F_model - F_map|^2. The variance of the map's coefficients
 * about the model's has a part from noise, (1 - C) P with P the map's power and C the share of it that is
 * signal, and a part from the model's own errors, taken as a fixed share of P:
 *   W^2 = C / (P (1 - C + MODEL_ERROR)).
 * Half maps give C = 2 FSC / (1 + FSC). Without them it is the share of the power that the model explains,
 * the square of its FSC with the map: if all power counted as signal, shells of noise would weigh as much as
 * any, and drive B factors up until the model's own power is gone from them. The factor C takes out shells
 * whose FSC is uncertain itself. Shells beyond the resolution, and those at so low a frequency that solvent,
 * which models lack, matters, have no weight.
 */
import type { ShellSpectra } from '../../engine/engine.ts';
import { bFactorStretch, START_PER_RESOLUTION } from '../../math/scaling/follow-resolution.ts';

const MODEL_ERROR = 0.1;
/**
 * A: beyond, solvent and detergent contribute. Data coarser than 6 A have nothing else: they begin at 2.5 d.
 */
const LOWEST_RESOLUTION = 15;
/** Both ends of the range fall off over this share of the end's frequency. */
const EDGE = 0.1;

/**
 * Share of the Nyquist frequency that simulated maps are complete to (math/atoms/splat-plan.ts). Beyond,
 * their power falls to 0, and whatever is left of a difference would be divided by next to nothing.
 */
const SIMULATED_BAND = 0.9;

/** A function of the frequency in 1/A, and where it ends. */
export interface RefinementWeight {
  /** W^2. */
  readonly squared: (frequency: number) => number;
  readonly highestFrequency: number;
}

/** Frequency of shell r, 1/A. */
export type ShellFrequency = (r: number) => number;

/** Share of each shell's power that is signal, by the FSC of two half maps: of their average. */
export function signalOfHalves(halves: ShellSpectra): Float64Array {
  return shellCorrelations(halves).map((fsc) => (2 * fsc) / (1 + fsc));
}

/** Share of each shell's power that a model explains; `spectra`: of the map and of the model's map. */
export function signalOfModel(spectra: ShellSpectra): Float64Array {
  return shellCorrelations(spectra).map((fsc) => fsc * fsc);
}

/** FSC, none below 0. */
function shellCorrelations({ cross, powerA, powerB }: ShellSpectra): Float64Array {
  return cross.map((value, r) => {
    const product = powerA[r] * powerB[r];
    return product > 0 ? Math.max(0, value / Math.sqrt(product)) : 0;
  });
}

/**
 * `map`: spectra of the map (with itself); `signal`: share of each shell's power; `fscCutoff`: resolution, A.
 */
export function refinementWeight(
  map: ShellSpectra,
  signal: Float64Array,
  frequencyOf: ShellFrequency,
  fscCutoff: number,
  voxelSize: number,
): RefinementWeight {
  const resolution = Math.max(fscCutoff, ((1 + EDGE) * 2 * voxelSize) / SIMULATED_BAND);
  const shells = map.counts.length;
  const table = new Float64Array(shells);
  for (let r = 0; r < shells; r++) {
    const power = map.powerA[r] / (map.counts[r] || 1);
    if (!(power > 0)) continue;
    table[r] = signal[r] / (power * (1 - signal[r] + MODEL_ERROR));
  }
  const lowest = Math.max(LOWEST_RESOLUTION, START_PER_RESOLUTION * resolution);
  const step = frequencyOf(1) - frequencyOf(0);
  const highestFrequency = (1 + EDGE) / resolution;
  const squared = (frequency: number): number => {
    const window = rise(frequency * lowest) * (1 - rise(frequency * resolution));
    if (window === 0) return 0;
    const at = Math.min(Math.max((frequency - frequencyOf(0)) / step, 0), shells - 1);
    const low = Math.min(Math.floor(at), shells - 2);
    return window * (table[low] + (at - low) * (table[low + 1] - table[low]));
  };
  return { squared, highestFrequency };
}

/** Raised cosine from 0 at 1 to 1 at 1 + EDGE. */
function rise(relative: number): number {
  if (relative <= 1) return 0;
  if (relative >= 1 + EDGE) return 1;
  return 0.5 - 0.5 * Math.cos((Math.PI * (relative - 1)) / EDGE);
}

export interface MapScale {
  /** k: map over model. */
  readonly factor: number;
  /** To be added to all B factors of the model, A^2. */
  readonly addedB: number;
}

const SCALE_ITERATIONS = 20;
/** Largest change of the overall B factor in one call, A^2; more for data coarser than 6 A. */
const MOST_ADDED_B = 100;

/**
 * Scale and overall B factor that bring a model's map closest to the data: least squares over shells,
 *   sum over r of W^2 |s_r F_model - F_map|^2,  s_r = k exp(-addedB f^2 / 4).
 * `spectra`: A the map, B the model's. Undefined where the two have nothing in common.
 */
export function fitScale(
  spectra: ShellSpectra,
  weight: RefinementWeight,
  frequencyOf: ShellFrequency,
): MapScale | undefined {
  const { cross, powerB } = spectra;
  const weights = Float64Array.from(powerB, (power, r) => weight.squared(frequencyOf(r)) * power);
  const ratio = Float64Array.from(cross, (value, r) => (powerB[r] > 0 ? value / powerB[r] : 0));
  const total = weights.reduce((sum, w) => sum + w, 0);
  const mean = weights.reduce((sum, w, r) => sum + w * ratio[r], 0) / total;
  if (!(mean > 0)) return undefined;
  const most = MOST_ADDED_B * bFactorStretch((1 + EDGE) / weight.highestFrequency);
  let level = Math.log(mean);
  let addedB = 0;
  for (let iteration = 0; iteration < SCALE_ITERATIONS; iteration++) {
    let sw = 0;
    let swx = 0;
    let swy = 0;
    let swxx = 0;
    let swxy = 0;
    for (let r = 0; r < weights.length; r++) {
      if (!(weights[r] > 0)) continue;
      const x = frequencyOf(r) ** 2 / 4;
      const scale = Math.exp(level - addedB * x);
      const w = weights[r] * scale * scale;
      // A Gauss-Newton step in the logarithm, limited where a shell disagrees by more than its size.
      const y = level - addedB * x + Math.min(1, Math.max(-1, ratio[r] / scale - 1));
      sw += w;
      swx += w * x;
      swy += w * y;
      swxx += w * x * x;
      swxy += w * x * y;
    }
    const spread = swxx - (swx * swx) / sw;
    const slope = spread > 0 ? (swxy - (swx * swy) / sw) / spread : 0;
    addedB = Math.min(most, Math.max(-most, -slope));
    level = (swy + addedB * swx) / sw;
  }
  return Number.isFinite(level) ? { factor: Math.exp(level), addedB } : undefined;
}
