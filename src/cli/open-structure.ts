/** Opens a coordinate file, and notes it for the record of the run. */
import { basename } from 'node:path';
import type { FileRead } from '../files/read-files.ts';
import { readModelFile, type Structure } from '../index.ts';

/** What programs write where a model has no entry in the PDB. */
const NO_ID = /^(x+|none|unnamed|\.|\?)?$/i;

/** A structure without an id of its own goes by the name of its file. */
export async function openStructure(path: string, onRead: (file: FileRead) => void): Promise<Structure> {
  const structure = await readModelFile(path, { onRead });
  return NO_ID.test(structure.id) ? { ...structure, id: basename(path) } : structure;
}
