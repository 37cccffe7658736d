/** Where what can be made again is kept: the user's cache folder by the convention of the system. */
import { join } from 'node:path';

/** What decides where the cache is. */
export interface CacheSurroundings {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** LOCSCALE_CACHE: a folder of the user's own. */
  readonly override?: string;
  /** XDG_CACHE_HOME (Linux and other Unix systems). */
  readonly xdgCacheHome?: string;
  /** LOCALAPPDATA (Windows). */
  readonly localAppData?: string;
}

/**
 * The cache folder of the program: Library/Caches on macOS, LOCALAPPDATA on Windows, XDG_CACHE_HOME or
 * ~/.cache elsewhere. It need not exist.
 */
export function cacheFolder(surroundings: CacheSurroundings): string {
  const { platform, home, override, xdgCacheHome, localAppData } = surroundings;
  if (override !== undefined && override !== '') return override;
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'locscale-gpu');
  if (platform === 'win32')
    return join(localAppData || join(home, 'AppData', 'Local'), 'locscale-gpu', 'Cache');
  // The XDG specification ignores relative paths.
  const base = xdgCacheHome?.startsWith('/') ? xdgCacheHome : join(home, '.cache');
  return join(base, 'locscale-gpu');
}
