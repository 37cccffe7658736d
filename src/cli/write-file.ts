/**
 * Output files: checked before the computation starts, written under a temporary name in their own
 * folder, and renamed together when all are complete. A run that fails or is stopped leaves nothing.
 * Symbolic links are followed: the file they point to is written, and the link stays.
 */
import { closeSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { mkdir, open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, resolve, sep } from 'node:path';
import { LocScaleError } from '../errors.ts';
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

/**
 * Refuses outputs that cannot be written, that would overwrite an input (also under another name: links
 * are followed), or that collide with each other. An output of an earlier run is replaced, as LocScale does; what a
 * run that was killed left of such a file goes at once. `namedBy`: options that name single outputs, for the
 * hint, where it is not -o.
 */
export async function checkOutputs(
  outputs: readonly string[],
  inputs: readonly string[],
  namedBy: Readonly<Record<string, string>> = {},
): Promise<void> {
  const inputIdentities = new Map<string, string>();
  for (const input of inputs)
    for (const identity of await identitiesOf(input)) inputIdentities.set(identity, input);
  const seen = new Set<string>();
  for (const output of outputs) {
    const option = namedBy[output] ?? '-o';
    for (const identity of await identitiesOf(output)) {
      const input = inputIdentities.get(identity);
      if (input === undefined) continue;
      throw new LocScaleError('bad-output', `The output ${output} would overwrite the input ${input}.`, {
        where: output,
        hint: `Choose another name with ${option}.`,
      });
    }
    const target = await targetOf(output);
    const identity = await identityOfName(target);
    if (seen.has(identity))
      throw new LocScaleError('bad-output', `Two outputs have the name ${output}.`, {
        where: output,
        hint: `Choose another name with ${option}.`,
      });
    seen.add(identity);
    await removeLeftovers(dirname(target), (name) => name === basename(target));
    await checkWritable(output, target, option);
  }
}

/** More links than this in a row are a circle (Linux gives up after as many). */
const MOST_LINKS = 40;

/** The path that `path` stands for: itself, or where its symbolic links end, be there a file or not. */
async function targetOf(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const next = await readlink(target).catch(() => undefined);
    if (next === undefined) return target;
    // Not `join`, for the reason given above.
    target = isAbsolute(next) ? next : `${dirname(target)}${sep}${next}`;
  }
  throw new LocScaleError('bad-output', `${path} cannot be written: its links lead in a circle.`, {
    where: path,
    hint: 'Choose another name with -o.',
  });
}

/** Equal for two names of one place in a folder, whether a file is there or not. */
async function identityOfName(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => resolve(dirname(path)));
  return `${folder}${sep}${basename(path)}`;
}

async function identitiesOf(path: string): Promise<string[]> {
  try {
    const info = await stat(path);
    // Some file systems have no inode numbers: 0 identifies nothing.
    return [await realpath(path), ...(info.ino === 0 ? [] : [`inode ${info.dev}:${info.ino}`])];
  } catch {
    return [resolve(path)];
  }
}

async function checkWritable(output: string, target: string, option: string): Promise<void> {
  const folder = dirname(target);
  const refuse = (reason: string, cause?: unknown): never => {
    throw new LocScaleError('bad-output', `${output} cannot be written: ${reason}.`, {
      where: output,
      hint: `Choose another folder or name with ${option}.`,
      ...(cause === undefined ? {} : { cause }),
    });
  };
  const existing = await stat(target).catch(() => undefined);
  if (existing?.isDirectory() === true) refuse('it is a folder');
  // The rename at the end would put a file in the place of the device itself (/dev/null, as superuser).
  if (existing?.isFile() === false) refuse('it is a device or a pipe, not a file');
  const parent = await stat(folder).catch(() => undefined);
  if (parent === undefined) refuse(`the folder ${resolve(folder)} does not exist`);
  else if (!parent.isDirectory()) refuse(`${folder} is not a folder`);
  // Permissions, read-only disks and quotas show only when a file is made.
  const probe = takeTemporaryName(target);
  try {
    closeSync(openSync(probe, 'wx'));
  } catch (error) {
    refuse(reasonOf(error), error);
  } finally {
    discardTemporary(probe);
  }
}

/** Refuses a folder that is to be made at the end of a run and whose name a file has. */
export async function checkFolderName(path: string, option: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing === undefined || existing.isDirectory()) return;
  throw new LocScaleError('bad-output', `The folder ${path} cannot be made: a file has its name.`, {
    where: path,
    hint: `Choose another name with ${option}.`,
  });
}

/** `option`: the one that chose the folder, for the hint. Returns whether it was not there before. */
export async function makeFolder(path: string, option: '-o' | '-op' | '--resume'): Promise<boolean> {
  try {
    return (await mkdir(path, { recursive: true })) !== undefined;
  } catch (error) {
    const why =
      (error as { code?: unknown } | null)?.code === 'ENOENT'
        ? 'its place is missing or takes no folders'
        : reasonOf(error);
    throw new LocScaleError('bad-output', `The folder ${path} cannot be made: ${why}.`, {
      where: path,
      cause: error,
      hint: `Choose another folder with ${option}.`,
    });
  }
}

export type FileContent = string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

interface StagedFile {
  readonly temporary: string;
  /** Where the file goes: `path`, or what it links to. */
  readonly target: string;
  /** As the user knows it. */
  readonly path: string;
}

/** Files of one run: all staged under temporary names, then committed together or discarded. */
export class StagedOutputs {
  private readonly staged: StagedFile[] = [];
  /** Made for files that are staged. */
  private readonly folders: string[] = [];

  /** Makes a folder for files that are to be staged; it goes if they do. */
  async makeFolder(path: string): Promise<void> {
    if (await makeFolder(path, '-o')) {
      takeTemporaryFolder(path);
      this.folders.push(path);
    } else await removeLeftovers(path, () => true);
  }

  async stage(path: string, content: FileContent): Promise<void> {
    const target = await targetOf(path);
    const temporary = takeTemporaryName(target);
    try {
      const file = await open(temporary, 'wx');
      try {
        const chunks = typeof content === 'string' ? [new TextEncoder().encode(content)] : content;
        for await (const chunk of chunks) await writeWhole(file, chunk);
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
        hint: 'Choose another folder or name with -o.',
      });
    }
    this.staged.push({ temporary, target, path });
  }

  /**
   * Renames all, the first staged last: where the main file is, the others are too. If one cannot be
   * renamed, those before it are taken back, except where they replaced an older file, which is gone.
   * Without a pause between the first and the last: no signal comes between two names.
   * Returns the paths in the order they were staged.
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
        const told = takenBack(file, error, inPlace);
        this.discard();
        throw told;
      }
    }
    for (const folder of this.folders.splice(0)) keepTemporaryFolder(folder);
    return files.map(({ path }) => path);
  }

  discard(): void {
    for (const { temporary } of this.staged.splice(0)) discardTemporary(temporary);
    for (const folder of this.folders.splice(0)) discardTemporaryFolder(folder);
  }
}

/** Removes the files that are in place already; returns what to tell of `failed` and of them. */
function takenBack(
  failed: StagedFile,
  cause: unknown,
  inPlace: readonly { file: StagedFile; replaced: boolean }[],
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
    hint: 'Choose another folder or name with -o.',
  });
}

function isRemoved(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

async function writeWhole(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  let at = 0;
  while (at < chunk.length) at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
}
