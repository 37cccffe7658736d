/** Opens a coordinate file, and notes it for the record of the run. */
import { readFile } from 'node:fs/promises';
import { readStructure } from '../formats/coordinates.ts';
import type { Structure } from '../formats/structure.ts';
import type { InputFile } from './open-map.ts';

export async function openStructure(
  path: string,
  role: string,
): Promise<{ readonly structure: Structure; readonly file: InputFile }> {
  const bytes = await readFile(path);
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return {
    structure: readStructure(bytes, path),
    file: { role, path, bytes: bytes.length, sha256 },
  };
}
