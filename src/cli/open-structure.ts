/** Opens a coordinate file, and notes it for the record of the run. */
import { basename } from 'node:path';
import { readStructure } from '../formats/coordinates.ts';
import type { Structure } from '../formats/structure.ts';
import { type InputFile, readInput } from './open-map.ts';

/** What programs write where a model has no entry in the PDB. */
const NO_ID = /^(x+|none|unnamed|\.|\?)?$/i;

/** A structure without an id of its own goes by the name of its file. */
export async function openStructure(
  path: string,
  role: string,
): Promise<{ readonly structure: Structure; readonly file: InputFile }> {
  const bytes = await readInput(path);
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const structure = readStructure(bytes, path);
  return {
    structure: NO_ID.test(structure.id) ? { ...structure, id: basename(path) } : structure,
    file: { role, path, bytes: bytes.length, sha256 },
  };
}
