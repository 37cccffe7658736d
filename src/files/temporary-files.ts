/**
 * Names for incomplete files: `.<name>.<place>-<process>-<number>.tmp`, in the folder of the final file. This
 * process removes its own at exit, except after SIGKILL or a crash of the machine; those of a killed process
 * are removed by the next run that writes the same file.
 */
import { createHash } from 'node:crypto';
import { rmdirSync, unlinkSync } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import process from 'node:process';
import { describeThisProcess, hasEnded, type ProcessIdentity } from '../distributed/heartbeat.ts';

/** Existing temporary files, and folders created for them, removed at exit. */
const files = new Set<string>();
/** Folders to remove if the run fails. */
const folders = new Set<string>();

/** .NAME.PLACE-PID-N.tmp; PLACE is a hash of the machine and its process IDs. */
const PATTERN = /^\.(.+)\.([0-9a-f]{8})-(\d+)-\d+\.tmp$/;
/**
 * Age limit for files of other machines, whose processes cannot be checked: no run takes that long to write
 * its results.
 */
const OLD_MS = 24 * 3600 * 1000;

/** Determined once: it reads files of the system. */
let own: ProcessIdentity | undefined;
const ownIdentity = (): ProcessIdentity => {
  own ??= describeThisProcess();
  return own;
};

/** Equal if process IDs are comparable. */
function placeOf({ host, processSpace }: ProcessIdentity): string {
  return createHash('sha256').update(`${host} ${processSpace}`).digest('hex').slice(0, 8);
}

/** Makes temporary names of one process differ. */
let counter = 0;

/** Reserves a temporary name for this process. */
export function takeTemporaryName(path: string): string {
  counter++;
  // Not `join`: it takes `a/..` out of a path, which is another folder where `a` is a link or absent.
  const name = `.${basename(path)}.${placeOf(ownIdentity())}-${process.pid}-${counter}.tmp`;
  const temporary = `${dirname(path)}${sep}${name}`;
  files.add(temporary);
  return temporary;
}

/** The file has been renamed: forget it. */
export function keepTemporary(temporary: string): void {
  files.delete(temporary);
}

/** Removes a temporary file; never throws. */
export function discardTemporary(temporary: string): void {
  try {
    unlinkSync(temporary);
  } catch {
    // Never created, or already gone: nothing to clean up.
  }
  files.delete(temporary);
}

/** Registers a folder created for files yet to come. */
export function takeTemporaryFolder(path: string): void {
  folders.add(path);
}

/** The folder is a result now. */
export function keepTemporaryFolder(path: string): void {
  folders.delete(path);
}

/** Removes a folder if it is empty; never throws. */
export function discardTemporaryFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Not empty, or already gone.
  }
  folders.delete(path);
}

/** Removes all temporaries of this process, also from the handler of a signal. */
export function removeTemporaries(): void {
  for (const path of files) discardTemporary(path);
  for (const path of folders) discardTemporaryFolder(path);
}

/**
 * Removes temporary files of killed processes from `folder`, for the final names that `isOurs` accepts: on
 * this machine if the process has ended, else if unchanged for a day.
 */
export async function removeLeftovers(folder: string, isOurs: (name: string) => boolean): Promise<void> {
  for (const entry of await readdir(folder).catch(() => [])) {
    const [, name, place, pid] = PATTERN.exec(entry) ?? [];
    const path = join(folder, entry);
    if (name === undefined || !isOurs(name) || files.has(path)) continue;
    const own = ownIdentity();
    const ended =
      place !== placeOf(own)
        ? await isOld(path)
        : // In a container this process may have the same ID as the killed one.
          Number(pid) === process.pid || hasEnded({ ...own, process: Number(pid) }, own);
    // Another run may remove it at the same time.
    if (ended) await unlink(path).catch(() => undefined);
  }
}

/** Unchanged for a day; another machine may still be writing it. */
async function isOld(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > OLD_MS;
}
