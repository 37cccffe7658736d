/**
 * Signs of life in a shared folder: every rank counts on in a file of its own, the others watch the number.
 * Only contents count: clocks of hosts differ, and network file systems keep times and sizes for a while.
 */
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import process from 'node:process';
import { startThread } from '../platform/index.ts';

/** What a rank says of itself. */
export interface Life {
  /** Of this process, unlike any other. */
  readonly nonce: string;
  readonly host: string;
  readonly process: number;
  /** Equal where process numbers mean the same: boot and namespace of processes. Empty: unknown. */
  readonly processSpace: string;
}

export interface Beat extends Life {
  readonly count: number;
}

export interface HeartbeatData {
  readonly path: string;
  readonly life: Life;
  readonly pausesMs: { readonly opening: number; readonly settled: number };
  readonly control: Int32Array;
}

/** Where in `control` what stands. */
export const HeartbeatSlot = { stop: 0, settled: 1, writing: 2 } as const;
/** A write that hangs in the file system must not keep the process. */
const LONGEST_WRITE_MS = 500;

export interface Heartbeat {
  /** All ranks know one another: beats may be rarer. */
  settle(): void;
  /** No beat is written after this, and the file is gone. */
  stop(): void;
}

export function startHeartbeat(path: string, life: Life, pausesMs: HeartbeatData['pausesMs']): Heartbeat {
  const control = new Int32Array(new SharedArrayBuffer(12));
  const data: HeartbeatData = { path, life, pausesMs, control };
  startThread('./heartbeat-worker.ts', import.meta.url, data, {
    onMessage: () => undefined,
    // Without its heartbeat the other ranks take this one for dead, and report it: it need not end by itself.
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

export function describeOwnLife(): Life {
  return {
    nonce: crypto.randomUUID(),
    host: hostname(),
    process: process.pid,
    processSpace: readProcessSpace(),
  };
}

function readProcessSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/** The latest beat, or undefined where there is none to be read. */
export async function readBeat(path: string): Promise<Beat | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Beat;
  } catch {
    // Missing, or caught while a network file system was exchanging it: no news.
    return undefined;
  }
}

/** Whether a process on this very machine has ended; false where that cannot be known. */
export function hasEnded(life: Life, own: Life): boolean {
  if (life.processSpace === '' || life.processSpace !== own.processSpace) return false;
  try {
    process.kill(life.process, 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === 'ESRCH';
  }
}

/** One rank as another sees it. */
export class Pulse {
  #count: number | undefined;
  #nonce: string | undefined;
  #missed = 0;
  #alive = false;

  /** Tells what was read at one look. */
  see(beat: Beat | undefined): void {
    if (beat === undefined || (beat.nonce === this.#nonce && beat.count === this.#count)) {
      this.#missed++;
      return;
    }
    // The first file may be one of an earlier job: only a number that moves is a sign of life.
    this.#alive = beat.nonce === this.#nonce;
    this.#nonce = beat.nonce;
    this.#count = beat.count;
    this.#missed = 0;
  }

  /** The process seen alive; undefined before. */
  get aliveNonce(): string | undefined {
    return this.#alive ? this.#nonce : undefined;
  }

  /** Looks without news since the last sign of life. */
  get missed(): number {
    return this.#missed;
  }
}
