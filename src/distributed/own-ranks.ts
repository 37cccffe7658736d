/**
 * Ranks started by this program itself: the same command line, with the rank in the environment. They
 * exchange files in a temporary folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { isDeno } from '../platform/index.ts';
import type { Communicator } from './communicator.ts';
import type { Environment } from './launcher.ts';

/** Environment variables of the processes that this program starts. */
const RANK_VARIABLE = 'LOCSCALE_RANK';
const SIZE_VARIABLE = 'LOCSCALE_RANKS';
const FOLDER_VARIABLE = 'LOCSCALE_RANK_FOLDER';

/** Grace period for a process to notice the end of the run, in milliseconds. */
const PATIENCE_MS = 15_000;

/** The rank of such a process. */
export interface OwnRanks {
  readonly rank: number;
  readonly size: number;
  readonly folder: string;
}

/** The started ranks as rank 0 sees them, with its own number. */
export interface StartedRanks extends OwnRanks {
  /** Waits until they have exited, which they do when rank 0 finishes or fails. */
  end(): Promise<void>;
}

/** Settings that the parent process passed to this one. */
export function ownRanksOf(environment: Environment): OwnRanks | undefined {
  const { [RANK_VARIABLE]: rank, [SIZE_VARIABLE]: size, [FOLDER_VARIABLE]: folder } = environment;
  if (rank === undefined || folder === undefined) return undefined;
  return { rank: Number(rank), size: Number(size), folder };
}

/** `standardError`: file descriptor for their standard error. */
export async function startRanks(size: number, standardError: number): Promise<StartedRanks> {
  const folder = await mkdtemp(join(tmpdir(), 'locscale-gpu-'));
  const children: ChildProcess[] = [];
  const first = isDeno ? ['run', '-A'] : process.execArgv;
  for (let rank = 1; rank < size; rank++) {
    const variables = {
      [RANK_VARIABLE]: String(rank),
      [SIZE_VARIABLE]: String(size),
      [FOLDER_VARIABLE]: folder,
    };
    const child = spawn(process.execPath, [...first, ...process.argv.slice(1)], {
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'ignore', standardError],
    });
    children.push(child);
  }
  return {
    rank: 0,
    size,
    folder,
    async end() {
      await Promise.all(children.map(ended));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Connects to the others through the folder. */
export async function connectOwnRanks({ rank, size, folder }: OwnRanks): Promise<Communicator> {
  const { createFilesCommunicator } = await import('./files.ts');
  return createFilesCommunicator({ folder: join(folder, 'ranks'), rank, size, launcher: 'one for each GPU' });
}

/** Waits for a child to end; kills one that does not. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const kill = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    child.once('exit', () => {
      clearTimeout(kill);
      resolve();
    });
    child.once('error', () => resolve());
  });
}
