/**
 * Weights and scale of a B factor refinement, per shell of the whole map's transform.
 *
 * The target is E = 1/2 sum over f of W^2(f) |k F_model - F_map|^2. The variance of the map's coefficients
 * about the model's has a contribution from noise, (1 - C) P, with P the map's power and C the signal's
 * fraction of it, and one from errors of the model, assumed to be a fixed fraction of P:
 *   W^2 = C / (P (1 - C + MODEL_ERROR)).
 * Half maps give C = 2 FSC / (1 + FSC). Without them it is the fraction of the power that the model explains,
 * the square of the map–model FSC: if all power counted as signal, shells of noise would have full weight and
 * drive B factors up until the model has no power there. The factor C suppresses shells whose FSC is
 * uncertain. Shells beyond the resolution, and those of low frequency where solvent matters, which models
 * lack, have no weight.
 */
import type { ShellSpectra } from '../../engine/engine.ts';
import { bFactorStretch, START_PER_RESOLUTION } from '../../math/scaling/follow-resolution.ts';

const MODEL_ERROR = 0.1;
/**
 * A: at lower resolution solvent and detergent contribute. Data coarser than 6 A have nothing else and start
 * at 2.5 d.
 */
const LOWEST_RESOLUTION = 15;
/** Width of the soft ends of the range, as a fraction of the end's frequency. */
const EDGE = 0.1;

/**
 * Fraction of the Nyquist frequency up to which simulated maps are complete (math/atoms/splat-plan.ts).
 * Beyond it their power drops to 0, and differences would be divided by almost nothing.
 */
const SIMULATED_BAND = 0.9;

/** A function of the frequency in 1/A, and its upper end. */
export interface RefinementWeight {
  /** W^2. */
  readonly squared: (frequency: number) => number;
  readonly highestFrequency: number;
}

/** Frequency of shell r, 1/A. */
export type ShellFrequency = (r: number) => number;

/** Signal's fraction of the power per shell of the average of two half maps, from their FSC. */
export function signalOfHalves(halves: ShellSpectra): Float64Array {
  return shellCorrelations(halves).map((fsc) => (2 * fsc) / (1 + fsc));
}

/** Fraction of the power per shell explained by a model; `spectra`: of the map and of the model map. */
export function signalOfModel(spectra: ShellSpectra): Float64Array {
  return shellCorrelations(spectra).map((fsc) => fsc * fsc);
}

/** FSC, clipped at 0. */
function shellCorrelations({ cross, powerA, powerB }: ShellSpectra): Float64Array {
  return cross.map((value, r) => {
    const product = powerA[r] * powerB[r];
    return product > 0 ? Math.max(0, value / Math.sqrt(product)) : 0;
  });
}

/**
 * `map`: spectra of the map with itself; `signal`: fraction of the power per shell; `fscCutoff`: resolution,
 * A.
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
 * Scale and overall B factor that fit a model map to the data: least squares over shells,
 *   sum over r of W^2 |s_r F_model - F_map|^2,  s_r = k exp(-addedB f^2 / 4).
 * `spectra`: A the map, B the model's. Undefined if the two are uncorrelated.
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
      // A Gauss-Newton step in the logarithm, with residuals clipped at a shell's own amplitude.
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
