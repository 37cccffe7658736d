/** The types of the pipeline by one name; each stands with what it belongs to. */
export type { MapImage } from '../formats/map-image.ts';
export type { LocScaleContext, LocScaleEvents, StepName } from './context.ts';
export type { FeatureEnhanceJob, FeatureEnhanceResult } from './feature-enhance.ts';
export type { FscCurve } from './half-maps.ts';
export type { LocScaleJob } from './job.ts';
export type { MapInput, MapSource } from './map-input.ts';
export type { MaskOrigin } from './mask.ts';
export type { MapMatch, MatchedAs } from './match-grids.ts';
export type { LocScaleNumbers } from './numbers.ts';
export type { LocScaleParameters, PseudoAtomSettings, SchemeName, SoftSettings } from './parameters.ts';
export type { LocScalePlan, PlannedLocalResolution } from './plan.ts';
export type { PostprocessNumbers } from './postprocess.ts';
export type { ReferenceChoice } from './references/choice.ts';
export type { ModelUsed, Prediction } from './references/source.ts';
export type { FscInMask } from './run-fsc.ts';
export type { LocScaleResult } from './run-locscale.ts';
export type { BandAmplitudes, ComparisonResult, GlobalResult, SoftResult } from './schemes/scheme.ts';
