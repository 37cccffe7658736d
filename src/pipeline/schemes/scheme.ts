/**
 * How the map is scaled once its reference is known: LocScale's windows today. A scheme is planned before the
 * first expensive step, and run later. One file of this folder a scheme, one row in index.ts.
 */
import type { LocalScalingResult, Volume } from '../../engine/engine.ts';
import type { ProfilesAudit } from '../profiles-audit.ts';
import type { ReferenceSource } from '../references/source.ts';
import type { Run } from '../run.ts';
import type { FitRange, RuleInputs } from '../scaling-rule.ts';

export interface ScalingScheme {
  plan(inputs: SchemeInputs, run: Run): Promise<PlannedScaling>;
}

/** What is known of a scaling before the reference exists. */
export interface SchemeInputs extends RuleInputs {
  readonly source: ReferenceSource;
  /** 1 where the map is scaled. */
  readonly mask: Volume;
}

export interface PlannedScaling {
  /** Memory of the engine beside the maps, bytes. */
  readonly workingBytes: number;
  /** Bytes of the results. */
  readonly resultBytes: number;
  /** Expected time on one engine. */
  readonly seconds: number;
  /** Where B factors are measured, if anywhere. */
  readonly fitRange?: FitRange;
  /** The step. */
  run(maps: MapsToScale): Promise<ScaledMaps>;
}

export interface MapsToScale {
  readonly map: Volume;
  readonly reference?: Volume;
  readonly differenceMask?: Volume;
}

/** Volumes are held by the run. */
export interface ScaledMaps extends LocalScalingResult {
  /** Radial profiles of some voxels; `scaled` is the final map. */
  audit(scaled: Volume, seed: number): Promise<ProfilesAudit>;
}
