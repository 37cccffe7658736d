/**
 * What all scenarios share: the program as a child process with a limit, two at a time, and a tally of what
 * came of it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { createRandom, type RandomSource } from '../../../src/math/statistics/random.ts';
import type { FaultName, FaultOptions, FaultResult } from './types.ts';

/** A run that is not over this long after the fault hangs. */
const LIMIT_SECONDS = 60;
/** On a busy machine the job itself takes its time. */
const WHOLE_LIMIT_SECONDS = 240;
const SIDE_BY_SIDE = 2;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the start of the process. */
  readonly seconds: number;
  /** It did not end by itself within the limit. */
  readonly hung: boolean;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when the standard output holds `text`, or the program has ended. */
  said(text: string): Promise<void>;
  /** The fault is injected now: from here on the run has its time to end. */
  struck(): void;
}

export interface StartOptions {
  readonly folder: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node itself, before the program. */
  readonly node?: readonly string[];
  /** What starts Node: `unshare -n`. */
  readonly launcher?: readonly string[];
  /** Instead of dist/cli.js. */
  readonly script?: string;
  /** File descriptors instead of pipes. */
  readonly stdout?: number;
  readonly stderr?: number;
}

/** Node's own executable, also where these lines run under something else. */
const node = /^node/.test(basename(process.execPath)) ? process.execPath : 'node';

export function start(options: FaultOptions, run: StartOptions): Running {
  const program = run.script ?? join(options.dist, 'cli.js');
  const [command, ...words] = [
    ...(run.launcher ?? []),
    node,
    ...(run.node ?? []),
    program,
    ...run.args,
  ] as const;
  const begun = performance.now();
  const child = spawn(command as string, words, {
    cwd: run.folder,
    env: { ...process.env, ...run.env },
    stdio: ['ignore', run.stdout ?? 'pipe', run.stderr ?? 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let over = false;
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    tell();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  for (const stream of [child.stdout, child.stderr]) stream?.on('error', () => undefined);
  let hung = false;
  const giveUp = (): void => {
    hung = true;
    child.kill('SIGKILL');
  };
  let limit = setTimeout(giveUp, 1000 * WHOLE_LIMIT_SECONDS);
  const struck = (): void => {
    clearTimeout(limit);
    if (!over) limit = setTimeout(giveUp, 1000 * LIMIT_SECONDS);
  };
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      over = true;
      tell();
      resolve({ code, signal, stdout, stderr, seconds: (performance.now() - begun) / 1000, hung });
    });
  });
  const said = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!over && !stdout.includes(text)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
    });
  return { child, ended, said, struck };
}

/** Outcomes and faults of one scenario while it runs. */
export class Tally {
  runs = 0;
  readonly outcomes: Record<string, number> = {};
  readonly faults: string[] = [];
  readonly measured: Record<string, number> = {};
  readonly skippedParts: string[] = [];
  /** Why nothing can be run on this machine. */
  skipped: string | undefined;
  private readonly onFault: (sentence: string) => void;

  constructor(onFault: (sentence: string) => void) {
    this.onFault = onFault;
  }

  count(outcome: string): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
  }

  fault(sentence: string): void {
    this.faults.push(sentence);
    this.onFault(sentence);
  }

  /** Keeps the largest. */
  measure(what: string, value: number): void {
    this.measured[what] = Math.max(this.measured[what] ?? 0, Math.round(value * 100) / 100);
  }
}

export interface Scenario {
  readonly name: FaultName;
  readonly title: string;
  run(campaign: Campaign): Promise<void>;
}

export class Campaign {
  readonly options: FaultOptions;
  readonly tally: Tally;
  readonly random: RandomSource;
  /** Empty at the start, of this scenario alone. */
  readonly folder: string;
  private readonly name: FaultName;
  private folders = 0;

  constructor(options: FaultOptions, name: FaultName, stream: number) {
    this.options = options;
    this.name = name;
    this.tally = new Tally((sentence) => this.say(`fault: ${sentence}`));
    this.random = createRandom(options.seed, stream);
    this.folder = join(options.work, name);
    mkdirSync(this.folder, { recursive: true });
  }

  /** `quick` of them in a quick campaign. */
  size(whole: number, quick: number): number {
    return this.options.quick ? quick : whole;
  }

  start(run: StartOptions): Running {
    return start(this.options, run);
  }

  run(run: StartOptions): Promise<Ended> {
    return this.start(run).ended;
  }

  /** A folder that `body` may fill; removed afterwards unless something went wrong in it. */
  async inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
    const folder = join(this.folder, `run-${this.folders++}`);
    mkdirSync(folder, { recursive: true });
    const before = this.tally.faults.length;
    const result = await body(folder);
    if (this.tally.faults.length === before) rmSync(folder, { recursive: true, force: true });
    return result;
  }

  /** `body` for 0 … count - 1, two side by side; what it needs of `random` it must take from `draw`. */
  async repeat<D>(
    count: number,
    draw: (index: number) => D,
    body: (drawn: D, index: number) => Promise<void>,
  ): Promise<void> {
    const drawn = Array.from({ length: count }, (_, index) => draw(index));
    let next = 0;
    const serve = async (): Promise<void> => {
      while (next < count) {
        const index = next++;
        this.tally.runs++;
        await body(drawn[index] as D, index);
        if ((index + 1) % 20 === 0) this.say(`${index + 1} of ${count}`);
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, serve));
  }

  say(line: string): void {
    this.options.onProgress(`${this.name}: ${line}`);
  }

  result(title: string, seconds: number): FaultResult {
    const { runs, outcomes, faults, measured, skippedParts, skipped } = this.tally;
    return {
      name: this.name,
      title,
      runs,
      outcomes,
      faults,
      seconds: Math.round(seconds * 10) / 10,
      ...(Object.keys(measured).length === 0 ? {} : { measured }),
      ...(skippedParts.length === 0 ? {} : { skippedParts }),
      ...(skipped === undefined ? {} : { skipped }),
    };
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** An error as users are to see it: one sentence, perhaps a hint, and no stack. */
export function isOneSentence(all: string): boolean {
  // What drivers have printed follows errors that they may have caused; Dawn's lines look like those of a
  // stack.
  const [stderr = ''] = all.split(/^.*Messages of GPU drivers and libraries:$/m);
  const lines = stderr.split('\n').filter((line) => line !== '' && !/^(warning|note):/.test(line));
  const errors = lines.filter((line) => line.startsWith('error: '));
  return (
    errors.length === 1 && !/^\s+at .*:\d+/m.test(stderr) && !/Internal error|node:internal/.test(stderr)
  );
}
