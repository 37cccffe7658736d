/** Runs tasks on a worker thread. */
import { LocScaleError } from '../errors.ts';
import { startThread, type Thread } from '../platform/index.ts';
import { isOutOfMemory, threadFailure } from '../platform/thread-failure.ts';
import type { TaskRunner } from './pool.ts';
import { packShared } from './shared-arrays.ts';
import type { TaskName } from './tasks.ts';

/** First message to a thread. */
export interface WorkerStart {
  /** Bytes of kernels.wasm. */
  readonly kernels: Uint8Array;
}

/** A task for a thread. */
export interface Request {
  /** Replies carry it. */
  readonly id: number;
  /** Name in `tasks`. */
  readonly task: TaskName;
  /** Shared arrays as references (shared-arrays.ts). */
  readonly args: unknown;
}

/** Its result, or an error in fields: classes do not survive a message. */
export type Reply =
  | { readonly id: number; readonly result: unknown }
  | {
      readonly id: number;
      readonly error: {
        readonly name: string;
        readonly message: string;
        readonly stack: string | undefined;
        readonly details: object | undefined;
      };
    };

/** A promise that waits for its reply. */
interface Pending {
  /** The task's result. */
  resolve(result: unknown): void;
  /** Its error, or the end of the thread. */
  reject(error: unknown): void;
}

/** A worker thread as a runner. If it ends, all its tasks fail. */
export class WorkerRunner implements TaskRunner {
  /** Ends with this runner. */
  private readonly thread: Thread;
  /** By the request's id. */
  private readonly pending = new Map<number, Pending>();
  /** Why the thread has ended: later tasks fail at once. */
  private failure: unknown;
  /** Counts the tasks of this thread. */
  private nextId = 0;

  constructor(start: WorkerStart) {
    this.thread = startThread<Reply>('./worker.ts', import.meta.url, start, {
      onMessage: (reply) => this.settle(reply),
      onEnd: (cause) => this.fail(cause),
    });
  }

  /** Sends a task; tasks of one thread run in their order. */
  run(task: TaskName, args: unknown): Promise<unknown> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.thread.setBusy(true);
      const request: Request = { id, task, args: packShared(args) };
      this.thread.post(request);
    });
  }

  end(): Promise<void> {
    return this.thread.end();
  }

  /** Settles the promise of a reply. */
  private settle(reply: Reply): void {
    const waiting = this.pending.get(reply.id);
    this.pending.delete(reply.id);
    if ('error' in reply) waiting?.reject(toError(reply.error));
    else waiting?.resolve(reply.result);
    if (this.pending.size === 0) this.thread.setBusy(false);
  }

  /** Fails all tasks, also those to come. */
  private fail(cause: unknown): void {
    this.failure ??= threadFailure('A worker thread', cause);
    for (const waiting of this.pending.values()) waiting.reject(this.failure);
    this.pending.clear();
  }
}

/** The error as it was thrown; a failed allocation becomes 'out-of-memory'. */
function toError(sent: Extract<Reply, { error: unknown }>['error']): Error {
  if (sent.details) {
    const { tag, ...details } = sent.details as { tag: 'internal' };
    return new LocScaleError(tag, sent.message, details);
  }
  const error = new Error(sent.message);
  error.name = sent.name;
  error.stack = sent.stack ?? '';
  return isOutOfMemory(error)
    ? threadFailure('A worker thread', error)
    : new LocScaleError('internal', `A worker thread failed: ${sent.message}`, { cause: error });
}
