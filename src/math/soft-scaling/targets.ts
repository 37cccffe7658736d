/**
 * The target power T of each band, and the gain that gives it to the map (docs/method.md, soft scaling). With
 * S, P, R the power of the signal, the map and the reference in the window around a voxel,
 *
 *   gain = sqrt(T S) / P
 *   reference       T = R
 *   profile         T = S in bands 0 and 1, whose contrast stays as measured; above them, with the level
 *                   L = S_1 + S_2 of the voxel, T = (U_i L / U_L)^q (E_i S)^(1 - q), E_i = U_i L_all / (U_L
 *                   S_all)
 *   geometric mean  T = sqrt(T_reference T_profile)
 *   hybrid          T = m T_profile + (1 - m) c T_reference, m the share of the window inside the difference
 *                   mask, c = L_all of the map over L_all of the reference: both in the unit of the map
 *
 * U: power of the profile in the band; U_L = U_1 + U_2; "all": means over the mask, or over the box where the
 * mask is empty; q: the locality, 0 = one curve of gains for the whole map, 1 = the same decay everywhere.
 * T_profile is 0 where S_all or P_all of the band is not above 0, and above band 1 where L_all is not, or
 * S_all is that of noise.
 */
import { voxelCount } from '../grid.ts';
import { type BandPlan, independentTerms, REFERENCE_SIGMA, WINDOW_SIGMA } from './bands.ts';
import { type AmplitudeProfile, profilePowers } from './profile.ts';

/** Half of the local differences in decay stay. */
export const DEFAULT_LOCALITY = 0.5;
/** Bands whose signal gives the level; up to the second of them the profile requires no change. */
export const LEVEL_BANDS = [1, 2] as const;
/**
 * A band holds signal if the mean cross power exceeds this many standard deviations of its mean over noise,
 * P_all / sqrt(terms).
 */
const SIGNIFICANCE = 3;
/** Power of the map, in units of its mean over the box, below which it is rounding error. */
const POWER_FLOOR = 1e-8;
/** Upper limit of T_profile / S, squared twice: beyond it S is rounding error. */
const LARGEST_RATIO = 1e30;

export type TargetKind = 'reference' | 'profile' | 'geometric-mean' | 'hybrid';

/** Target of a band's local power: a reference, a profile, or one of two combinations. */
export type SoftTarget =
  | { readonly kind: 'reference' }
  | {
      readonly kind: Exclude<TargetKind, 'reference'>;
      readonly profile: AmplitudeProfile;
      /** q, from 0 to 1. Default 0.5: half of the local differences in decay stay. */
      readonly locality?: number;
    };

/** What of a job decides how gains are found. */
export interface GainDefinition {
  readonly target: SoftTarget;
  /** A. */
  readonly windowSigma?: number;
  readonly unrefined?: boolean;
}

/** Whether gains are measured once more in the band that they have scaled. */
export function refinesGains({ target, unrefined }: GainDefinition): boolean {
  return target.kind === 'reference' && unrefined !== true;
}

/** Standard deviation of the window, A. */
export function windowSigmaOf(job: GainDefinition): number {
  return job.windowSigma ?? (refinesGains(job) ? REFERENCE_SIGMA : WINDOW_SIGMA);
}

export function usesReference({ kind }: SoftTarget): boolean {
  return kind !== 'profile';
}

export function usesProfile({ kind }: SoftTarget): boolean {
  return kind !== 'reference';
}

/** Sums of squares of the voxels of a band, of a normalised map. */
export interface BandSums {
  /** Over the mask, or over the box where there is none. */
  readonly inside: number;
  /** Over the box. */
  readonly all: number;
}

/** Of the gains of one band, in squares of the normalised map: sums over blocks. */
export interface AmplitudeSums {
  /** T. */
  readonly wanted: number;
  /** P times the square of the gain. */
  readonly reached: number;
}

/** One band of the whole map. */
export interface BandSummary {
  /** Centre, 1/A. */
  readonly frequency: number;
  /**
   * Mean cross power of the half maps (of a single map its power) over the mask or the box, in its squared
   * unit.
   */
  readonly signal: number;
  /** Power of their mean. */
  readonly power: number;
  /** False where the band adds nothing to the result. */
  readonly used: boolean;
  /** RMS amplitudes over the box, in the unit of the result: the target, and after noise weighting. */
  readonly wantedAmplitude: number;
  readonly reachedAmplitude: number;
}

/** Scaling of the windows of one band, as required by the engines' loops. */
export interface GainRule {
  /** False: all gains are 0, and S only counts for the level. */
  readonly contributes: boolean;
  readonly target: TargetKind;
  /** E; 1 where T_profile = S, 0 where it is 0. */
  readonly evenly: number;
  /** U_i / U_L and q; 0 where T_profile = S. */
  readonly levelFactor: number;
  readonly locality: number;
  /** c. */
  readonly referenceFactor: number;
  /** Least P, in sums over blocks. */
  readonly floor: number;
  /** Whether S is added to the level. */
  readonly addsToLevel: boolean;
}

export interface BandStep {
  readonly rule: GainRule;
  /** The band's numbers, once the sums of its gains are known. */
  summarise(gains: AmplitudeSums): BandSummary;
}

/** Scales of inputs.ts. */
export interface PlanScales {
  readonly powerScale: number;
  readonly outputScale: number;
}

/** Creates the rules of the bands; the level bands come before those above them. */
export class TargetPlan {
  /** Whether a level per block is required. */
  readonly needsLevel: boolean;
  private readonly plan: BandPlan;
  private readonly target: SoftTarget;
  private readonly insideVoxels: number;
  private readonly scales: PlanScales;
  private readonly powers: Float64Array;
  private readonly levels = new Map<number, number>();
  private referenceFactor = 1;

  /** `insideVoxels`: those of the mask, or of the box. */
  constructor(plan: BandPlan, target: SoftTarget, insideVoxels: number, scales: PlanScales) {
    this.plan = plan;
    this.target = target;
    this.insideVoxels = insideVoxels;
    this.scales = scales;
    this.needsLevel = usesProfile(target);
    this.powers = 'profile' in target ? profilePowers(target.profile, plan) : new Float64Array(plan.count);
  }

  /** Bands whose signal `band` needs and that have not been measured. */
  missingLevels(band: number): number[] {
    if (!this.needsLevel || band < LEVEL_BANDS[1]) return [];
    return LEVEL_BANDS.filter((i) => i < band && !this.levels.has(i));
  }

  /** Hybrid: c, from sums over the level bands of the signal and of the reference. */
  matchReference(signal: number, reference: number): void {
    const factor = signal / reference;
    this.referenceFactor = signal > 0 && reference > 0 && Number.isFinite(factor) ? factor : 0;
  }

  /** `mean`: of the half maps (or the single map); `difference`: of half their difference. */
  next(band: number, mean: BandSums, difference: BandSums = { inside: 0, all: 0 }): BandStep {
    const signal = mean.inside - difference.inside;
    const rule = this.ruleOf(band, signal, mean);
    const unit = 1 / (this.insideVoxels * this.scales.powerScale);
    const rms = (sum: number): number =>
      this.scales.outputScale * Math.sqrt(Math.max(sum, 0) / voxelCount(this.plan.shape));
    return {
      rule,
      summarise: ({ wanted, reached }) => ({
        frequency: band * this.plan.spacing,
        signal: signal * unit,
        power: mean.inside * unit,
        used: rule.contributes,
        wantedAmplitude: rms(wanted),
        reachedAmplitude: rms(reached),
      }),
    };
  }

  private ruleOf(band: number, signal: number, { inside: power, all }: BandSums): GainRule {
    const { kind } = this.target;
    const isLevel = this.needsLevel && LEVEL_BANDS.some((i) => i === band) && !this.levels.has(band);
    if (isLevel) this.levels.set(band, all > 0 ? signal : 0);
    const asMeasured: GainRule = {
      contributes: all > 0,
      target: kind,
      evenly: 1,
      levelFactor: 0,
      locality: 0,
      referenceFactor: this.referenceFactor,
      floor: (POWER_FLOOR * all) / voxelCount(this.plan.windows.blocks),
      addsToLevel: isLevel && all > 0,
    };
    if (!('profile' in this.target)) return asMeasured;
    // Outside the difference mask the reference still applies.
    const empty: GainRule =
      kind === 'hybrid' ? { ...asMeasured, evenly: 0 } : { ...asMeasured, contributes: false };
    const holdsPower = signal > 0 && power > 0;
    if (band < LEVEL_BANDS[1]) return holdsPower ? asMeasured : empty;
    const least = (SIGNIFICANCE * power) / Math.sqrt(independentTerms(this.plan, band, this.insideVoxels));
    const level = LEVEL_BANDS.reduce((sum, i) => sum + (this.levels.get(i) ?? 0), 0);
    if (!(holdsPower && signal >= least && level > 0)) return empty;
    const levelFactor = this.powers[band] / (this.powers[LEVEL_BANDS[0]] + this.powers[LEVEL_BANDS[1]]);
    const evenly = Math.min((levelFactor * level) / signal, LARGEST_RATIO);
    const { locality = DEFAULT_LOCALITY } = this.target;
    // The profile is 0 in this band.
    return evenly > 0 ? { ...asMeasured, evenly, levelFactor, locality } : empty;
  }
}

/** x^(q / 2). */
export function levelRoot(locality: number): (x: number) => number {
  if (locality === 0) return () => 1;
  if (locality === 0.5) return (x) => Math.sqrt(Math.sqrt(x));
  if (locality === 1) return Math.sqrt;
  return (x) => x ** (locality / 2);
}

/** sqrt(T). */
export function targetAmplitude(
  rule: GainRule,
): (signal: number, reference: number, level: number, share: number) => number {
  const { contributes, target, evenly, levelFactor, referenceFactor } = rule;
  if (!contributes) return () => 0;
  const root = levelRoot(rule.locality);
  const evenRoot = Math.sqrt(evenly);
  const profile = (signal: number, level: number): number => {
    if (!(signal > 0 && evenly > 0)) return 0;
    const ratio = Math.min((levelFactor * level) / (evenly * signal), LARGEST_RATIO);
    return evenRoot * Math.sqrt(signal) * root(ratio);
  };
  switch (target) {
    case 'reference':
      return (_, reference) => Math.sqrt(Math.max(reference, 0));
    case 'profile':
      return (signal, _, level) => profile(signal, level);
    case 'geometric-mean':
      return (signal, reference, level) =>
        Math.sqrt(Math.sqrt(Math.max(reference, 0)) * profile(signal, level));
    case 'hybrid':
      return (signal, reference, level, share) =>
        Math.sqrt(
          share * profile(signal, level) ** 2 + (1 - share) * referenceFactor * Math.max(reference, 0),
        );
  }
}

/** Factor of sqrt(T): sqrt(S) / P. */
export function gainWeight(signal: number, power: number, floor: number): number {
  return signal > 0 ? Math.sqrt(signal) / Math.max(power, floor) : 0;
}

/** Power that scaled bands are limited to where their squares would leave float32. */
const MOST_ROOT = 1e18;

/** A power of the band times the square of a gain. */
export function rescaledPower(power: number, gain: number): number {
  return Math.min(gain * power, MOST_ROOT) * Math.min(gain, MOST_ROOT);
}

/**
 * What a gain is multiplied with, from the powers of the band that it has scaled: 1 where they are
 * sqrt(T S) = P. `floor`: least P, of the band as it was.
 */
export function gainCorrection(
  amplitude: number,
  signal: number,
  power: number,
  gain: number,
  floor: number,
): number {
  const least = Math.max(power, rescaledPower(floor, gain));
  return signal > 0 && least > 0 ? (amplitude * Math.sqrt(signal)) / least : 0;
}
