/**
 * `locscale-gpu/browser`: the library for web pages. Maps are read from Blobs instead of paths and written to
 * streams; all else is the same (library.ts). Run it in a dedicated worker, so that the page stays responsive
 * (docs/browser.md).
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
export * from './library.ts';
