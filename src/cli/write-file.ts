/**
 * Output files: checked before the computation starts, written under a temporary name in their own
 * folder, and renamed together when all are complete. A run that fails or is stopped leaves nothing.
 */
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { mkdir, open, realpath, rename, stat } from 'node:fs/promises';
import { basename, dirname, resolve, sep } from 'node:path';
import { LocScaleError } from '../errors.ts';

/** Temporary files that exist now, removed when the process ends for whatever reason. */
const temporaries = new Set<string>();

export function removeTemporaries(): void {
  for (const path of temporaries) {
    try {
      unlinkSync(path);
    } catch {
      // It was never made, or is gone already: nothing is left behind either way.
    }
  }
  temporaries.clear();
}

let counter = 0;
function temporaryNameFor(path: string): string {
  counter++;
  // Not `join`: it takes `a/..` out of a path, which is another folder where `a` is a link or absent.
  return `${dirname(path)}${sep}.${basename(path)}.${process.pid}-${counter}.tmp`;
}

/**
 * Refuses outputs that cannot be written, that would overwrite an input (also under another name: links
 * are followed), or that collide with each other. An output of an earlier run is replaced, as LocScale does.
 */
export async function checkOutputs(outputs: readonly string[], inputs: readonly string[]): Promise<void> {
  const inputIdentities = new Map<string, string>();
  for (const input of inputs)
    for (const identity of await identitiesOf(input)) inputIdentities.set(identity, input);
  const seen = new Set<string>();
  for (const output of outputs) {
    for (const identity of await identitiesOf(output)) {
      const input = inputIdentities.get(identity);
      if (input === undefined) continue;
      throw new LocScaleError('bad-output', `The output ${output} would overwrite the input ${input}.`, {
        where: output,
        hint: 'Choose another name with -o.',
      });
    }
    const absolute = resolve(output);
    if (seen.has(absolute))
      throw new LocScaleError('bad-output', `Two outputs have the name ${output}.`, {
        where: output,
        hint: 'Choose another name with -o.',
      });
    seen.add(absolute);
    await checkWritable(output);
  }
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

async function checkWritable(output: string): Promise<void> {
  const folder = dirname(output);
  const refuse = (reason: string, cause?: unknown): never => {
    throw new LocScaleError('bad-output', `${output} cannot be written: ${reason}.`, {
      where: output,
      hint: 'Choose another folder or name with -o.',
      ...(cause === undefined ? {} : { cause }),
    });
  };
  const existing = await stat(output).catch(() => undefined);
  if (existing?.isDirectory() === true) refuse('it is a folder');
  // The rename at the end would put a file in the place of the device itself (/dev/null, as superuser).
  if (existing?.isFile() === false) refuse('it is a device or a pipe, not a file');
  const parent = await stat(folder).catch(() => undefined);
  if (parent === undefined) refuse(`the folder ${resolve(folder)} does not exist`);
  else if (!parent.isDirectory()) refuse(`${folder} is not a folder`);
  // Permissions, read-only disks and quotas show only when a file is made.
  const probe = temporaryNameFor(output);
  temporaries.add(probe);
  try {
    closeSync(openSync(probe, 'wx'));
    unlinkSync(probe);
  } catch (error) {
    refuse(reasonOf(error), error);
  } finally {
    temporaries.delete(probe);
  }
}

function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  const words: Record<string, string> = {
    EACCES: 'permission is denied',
    EPERM: 'permission is denied',
    EROFS: 'the disk is read-only',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    ENAMETOOLONG: 'its name is too long',
  };
  return words[String(code)] ?? (error instanceof Error ? error.message : String(error));
}

export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new LocScaleError('bad-output', `The folder ${path} cannot be made: ${reasonOf(error)}.`, {
      where: path,
      cause: error,
      hint: 'Choose another folder with -op.',
    });
  }
}

export type FileContent = string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Files of one run: all staged under temporary names, then committed together or discarded. */
export class StagedOutputs {
  private readonly staged: { readonly temporary: string; readonly path: string }[] = [];

  async stage(path: string, content: FileContent): Promise<void> {
    const temporary = temporaryNameFor(path);
    temporaries.add(temporary);
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
      discard(temporary);
      if (error instanceof LocScaleError || typeof (error as { code?: unknown } | null)?.code !== 'string')
        throw error;
      throw new LocScaleError('bad-output', `${path} cannot be written: ${reasonOf(error)}.`, {
        where: path,
        cause: error,
        hint: 'Choose another folder or name with -o.',
      });
    }
    this.staged.push({ temporary, path });
  }

  /** Renames all; returns the final paths in the order they were staged. */
  async commit(): Promise<string[]> {
    const written: string[] = [];
    for (const { temporary, path } of this.staged.splice(0)) {
      await rename(temporary, path);
      temporaries.delete(temporary);
      written.push(path);
    }
    return written;
  }

  discard(): void {
    for (const { temporary } of this.staged.splice(0)) discard(temporary);
  }
}

async function writeWhole(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  let at = 0;
  while (at < chunk.length) at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
}

function discard(temporary: string): void {
  try {
    unlinkSync(temporary);
  } catch {
    // Never made: nothing to remove.
  }
  temporaries.delete(temporary);
}
