/**
 * `locscale-gpu/browser`: the library for web pages. Maps come from Blobs instead of paths and go to streams; all else
 * is that of index.ts. Run it in a dedicated worker, so that the page stays alive (docs/browser.md).
 */

export {
  type BlobRead,
  type MapBlobOptions,
  mapFromBlob,
  modelFromBlob,
  openMapBlob,
} from './browser/read-blobs.ts';
export { type RunRecord, type RunToReport, reportOf } from './browser/report.ts';
export { mapStream, mapToBlob, saveAs } from './browser/save.ts';
export { bandScaling } from './engine/jobs.ts';
export { isLocScaleError, LocScaleError } from './errors.ts';
export { readMrc, writeMrc } from './formats/mrc.ts';
export { createMrcHeader } from './formats/mrc-header.ts';
export { validateMrc } from './formats/mrc-validate.ts';
export { writeMmcif } from './formats/write-mmcif.ts';
export type * from './index.ts';
export { decayProfile, proteinProfile } from './math/soft-scaling/profile.ts';
export {
  completeParameters,
  defaultLocalResolution,
  defaultParameters,
  imageOf,
  planFeatureEnhance,
  planLocScale,
  runFeatureEnhance,
  runFsc,
  runLocalResolution,
  runLocScale,
  runMask,
  runPrediction,
} from './pipeline/index.ts';
export {
  mapModelCorrelation,
  mapModelFsc,
  measureMaskedFsc,
  sharpenGlobally,
  softenMask,
} from './pipeline/map-measures.ts';
export { selectEngine } from './select-engine.ts';
