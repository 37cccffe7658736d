/** The machine and the state of the sources, as stored with every result. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine as describeHost } from '../src/bench/machine.ts';
import type { Machine } from './results.ts';

export function describeMachine(device: string): Machine {
  return { ...describeHost(), device };
}

/** Part of a file name: "amd-epyc-2-cores-cpu". */
export function machineSlug(machine: Machine, engine: string): string {
  return slugOf(`${machine.processor} ${machine.cores} cores ${engine}`);
}

export function slugOf(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

/** Commit of the checkout; `modified` when tracked files differ from it. */
export function describeCommit(root: string): { commit: string; modified: boolean } {
  // A packed copy has no repository but says what it was made from.
  const packed = join(root, 'commit.json');
  if (existsSync(packed))
    return JSON.parse(readFileSync(packed, 'utf8')) as { commit: string; modified: boolean };
  const git = (...args: string[]): string | undefined => {
    const run = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
    return run.status === 0 ? run.stdout.trim() : undefined;
  };
  return {
    commit: git('rev-parse', '--short=10', 'HEAD') ?? 'unknown',
    modified: (git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'bench/*.ts') ?? '') !== '',
  };
}
