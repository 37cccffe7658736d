/** Networks on disk: imported, bundled, or given as a file. */
export { checkCalibration } from './check-manifest.ts';
export { chooseStoredNetwork, loadStoredNetwork, type NetworkRequest, openBundled } from './choose.ts';
export { type DownloadOptions, downloadArchive, ZENODO } from './download.ts';
export { HIGH_CONTEXT, LOW_CONTEXT } from './emmernet.ts';
export {
  BUNDLED_NAME,
  type ImportedNetwork,
  type ImportOptions,
  importNetwork,
  type ListedNetwork,
  listNetworks,
  readJson,
  type StoredNetwork,
  verifyNetwork,
} from './store.ts';
