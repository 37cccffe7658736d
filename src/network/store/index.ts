/** Networks on disk: imported, bundled, or given as a file. */
export { checkCalibration } from './check-manifest.ts';
export { chooseModel, loadModel, type ModelWish, openBundled } from './choose.ts';
export { type DownloadOptions, downloadArchive, ZENODO } from './download.ts';
export { HIGH_CONTEXT, LOW_CONTEXT } from './emmernet.ts';
export {
  BUNDLED_NAME,
  type ImportedModel,
  type ImportOptions,
  importModel,
  type ListedModel,
  listModels,
  readJson,
  type StoredModel,
  verifyModel,
} from './store.ts';
