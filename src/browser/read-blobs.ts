/**
 * Maps and models from files that a user has chosen or dropped, or from any other Blob. Nothing leaves the
 * browser.
 */
import { LocScaleError } from '../errors.ts';
import type { Structure } from '../formats/structure.ts';
import {
  type FileDigest,
  type MapReadOptions,
  openMap,
  readMap,
  readModel,
  type StoredFile,
} from '../pipeline/read-files.ts';
import type { MapImage, MapSource } from '../pipeline/types.ts';
import { Sha256 } from './sha256.ts';

/** A file as it was read. */
export interface BlobRead extends FileDigest {
  readonly name: string;
}

/** Options of `readMapBlob` and `openMapBlob`. */
export interface MapBlobOptions extends MapReadOptions<BlobRead> {
  /** How messages call it; default: the name of a File, else "map". */
  readonly name?: string;
}

/** Reads an MRC or CCP4 map, also .gz and .bz2, as a stream: the file is in memory once, as voxels. */
export function mapFromBlob(blob: Blob, options: MapBlobOptions = {}): Promise<MapImage> {
  const file = fileOf(blob, options.name);
  return readMap(file, { ...options, onRead: naming(file, options.onRead) });
}

/** Reads the header now and the voxels when the step begins that needs them. */
export function openMapBlob(blob: Blob, options: MapBlobOptions = {}): Promise<MapSource> {
  const file = fileOf(blob, options.name);
  return openMap(file, { ...options, onRead: naming(file, options.onRead) });
}

/** Reads an atomic model, PDB or mmCIF, also .gz. */
export function modelFromBlob(
  blob: Blob,
  { name, onRead }: Pick<MapBlobOptions, 'name' | 'onRead'> = {},
): Promise<Structure> {
  const file = fileOf(blob, name);
  return readModel(file, naming(file, onRead));
}

/** Adds the name to what is known of the content. */
function naming(
  { name }: StoredFile,
  onRead?: (file: BlobRead) => void,
): ((file: FileDigest) => void) | undefined {
  return onRead && ((sum) => onRead({ name, ...sum }));
}

/** A Blob as the readers of pipeline/read-files.ts take it. */
function fileOf(blob: Blob, name: string = (blob as { readonly name?: string }).name ?? 'map'): StoredFile {
  return {
    name,
    // Browsers refuse to read a file that has changed since it was chosen.
    begin: async () => ({ byteLength: blob.size }),
    bytesFrom: (start) => chunksOf(blob.slice(start), name),
    whole: async () => new Uint8Array(await blob.arrayBuffer().catch((cause) => refuse(name, cause))),
    createHash: () => new Sha256(),
    explain: (error) => error,
  };
}

/** A loop over a reader: not every browser's streams can be iterated over. */
export async function* chunksOf(blob: Blob, name: string): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  try {
    for (;;) {
      const step = await reader.read().catch((cause) => refuse(name, cause));
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Files are read long after they were chosen. */
function refuse(name: string, cause: unknown): never {
  throw new LocScaleError('bad-input', `${name} cannot be read any more: it was changed, moved or removed.`, {
    where: name,
    hint: 'Choose the file again.',
    cause,
  });
}
