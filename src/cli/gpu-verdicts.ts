/** Verdicts on GPUs of earlier runs, in the user's cache folder, and what they hold for. */
import { homedir, release } from 'node:os';
import process from 'node:process';
import { cacheFolder } from '../files/cache-folder.ts';
import { openVerdicts, type VerdictFile } from '../files/verdict-file.ts';
import type { GpuAdapterEntry } from '../gpu/adapters.ts';
import { runtimeName } from '../platform/index.ts';
import { packageVersion } from './version.ts';

/** Properties that identify a GPU with its driver. */
type Adapter = Pick<
  GpuAdapterEntry,
  | 'name'
  | 'vendor'
  | 'architecture'
  | 'device'
  | 'description'
  | 'backend'
  | 'implementation'
  | 'kind'
  | 'version'
>;

/**
 * Opens the verdicts that hold for this adapter: they belong to GPU, driver, runtime, system and version of
 * the program alike, so that any change verifies the kernels again. With LOCSCALE_SELF_TEST=always stored
 * ones are ignored.
 */
export function verdictsOf(adapter: Adapter): Promise<VerdictFile> {
  const { name, vendor, architecture, device, description, implementation, kind } = adapter;
  const { backend = '', version = '' } = adapter;
  const key = {
    ...{ name, vendor, architecture, device, description, backend, implementation, version, kind },
    program: packageVersion(),
    runtime: runtimeName(),
    // Where drivers come with the system they may say no version of their own.
    system: `${process.platform} ${process.arch} ${release()}`,
  };
  return openVerdicts(folder(), key, { forget: process.env.LOCSCALE_SELF_TEST === 'always' });
}

/** LOCSCALE_CACHE, or the user's cache folder. */
function folder(): string {
  return cacheFolder({
    platform: process.platform,
    home: homedir(),
    override: process.env.LOCSCALE_CACHE,
    xdgCacheHome: process.env.XDG_CACHE_HOME,
    localAppData: process.env.LOCALAPPDATA,
  });
}
