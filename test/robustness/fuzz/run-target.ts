/** All cases of one target, in a process that is started again after whatever ends it. */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FuzzFault, FuzzResult } from './results.ts';
import type { FuzzTarget } from './types.ts';
import type { FromWorker, WorkerOrder } from './worker.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Whichever is reached first. */
  readonly cases: number;
  readonly minutes: number;
  /** A case without an end by then is killed. */
  readonly hangSeconds: number;
  readonly onProgress?: (line: string) => void;
}

/** For a process to begin with its first case. */
const START_SECONDS = 60;
/** After so many a target is left. */
const MOST_FAULTS = 20;
/** Of the heap for JavaScript in the process that reads. */
const HEAP_MEGABYTES = 512;
/** More than this in a process that has read a million small files is a leak. */
const MOST_RESIDENT_BYTES = 1.5 * 2 ** 30;
const LOOK_MILLISECONDS = 250;
const SAY_SECONDS = 60;

export async function runTarget(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const { seed, cases, minutes, hangSeconds, onProgress } = options;
  const folder = mkdtempSync(join(tmpdir(), 'locscale-fuzz-'));
  const markFile = join(folder, 'case');
  const started = performance.now();
  const until = Date.now() + 60_000 * minutes;
  const outcomes: Record<string, number> = {};
  const faults: FuzzFault[] = [];
  let done = 0;
  let slowest = 0;
  let largest = 0;
  let resident = 0;
  let said = started;
  const receive = (message: FromWorker): void => {
    if (message.kind === 'fault') faults.push({ index: message.index, fault: message.fault });
    if (message.kind !== 'progress') return;
    done += message.cases;
    for (const [outcome, count] of Object.entries(message.outcomes))
      outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
    slowest = Math.max(slowest, message.slowestMilliseconds);
    largest = Math.max(largest, message.largestAllocationBytes);
    resident = Math.max(resident, message.peakResidentBytes);
    if (performance.now() - said < 1000 * SAY_SECONDS) return;
    said = performance.now();
    onProgress?.(
      `${target.name}: ${done} cases in ${((said - started) / 60_000).toFixed(1)} min, ${faults.length} faults`,
    );
  };
  try {
    let from = 0;
    while (from < cases && Date.now() < until && faults.length < MOST_FAULTS) {
      // Until the next process has begun its first case, there is none to blame.
      rmSync(markFile, { force: true });
      const order = { target: target.name, seed, from, to: cases, until, markFile };
      const end = await runProcess(order, hangSeconds, receive, () => faults.length >= MOST_FAULTS);
      if (end === 'done' || end === 'enough') break;
      const index = lastCase(markFile, from);
      // What failed outside of a call was told by the process before it ended.
      if (!faults.some((fault) => fault.index === index)) faults.push({ index, fault: end });
      from = index + 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (resident > MOST_RESIDENT_BYTES)
    faults.push({ index: -1, fault: `the process came to take ${(resident / 2 ** 30).toFixed(2)} GiB` });
  return {
    name: target.name,
    title: target.title,
    cases: done,
    outcomes,
    faults,
    seconds: Math.round((performance.now() - started) / 1000),
    slowestMilliseconds: Math.round(slowest),
    largestAllocationBytes: largest,
    memoryLimitBytes: target.memoryLimitBytes,
    peakResidentBytes: resident,
    seed,
  };
}

/** `done`, `enough` (stopped from here), or what ended the process in words. */
function runProcess(
  order: WorkerOrder,
  hangSeconds: number,
  receive: (message: FromWorker) => void,
  isEnough: () => boolean,
): Promise<string> {
  const script = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url),
  );
  return new Promise((resolve) => {
    const child = fork(script, [], {
      execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let result: string | undefined;
    let lastLine = '';
    let mark = -1;
    let since = performance.now();
    const look = setInterval(() => {
      const now = lastCase(order.markFile, -1);
      if (now !== mark) {
        mark = now;
        since = performance.now();
      } else if (performance.now() - since > 1000 * (mark < 0 ? START_SECONDS : hangSeconds)) {
        result ??= mark < 0 ? 'did not begin' : `hung: no end within ${hangSeconds} s`;
        child.kill('SIGKILL');
      }
      if (!isEnough()) return;
      result ??= 'enough';
      child.kill('SIGKILL');
    }, LOOK_MILLISECONDS);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastLine =
        text
          .trim()
          .split('\n')
          .find((line) => /error|fatal|abort/i.test(line)) ?? lastLine;
    });
    child.on('message', (message: FromWorker) => {
      if (message.kind === 'done') result = 'done';
      else receive(message);
    });
    child.on('close', (code, signal) => {
      clearInterval(look);
      resolve(
        result ??
          `the process ended with ${signal ?? `exit code ${code}`}${lastLine === '' ? '' : `: ${lastLine}`}`,
      );
    });
    child.send(order);
  });
}

function lastCase(markFile: string, otherwise: number): number {
  try {
    const bytes = readFileSync(markFile);
    return bytes.length < 8 ? otherwise : bytes.readDoubleBE(0);
  } catch {
    return otherwise;
  }
}
