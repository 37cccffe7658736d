/**
 * Map files from disk: streamed through decompression into the engine's memory, hashed on the way, so
 * that every file is read once.
 */
import { createHash, type Hash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import { decompress } from '../formats/compression.ts';
import { readMrc, readMrcHeader } from '../formats/mrc.ts';
import type { MapImage, MapSource } from '../pipeline/types.ts';

/** Large enough that calls do not count, small beside any map. */
const CHUNK_BYTES = 1 << 20;

export interface InputFile {
  readonly role: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface OpenOptions {
  /** Option or role the file was given for, for the manifest: "half map 1". */
  readonly role: string;
  readonly allocate: (voxels: number) => Float32Array;
  readonly voxelSizeOverride?: number | undefined;
  readonly kind?: 'map' | 'mask';
  readonly allowAllZero?: boolean;
  readonly onWarning: (message: string) => void;
  readonly onInfo?: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export async function openMap(
  path: string,
  options: OpenOptions,
): Promise<{ image: MapImage; file: InputFile }> {
  const before = await statOf(path);
  const byteLength = Number(before.size);
  const hashing = { hash: createHash('sha256'), bytes: 0 };
  try {
    const bytes = hashedBytes(path, hashing, options.signal);
    const source = await decompress({ bytes, byteLength }, path);
    const { kind, allowAllZero, onInfo } = options;
    const image = await readMrc(source, {
      name: path,
      allocate: options.allocate,
      voxelSizeOverride: options.voxelSizeOverride,
      onWarning: options.onWarning,
      onInfo,
      ...(kind === undefined ? {} : { kind }),
      ...(allowAllZero === undefined ? {} : { allowAllZero }),
    });
    // Bytes behind the map (or behind the compressed data) belong to the file's hash too.
    for await (const chunk of createReadStream(path, { start: hashing.bytes, highWaterMark: CHUNK_BYTES }))
      hashing.hash.update(chunk as Uint8Array);
    checkUnchanged(path, before, await statOf(path));
    return {
      image,
      file: { role: options.role, path, bytes: byteLength, sha256: hashing.hash.digest('hex') },
    };
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
 * Reads the header now and the voxels when they are asked for. What the header is warned about is told once.
 */
export async function openMapLater(
  path: string,
  options: OpenOptions,
  hooks: { onReading: () => void; onRead: (file: InputFile) => void },
): Promise<MapSource> {
  const told = new Set<string>();
  const once =
    (say: ((message: string) => void) | undefined) =>
    (message: string): void => {
      if (told.has(message)) return;
      told.add(message);
      say?.(message);
    };
  const [onWarning, onInfo] = [once(options.onWarning), once(options.onInfo)];
  const byteLength = await sizeOfInput(path);
  try {
    const source = await decompress({ bytes: createReadStream(path), byteLength }, path);
    const { voxelSizeOverride } = options;
    const { header, grid } = await readMrcHeader(source, {
      name: path,
      voxelSizeOverride,
      onWarning,
      onInfo,
    });
    return {
      name: path,
      header,
      grid,
      load: async () => {
        hooks.onReading();
        const { image, file } = await openMap(path, { ...options, onWarning, onInfo });
        hooks.onRead(file);
        return image;
      },
    };
  } catch (error) {
    throw readError(path, error);
  }
}

async function* hashedBytes(
  path: string,
  state: { hash: Hash; bytes: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    stopIfAborted(signal);
    const bytes = chunk as Uint8Array;
    state.hash.update(bytes);
    state.bytes += bytes.length;
    yield bytes;
  }
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
