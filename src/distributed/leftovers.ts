/**
 * Removes shared folders, which hold copies of maps, of earlier jobs whose ranks were all killed. A folder is
 * abandoned if none of its heartbeats has changed for a while.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Snapshot of shared folders and their heartbeats. */
export type FolderStates = ReadonlyMap<string, string>;

const FOLDER_NAME = /^(.*\.ranks-)/;

/** Siblings of `folder` that belong to jobs with the same output name. */
export function observeSiblings(folder: string): FolderStates {
  const states = new Map<string, string>();
  const stem = FOLDER_NAME.exec(basename(folder))?.[1];
  if (stem === undefined) return states;
  for (const entry of list(dirname(folder))) {
    const path = join(dirname(folder), entry);
    if (!entry.startsWith(stem) || entry === basename(folder)) continue;
    const heartbeats = list(path).filter((name) => /^rank-\d+\.alive$/.test(name));
    // Without heartbeats it is somebody else's folder, or its job is starting or ending.
    if (heartbeats.length > 0)
      states.set(path, heartbeats.map((name) => `${name} ${read(join(path, name))}`).join('\n'));
  }
  return states;
}

/** Removes folders whose heartbeats have not changed since `earlier`. */
export function removeUnchanged(earlier: FolderStates, folder: string): void {
  for (const [path, state] of observeSiblings(folder)) {
    if (earlier.get(path) === state) rmSync(path, { recursive: true, force: true });
  }
}

/** Names in a folder; none if it cannot be read. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Content of a file; '' if it cannot be read. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
