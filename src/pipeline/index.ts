/**
 * What other folders use of the pipeline. The method itself, in order, is in run-locscale.ts: start reading
 * there.
 */

export { planFeatureEnhance, runFeatureEnhance } from './feature-enhance.ts';
export {
  defaultLocalResolution,
  type LocalResolutionMaps,
  type LocalResolutionNumbers,
  type LocalResolutionResult,
  type LocalResolutionSettings,
  runLocalResolution,
} from './local-resolution.ts';
export { completeParameters, defaultParameters } from './parameters.ts';
export {
  type FscResult,
  type MaskResult,
  type OneMapJob,
  runFindSymmetry,
  runFsc,
  runMask,
  runSymmetrise,
  type SymmetriseResult,
} from './parts.ts';
export { type PredictionJob, type PredictionResult, runPrediction } from './predict.ts';
export { planLocScale, runLocScale } from './run-locscale.ts';
export type * from './types.ts';
export { imageOf } from './write.ts';
