/**
 * Stores checkpoints as files: `<prefix><name>-<hash>-<number>.part`. The hash covers everything the content
 * depends on, including this program's version, so that a checkpoint of another job is never reused. Files
 * are written under a temporary name; damaged ones are ignored.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoint, Checkpoints } from '../pipeline/checkpoints.ts';
import { reasonOf } from './file-errors.ts';
import { discardTemporary, keepTemporary, takeTemporaryName } from './temporary-files.ts';

/** Where checkpoints are stored, and for which version of the program they count. */
export interface CheckpointFolderOptions {
  readonly folder: string;
  /** Prefix of all file names: the name of the job's output. */
  readonly prefix: string;
  readonly version: string;
  readonly intervalSeconds?: number | undefined;
  /** Called with one sentence per warning; the run continues. */
  readonly onWarning: (message: string) => void;
}

/** Checkpoints as files, one each. */
export interface CheckpointFolder extends Checkpoints {
  /** Removes all checkpoints of this name that this run has read or written. */
  remove(name: string): Promise<void>;
}

/** Metadata of a file, as JSON after the magic bytes. */
interface Head {
  readonly hash: string;
  readonly values: unknown;
  /** Length of each array. */
  readonly lengths: readonly number[];
}

/**
 * Magic bytes of a file, followed by the length of the JSON (uint32, little-endian) and the SHA-256 of the
 * rest.
 */
const MAGIC = 'LSGCHK01';
/**
 * Layout of a file: MAGIC, length of the JSON head (uint32, little endian), SHA-256 of head and arrays, head,
 * arrays as float32.
 */
const DIGEST_BYTES = 32;
const START_BYTES = MAGIC.length + 4 + DIGEST_BYTES;
/** Arrays are hashed in pieces of this many bytes: a map may exceed what one call takes. */
const PIECE_BYTES = 1 << 26;
/** Hexadecimal digits of the hash in file names; the file contains the whole hash. */
const NAME_DIGITS = 16;

/**
 * Opens the folder, which is created with the first checkpoint. Unreadable checkpoints are ignored, and
 * storing fails with a warning once: neither ends a run.
 */
export function openCheckpointFolder(options: CheckpointFolderOptions): CheckpointFolder {
  const { folder, prefix, version, onWarning } = options;
  const used = new Map<string, Set<string>>();
  let broken = false;

  const hashOf = (name: string, of: unknown): string =>
    createHash('sha256').update(JSON.stringify({ version, name, of })).digest('hex');
  const remember = (name: string, file: string): string => {
    const files = used.get(name) ?? new Set();
    used.set(name, files.add(file));
    return file;
  };
  const stemOf = (name: string, hash: string): string => `${prefix}${name}-${hash.slice(0, NAME_DIGITS)}-`;
  const filesOf = async (name: string, hash: string): Promise<string[]> => {
    const stem = stemOf(name, hash);
    const names = await readdir(folder).catch(() => []);
    return names.filter((file) => file.startsWith(stem) && file.endsWith('.part')).sort();
  };
  /** A full disk must not end a run that can finish without checkpoints. */
  const tolerate = async (body: () => Promise<void>): Promise<void> => {
    if (broken) return;
    try {
      await body();
    } catch (error) {
      broken = true;
      onWarning(
        `Intermediate results cannot be stored in ${folder} (${reasonOf(error)}); the run continues.`,
      );
    }
  };
  const write = async (name: string, hash: string, index: number, content: Checkpoint): Promise<void> => {
    const file = `${stemOf(name, hash)}${String(index).padStart(4, '0')}.part`;
    const temporary = takeTemporaryName(join(folder, file));
    try {
      await writeParts(temporary, encode(hash, content));
      await rename(temporary, join(folder, file));
      keepTemporary(temporary);
    } catch (error) {
      discardTemporary(temporary);
      throw error;
    }
    remember(name, file);
  };

  return {
    intervalSeconds: options.intervalSeconds,
    async list(name, of) {
      const hash = hashOf(name, of);
      const contents: Checkpoint[] = [];
      for (const file of await filesOf(name, hash)) {
        const content = await read(join(folder, file), hash);
        if (content !== undefined) contents.push(content);
        else onWarning(`${join(folder, file)} is damaged or cannot be read: its content is computed again.`);
        remember(name, file);
      }
      return contents;
    },
    add: (name, of, content) =>
      tolerate(async () => {
        const hash = hashOf(name, of);
        const last = (await filesOf(name, hash)).at(-1);
        const index =
          last === undefined ? 0 : Number(last.slice(stemOf(name, hash).length, -'.part'.length)) + 1;
        await write(name, hash, index, content);
      }),
    replace: (name, of, content) =>
      tolerate(async () => {
        const hash = hashOf(name, of);
        const [, ...more] = await filesOf(name, hash);
        await write(name, hash, 0, content);
        for (const file of more) await unlink(join(folder, file)).catch(() => undefined);
      }),
    async remove(name) {
      for (const file of used.get(name) ?? []) await unlink(join(folder, file)).catch(() => undefined);
      used.delete(name);
    },
  };
}

/** The file as a list of buffers, without copying the arrays. */
function encode(hash: string, { values, arrays }: Checkpoint): Uint8Array[] {
  const bodies = arrays.map(bytesOf);
  const head: Head = { hash, values, lengths: arrays.map(({ length }) => length) };
  const json = Buffer.from(JSON.stringify(head));
  const sha256 = createHash('sha256').update(json);
  for (const body of bodies) for (const piece of pieces(body)) sha256.update(piece);
  const start = Buffer.alloc(START_BYTES);
  start.write(MAGIC);
  start.writeUInt32LE(json.length, MAGIC.length);
  sha256.digest().copy(start, START_BYTES - DIGEST_BYTES);
  return [start, json, ...bodies];
}

/** Undefined if it is unreadable or not a complete checkpoint of this hash. */
async function read(path: string, hash: string): Promise<Checkpoint | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const opened = file;
    const fill = async (target: Uint8Array): Promise<boolean> => {
      for (const piece of pieces(target)) {
        const { bytesRead } = await opened.read(piece, 0, piece.length);
        if (bytesRead < piece.length) return false;
      }
      return true;
    };
    const { size } = await file.stat();
    const start = Buffer.alloc(START_BYTES);
    if (!(await fill(start)) || start.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
    const headBytes = start.readUInt32LE(MAGIC.length);
    if (START_BYTES + headBytes > size) return undefined;
    const json = Buffer.alloc(headBytes);
    if (!(await fill(json))) return undefined;
    const head = JSON.parse(json.toString()) as Head;
    const values = head.lengths.reduce((sum, length) => sum + length, 0);
    if (head.hash !== hash || START_BYTES + headBytes + 4 * values !== size) return undefined;
    const sha256 = createHash('sha256').update(json);
    const arrays: Float32Array[] = [];
    for (const length of head.lengths) {
      const array = new Float32Array(length);
      if (!(await fill(bytesOf(array)))) return undefined;
      for (const piece of pieces(bytesOf(array))) sha256.update(piece);
      arrays.push(array);
    }
    const same = sha256.digest().equals(start.subarray(START_BYTES - DIGEST_BYTES));
    return same ? { values: head.values, arrays } : undefined;
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

/** The same memory as bytes. */
function bytesOf(array: Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** System calls transfer less than 2 GiB at a time. */
function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** Flushes to disk, so that a crash of the machine cannot leave a truncated file under its final name. */
async function writeParts(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const part of parts) for (const piece of pieces(part)) await writeAll(file, piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A single write may store a part of the bytes only. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}
