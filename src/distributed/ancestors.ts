/**
 * Finds the MPI launcher among the ancestors of this process: mpirun, or its daemon on another host (Linux
 * only).
 */
import { readFileSync, readlinkSync } from 'node:fs';
import process from 'node:process';

/** A process of an MPI launcher above this one. */
export interface MpiAncestor {
  readonly id: number;
  /** Path of its executable. */
  readonly file: string;
}

/** Shells and wrappers between mpirun and this process. */
const MAX_GENERATIONS = 8;
const LAUNCHER_NAMES = /^(mpirun|mpiexec|orterun|orted|prterun|prted|hydra_|mpispawn)/;

/** Nearest first. */
export function findMpiAncestors(generations = MAX_GENERATIONS): MpiAncestor[] {
  const found: MpiAncestor[] = [];
  let id = process.ppid;
  for (let step = 0; step < generations && id > 1; step++) {
    try {
      const file = readlinkSync(`/proc/${id}/exe`);
      if (LAUNCHER_NAMES.test(file.slice(file.lastIndexOf('/') + 1))) found.push({ id, file });
      // "pid (name) state ppid ...": the name may hold spaces and brackets.
      const status = readFileSync(`/proc/${id}/stat`, 'utf8');
      id = Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]);
    } catch {
      break;
    }
  }
  return found;
}
