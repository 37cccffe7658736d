/**
 * Atomic output files: written under temporary names in their own folder, and renamed together once all are
 * complete. A run that fails or is stopped leaves nothing. Symbolic links are followed: their target is
 * written, and the link stays.
 */
import { lstatSync, renameSync, unlinkSync } from 'node:fs';
import { type FileHandle, mkdir, open, readlink } from 'node:fs/promises';
import { dirname, isAbsolute, sep } from 'node:path';
import { LocScaleError } from '../errors.ts';
import type { PlacedBytes } from '../formats/mrc-write.ts';
import { reasonOf } from './file-errors.ts';
import {
  discardTemporary,
  discardTemporaryFolder,
  keepTemporary,
  keepTemporaryFolder,
  removeLeftovers,
  takeTemporaryFolder,
  takeTemporaryName,
} from './temporary-files.ts';

/** A longer chain of links counts as a loop, as in Linux. */
const MOST_LINKS = 40;

/** Resolves symbolic links, whether or not the target exists. */
export async function targetOf(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const next = await readlink(target).catch(() => undefined);
    if (next === undefined) return target;
    // Not `join`, which removes `a/..`: that names another folder if `a` is a link or absent.
    target = isAbsolute(next) ? next : `${dirname(target)}${sep}${next}`;
  }
  throw new LocScaleError('bad-output', `${path} cannot be written: its links form a loop.`, {
    where: path,
    hint: 'Choose another name.',
  });
}

/** Returns whether the folder was created. `option`: the command-line option that chose it. */
export async function makeFolder(path: string, option?: string): Promise<boolean> {
  try {
    return (await mkdir(path, { recursive: true })) !== undefined;
  } catch (error) {
    const why =
      (error as { code?: unknown } | null)?.code === 'ENOENT'
        ? 'its parent does not exist or accepts no folders'
        : reasonOf(error);
    throw new LocScaleError('bad-output', `The folder ${path} cannot be made: ${why}.`, {
      where: path,
      cause: error,
      hint: `Choose another folder${withOption(option)}.`,
    });
  }
}

/** For hints: " with -o", or nothing. */
export function withOption(option: string | undefined): string {
  return option === undefined ? '' : ` with ${option}`;
}

/** Bytes that follow those before, or have their place in the file. */
type Piece = Uint8Array | PlacedBytes;

/** Text, or bytes in pieces, as maps are encoded: one is written while the next is made. */
export type FileContent = string | Iterable<Piece> | AsyncIterable<Piece>;

/** A file that is complete under a temporary name. */
interface StagedFile {
  readonly temporary: string;
  /** Final path: `path`, or its link's target. */
  readonly target: string;
  /** The path as given by the user. */
  readonly path: string;
}

/** Output files of one run: staged under temporary names, then committed together or discarded. */
export class StagedFiles {
  /** Hint for a file that cannot be written. */
  private readonly hint: string;
  private readonly staged: StagedFile[] = [];
  /** Folders created for staged files. */
  private readonly folders: string[] = [];

  /** `option`: the command-line option that chose the names. */
  constructor(option?: string) {
    this.hint = `Choose another folder or name${withOption(option)}.`;
  }

  /** Creates a folder for staged files; discarding them removes it. */
  async makeFolder(path: string): Promise<void> {
    if (await makeFolder(path)) {
      takeTemporaryFolder(path);
      this.folders.push(path);
    } else await removeLeftovers(path, () => true);
  }

  /** Writes a file under a temporary name and syncs it; the disk is full here rather than at the rename. */
  async stage(path: string, content: FileContent): Promise<void> {
    const target = await targetOf(path);
    const temporary = takeTemporaryName(target);
    try {
      const file = await open(temporary, 'wx');
      try {
        await writePieces(file, typeof content === 'string' ? [new TextEncoder().encode(content)] : content);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      discardTemporary(temporary);
      if (error instanceof LocScaleError || typeof (error as { code?: unknown } | null)?.code !== 'string')
        throw error;
      throw new LocScaleError('bad-output', `${path} cannot be written: ${reasonOf(error)}.`, {
        where: path,
        cause: error,
        hint: this.hint,
      });
    }
    this.staged.push({ temporary, target, path });
  }

  /**
   * Renames in reverse order of staging, so the main file appears only after all others. If a rename fails,
   * the earlier ones are undone, except where they replaced an older file, which is lost. Synchronous, so
   * that no signal handler runs between two renames. Returns the paths in staging order.
   */
  async commit(): Promise<string[]> {
    const files = this.staged.splice(0);
    const inPlace: { file: StagedFile; replaced: boolean }[] = [];
    for (const file of files.toReversed()) {
      try {
        const replaced = lstatSync(file.target, { throwIfNoEntry: false }) !== undefined;
        renameSync(file.temporary, file.target);
        keepTemporary(file.temporary);
        inPlace.push({ file, replaced });
      } catch (error) {
        for (const { temporary } of files) discardTemporary(temporary);
        const failure = takenBack(file, error, inPlace, this.hint);
        this.discard();
        throw failure;
      }
    }
    for (const folder of this.folders.splice(0)) keepTemporaryFolder(folder);
    return files.map(({ path }) => path);
  }

  /** Removes what was staged and not committed; does nothing after a commit. */
  discard(): void {
    for (const { temporary } of this.staged.splice(0)) discardTemporary(temporary);
    for (const folder of this.folders.splice(0)) discardTemporaryFolder(folder);
  }
}

/** Removes the files already in place; returns the description of `failed` and of them. */
function takenBack(
  failed: StagedFile,
  cause: unknown,
  inPlace: readonly { file: StagedFile; replaced: boolean }[],
  hint: string,
): LocScaleError {
  const staying: string[] = [];
  for (const { file, replaced } of inPlace) {
    if (replaced || !isRemoved(file.target))
      staying.push(`${file.path}${replaced ? ' (in place of an older file)' : ''}`);
  }
  const rest =
    staying.length === 0
      ? 'no output was written'
      : `of the outputs only ${staying.join(', ')} ${staying.length === 1 ? 'was' : 'were'} written`;
  return new LocScaleError('bad-output', `${failed.path} cannot be written: ${reasonOf(cause)}; ${rest}.`, {
    where: failed.path,
    cause,
    hint,
  });
}

/** Whether the file is gone by this call. */
function isRemoved(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A single write may store a part of the bytes only. */
async function writePieces(file: FileHandle, pieces: Iterable<Piece> | AsyncIterable<Piece>): Promise<void> {
  let end = 0;
  let writing: Promise<void> | undefined;
  try {
    for await (const piece of pieces) {
      await writing;
      const { at, bytes } = piece instanceof Uint8Array ? { at: end, bytes: piece } : piece;
      end = at + bytes.length;
      writing = writeWhole(file, bytes, at);
      // A failure is met before the next piece.
      writing.catch(() => undefined);
    }
    await writing;
  } finally {
    // Not after the file is closed.
    await writing?.catch(() => undefined);
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const left = bytes.length - written;
    written += (await file.write(bytes, written, left, position + written)).bytesWritten;
  }
}
