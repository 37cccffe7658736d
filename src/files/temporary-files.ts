/**
 * Names under which files are written before they are whole: `.<name>.<place>-<process>-<number>.tmp`, in the
 * folder of the file. Those of this process go when it ends, whatever ends it but SIGKILL and a crash of the
 * machine; those of a process that was killed go when the next run writes the same file.
 */
import { createHash } from 'node:crypto';
import { rmdirSync, unlinkSync } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import process from 'node:process';
import { describeOwnLife, hasEnded, type Life } from '../distributed/heartbeat.ts';

/** Files that exist now and folders made for them, removed when the process ends. */
const files = new Set<string>();
const folders = new Set<string>();

const PATTERN = /^\.(.+)\.([0-9a-f]{8})-(\d+)-\d+\.tmp$/;
/** Whether a process of another machine lives cannot be known; no run takes as long to write its results. */
const OLD_MS = 24 * 3600 * 1000;

let own: Life | undefined;
const ownLife = (): Life => {
  own ??= describeOwnLife();
  return own;
};

/** Equal where process numbers mean the same. */
function placeOf({ host, processSpace }: Life): string {
  return createHash('sha256').update(`${host} ${processSpace}`).digest('hex').slice(0, 8);
}

let counter = 0;

/** A name for the file to be written; it is this process's from now on. */
export function takeTemporaryName(path: string): string {
  counter++;
  // Not `join`: it takes `a/..` out of a path, which is another folder where `a` is a link or absent.
  const name = `.${basename(path)}.${placeOf(ownLife())}-${process.pid}-${counter}.tmp`;
  const temporary = `${dirname(path)}${sep}${name}`;
  files.add(temporary);
  return temporary;
}

/** It has its final name now. */
export function keepTemporary(temporary: string): void {
  files.delete(temporary);
}

export function discardTemporary(temporary: string): void {
  try {
    unlinkSync(temporary);
  } catch {
    // It was never made, or is gone already: nothing is left behind either way.
  }
  files.delete(temporary);
}

/** A folder that was made for files that are not in it yet. */
export function takeTemporaryFolder(path: string): void {
  folders.add(path);
}

export function keepTemporaryFolder(path: string): void {
  folders.delete(path);
}

export function discardTemporaryFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Something is in it, or it is gone.
  }
  folders.delete(path);
}

export function removeTemporaries(): void {
  for (const path of files) discardTemporary(path);
  for (const path of folders) discardTemporaryFolder(path);
}

/**
 * Removes from `folder` what killed processes left of files whose names `isOurs` takes: of this machine those
 * whose process has ended, else those that have not changed for a day.
 */
export async function removeLeftovers(folder: string, isOurs: (name: string) => boolean): Promise<void> {
  for (const entry of await readdir(folder).catch(() => [])) {
    const [, name, place, pid] = PATTERN.exec(entry) ?? [];
    const path = join(folder, entry);
    if (name === undefined || !isOurs(name) || files.has(path)) continue;
    const life = ownLife();
    const ended =
      place !== placeOf(life)
        ? await isOld(path)
        : // A process in a container has the number that the killed one had.
          Number(pid) === process.pid || hasEnded({ ...life, process: Number(pid) }, life);
    // Another run may be removing it at the same time.
    if (ended) await unlink(path).catch(() => undefined);
  }
}

async function isOld(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > OLD_MS;
}
