/** Reads and writes map and model files by name, for library users under Node and Deno. */
import { basename, dirname } from 'node:path';
import { writeMrcHeaderLast } from '../formats/mrc.ts';
import type { MapImage } from '../pipeline/types.ts';
import { StagedFiles, targetOf } from './staged-files.ts';
import { removeLeftovers } from './temporary-files.ts';

export {
  type HashedFile,
  type MapFileOptions,
  openMapFile,
  readMapFile,
  readModelFile,
} from './read-files.ts';

/**
 * Writes a map in mode 2 with its own header plus one label (at most 80 characters). The file appears once it
 * is complete and replaces an existing one; if the name is a symbolic link, its target is replaced.
 */
export async function writeMapFile(path: string, map: MapImage, label: string): Promise<void> {
  const target = await targetOf(path);
  await removeLeftovers(dirname(target), (name) => name === basename(target));
  const staged = new StagedFiles();
  try {
    await staged.stage(path, writeMrcHeaderLast(map, { label }));
    await staged.commit();
  } finally {
    staged.discard();
  }
}
