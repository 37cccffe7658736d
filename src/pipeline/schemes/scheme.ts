/**
 * How the map is scaled once its reference is known: in LocScale's windows, in soft frequency bands, or all
 * at once. A scheme is planned before the first expensive step, and run later. One file of this folder a
 * scheme, one row in index.ts.
 */
import type { LocalScalingResult, Volume } from '../../engine/engine.ts';
import type { Grid } from '../../math/grid.ts';
import type { BandSummary } from '../../math/soft-scaling/targets.ts';
import type { ResolvedMap } from '../fsc.ts';
import type { LocScaleParameters, SchemeName } from '../parameters.ts';
import type { ProfilesAudit } from '../profiles-audit.ts';
import type { ReferenceSource } from '../references/source.ts';
import type { Run } from '../run.ts';
import type { FitRange, RuleInputs } from '../scaling-rule.ts';

export interface ScalingScheme {
  /**
   * The mode of a run, for the log, the plan and the record; `reference`: what its reference calls itself.
   */
  describe(reference: string): string;
  /** The half maps live until the map is scaled. */
  usesHalfMaps(parameters: LocScaleParameters): boolean;
  /** The FDR mask is that of the map low-passed at 5 A by default, as in runs of a network. */
  readonly smoothsMask: boolean;
  /** Of a single map that is masked already the non-zero region is the mask, in the place of the FDR mask. */
  readonly trustsZeros: boolean;
  /** The parameters as the steps before the scaling see them; refuses those that contradict the scheme. */
  parametersFor(parameters: LocScaleParameters): LocScaleParameters;
  plan(inputs: SchemeInputs, run: Run): Promise<PlannedScaling>;
}

/** What is known of a scaling before the reference exists. */
export interface SchemeInputs extends RuleInputs {
  readonly source: ReferenceSource;
  readonly grid: Grid;
  readonly resolved: ResolvedMap;
  /** 1 where the map is scaled. */
  readonly mask: Volume;
  /** The user's, not made from the map. */
  readonly maskGiven: boolean;
}

export interface PlannedScaling {
  /** Memory of the engine beside the maps, bytes. */
  readonly workingBytes: number;
  /** What of it threads take; default all. */
  readonly threadBytes?: number;
  /** Bytes of the results, and what is taken beside them to check them. */
  readonly resultBytes: number;
  /** Of the results that are made while the working memory is held; default all. */
  readonly madeBytes?: number;
  readonly checkBytes?: number;
  /** Expected time, seconds, with all processes of the team. */
  readonly seconds: number;
  /** The half maps live until then. */
  readonly usesHalfMaps: boolean;
  /** It reads its maps once, at its beginning: what no later step needs is released then (`spent`). */
  readonly readsMapsOnce?: boolean;
  /** Where B factors are measured, if anywhere. */
  readonly fitRange?: FitRange;
  /** Of Gaussian windows, A: standard deviation. LocScale's windows are cubes. */
  readonly windowSigma?: number;
  /** The step. */
  run(maps: MapsToScale): Promise<ScaledMaps>;
}

export interface MapsToScale {
  readonly map: Volume;
  readonly reference?: Volume;
  readonly differenceMask?: Volume;
  /** What is needed by no later step, nor by the result: released as soon as it has been read. */
  readonly spent?: readonly Volume[];
}

/** Volumes are held by the run. */
export interface ScaledMaps extends LocalScalingResult {
  /** Radial profiles of some windows; `scaled` is the final map. Soft bands have none. */
  audit?(scaled: Volume, seed: number): Promise<ProfilesAudit>;
  readonly soft?: SoftResult;
  readonly global?: GlobalResult;
  /** A: where the result of LocScale's windows was faded. */
  readonly fadeResolution?: number;
}

/** What only soft scaling gives. Volumes with `measureBFactors`. */
export interface SoftResult {
  /** Standard deviation of its Gaussian windows, A. */
  readonly windowSigma: number;
  /** What the bands of the whole map hold, and which amplitudes they were given. */
  readonly bands: readonly BandSummary[];
  /** A: where the result was faded. */
  readonly fadeResolution?: number;
  /** Where the half maps stop agreeing, A. */
  readonly resolution?: Volume;
  /** RMS density of the signal. */
  readonly signal?: Volume;
}

/** What only global sharpening gives. */
export interface GlobalResult {
  /** Added to the map, A^2: minus the B factor of its fall-off. */
  readonly bFactor: number;
  /** A: the result ends there. That of the half maps within the mask, unless the user gave one. */
  readonly resolution: number;
  /**
   * Share of the variance of the Guinier plot that the line explains; absent where no line could be fitted.
   */
  readonly quality?: number;
}

/** The same map scaled another way. */
export interface ComparisonResult {
  readonly scheme: SchemeName;
  readonly scaled: Volume;
  readonly soft?: SoftResult;
  readonly global?: GlobalResult;
  /** What each way made of the amplitudes of the molecule. */
  readonly amplitudes: BandAmplitudes;
}

/** RMS amplitudes of soft bands within the mask, relative to those about 0.1 1/A. */
export interface BandAmplitudes {
  /** Centres of the bands, 1/A. */
  readonly frequency: readonly number[];
  /** Those of the reference, or of the profile. */
  readonly wanted: readonly number[];
  /** Of the main result, and of the other one. */
  readonly reached: readonly number[];
  readonly also: readonly number[];
}
