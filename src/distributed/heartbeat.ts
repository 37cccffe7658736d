/**
 * Heartbeats in a shared folder: every rank increments a counter in its own file, and the others watch it.
 * Only the contents are compared: hosts' clocks differ, and network file systems cache times and sizes.
 */
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import process from 'node:process';
import { startThread } from '../platform/index.ts';

/** Contents of a heartbeat file. */
export interface ProcessIdentity {
  /** Unique identifier of this process. */
  readonly nonce: string;
  readonly host: string;
  readonly process: number;
  /** Boot ID and PID namespace: process IDs are comparable if these are equal. Empty if unknown. */
  readonly processSpace: string;
}

/** A heartbeat as read from a file. */
export interface Beat extends ProcessIdentity {
  readonly count: number;
}

/** What the thread that writes heartbeats gets. */
export interface HeartbeatData {
  readonly path: string;
  readonly identity: ProcessIdentity;
  readonly pausesMs: { readonly opening: number; readonly settled: number };
  readonly control: Int32Array;
}

/** Indices into `control`. */
export const HeartbeatSlot = { stop: 0, settled: 1, writing: 2 } as const;
/** A write blocked in the file system must not keep the process alive. */
const LONGEST_WRITE_MS = 500;

/** The heartbeat of this process. */
export interface Heartbeat {
  /** All ranks have met: use the longer interval. */
  settle(): void;
  /** Stops the beats and removes the file; no write follows. */
  stop(): void;
}

/** Starts the heartbeat on a thread of its own, so that a busy rank does not seem dead. */
export function startHeartbeat(
  path: string,
  identity: ProcessIdentity,
  pausesMs: HeartbeatData['pausesMs'],
): Heartbeat {
  const control = new Int32Array(new SharedArrayBuffer(12));
  const data: HeartbeatData = { path, identity, pausesMs, control };
  startThread('./heartbeat-worker.ts', import.meta.url, data, {
    onMessage: () => undefined,
    // If the worker fails, the other ranks find this one dead and report it: no need to exit here.
    onEnd: () => undefined,
  });
  return {
    settle: () => {
      Atomics.store(control, HeartbeatSlot.settled, 1);
    },
    stop: () => {
      Atomics.store(control, HeartbeatSlot.stop, 1);
      Atomics.notify(control, HeartbeatSlot.stop);
      Atomics.wait(control, HeartbeatSlot.writing, 1, LONGEST_WRITE_MS);
      rmSync(path, { force: true });
    },
  };
}

/** The identity of this process, new on every call. */
export function describeThisProcess(): ProcessIdentity {
  return {
    nonce: crypto.randomUUID(),
    host: hostname(),
    process: process.pid,
    processSpace: readProcessSpace(),
  };
}

/** Boot ID and PID namespace; empty where /proc does not exist. */
function readProcessSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/** The latest beat, or undefined if there is no readable file. */
export async function readBeat(path: string): Promise<Beat | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Beat;
  } catch {
    // Missing, or read while a network file system was replacing it: counts as no beat.
    return undefined;
  }
}

/** Whether a process on this machine has ended; false if unknown (other host or PID namespace). */
export function hasEnded(identity: ProcessIdentity, own: ProcessIdentity): boolean {
  if (identity.processSpace === '' || identity.processSpace !== own.processSpace) return false;
  try {
    process.kill(identity.process, 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === 'ESRCH';
  }
}

/** One rank as seen by another. */
export class Pulse {
  #count: number | undefined;
  #nonce: string | undefined;
  #missed = 0;
  #alive = false;

  /** Records the result of one poll. */
  see(beat: Beat | undefined): void {
    if (beat === undefined || (beat.nonce === this.#nonce && beat.count === this.#count)) {
      this.#missed++;
      return;
    }
    // The file may be a leftover of an earlier job: only a changing counter is a sign of life.
    this.#alive = beat.nonce === this.#nonce;
    this.#nonce = beat.nonce;
    this.#count = beat.count;
    this.#missed = 0;
  }

  /** The process seen alive, if any yet. */
  get aliveNonce(): string | undefined {
    return this.#alive ? this.#nonce : undefined;
  }

  /** Polls without a beat since the last one. */
  get missed(): number {
    return this.#missed;
  }
}
