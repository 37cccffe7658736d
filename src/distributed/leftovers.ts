/**
 * Shared folders of earlier jobs that were killed as a whole, so that nobody was left to tidy up. They hold
 * copies of maps. A folder counts as left behind when its signs of life have not moved for a while.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Folders of shared files and the lives in them, at some moment. */
export type FolderStates = ReadonlyMap<string, string>;

const FOLDER_NAME = /^(.*\.ranks-)/;

/** All folders beside `folder` that belong to jobs with the same output. */
export function observeSiblings(folder: string): FolderStates {
  const states = new Map<string, string>();
  const stem = FOLDER_NAME.exec(basename(folder))?.[1];
  if (stem === undefined) return states;
  for (const entry of list(dirname(folder))) {
    const path = join(dirname(folder), entry);
    if (!entry.startsWith(stem) || entry === basename(folder)) continue;
    const lives = list(path).filter((name) => /^rank-\d+\.alive$/.test(name));
    // A folder without any is not one of ours, or its job is just starting or ending.
    if (lives.length > 0)
      states.set(path, lives.map((name) => `${name} ${read(join(path, name))}`).join('\n'));
  }
  return states;
}

/** Removes what has not changed since `earlier`. */
export function removeUnchanged(earlier: FolderStates, folder: string): void {
  for (const [path, state] of observeSiblings(folder)) {
    if (earlier.get(path) === state) rmSync(path, { recursive: true, force: true });
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
