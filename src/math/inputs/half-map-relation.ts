/**
 * Whether two half maps are independent, which everything read from an FSC rests on.
 *
 * With the signal S and independent noise N of one half map in a shell
 *   independent halves   cross = S            FSC = S/(S + N), 0 where there is only noise
 *   copies               B = k A              FSC = sign(k) everywhere
 *   mean of both         B = (A + A')/2       cross = |B|^2 in every shell, FSC -> 1/sqrt(2) in noise
 *   shared particles     a share p of both    FSC -> p in noise
 * A plateau of the FSC alone proves nothing, because signal may reach to Nyquist. It counts only if the noise
 * outside the particle (math/inputs/noise-correlation.ts) is correlated to the same degree.
 */
import { type ShellEvidence, weightedMean } from './half-map-shells.ts';
import type { NoiseCorrelation } from './noise-correlation.ts';

export interface HalfMapRelation {
  readonly relation:
    | 'independent'
    /** One is the other, scaled, shifted by a constant or filtered. */
    | 'copies'
    | 'opposite contrast'
    /** `first is mean`: the first map is the mean of both half maps. */
    | 'first is mean'
    | 'second is mean'
    | 'shared noise';
  /** FSC of the noise, if it was measured or follows from the relation. */
  readonly noiseCorrelation?: number;
  /** Of copies: amplitude of the second over the first, negative where the contrast is opposite. */
  readonly scale?: number;
  /** Of copies: that ratio differs from shell to shell. */
  readonly filtered?: boolean;
}

/** Independent half maps differ by more at their noisiest shell; copies in float32 do not. */
const COPY_CORRELATION = 0.99999;
/** The noise of copies that were filtered differently has a correlation below 1, but well above 0. */
const LEAST_COPY_NOISE = 0.3;
/** Copies that were filtered: the gain differs within a shell, too. */
const FILTERED_COPY_CORRELATION = 0.995;
/** Copies stored in few bits. */
const COARSE_COPY_CORRELATION = 0.99;
const COARSE_COPY_NOISE = 0.995;
/** Ratio of gains between shells that cannot occur in two half maps with such an FSC. */
const FILTER_GAIN = 1.05;
/** ln of the ratio of gains from one shell to the next that only the edge of a filter reaches. */
const FILTER_EDGE = 0.15;
/** Fraction of the amplitude that a filter removes at least beyond its edge. */
const FILTERED_AWAY = 0.7;
/** Nearly copies. */
const NEAR_COPY_CORRELATION = 0.9;
const NEAR_COPY_NOISE = 0.98;
/** With fewer shells the FSC of good maps may be as high as that of copies. */
const LEAST_SHELLS_OF_COPIES = 5;
/** Noise correlated by less does not lift the FSC to 0.143; real half maps have plateaus up to about 0.05. */
const LEAST_SHARED = 0.15;
/** Above this, signal in the whole box looks the same. */
const MOST_SHARED = 0.9;
/** The same for maps that were filtered differently, which hides most of what they share. */
const LEAST_SHARPENED_NOISE = 0.1;
/** A plateau of noise changes by no more than this over the last quarter of the shells. */
const PLATEAU_CHANGE = 0.06;
/** FSC plateau and correlation of the noise are one number. */
const PLATEAU_AGREEMENT = 0.1;
/** Below this, the equations of a mixture hold for two independent maps nearly as well. */
const LEAST_MIXED = 0.3;
/** Of the power of the noise of a mixture, as a logarithm. */
const MIXTURE_TOLERANCE = 0.12;
/** FSC of A with (A + A')/2 in noise. */
const MEAN_CORRELATION = Math.SQRT1_2;

/** `end`: number of shells up to Nyquist, including those of rounding errors. */
export function relationOf(
  shells: readonly ShellEvidence[],
  sign: -1 | 0 | 1,
  noise: NoiseCorrelation | undefined,
  end: number,
): HalfMapRelation {
  const copies = copiesOf(shells, noise) ?? copiesWithinFilter(shells, end);
  if (copies !== undefined) return copies;
  if (sign < 0 && Math.min(...shells.map(({ correlation }) => correlation)) < -0.5)
    return { relation: 'opposite contrast' };
  return sharedNoiseOf(shells, noise) ?? sharpenedMeanOf(shells, noise, end) ?? { relation: 'independent' };
}

function copiesOf(
  shells: readonly ShellEvidence[],
  noise: NoiseCorrelation | undefined,
): HalfMapRelation | undefined {
  if (shells.length === 0) return undefined;
  const sign = Math.sign(shells[0].correlation);
  const lowest = Math.min(...shells.map(({ correlation }) => sign * correlation));
  const measured = noise?.correlation === undefined ? undefined : sign * noise.correlation;
  if (shells.length < LEAST_SHELLS_OF_COPIES) return undefined;
  const gains = shells.map(({ powerA, powerB }) => Math.sqrt(powerB / powerA));
  const filtered = Math.max(...gains) > FILTER_GAIN * Math.min(...gains);
  const certain = measured === undefined || measured >= LEAST_COPY_NOISE;
  const exact = lowest >= COPY_CORRELATION && certain;
  const changed = filtered
    ? lowest >= FILTERED_COPY_CORRELATION && certain
    : lowest >= COARSE_COPY_CORRELATION && measured !== undefined && measured >= COARSE_COPY_NOISE;
  if (!exact && !changed) return undefined;
  const total = (of: (shell: ShellEvidence) => number): number => shells.reduce((sum, s) => sum + of(s), 0);
  return {
    relation: 'copies',
    noiseCorrelation: sign,
    scale: sign * Math.sqrt(total(({ powerB }) => powerB) / total(({ powerA }) => powerA)),
    filtered,
  };
}

interface Passband {
  /** ln of the amplitude of the second map over that of the first. */
  readonly gains: readonly number[];
  /** The larger of its changes from the preceding and to the following shell. */
  readonly change: (shell: number) => number;
  /** The first shell attenuated by a filter in one of the maps; the number of shells if there is none. */
  readonly edge: number;
}

function passbandOf(shells: readonly ShellEvidence[], end: number): Passband {
  const gains = shells.map(({ powerA, powerB }) => Math.log(powerB / powerA) / 2);
  const change = (i: number): number => {
    const [before, after] = [Math.max(0, i - 1), Math.min(shells.length - 1, i + 1)];
    return Math.max(Math.abs(gains[i] - gains[before]), Math.abs(gains[after] - gains[i]));
  };
  const steep = shells.findIndex((_, i) => change(i) > FILTER_EDGE);
  const last = endsEarly(shells, end) ? shells.length - 1 : shells.length;
  return { gains, change, edge: steep < 0 ? last : Math.min(steep, last) };
}

/** Beyond the last shell one of the maps holds rounding errors only. */
function endsEarly(shells: readonly ShellEvidence[], end: number): boolean {
  return shells.length > 0 && shells[shells.length - 1].index < end - 1;
}

/**
 * One map is the other, low-passed: beyond the edge of the filter it holds rounding errors, and the FSC falls
 * as if that were the end of the signal. Below the edge it is that of copies, less what a gain g that changes
 * within a shell costs: with d the change of ln g from shell to shell, 1 - FSC = var(ln g)/2 = d^2/24.
 */
function copiesWithinFilter(shells: readonly ShellEvidence[], end: number): HalfMapRelation | undefined {
  const { gains, change, edge } = passbandOf(shells, end);
  if (edge < LEAST_SHELLS_OF_COPIES || edge === shells.length) return undefined;
  const lost = Math.max(...gains.slice(edge).map((gain) => Math.abs(gain - gains[edge - 1])));
  if (!endsEarly(shells, end) && lost < -Math.log(1 - FILTERED_AWAY)) return undefined;
  const sign = Math.sign(shells[0].correlation);
  const passed = shells.slice(0, edge);
  if (
    passed.some(({ correlation }, i) => 1 - sign * correlation > 1 - COPY_CORRELATION + change(i) ** 2 / 12)
  )
    return undefined;
  return { relation: 'copies', noiseCorrelation: sign, scale: sign * Math.exp(gains[0]), filtered: true };
}

function sharedNoiseOf(
  shells: readonly ShellEvidence[],
  noise: NoiseCorrelation | undefined,
): HalfMapRelation | undefined {
  const part = Math.max(2, Math.floor(shells.length / 3));
  if (shells.length < 2 * part) return undefined;
  const [low, high] = [shells.slice(0, part), shells.slice(-part)];
  const measured = noise?.correlation;
  const mean = meanOfBoth(low, high, measured);
  if (mean !== undefined) return { relation: mean, noiseCorrelation: MEAN_CORRELATION };
  if (measured === undefined || measured < LEAST_SHARED) return undefined;
  // Noise shared at all frequencies lifts all shells; noise shared at some frequencies appears as a rise.
  const trough = Math.min(...shells.slice(2).map((_, i) => weightedMean(shells.slice(i, i + 3))));
  if (trough < measured - 0.15) return undefined;
  const mixture = mixtureOf(low, high, measured, noise?.powerRatio);
  if (mixture !== undefined) return { relation: mixture, noiseCorrelation: measured };
  const lowest = Math.min(...shells.map(({ correlation }) => correlation));
  if (lowest >= NEAR_COPY_CORRELATION && measured >= NEAR_COPY_NOISE)
    return { relation: 'shared noise', noiseCorrelation: measured };
  const tail = shells.slice(-Math.max(3, Math.floor(shells.length / 4)));
  const plateau = weightedMean(tail);
  const isPlateau =
    plateau >= LEAST_SHARED &&
    plateau <= MOST_SHARED &&
    Math.abs(changeOver(tail)) <= PLATEAU_CHANGE &&
    Math.abs(measured - plateau) <= PLATEAU_AGREEMENT;
  return isPlateau ? { relation: 'shared noise', noiseCorrelation: plateau } : undefined;
}

/** Mean of ln x over shells, weighted by their sizes. */
function logMean(shells: readonly ShellEvidence[], x: (shell: ShellEvidence) => number): number {
  let sum = 0;
  let weight = 0;
  for (const shell of shells) {
    sum += shell.size * Math.log(Math.max(x(shell), 1e-30));
    weight += shell.size;
  }
  return sum / weight;
}

const powerRatioOf = ({ powerA, powerB }: ShellEvidence): number => powerB / powerA;

/**
 * cross/|B|^2 is the same in low and high shells while |B|^2/|A|^2 falls: B is the mean of both. Independent
 * half maps have both only if the noise of B is a fifth or less of that of A.
 */
function meanOfBoth(
  low: readonly ShellEvidence[],
  high: readonly ShellEvidence[],
  measured: number | undefined,
): 'first is mean' | 'second is mean' | undefined {
  // If the noise was measured, its correlation must be that of A with the mean of A and A'.
  if (measured !== undefined && Math.abs(measured - MEAN_CORRELATION) > 0.1) return undefined;
  if (weightedMean(high) < MEAN_CORRELATION - 0.05) return undefined;
  const change = (x: (shell: ShellEvidence) => number): number => logMean(high, x) - logMean(low, x);
  const power = change(powerRatioOf);
  const size = high.reduce((sum, shell) => sum + shell.size, 0);
  // Masks leave fewer independent numbers than that, and both ratios scatter alike.
  const tolerance = Math.max(0.02 + 4 / Math.sqrt(size), 0.25 * Math.abs(power));
  if (power < -0.1 && Math.abs(change(({ cross, powerB }) => cross / powerB)) < tolerance)
    return 'second is mean';
  if (power > 0.1 && Math.abs(change(({ cross, powerA }) => cross / powerA)) < tolerance)
    return 'first is mean';
  return undefined;
}

/**
 * B = k (w A + (1 - w) A'): in noise, with t = w/(1 - w),
 *   FSC = t / sqrt(t^2 + 1)   and   |B|^2/|A|^2 = k^2 q,   q = w^2 + (1 - w)^2
 * which are measured outside the particle, and in every shell |B|^2 = k^2 (1 - 2w) |A|^2 + 2 w k cross, which
 * gives k once more.
 */
function mixtureOf(
  low: readonly ShellEvidence[],
  high: readonly ShellEvidence[],
  measured: number,
  powerRatio: number | undefined,
): 'first is mean' | 'second is mean' | 'shared noise' | undefined {
  if (powerRatio === undefined || measured < LEAST_MIXED || measured >= 1) return undefined;
  const t = measured / Math.sqrt(1 - measured ** 2);
  const w = t / (1 + t);
  const q = w ** 2 + (1 - w) ** 2;
  if (q > 0.85) return undefined;
  const fits = (ratio: number, scaleOf: (shell: ShellEvidence) => number): boolean => {
    const [lowScale, highScale] = [logMean(low, scaleOf), logMean(high, scaleOf)];
    return (
      Math.abs(highScale - lowScale) < MIXTURE_TOLERANCE / 2 &&
      Math.abs(Math.log(ratio / q) - (lowScale + highScale)) < MIXTURE_TOLERANCE
    );
  };
  const isSecond = fits(powerRatio, ({ powerA, powerB, cross }) => mixtureScale(powerA, powerB, cross, w));
  const isFirst = fits(1 / powerRatio, ({ powerA, powerB, cross }) => mixtureScale(powerB, powerA, cross, w));
  if (!isSecond && !isFirst) return undefined;
  if (Math.abs(measured - MEAN_CORRELATION) > 0.06) return 'shared noise';
  return isSecond ? 'second is mean' : 'first is mean';
}

/** k of the equation above; the root that is 1 where all three are equal. */
function mixtureScale(powerA: number, powerB: number, cross: number, w: number): number {
  const square = powerA * (1 - 2 * w);
  const linear = w * cross;
  if (Math.abs(1 - 2 * w) < 1e-6) return powerB / (2 * linear);
  return (Math.sqrt(Math.max(0, linear ** 2 + square * powerB)) - linear) / square;
}

/**
 * A half map and the sharpened mean: with a gain between them that is not known, and noise whose correlation
 * the sharpening has weighted otherwise, the plateau alone has the value of theory. Signal that keeps an FSC
 * of 0.71 to the end is rare, and two half maps of one refinement have the same decay.
 */
function sharpenedMeanOf(
  shells: readonly ShellEvidence[],
  noise: NoiseCorrelation | undefined,
  end: number,
): HalfMapRelation | undefined {
  const measured = noise?.correlation;
  if (measured === undefined || measured < LEAST_SHARPENED_NOISE || shells.length === 0) return undefined;
  const { gains, edge } = passbandOf(shells, end);
  if (edge < 4 * LEAST_SHELLS_OF_COPIES) return undefined;
  const tail = shells.slice(edge - Math.floor(edge / 4), edge);
  const isFiltered = edge < shells.length || Math.abs(gains[edge - 1] - gains[0]) > FILTER_EDGE;
  const plateau = weightedMean(tail);
  return isFiltered &&
    Math.abs(plateau - MEAN_CORRELATION) <= 0.03 &&
    Math.abs(changeOver(tail)) <= PLATEAU_CHANGE
    ? { relation: 'shared noise', noiseCorrelation: plateau }
    : undefined;
}

/** Of a line through the curve, over the range of these shells. */
function changeOver(shells: readonly ShellEvidence[]): number {
  const middle = shells.reduce((sum, { size, frequency }) => sum + size * frequency, 0);
  const weight = shells.reduce((sum, { size }) => sum + size, 0);
  const centre = middle / weight;
  let slope = 0;
  let spread = 0;
  for (const { size, frequency, correlation } of shells) {
    slope += size * (frequency - centre) * correlation;
    spread += size * (frequency - centre) ** 2;
  }
  return spread === 0 ? 0 : (slope / spread) * (shells[shells.length - 1].frequency - shells[0].frequency);
}
