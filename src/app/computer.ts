/**
 * The process in which the app computes, so that a crash in a GPU driver or a lack of memory ends a run and
 * not the server, and a run can be stopped whatever it does. It answers requests as the page's run worker.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Failure, FromWorker, RunEvent } from '../screens/protocol.ts';

/** What the process answers, besides `cancel`. */
export const computedRequests = ['probe', 'inspect', 'preview', 'plan', 'run', 'sections', 'view'] as const;
export type ComputedRequest = (typeof computedRequests)[number];

/** What the server needs of the process; tests have one without a process. */
export interface Computer {
  /** Events of the run under way, in order. */
  onEvent: (event: RunEvent) => void;
  /** Rejects with a `ComputerFailure`. */
  request(name: ComputedRequest, value: unknown): Promise<unknown>;
  /** Stops the run. */
  cancel(): void;
  close(): Promise<void>;
}

/** A failure in the process, as the page shows it. */
export class ComputerFailure extends Error {
  /** With tag and hint: `message` alone loses them. */
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Settings of the process. */
export interface ComputerOptions {
  /** Working folder: paths of jobs are relative to it. */
  readonly root: string;
  /** Options of every run: threads, memory, GPUs. */
  readonly runOptions: readonly string[];
}

/** Until a run has stopped, its engine finishes what it is doing; then the process is ended. */
const PATIENCE_MILLISECONDS = 10_000;
/** Of the process's standard error, for the message if it crashes. */
const MOST_CHARACTERS = 2000;

/** A request that has no answer yet. */
interface Waiting {
  /** A run that is lost needs another sentence than a plan. */
  readonly name: ComputedRequest;
  resolve(value: unknown): void;
  reject(error: ComputerFailure): void;
}

/**
 * A process of Node that is started by the first request, and again by the next one after it has ended.
 */
export class ComputerProcess implements Computer {
  /** Set by the server before the first run. */
  onEvent: (event: RunEvent) => void = () => undefined;
  /** The same for each process that is started. */
  private readonly options: ComputerOptions;
  /** By the request's number. */
  private readonly waiting = new Map<number, Waiting>();
  /** Started by the first request, and again after an end. */
  private child: ChildProcess | undefined;
  /** Numbers requests across processes, so that no late answer is taken for another's. */
  private count = 0;
  /** The user stopped the run: an end of the process is then no crash. */
  private stopping = false;
  /** End of what the process has printed to its standard error. */
  private errors = '';

  constructor(options: ComputerOptions) {
    this.options = options;
  }

  /** Rejects with `ComputerFailure`, also where the process ends without an answer. */
  request(name: ComputedRequest, value: unknown): Promise<unknown> {
    const id = ++this.count;
    if (name === 'run') this.stopping = false;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { name, resolve, reject });
      this.child ??= this.start();
      this.child.send({ id, name, value });
    });
  }

  /** The process may stop by itself at first; it is ended if that takes too long. */
  cancel(): void {
    const { child } = this;
    const runs = [...this.waiting].filter(([, { name }]) => name === 'run').map(([id]) => id);
    if (child === undefined || runs.length === 0) return;
    this.stopping = true;
    child.send({ name: 'cancel' });
    const timer = setTimeout(() => {
      if (runs.some((id) => this.waiting.has(id))) child.kill('SIGKILL');
    }, PATIENCE_MILLISECONDS);
    timer.unref();
  }

  /** A run under way is stopped first, so that it leaves nothing behind. */
  async close(): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.cancel();
    const running = [...this.waiting.values()].some(({ name }) => name === 'run');
    // Without its channel the process ends by itself once nothing runs in it.
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), running ? PATIENCE_MILLISECONDS : 1000);
    await gone;
    clearTimeout(timer);
  }

  /** Typed arrays survive the messages ('advanced'); the standard output is nobody's. */
  private start(): ChildProcess {
    const { root, runOptions } = this.options;
    const script = fileURLToPath(new URL(`./compute-worker${import.meta.url.slice(-3)}`, import.meta.url));
    const child = fork(script, runOptions, {
      cwd: root,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.errors = '';
    this.stopping = false;
    child.stderr?.on('data', (text: Buffer) => {
      this.errors = (this.errors + text).slice(-MOST_CHARACTERS);
    });
    child.on('message', (message) => this.receive(message as FromWorker));
    // 'exit' follows where the process was there.
    child.on('error', (error) => this.end(child, error.message));
    child.on('exit', (code, signal) => this.end(child, signal ?? `exit code ${code}`));
    return child;
  }

  /** Answers may come in any order: each belongs to a number. */
  private receive(message: FromWorker): void {
    if ('event' in message) {
      this.onEvent(message.event);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if ('failure' in message) waiting?.reject(new ComputerFailure(message.failure));
    else waiting?.resolve(message.value);
  }

  /** The next request starts another process. */
  private end(child: ChildProcess, how: string): void {
    if (this.child !== child) return;
    this.child = undefined;
    const failure = this.stopping ? STOPPED : crashed(how, this.errors);
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of waiting) reject(new ComputerFailure(failure));
  }
}

/** Same tag as that of a run that stops by itself. */
const STOPPED: Failure = { tag: 'aborted', message: 'The run was stopped.' };

/** `how`: signal or exit code. */
function crashed(how: string, errors: string): Failure {
  const last = errors.trim().split('\n').at(-1) ?? '';
  return {
    tag: 'internal',
    message: `The process that computes has ended (${how})${last === '' ? '' : `: ${last}`}.`,
    hint: 'Start the run again, on the CPU if a GPU was used; with less memory in use if it was SIGKILL.',
  };
}
