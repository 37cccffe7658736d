/**
 * Files from disk by their names. Maps are streamed through decompression into the engine's memory, and hashed on the
 * way where somebody wants to know, so that every file is read once.
 */
import { createHash, type Hash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import { decompress } from '../formats/compression.ts';
import { readStructure } from '../formats/coordinates.ts';
import { readMrc, readMrcHeader } from '../formats/mrc.ts';
import type { Structure } from '../formats/structure.ts';
import type { MapImage, MapSource } from '../pipeline/types.ts';

/** Large enough that calls do not count, small beside any map. */
const CHUNK_BYTES = 1 << 20;

/** A file as it was read. */
export interface FileRead {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface MapFileOptions {
  /** The voxels are put into memory of this engine, which then need not copy them. */
  readonly engine?: Pick<Engine, 'allocateHost'>;
  /** Voxel size in A instead of the header's. */
  readonly voxelSize?: number;
  /** How messages call it. */
  readonly kind?: 'map' | 'mask';
  /** Default: masks may hold nothing but zeros. */
  readonly allowAllZero?: boolean;
  readonly onWarning?: (message: string) => void;
  readonly onInfo?: (message: string) => void;
  /** Called when the voxels are about to be read. */
  readonly onReading?: () => void;
  /** Called when the file is read; with it the file is hashed. */
  readonly onRead?: (file: FileRead) => void;
  readonly signal?: AbortSignal;
}

/** Reads an MRC or CCP4 map, also .gz and .bz2, in any axis order and byte order, modes 0, 1, 2, 6 and 12. */
export async function readMapFile(path: string, options: MapFileOptions = {}): Promise<MapImage> {
  const { engine, voxelSize, kind = 'map', onWarning, onInfo, onReading, onRead, signal } = options;
  onReading?.();
  const before = await statOf(path);
  const byteLength = Number(before.size);
  const hash = onRead === undefined ? undefined : createHash('sha256');
  const read = { bytes: 0 };
  try {
    const source = await decompress({ bytes: chunksOf(path, read, hash, signal), byteLength }, path);
    const image = await readMrc(source, {
      name: path,
      allocate: (voxels) => engine?.allocateHost(voxels) ?? new Float32Array(voxels),
      voxelSizeOverride: voxelSize,
      onWarning,
      onInfo,
      kind,
      allowAllZero: options.allowAllZero ?? kind === 'mask',
    });
    // Bytes behind the map (or behind the compressed data) belong to the file's hash too.
    if (hash !== undefined)
      for await (const chunk of createReadStream(path, { start: read.bytes, highWaterMark: CHUNK_BYTES }))
        hash.update(chunk as Uint8Array);
    checkUnchanged(path, before, await statOf(path));
    if (hash !== undefined) onRead?.({ path, bytes: byteLength, sha256: hash.digest('hex') });
    return image;
  } catch (error) {
    throw readError(path, error);
  }
}

/** A part of one file and a part of another are no map, however well they fit together. */
function checkUnchanged(path: string, before: BigIntStats, after: BigIntStats): void {
  const { size, mtimeNs, ino } = before;
  if (after.size === size && after.mtimeNs === mtimeNs && after.ino === ino) return;
  throw new LocScaleError('bad-input', `${path} changed while it was read.`, {
    where: path,
    hint: 'Run again when nothing writes to the file.',
  });
}

/**
 * Reads the header now and the voxels when the step begins that needs them, so that memory is free until then. What the
 * header is warned about is said once.
 */
export async function openMapFile(path: string, options: MapFileOptions = {}): Promise<MapSource> {
  const said = new Set<string>();
  const once =
    (say: ((message: string) => void) | undefined) =>
    (message: string): void => {
      if (said.has(message)) return;
      said.add(message);
      say?.(message);
    };
  const [onWarning, onInfo] = [once(options.onWarning), once(options.onInfo)];
  const byteLength = await sizeOfInput(path);
  try {
    const source = await decompress({ bytes: createReadStream(path), byteLength }, path);
    const { header, grid } = await readMrcHeader(source, {
      name: path,
      voxelSizeOverride: options.voxelSize,
      onWarning,
      onInfo,
    });
    return { name: path, header, grid, load: () => readMapFile(path, { ...options, onWarning, onInfo }) };
  } catch (error) {
    throw readError(path, error);
  }
}

/** What programs write where a model has no entry in the PDB. */
const NO_ID = /^(x+|none|unnamed|\.|\?)?$/i;

/** Reads an atomic model, PDB or mmCIF, also .gz. A model without an id of its own goes by the name of its file. */
export async function readModelFile(
  path: string,
  { onRead }: { readonly onRead?: (file: FileRead) => void } = {},
): Promise<Structure> {
  const bytes = await readInput(path);
  onRead?.({ path, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  const structure = await readStructure(bytes, path);
  return NO_ID.test(structure.id) ? { ...structure, id: basename(path) } : structure;
}

async function* chunksOf(
  path: string,
  read: { bytes: number },
  hash: Hash | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    stopIfAborted(signal);
    const bytes = chunk as Uint8Array;
    hash?.update(bytes);
    read.bytes += bytes.length;
    yield bytes;
  }
}

export async function fileExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Size in bytes of a file that is to be read; says in words what is wrong with it otherwise. */
export async function sizeOfInput(path: string): Promise<number> {
  return Number((await statOf(path)).size);
}

/** The whole of a small file; says in words what is wrong with it otherwise. */
export async function readInput(path: string): Promise<Buffer> {
  await statOf(path);
  try {
    return await readFile(path);
  } catch (error) {
    throw readError(path, error);
  }
}

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

function readError(path: string, error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof LocScaleError || typeof code !== 'string') return error;
  const reasons: Record<string, readonly [string, string]> = {
    ENOENT: ['does not exist', 'Check the name; relative names start in the working directory.'],
    ENOTDIR: ['does not exist', 'A part of its path is a file, not a folder.'],
    EACCES: ['may not be read', 'Ask for permission to read it.'],
    EPERM: ['may not be read', 'Ask for permission to read it.'],
  };
  const [what, hint] = reasons[code] ?? [`cannot be read (${code})`, 'Check the file and its disk.'];
  return new LocScaleError('bad-input', `${path} ${what}.`, { where: path, hint, cause: error });
}
