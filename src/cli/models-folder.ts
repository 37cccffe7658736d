/** The folder of imported models, from the environment. */
import { homedir } from 'node:os';
import process from 'node:process';
import { dataFolder } from '../network/store/data-folder.ts';

/** LOCSCALE_MODELS, or the user's data folder. */
export function modelsFolder(): string {
  return dataFolder({
    platform: process.platform,
    home: homedir(),
    override: process.env.LOCSCALE_MODELS,
    xdgDataHome: process.env.XDG_DATA_HOME,
    localAppData: process.env.LOCALAPPDATA,
  });
}
