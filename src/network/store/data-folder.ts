/** Folder of imported networks, in the user's data folder by the convention of the system. */
import { join } from 'node:path';

/** What decides where networks are stored. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** LOCSCALE_MODELS: another folder, for shared installations. */
  readonly override?: string | undefined;
  /** XDG_DATA_HOME (Linux and other Unix systems). */
  readonly xdgDataHome?: string | undefined;
  /** LOCALAPPDATA (Windows). */
  readonly localAppData?: string | undefined;
}

/** The folder of imported networks; it need not exist. */
export function dataFolder(surroundings: Surroundings): string {
  const { platform, home, override, xdgDataHome, localAppData } = surroundings;
  if (override !== undefined && override !== '') return override;
  return join(baseFolder(), 'locscale-gpu', 'models');

  function baseFolder(): string {
    if (platform === 'darwin') return join(home, 'Library', 'Application Support');
    if (platform === 'win32') return localAppData || join(home, 'AppData', 'Local');
    // The XDG specification ignores relative paths.
    return xdgDataHome?.startsWith('/') ? xdgDataHome : join(home, '.local', 'share');
  }
}
