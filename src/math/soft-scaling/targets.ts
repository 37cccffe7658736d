/**
 * The target power T of each band, and the gain that gives it to the map (docs/method.md, soft scaling). With
 * S, P, R the power of the signal, the map and the reference in the window around a voxel,
 *
 *   gain = sqrt(T S) / P
 *   reference       T = R
 *   profile         T = S in bands 0 and 1, whose contrast stays as measured; above them, with the level
 *                   L = S_1 + S_2 of the voxel, T = (U_i L / U_L)^q (E_i S)^(1 - q), E_i = U_i L_all / (U_L S_all)
 *   geometric mean  T = sqrt(T_reference T_profile)
 *
 * U: power of the profile in the band; U_L = U_1 + U_2; "all": means over the mask, or over the box where the mask is
 * empty; q: the locality, 0 = one curve of gains for the whole map, 1 = the same decay everywhere.
 */
import { voxelCount } from '../grid.ts';
import { type BandPlan, independentTerms } from './bands.ts';
import { type AmplitudeProfile, profilePowers } from './profile.ts';

/** Half of the local differences in decay stay. */
export const DEFAULT_LOCALITY = 0.5;
/** Bands whose signal gives the level; below the second of them the profile asks for nothing. */
const LEVEL_BANDS = [1, 2] as const;
/**
 * A band holds signal where the mean of the cross power is above so many standard deviations of its mean over
 * noise: P_all / sqrt(terms) each.
 */
const SIGNIFICANCE = 3;
/** Power of the map, in units of its mean over the box, below which it is rounding. */
const POWER_FLOOR = 1e-8;
/** T_profile / S at most, squared twice: S is rounding there. */
const LARGEST_RATIO = 1e30;

/** A reference, a profile, or the geometric mean of both. */
export interface SoftTarget {
  readonly hasReference: boolean;
  readonly profile: AmplitudeProfile | undefined;
  /** q. */
  readonly locality: number;
}

/** Sums of squares of the voxels of a band, of a normalised map. */
export interface BandSums {
  /** Over the mask, or over the box where there is none. */
  readonly inside: number;
  /** Over the box. */
  readonly all: number;
}

/** One band of the whole map: means over the mask (or the box), in squares of the map's unit. */
export interface BandSummary {
  /** Centre, 1/A. */
  readonly frequency: number;
  /** Cross power of the half maps; of a single map its power. */
  readonly signal: number;
  /** Power of their mean. */
  readonly power: number;
  /** False where the band adds nothing to the result. */
  readonly used: boolean;
}

/** How the windows of one band are scaled; what the engines' loops need. */
export interface GainRule {
  /** False: all gains are 0, and S only counts for the level. */
  readonly contributes: boolean;
  readonly target: 'reference' | 'profile' | 'geometric-mean';
  /** E; 1 where T_profile = S. */
  readonly evenly: number;
  /** U_i / U_L and q; 0 where T_profile = S. */
  readonly levelFactor: number;
  readonly locality: number;
  /** Least P, in sums over blocks. */
  readonly floor: number;
  /** Whether S is added to the level. */
  readonly addsToLevel: boolean;
}

/** Follows the bands in ascending order. */
export class TargetPlan {
  /** Whether a level per block is required. */
  readonly needsLevel: boolean;
  private readonly plan: BandPlan;
  private readonly target: SoftTarget;
  private readonly insideVoxels: number;
  private readonly powerScale: number;
  private readonly powers: Float64Array;
  private level = 0;

  /** `insideVoxels`: those of the mask, or of the box; `powerScale`: of inputs.ts. */
  constructor(plan: BandPlan, target: SoftTarget, insideVoxels: number, powerScale: number) {
    this.plan = plan;
    this.target = target;
    this.insideVoxels = insideVoxels;
    this.powerScale = powerScale;
    this.needsLevel = target.profile !== undefined;
    this.powers = target.profile ? profilePowers(target.profile, plan) : new Float64Array(plan.count);
  }

  /** `mean`: of the half maps (or the single map); `difference`: of half their difference. */
  next(band: number, mean: BandSums, difference: BandSums = { inside: 0, all: 0 }): BandStep {
    const signal = mean.inside - difference.inside;
    const rule = this.ruleOf(band, signal, mean);
    const unit = 1 / (this.insideVoxels * this.powerScale);
    const summary: BandSummary = {
      frequency: band * this.plan.spacing,
      signal: signal * unit,
      power: mean.inside * unit,
      used: rule.contributes,
    };
    return { rule, summary };
  }

  private ruleOf(band: number, signal: number, { inside: power, all }: BandSums): GainRule {
    const { hasReference, locality } = this.target;
    const asMeasured: GainRule = {
      contributes: all > 0,
      target: this.needsLevel ? (hasReference ? 'geometric-mean' : 'profile') : 'reference',
      evenly: 1,
      levelFactor: 0,
      locality: 0,
      floor: (POWER_FLOOR * all) / voxelCount(this.plan.windows.blocks),
      addsToLevel: this.needsLevel && all > 0 && LEVEL_BANDS.some((i) => i === band),
    };
    if (!this.needsLevel) return asMeasured;
    if (asMeasured.addsToLevel) this.level += signal;
    if (band < LEVEL_BANDS[1]) return asMeasured;
    const least = (SIGNIFICANCE * power) / Math.sqrt(independentTerms(this.plan, band, this.insideVoxels));
    const holdsSignal = signal > 0 && power > 0 && signal >= least;
    if (!holdsSignal || !(this.level > 0)) return { ...asMeasured, contributes: false };
    const levelFactor = this.powers[band] / (this.powers[LEVEL_BANDS[0]] + this.powers[LEVEL_BANDS[1]]);
    return { ...asMeasured, evenly: (levelFactor * this.level) / signal, levelFactor, locality };
  }
}

export interface BandStep {
  readonly rule: GainRule;
  readonly summary: BandSummary;
}

/** x^(q / 2). */
export function levelRoot(locality: number): (x: number) => number {
  if (locality === 0) return () => 1;
  if (locality === 0.5) return (x) => Math.sqrt(Math.sqrt(x));
  if (locality === 1) return Math.sqrt;
  return (x) => x ** (locality / 2);
}

/** Gains from S, P, R and the level (with the band's own S, if it counts), of any scale common to all but R. */
export function gainFunction(
  rule: GainRule,
): (signal: number, power: number, reference: number, level: number) => number {
  const { contributes, target, evenly, levelFactor, floor } = rule;
  if (!contributes) return () => 0;
  const root = levelRoot(rule.locality);
  const evenRoot = Math.sqrt(evenly);
  return (signal, power, reference, level) => {
    if (!(signal > 0)) return 0;
    const s = Math.sqrt(signal);
    const r = Math.sqrt(Math.max(reference, 0));
    const weight = s / Math.max(power, floor);
    if (target === 'reference') return r * weight;
    const ratio = Math.min((levelFactor * level) / (evenly * signal), LARGEST_RATIO);
    const t = evenRoot * s * root(ratio);
    return (target === 'profile' ? t : Math.sqrt(r * t)) * weight;
  };
}
