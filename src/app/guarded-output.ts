/**
 * The file that the address is printed to, of a batch job or after ">": the address is as good as a password,
 * and such files are made readable by everybody on most machines, before the program starts.
 */
import { fchmodSync, fstatSync } from 'node:fs';
import process from 'node:process';

/** 'closed': was open to others until now; 'open': is, and cannot be closed. */
export type GuardedOutput = 'private' | 'closed' | 'open';

/** Read, write and execute of the group and of everybody else. */
const OTHERS = 0o077;

/** Takes the rights of others away from an open file; undefined for what is no file: a terminal, a pipe. */
export function guardOutput(descriptor: number): GuardedOutput | undefined {
  const info = fstatSync(descriptor);
  if (!info.isFile()) return undefined;
  // Elsewhere these bits say nothing of who may read.
  if (process.platform === 'win32' || (info.mode & OTHERS) === 0) return 'private';
  try {
    fchmodSync(descriptor, info.mode & ~OTHERS & 0o777);
  } catch {
    return 'open';
  }
  return (fstatSync(descriptor).mode & OTHERS) === 0 ? 'closed' : 'open';
}
