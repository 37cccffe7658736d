/**
 * What the FSC curve and the power of two half maps say about them: where the FSC ends and why, and whether
 * their noise is independent, which everything read from an FSC rests on.
 *
 * With the signal S and independent noise N of one half map in a shell
 *   independent halves   cross = S            FSC = S/(S + N), 0 where there is only noise
 *   copies               B = k A              FSC = sign(k) everywhere
 *   mean of both         B = (A + A')/2       cross = |B|^2 in every shell, FSC -> 1/sqrt(2) in noise
 *   shared particles     a share p of both    FSC -> p in noise
 * A plateau of the FSC alone accuses nobody: signal may reach to Nyquist. It counts where the noise outside the
 * particle (math/noise-correlation.ts) is correlated to the same degree.
 */
import {
  type FourierShellCorrelation,
  FSC_THRESHOLD,
  findFall,
  firstFallenShell,
  type ShellSums,
} from './fsc.ts';
import { findLowPass } from './input-checks.ts';
import type { NoiseCorrelation } from './noise-correlation.ts';

export interface HalfMapVerdict {
  /**
   * `falls`: below 0.143. `nyquist`: it stays above to the limit of the grid. `no signal`: the half maps have
   * nothing in common at any resolution.
   */
  readonly end: 'falls' | 'nyquist' | 'no signal';
  /** A: where it falls, or Nyquist; undefined without common signal. */
  readonly resolution: number | undefined;
  readonly relation:
    | 'independent'
    /** One is the other, scaled, shifted by a constant or filtered. */
    | 'copies'
    | 'opposite contrast'
    /** `first is mean`: the first map is the mean of both half maps. */
    | 'first is mean'
    | 'second is mean'
    | 'shared noise';
  /** FSC of the noise where it was measured or follows from the relation. */
  readonly noiseCorrelation?: number;
  /** Of copies: amplitude of the second over the first, negative where the contrast is opposite. */
  readonly scale?: number;
  /** Of copies: that ratio differs from shell to shell. */
  readonly filtered?: boolean;
  /** A; both were low-passed here. */
  readonly lowPass?: number;
  /** The fall lies in the flank of that low-pass: the filter ends the FSC, not the noise. */
  readonly endsAtLowPass?: boolean;
  /** The curve rises above 0.143 again after its fall: its highest value and that value's resolution, A. */
  readonly rise?: { readonly correlation: number; readonly resolution: number };
  /** More of the box is empty than a sphere leaves. */
  readonly masked?: boolean;
}

export interface HalfMapSpectra extends ShellSums {
  readonly counts: ArrayLike<number>;
}

/** Power of a shell relative to the mean of all below which it is rounding error. */
const ROUNDING_POWER = 1e-11;
/** Independent half maps differ by more at their noisiest shell; copies in float32 do not. */
const COPY_CORRELATION = 0.99999;
/** Noise of copies that were filtered apart is correlated by less than 1, but not by nothing. */
const LEAST_COPY_NOISE = 0.3;
/** Copies that were filtered: the gain differs within a shell, too. */
const FILTERED_COPY_CORRELATION = 0.995;
/** Copies stored in few bits. */
const COARSE_COPY_CORRELATION = 0.99;
const COARSE_COPY_NOISE = 0.995;
/** Ratio of gains between shells that no two half maps with such an FSC have. */
const FILTER_GAIN = 1.05;
/** Nearly copies. */
const NEAR_COPY_CORRELATION = 0.9;
const NEAR_COPY_NOISE = 0.98;
/** With fewer shells the FSC of good maps may be as high as that of copies. */
const LEAST_SHELLS_OF_COPIES = 5;
/** Noise correlated by less does not lift the FSC to 0.143; real half maps have plateaus up to about 0.05. */
const LEAST_SHARED = 0.15;
/** Above this, signal in the whole box looks the same. */
const MOST_SHARED = 0.9;
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
/** Standard deviations that common signal stands out by, and a rise. */
const SIGNIFICANT = 4.5;
/** A rise below this mean FSC is of no consequence. */
const LEAST_RISE = 0.2;

/** Whether the correlation of the noise is worth measuring: nothing else tells signal from shared noise. */
export function isSuspicious(curve: FourierShellCorrelation, spectra: HalfMapSpectra): boolean {
  const shells = shellsOf(curve, spectra);
  const tail = shells.slice(-Math.max(2, Math.floor(shells.length / 4)));
  if (Math.abs(weightedMean(tail)) >= FSC_THRESHOLD) return true;
  return findRise(shells, noiseInflation(shells)) !== undefined;
}

export function judgeHalfMaps(
  curve: FourierShellCorrelation,
  spectra: HalfMapSpectra,
  voxelSize: number,
  noise?: NoiseCorrelation,
): HalfMapVerdict {
  const shells = shellsOf(curve, spectra);
  const inflation = noiseInflation(shells);
  const masked = noise !== undefined && noise.correlation === undefined && noise.emptyShare > 0;
  const lowPass = findLowPass(meanPowerOf(spectra), voxelSize);
  const common = {
    ...(lowPass === undefined ? {} : { lowPass }),
    ...(masked ? { masked } : {}),
  };
  const sign = signOfSignal(shells, inflation);
  const ended = endOf(curve, shells, voxelSize, sign);
  const relation = relationOf(shells, sign, noise);
  const rise = sign > 0 ? findRise(shells, inflation) : undefined;
  return {
    ...ended,
    ...relation,
    ...common,
    ...(ended.end === 'falls' &&
    lowPass !== undefined &&
    endsAtLowPass(ended.resolution as number, lowPass, shells)
      ? { endsAtLowPass: true }
      : {}),
    ...(rise === undefined || relation.relation !== 'independent' ? {} : { rise }),
  };
}

interface ShellEvidence {
  readonly index: number;
  readonly frequency: number;
  readonly correlation: number;
  readonly cross: number;
  readonly powerA: number;
  readonly powerB: number;
  /** Independent real numbers in it, about. */
  readonly size: number;
}

/** Shells that hold more than rounding errors, without the mean of the maps (shell 0). */
function shellsOf(
  { frequency, correlation }: FourierShellCorrelation,
  spectra: HalfMapSpectra,
): ShellEvidence[] {
  const { cross, powerA, powerB, counts } = spectra;
  const total = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, v) => sum + v, 0);
  const size = Math.max(1, total(counts));
  const floorA = (ROUNDING_POWER * total(powerA)) / size;
  const floorB = (ROUNDING_POWER * total(powerB)) / size;
  const shells: ShellEvidence[] = [];
  for (let r = 1; r < cross.length; r++) {
    const count = counts[r];
    if (!(powerA[r] > floorA * count && powerB[r] > floorB * count)) continue;
    shells.push({
      index: r,
      frequency: frequency[r],
      correlation: correlation[r],
      cross: cross[r],
      powerA: powerA[r],
      powerB: powerB[r],
      size: 2 * count,
    });
  }
  return shells;
}

function meanPowerOf({ cross, powerA, powerB, counts }: HalfMapSpectra): Float64Array {
  return Float64Array.from(
    { length: cross.length },
    (_, r) => (powerA[r] + powerB[r] + 2 * cross[r]) / 4 / Math.max(1, counts[r]),
  );
}

function weightedMean(shells: readonly ShellEvidence[]): number {
  let sum = 0;
  let weight = 0;
  for (const { correlation, size } of shells) {
    sum += size * correlation;
    weight += size;
  }
  return weight === 0 ? 0 : sum / weight;
}

/** Standard deviation of the FSC of `size` independent numbers. */
function errorOf({ correlation, size }: ShellEvidence): number {
  return Math.max(1e-3, 1 - correlation ** 2) / Math.sqrt(size);
}

/**
 * How much more the FSC scatters than that of noise without symmetry in a full box: masks and symmetry leave
 * fewer independent numbers. From second differences, which a smooth curve does not have.
 */
function noiseInflation(shells: readonly ShellEvidence[]): number {
  const part = shells.slice(Math.floor(shells.length / 3));
  const scatter: number[] = [];
  for (let i = 1; i + 1 < part.length; i++) {
    const bend = part[i - 1].correlation - 2 * part[i].correlation + part[i + 1].correlation;
    scatter.push(Math.abs(bend) / (Math.sqrt(6) * errorOf(part[i])));
  }
  if (scatter.length < 4) return 1;
  scatter.sort((one, other) => one - other);
  // The median of |x| is 0.6745 standard deviations.
  return Math.min(8, Math.max(1, scatter[Math.floor(scatter.length / 2)] / 0.6745));
}

/** 1: the half maps have signal in common; -1: with opposite contrast; 0: none. */
function signOfSignal(shells: readonly ShellEvidence[], inflation: number): -1 | 0 | 1 {
  const isSignal = (run: readonly ShellEvidence[]): boolean =>
    run.some((_, i) => isSignificant(run.slice(0, i + 1), 0, inflation));
  if (runsBeyond(shells, FSC_THRESHOLD, 1).some(isSignal)) return 1;
  if (runsBeyond(shells, FSC_THRESHOLD, -1).some(isSignal)) return -1;
  return 0;
}

/** Consecutive shells beyond the threshold on the side of `sign`. */
function runsBeyond(shells: readonly ShellEvidence[], threshold: number, sign: 1 | -1): ShellEvidence[][] {
  const runs: ShellEvidence[][] = [];
  let last: ShellEvidence | undefined;
  for (const shell of shells) {
    if (sign * shell.correlation < threshold) continue;
    if (last === undefined || last.index + 1 !== shell.index) runs.push([]);
    (runs.at(-1) as ShellEvidence[]).push(shell);
    last = shell;
  }
  return runs;
}

function isSignificant(run: readonly ShellEvidence[], above: number, inflation: number): boolean {
  const size = run.reduce((sum, shell) => sum + shell.size, 0);
  const mean = Math.abs(weightedMean(run));
  const deviations = (mean - above) * Math.sqrt(size);
  // The scatter of few shells says little about a strong signal.
  return deviations >= SIGNIFICANT * (mean >= 0.5 ? 1 : inflation);
}

function endOf(
  { frequency, correlation }: FourierShellCorrelation,
  shells: readonly ShellEvidence[],
  voxelSize: number,
  sign: -1 | 0 | 1,
): Pick<HalfMapVerdict, 'end' | 'resolution'> {
  const none = { end: 'no signal', resolution: undefined } as const;
  if (sign <= 0) return none;
  // What rounding errors correlate to is nobody's signal: the curve ends with the power.
  const filled = new Set(shells.map(({ index }) => index));
  const curve = correlation.map((value, r) => (r === 0 || filled.has(r) ? value : 0));
  const fall = findFall(frequency, curve, FSC_THRESHOLD);
  if (fall.kind === 'falls') return { end: 'falls', resolution: fall.resolution };
  if (fall.kind === 'stays above') return { end: 'nyquist', resolution: 2 * voxelSize };
  return none;
}

/** In the flank of the low-pass, or where it has left rounding errors only. */
function endsAtLowPass(resolution: number, lowPass: number, shells: readonly ShellEvidence[]): boolean {
  const last = shells.at(-1)?.frequency ?? 0;
  return (resolution > 0.75 * lowPass && resolution < 1.02 * lowPass) || resolution * last < 1.02;
}

function relationOf(
  shells: readonly ShellEvidence[],
  sign: -1 | 0 | 1,
  noise: NoiseCorrelation | undefined,
): Pick<HalfMapVerdict, 'relation' | 'noiseCorrelation' | 'scale' | 'filtered'> {
  const copies = copiesOf(shells, noise);
  if (copies !== undefined) return copies;
  if (sign < 0 && Math.min(...shells.map(({ correlation }) => correlation)) < -0.5)
    return { relation: 'opposite contrast' };
  return sharedNoiseOf(shells, noise) ?? { relation: 'independent' };
}

function copiesOf(
  shells: readonly ShellEvidence[],
  noise: NoiseCorrelation | undefined,
): Pick<HalfMapVerdict, 'relation' | 'noiseCorrelation' | 'scale' | 'filtered'> | undefined {
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

function sharedNoiseOf(
  shells: readonly ShellEvidence[],
  noise: NoiseCorrelation | undefined,
): Pick<HalfMapVerdict, 'relation' | 'noiseCorrelation'> | undefined {
  const part = Math.max(2, Math.floor(shells.length / 3));
  if (shells.length < 2 * part) return undefined;
  const [low, high] = [shells.slice(0, part), shells.slice(-part)];
  const measured = noise?.correlation;
  const mean = meanOfBoth(low, high, measured);
  if (mean !== undefined) return { relation: mean, noiseCorrelation: MEAN_CORRELATION };
  if (measured === undefined || measured < LEAST_SHARED) return undefined;
  // Noise that is shared at all frequencies lifts all shells; what is shared at some is a rise.
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

/** Mean of ln x over shells, by the numbers in them. */
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
  // Where the noise was measured, it has to be correlated as that of A and its mean with A' is.
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
 * which are measured outside the particle, and in every shell |B|^2 = k^2 (1 - 2w) |A|^2 + 2 w k cross, which gives k
 * once more.
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
  return spread === 0 ? 0 : (slope / spread) * (shells.at(-1)!.frequency - shells[0].frequency);
}

/** The strongest run of shells above 0.143 after the first fall, if it is no fluctuation. */
function findRise(shells: readonly ShellEvidence[], inflation: number): HalfMapVerdict['rise'] {
  const fallen = firstFallenShell(
    shells.map(({ correlation }) => correlation),
    FSC_THRESHOLD,
  );
  if (fallen === undefined) return undefined;
  const shortest = Math.max(2, Math.ceil(0.02 * shells.length));
  const runs = runsBeyond(shells.slice(fallen), FSC_THRESHOLD, 1).filter(
    (run) =>
      run.length >= shortest &&
      weightedMean(run) >= LEAST_RISE &&
      isSignificant(run, FSC_THRESHOLD, inflation),
  );
  const highest = runs
    .flat()
    .reduce<ShellEvidence | undefined>(
      (most, shell) => (most === undefined || shell.correlation > most.correlation ? shell : most),
      undefined,
    );
  return highest === undefined
    ? undefined
    : { correlation: highest.correlation, resolution: 1 / highest.frequency };
}
