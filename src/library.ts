/** Exports of the library common to Node and Deno (index.ts) and browsers (browser.ts). */
export type {
  BandScalingEstimate,
  BandScalingJob,
  BandScalingMaps,
  BandScalingResult,
  BandScalingRun,
  BandScalingSettings,
  Engine,
  LocalBandMaps,
  LocalScalingEstimate,
  LocalScalingJob,
  LocalScalingResult,
  OpenedBandScaling,
  ScaledBand,
  ShellSpectra,
  Volume,
  VolumeStatistics,
} from './engine/engine.ts';
export { bandScaling } from './engine/jobs.ts';
export { type ErrorDetails, type ErrorTag, isLocScaleError, LocScaleError } from './errors.ts';
export { type MrcReadOptions, type MrcWriteOptions, readMrc, writeMrc } from './formats/mrc.ts';
export { createMrcHeader, type MrcHeader } from './formats/mrc-header.ts';
export { type Deviation, type ValidationReport, validateMrc } from './formats/mrc-validate.ts';
export type { Structure } from './formats/structure.ts';
export { writeMmcif } from './formats/write-mmcif.ts';
export type { MaskedFsc } from './math/fourier/masked-fsc.ts';
export type { Grid, Shape } from './math/grid.ts';
export type { GridMatch } from './math/grids/match-grid.ts';
export type { BoxSettings } from './math/grids/new-box.ts';
export type { GuinierFit } from './math/scaling/guinier.ts';
export { type AmplitudeProfile, decayProfile, proteinProfile } from './math/soft-scaling/profile.ts';
export type { BandSummary, SoftTarget } from './math/soft-scaling/targets.ts';
export type { NetworkManifest, ReferencePredictor } from './network/graph/model.ts';
export {
  type AssessJob,
  type AssessPlan,
  type AssessResult,
  type AssessSettings,
  completeParameters,
  createScaledWindows,
  defaultLocalResolution,
  defaultParameters,
  type FscInMask,
  type FscOptions,
  type FscResult,
  imageOf,
  type LocalResolutionMaps,
  type LocalResolutionNumbers,
  type LocalResolutionResult,
  type LocalResolutionSettings,
  type MaskResult,
  type MaskSettings,
  type MaskSource,
  measureLocalCorrelation,
  type PostprocessJob,
  type PostprocessNumbers,
  type PostprocessResult,
  type PostprocessSettings,
  type PredictionJob,
  type PredictionResult,
  planAssess,
  planFeatureEnhance,
  planLocScale,
  planResample,
  type ResampleJob,
  type ResamplePlan,
  type ResampleResult,
  type ResampleSettings,
  runAssess,
  runFeatureEnhance,
  runFsc,
  runLocalResolution,
  runLocScale,
  runMask,
  runPostprocess,
  runPrediction,
  runResample,
  type ScaledWindows,
} from './pipeline/index.ts';
export {
  type GlobalSharpening,
  type MapModelFsc,
  mapModelCorrelation,
  mapModelFsc,
  measureMaskedFsc,
  measureQScores,
  type ShellAmplitudes,
  sharpenGlobally,
  softenMask,
} from './pipeline/map-measures.ts';
export type { FileDigest, MapReadOptions } from './pipeline/read-files.ts';
export type {
  AssessedAtom,
  AssessedChain,
  AssessedMap,
  AssessedResidue,
  Assessment,
  BandAmplitudes,
  ComparisonResult,
  FeatureEnhanceJob,
  FeatureEnhanceResult,
  FscCurve,
  GlobalResult,
  LocScaleContext,
  LocScaleEvents,
  LocScaleJob,
  LocScaleNumbers,
  LocScaleParameters,
  LocScalePlan,
  LocScaleResult,
  MapImage,
  MapInput,
  MapMatch,
  MapSource,
  MaskOperations,
  MaskOrigin,
  MaskShape,
  MaskShaping,
  MatchRole,
  Prediction,
  PseudoAtomSettings,
  ReferenceChoice,
  ReferenceModel,
  ScaledBy,
  SchemeName,
  SoftResult,
  SoftSettings,
  StepName,
  UnexplainedBlob,
  UnexplainedDensity,
} from './pipeline/types.ts';
export { type EngineChoice, type SelectedEngine, selectEngine } from './select-engine.ts';
