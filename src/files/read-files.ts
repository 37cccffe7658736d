/** Opens files on disk; pipeline/read-files.ts reads maps and models from them. */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { access, open, readFile, stat } from 'node:fs/promises';
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

/** Large enough to make the cost of a call negligible; two of them stay in a core's cache. */
const CHUNK_BYTES = 1 << 19;

/** A file and its content. */
export interface HashedFile extends FileDigest {
  readonly path: string;
}

/** Options of `readMapFile` and `openMapFile`. */
export type MapFileOptions = MapReadOptions<HashedFile>;

/** Reads an MRC or CCP4 map, also .gz and .bz2, in any axis order and byte order, modes 0, 1, 2, 6 and 12. */
export function readMapFile(path: string, options: MapFileOptions = {}): Promise<MapImage> {
  return readMap(fileAt(path), { ...options, onRead: naming(path, options.onRead) });
}

/** Reads the header now and the voxels when a step needs them, to save memory until then. */
export function openMapFile(path: string, options: MapFileOptions = {}): Promise<MapSource> {
  return openMap(fileAt(path), { ...options, onRead: naming(path, options.onRead) });
}

/** Reads an atomic model, PDB or mmCIF, also .gz. A model without an ID is named after its file. */
export function readModelFile(
  path: string,
  { onRead }: { readonly onRead?: (file: HashedFile) => void } = {},
): Promise<Structure> {
  return readModel(fileAt(path), naming(path, onRead));
}

/** Adds the path to what is known of the content. */
function naming(path: string, onRead?: (file: HashedFile) => void): ((file: FileDigest) => void) | undefined {
  return onRead && ((sum) => onRead({ path, ...sum }));
}

/** The file at a path, as the readers of pipeline/read-files.ts take it. */
function fileAt(path: string): StoredFile {
  return {
    name: path,
    async begin() {
      const before = await statOf(path);
      return {
        byteLength: Number(before.size),
        finish: async () => checkUnchanged(path, before, await statOf(path)),
      };
    },
    bytesFrom: (start) => readPieces(path, start),
    whole: () => readInput(path),
    createHash() {
      const hash = createHash('sha256');
      return { update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') };
    },
    explain: (error) => readError(path, error),
  };
}

/**
 * The file from byte `start` on, in views of two buffers: one is filled while the other is used. New memory
 * for every piece would cost more than its bytes, in page faults and collections.
 */
async function* readPieces(path: string, start: number): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  let reading: Promise<{ bytesRead: number }> | undefined;
  try {
    let [buffer, other] = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)];
    let position = start;
    reading = file.read(buffer, 0, CHUNK_BYTES, position);
    for (;;) {
      const { bytesRead } = await reading;
      reading = undefined;
      if (bytesRead === 0) return;
      position += bytesRead;
      reading = file.read(other, 0, CHUNK_BYTES, position);
      // A failure belongs to the next piece.
      reading.catch(() => undefined);
      yield buffer.subarray(0, bytesRead);
      [buffer, other] = [other, buffer];
    }
  } finally {
    await reading?.catch(() => undefined);
    await file.close();
  }
}

/** Fail if the file was replaced or modified while it was being read. */
function checkUnchanged(path: string, before: BigIntStats, after: BigIntStats): void {
  const { size, mtimeNs, ino } = before;
  if (after.size === size && after.mtimeNs === mtimeNs && after.ino === ino) return;
  throw new LocScaleError('bad-input', `${path} changed while it was read.`, {
    where: path,
    hint: 'Run again when nothing writes to the file.',
  });
}

/** Whether something of that name is there, a folder too. */
export async function fileExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Size in bytes of a file to be read; throws a clear error if it cannot be read. */
export async function sizeOfInput(path: string): Promise<number> {
  return Number((await statOf(path)).size);
}

/** Reads a small file as a whole; throws a clear error if that fails. */
export async function readInput(path: string): Promise<Buffer> {
  await statOf(path);
  try {
    return await readFile(path);
  } catch (error) {
    throw readError(path, error);
  }
}

/** Status of a regular file; throws 'bad-input' for anything else. */
async function statOf(path: string): Promise<BigIntStats> {
  try {
    const info = await stat(path, { bigint: true });
    if (info.isDirectory()) {
      throw new LocScaleError('bad-input', `${path} is a folder, not a file.`, {
        where: path,
        hint: 'Give the file inside it.',
      });
    }
    if (!info.isFile()) {
      throw new LocScaleError('bad-input', `${path} is a device or a pipe, not a file.`, {
        where: path,
        hint: 'Save the map to a file first.',
      });
    }
    return info;
  } catch (error) {
    throw readError(path, error);
  }
}

/** 'bad-input' for errors of the file system; other errors as they are. */
export function readError(path: string, error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof LocScaleError || typeof code !== 'string') return error;
  const reasons: Record<string, readonly [string, string]> = {
    ENOENT: ['does not exist', 'Check the name; relative names start in the working directory.'],
    ENOTDIR: ['does not exist', 'A part of its path is a file, not a folder.'],
    EACCES: ['may not be read', 'Request permission to read it.'],
    EPERM: ['may not be read', 'Request permission to read it.'],
  };
  const [what, hint] = reasons[code] ?? [`cannot be read (${code})`, 'Check the file and its disk.'];
  return new LocScaleError('bad-input', `${path} ${what}.`, { where: path, hint, cause: error });
}
