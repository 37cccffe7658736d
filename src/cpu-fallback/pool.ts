/**
 * A pool of worker threads. Tasks go to whichever thread is idle; results come back in task order, so
 * nothing depends on the number of threads.
 */
import { Worker } from 'node:worker_threads';
import { LocScaleError } from '../errors.ts';
import { workerUrl } from '../runtime.ts';
import { endThreads, isOutOfMemory, threadFailure, Vigil } from '../worker-life.ts';
import { packShared } from './shared-arrays.ts';
import type { TaskArguments, TaskName, TaskResult } from './tasks.ts';

export interface WorkerStart {
  /** Bytes of kernels.wasm. */
  readonly kernels: Uint8Array;
}

export interface Request {
  readonly id: number;
  readonly task: TaskName;
  readonly args: unknown;
}

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

interface Pending {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

class Thread {
  readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private readonly vigil = new Vigil();
  private failure: unknown;
  private nextId = 0;

  constructor(start: WorkerStart) {
    this.worker = new Worker(workerUrl('./worker.ts', import.meta.url), { workerData: start });
    this.worker.on('message', (reply: Reply) => {
      const waiting = this.pending.get(reply.id);
      this.pending.delete(reply.id);
      if ('error' in reply) waiting?.reject(toError(reply.error));
      else waiting?.resolve(reply.result);
      // An idle thread does not keep the process alive.
      if (this.pending.size > 0) return;
      this.worker.unref();
      this.vigil.end();
    });
    this.worker.on('error', (error) => this.fail(error));
    this.worker.on('exit', (code) => this.fail(new Error(`exit code ${code}`)));
    this.worker.unref();
  }

  run(task: TaskName, args: unknown): Promise<unknown> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.worker.ref();
      this.vigil.begin();
      const request: Request = { id, task, args: packShared(args) };
      this.worker.postMessage(request);
    });
  }

  private fail(cause: unknown): void {
    this.failure ??= threadFailure('A worker thread', cause);
    for (const waiting of this.pending.values()) waiting.reject(this.failure);
    this.pending.clear();
    this.vigil.end();
  }
}

function toError(sent: {
  name: string;
  message: string;
  stack: string | undefined;
  details: object | undefined;
}): Error {
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

export interface MapOptions<R> {
  readonly signal?: AbortSignal | undefined;
  readonly onResult?: (result: R, index: number) => void;
}

export class Pool {
  readonly size: number;
  private readonly threads: Thread[];
  private closed = false;

  constructor(size: number, start: WorkerStart) {
    this.size = size;
    this.threads = Array.from({ length: size }, () => new Thread(start));
  }

  /** Runs one task on every thread. */
  async broadcast<T extends TaskName>(task: T, args: TaskArguments<T>): Promise<TaskResult<T>[]> {
    return (await Promise.all(this.threads.map((thread) => thread.run(task, args)))) as TaskResult<T>[];
  }

  /** Runs a task for every element of `list`; the first error ends the rest. */
  async map<T extends TaskName>(
    task: T,
    list: readonly TaskArguments<T>[],
    options: MapOptions<TaskResult<T>> = {},
  ): Promise<TaskResult<T>[]> {
    if (this.closed)
      throw new LocScaleError('internal', 'The CPU engine was disposed of and cannot work any more.');
    const results: TaskResult<T>[] = new Array(list.length);
    let next = 0;
    let failed = false;
    const serve = async (thread: Thread): Promise<void> => {
      while (next < list.length && !failed) {
        options.signal?.throwIfAborted();
        const index = next++;
        try {
          const result = (await thread.run(task, list[index])) as TaskResult<T>;
          results[index] = result;
          options.onResult?.(result, index);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    // All threads come to rest before the first error is passed on: no task writes into a freed volume.
    const ends = await Promise.allSettled(this.threads.map(serve));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return results;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await endThreads(this.threads.map(({ worker }) => worker));
  }
}
