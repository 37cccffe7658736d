/** Public API: local sharpening as a library. The command line (cli.ts) is one caller among others. */
export type {
  Engine,
  LocalScalingEstimate,
  LocalScalingJob,
  LocalScalingResult,
  Volume,
  VolumeStatistics,
} from './engine.ts';
export { type ErrorTag, isLocScaleError, LocScaleError } from './errors.ts';
export { type MrcReadOptions, type MrcWriteOptions, readMrc, writeMrc } from './formats/mrc.ts';
export type { MrcHeader } from './formats/mrc-header.ts';
export type { Grid, Shape } from './math/grid.ts';
export {
  defaultLocalResolution,
  defaultParameters,
  imageOf,
  type LocalResolutionResult,
  type LocalResolutionSettings,
  planLocScale,
  runLocalResolution,
  runLocScale,
} from './pipeline/index.ts';
export type {
  FscCurve,
  LocScaleContext,
  LocScaleEvents,
  LocScaleJob,
  LocScaleNumbers,
  LocScaleParameters,
  LocScalePlan,
  LocScaleResult,
  MapImage,
  MapInput,
  MapSource,
  ReferenceChoice,
  StepName,
} from './pipeline/types.ts';
export { selectEngine } from './select-engine.ts';
