/**
 * Judges two half maps by FSC curve and power: where the FSC ends and why, and whether their noise is
 * independent (half-map-relation.ts).
 */
import {
  type FourierShellCorrelation,
  FSC_THRESHOLD,
  type FscFall,
  findFall,
  firstFallenShell,
} from '../fourier/fsc.ts';
import { type HalfMapRelation, relationOf } from './half-map-relation.ts';
import {
  type HalfMapSpectra,
  isSignificant,
  noiseInflation,
  runsBeyond,
  type ShellEvidence,
  shellsOf,
  weightedMean,
} from './half-map-shells.ts';
import { findLowPass } from './input-checks.ts';
import type { NoiseCorrelation } from './noise-correlation.ts';

export interface HalfMapVerdict extends HalfMapRelation {
  /**
   * `falls`: below 0.143. `nyquist`: it stays above to the limit of the grid. `no signal`: the half maps have
   * nothing in common at any resolution.
   */
  readonly end: 'falls' | 'nyquist' | 'no signal';
  /** A: where it falls, or Nyquist; undefined without common signal. */
  readonly resolution: number | undefined;
  /** Resolution at which both were low-passed, A. */
  readonly lowPass?: number;
  /** The fall is in the transition band of that filter: the filter ends the FSC, not the noise. */
  readonly endsAtLowPass?: boolean;
  /** The curve rises above 0.143 again after its fall: its highest value and that value's resolution, A. */
  readonly rise?: { readonly correlation: number; readonly resolution: number };
  /** The curve is negative after its fall: the lowest run's mean and its resolution, A. */
  readonly negative?: { readonly correlation: number; readonly resolution: number };
  /** More of the box is empty than a sphere leaves. */
  readonly masked?: boolean;
}

/** A rise below this mean FSC is of no consequence. */
const LEAST_RISE = 0.2;

/** Half maps shifted against each other by s have sinc(2 f s) in their FSC, -0.22 at the lowest. */
const LEAST_NEGATIVE = 0.05;

/**
 * Whether the correlation of the noise must be measured, the only means of separating signal from shared
 * noise.
 */
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
  const relation = relationOf(shells, sign, noise, spectra.cross.length);
  const rise = sign > 0 ? findRise(shells, inflation) : undefined;
  const negative = sign > 0 ? findNegative(shells, inflation) : undefined;
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
    ...(negative === undefined || relation.relation !== 'independent' ? {} : { negative }),
  };
}

function meanPowerOf({ cross, powerA, powerB, counts }: HalfMapSpectra): Float64Array {
  return Float64Array.from(
    { length: cross.length },
    (_, r) => (powerA[r] + powerB[r] + 2 * cross[r]) / 4 / Math.max(1, counts[r]),
  );
}

/** 1: the half maps have signal in common; -1: with opposite contrast; 0: none. */
function signOfSignal(shells: readonly ShellEvidence[], inflation: number): -1 | 0 | 1 {
  const isSignal = (run: readonly ShellEvidence[]): boolean =>
    run.some((_, i) => isSignificant(run.slice(0, i + 1), 0, inflation));
  if (runsBeyond(shells, FSC_THRESHOLD, 1).some(isSignal)) return 1;
  if (runsBeyond(shells, FSC_THRESHOLD, -1).some(isSignal)) return -1;
  return 0;
}

function endOf(
  curve: FourierShellCorrelation,
  shells: readonly ShellEvidence[],
  voxelSize: number,
  sign: -1 | 0 | 1,
): Pick<HalfMapVerdict, 'end' | 'resolution'> {
  const none = { end: 'no signal', resolution: undefined } as const;
  if (sign <= 0) return none;
  const fall = fallWithin(shells, curve, FSC_THRESHOLD);
  if (fall.kind === 'falls') return { end: 'falls', resolution: fall.resolution };
  if (fall.kind === 'stays above') return { end: 'nyquist', resolution: 2 * voxelSize };
  return none;
}

/** Correlation of rounding errors is not signal: the curve ends with the power. */
function fallWithin(
  shells: readonly ShellEvidence[],
  { frequency, correlation }: FourierShellCorrelation,
  threshold: number,
): FscFall {
  const filled = new Set(shells.map(({ index }) => index));
  const curve = correlation.map((value, r) => (r === 0 || filled.has(r) ? value : 0));
  return findFall(frequency, curve, threshold);
}

/**
 * First fall below 0.5 (A) of half maps with this verdict; undefined for noise, where a fall has no meaning.
 */
export function halfFall(
  curve: FourierShellCorrelation,
  spectra: HalfMapSpectra,
  { end }: HalfMapVerdict,
): number | undefined {
  if (end === 'no signal') return undefined;
  const fall = fallWithin(shellsOf(curve, spectra), curve, 0.5);
  return fall.kind === 'falls' ? fall.resolution : undefined;
}

/** In the filter's transition band, or where it has left rounding errors only. */
function endsAtLowPass(resolution: number, lowPass: number, shells: readonly ShellEvidence[]): boolean {
  const last = shells.at(-1)?.frequency ?? 0;
  return (resolution > 0.75 * lowPass && resolution < 1.02 * lowPass) || resolution * last < 1.02;
}

/** The strongest run of shells above 0.143 after the first fall, if significant. */
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

/** The most negative run of shells after the first fall, if significant. */
function findNegative(shells: readonly ShellEvidence[], inflation: number): HalfMapVerdict['negative'] {
  const fallen = firstFallenShell(
    shells.map(({ correlation }) => correlation),
    FSC_THRESHOLD,
  );
  if (fallen === undefined) return undefined;
  const [lowest] = runsBeyond(shells.slice(fallen), 0, -1)
    .filter((run) => weightedMean(run) <= -LEAST_NEGATIVE && isSignificant(run, 0, inflation))
    .sort((a, b) => weightedMean(a) - weightedMean(b));
  return (
    lowest && {
      correlation: weightedMean(lowest),
      resolution: 1 / (lowest[Math.floor(lowest.length / 2)] as ShellEvidence).frequency,
    }
  );
}
