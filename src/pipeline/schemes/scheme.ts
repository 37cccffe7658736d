/**
 * Interface of a scaling scheme: LocScale's windows, soft frequency bands, or one global B factor. A scheme
 * is planned before the first expensive step, and run later. Each has a file in this folder and a row in
 * index.ts.
 */
import type { Volume } from '../../engine/engine.ts';
import type { Grid } from '../../math/grid.ts';
import type { BandSummary } from '../../math/soft-scaling/targets.ts';
import type { ResolvedMap } from '../fsc.ts';
import type { LocScaleParameters, SchemeName } from '../parameters.ts';
import type { ProfilesAudit } from '../profiles-audit.ts';
import type { ReferenceSource } from '../references/source.ts';
import type { Run } from '../run.ts';
import type { RoundsResult, ScaledBy } from '../scaling-rounds.ts';
import type { FitRange, RuleInputs } from '../scaling-rule.ts';

/** A way to scale a map. */
export interface ScalingScheme {
  /** The mode of a run, for log, plan and record; `reference`: description of the reference. */
  describe(reference: string): string;
  /** Whether the half maps live until the map is scaled. */
  usesHalfMaps(parameters: LocScaleParameters): boolean;
  /** Whether the FDR mask is made from the map low-passed at 5 A by default, as in runs with a network. */
  readonly smoothsMask: boolean;
  /** Whether the non-zero region of a single map that is already masked replaces the FDR mask. */
  readonly trustsZeros: boolean;
  /** The parameters for the steps before the scaling; rejects those that contradict the scheme. */
  parametersFor(parameters: LocScaleParameters): LocScaleParameters;
  plan(inputs: SchemeInputs, run: Run): Promise<PlannedScaling>;
}

/** Inputs of a scaling known before the reference exists. */
export interface SchemeInputs extends RuleInputs {
  readonly source: ReferenceSource;
  readonly grid: Grid;
  readonly resolved: ResolvedMap;
  /** 1 where the map is scaled. */
  readonly mask: Volume;
  /** Whether the mask is the user's, not made from the map. */
  readonly maskGiven: boolean;
}

/** A scaling whose cost is known. */
export interface PlannedScaling {
  /** Working memory of the engine, bytes. */
  readonly workingBytes: number;
  /** Its part in threads; default all. */
  readonly threadBytes?: number;
  /** Bytes of the results, including temporaries of their checks. */
  readonly resultBytes: number;
  /** Bytes of the results made while the working memory is held; default all. */
  readonly madeBytes?: number;
  readonly checkBytes?: number;
  /** Expected time, seconds, with all processes of the team. */
  readonly seconds: number;
  /** Whether the half maps live until then. */
  readonly usesHalfMaps: boolean;
  /** Whether it reads its maps once, at its start, so that those not needed later are released (`spent`). */
  readonly readsMapsOnce?: boolean;
  /** Range of the B-factor fit, if any. */
  readonly fitRange?: FitRange;
  /** Standard deviation of Gaussian windows, A; undefined for LocScale's cubes. */
  readonly windowSigma?: number;
  /** Of the engine's job: it will run, and may be made ready meanwhile. */
  prepare?(): void;
  /** The step. */
  run(maps: MapsToScale): Promise<ScaledMaps>;
}

/** The maps when scaling starts; all on the engine, (z, y, x). */
export interface MapsToScale {
  readonly map: Volume;
  readonly reference?: Volume;
  readonly differenceMask?: Volume;
  /** Volumes needed neither later nor in the result: released as soon as they have been read. */
  readonly spent?: readonly Volume[];
}

/** The run owns the volumes. */
export interface ScaledMaps extends RoundsResult {
  /** Radial profiles of some windows, not for soft bands; `scaled` is the final map. */
  audit?(scaled: Volume, seed: number): Promise<ProfilesAudit>;
  readonly soft?: SoftResult;
  readonly global?: GlobalResult;
  /** Resolution of the final low-pass of LocScale's scheme, A. */
  readonly fadeResolution?: number;
}

/** Results of soft scaling only. Volumes with `measureBFactors`. */
export interface SoftResult {
  /** Standard deviation of its Gaussian windows, A. */
  readonly windowSigma: number;
  /** Power of the whole map per band, and the resulting amplitudes. */
  readonly bands: readonly BandSummary[];
  /** A: where the result was faded. */
  readonly fadeResolution?: number;
  /** Resolution at which the half maps stop agreeing, A. */
  readonly resolution?: Volume;
  /** RMS density of the signal. */
  readonly signal?: Volume;
}

/** Results of global sharpening only. */
export interface GlobalResult {
  /** Added B factor, A^2: minus that of the map's decay. */
  readonly bFactor: number;
  /** Resolution of the result, A: the half maps' within the mask, unless the user gave one. */
  readonly resolution: number;
  /** R^2 of the Guinier fit; undefined if no line could be fitted. */
  readonly quality?: number;
}

/** The same map scaled another way. */
export interface ComparisonResult {
  readonly scheme: SchemeName;
  readonly scaled: Volume;
  readonly soft?: SoftResult;
  readonly global?: GlobalResult;
  readonly scaledBy?: readonly ScaledBy[];
  /** Amplitudes of the molecule after each way of scaling. */
  readonly amplitudes: BandAmplitudes;
}

/** RMS amplitudes of soft bands within the mask, relative to those about 0.1 1/A. */
export interface BandAmplitudes {
  /** Centres of the bands, 1/A. */
  readonly frequency: readonly number[];
  /** Amplitudes of the reference or of the profile. */
  readonly wanted: readonly number[];
  /** Amplitudes of the main result and of the second one. */
  readonly reached: readonly number[];
  readonly also: readonly number[];
}
