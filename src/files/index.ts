/** Map and model files by their names, for callers of the library under Node and Deno. */
import { basename, dirname } from 'node:path';
import { writeMrc } from '../formats/mrc.ts';
import type { MapImage } from '../pipeline/types.ts';
import { StagedFiles, targetOf } from './staged-files.ts';
import { removeLeftovers } from './temporary-files.ts';

export { type FileRead, type MapFileOptions, openMapFile, readMapFile, readModelFile } from './read-files.ts';

/**
 * Writes a map: mode 2, with the header it has and one label more (at most 80 characters). The file appears
 * when it is whole; one of that name is replaced, and where the name is a symbolic link, the file that it
 * points to.
 */
export async function writeMapFile(path: string, map: MapImage, label: string): Promise<void> {
  const target = await targetOf(path);
  await removeLeftovers(dirname(target), (name) => name === basename(target));
  const staged = new StagedFiles();
  try {
    await staged.stage(path, writeMrc(map, { label }));
    await staged.commit();
  } finally {
    staged.discard();
  }
}
