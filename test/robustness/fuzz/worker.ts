/**
 * One process that reads case after case. Before each it writes its number to a file, so that whoever
 * started it knows which one hangs, crashes or is killed for.
 */
import { openSync, writeSync } from 'node:fs';
import process from 'node:process';
import { judge, SLOW_MILLISECONDS } from './judge.ts';
import { makeCase } from './mutate.ts';
import { findTarget } from './targets/index.ts';

export interface WorkerOrder {
  readonly target: string;
  readonly seed: number;
  /** First case and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** Clock time (Date.now) at which to stop. */
  readonly until: number;
  readonly markFile: string;
}

/** Since the last of its kind. */
export interface Progress {
  readonly kind: 'progress';
  readonly cases: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowestMilliseconds: number;
  readonly largestAllocationBytes: number;
  readonly peakResidentBytes: number;
}

export type FromWorker =
  | Progress
  | { readonly kind: 'fault'; readonly index: number; readonly fault: string }
  | { readonly kind: 'done' };

const REPORT_MILLISECONDS = 500;
const SETTLE_MILLISECONDS = 50;

/** Resolves when the message is with the other process: nothing is lost if this one ends next. */
function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });
}

function emptyCount() {
  return {
    cases: 0,
    outcomes: {} as Record<string, number>,
    slowestMilliseconds: 0,
    largestAllocationBytes: 0,
  };
}

async function work({ target: name, seed, from, to, until, markFile }: WorkerOrder): Promise<void> {
  const target = findTarget(name);
  const source = { ...target, seeds: await target.seeds() };
  const mark = new DataView(new ArrayBuffer(8));
  const file = openSync(markFile, 'w');
  let count = emptyCount();
  let reported = performance.now();
  const report = async (): Promise<void> => {
    const peakResidentBytes = process.resourceUsage().maxRSS * 1024;
    await send({ kind: 'progress', ...count, peakResidentBytes });
    count = emptyCount();
    reported = performance.now();
  };
  let index = from;
  // Outside of any promise of the reader: it must not leave anything behind that fails later.
  const stray = (error: unknown): void => {
    void send({ kind: 'fault', index, fault: `failed outside of the call: ${String(error)}` }).then(() =>
      process.exit(1),
    );
  };
  process.on('uncaughtException', stray).on('unhandledRejection', stray);
  for (; index < to && Date.now() < until; index++) {
    mark.setFloat64(0, index);
    writeSync(file, mark, 0, 8, 0);
    const { outcome, fault, milliseconds, allocatedBytes } = await judge(
      target,
      makeCase(source, seed, index),
      SLOW_MILLISECONDS,
    );
    count.cases++;
    count.outcomes[outcome] = (count.outcomes[outcome] ?? 0) + 1;
    count.slowestMilliseconds = Math.max(count.slowestMilliseconds, milliseconds);
    count.largestAllocationBytes = Math.max(count.largestAllocationBytes, allocatedBytes);
    if (fault !== undefined) await send({ kind: 'fault', index, fault });
    // Reports wait for the event loop: what a reader has left in it fails then, too.
    if (performance.now() - reported > REPORT_MILLISECONDS) await report();
  }
  // What the last cases have left behind comes to light now or never.
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MILLISECONDS));
  await report();
  await send({ kind: 'done' });
  process.disconnect();
}

// Whoever started this process has gone, or has been told that all is done.
process.once('disconnect', () => process.exit());
process.once('message', (order) => void work(order as WorkerOrder));
