/**
 * `locscale-gpu/browser`: the library for web pages. Maps come from Blobs instead of paths and go to streams;
 * all else is the same (library.ts). Run it in a dedicated worker, so that the page stays alive
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
