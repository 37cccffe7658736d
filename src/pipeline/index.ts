/** Exports of the pipeline. Start reading at run-locscale.ts, which has the method in order. */

export { type AssessResult, runAssess } from './assess.ts';
export { planFeatureEnhance, runFeatureEnhance } from './feature-enhance.ts';
export { measureLocalCorrelation } from './local-correlation.ts';
export {
  defaultLocalResolution,
  type LocalResolutionMaps,
  type LocalResolutionNumbers,
  type LocalResolutionResult,
  type LocalResolutionSettings,
  runLocalResolution,
} from './local-resolution.ts';
export { type MaskResult, type MaskSettings, type MaskSource, runMask } from './make-mask.ts';
export { completeParameters, defaultParameters } from './parameters.ts';
export {
  type OneMapJob,
  runFindSymmetry,
  runSymmetrise,
  type SymmetriseResult,
} from './parts.ts';
export { type AssessJob, type AssessPlan, type AssessSettings, planAssess } from './plan-assess.ts';
export {
  type PostprocessJob,
  type PostprocessNumbers,
  type PostprocessResult,
  type PostprocessSettings,
  runPostprocess,
} from './postprocess.ts';
export { type PredictionJob, type PredictionResult, runPrediction } from './predict.ts';
export {
  planResample,
  type ResampleJob,
  type ResamplePlan,
  type ResampleResult,
  type ResampleSettings,
  runResample,
} from './resample.ts';
export { type FscInMask, type FscOptions, type FscResult, runFsc } from './run-fsc.ts';
export { planLocScale, runLocScale } from './run-locscale.ts';
export { createScaledWindows, type ScaledWindows } from './scaled-windows.ts';
export type * from './types.ts';
export { imageOf } from './write.ts';
