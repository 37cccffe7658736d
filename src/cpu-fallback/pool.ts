/**
 * A pool of task runners: worker threads, or the calling thread alone. Any idle runner takes the next task;
 * results are returned in task order, so nothing depends on the number of threads.
 */
import { LocScaleError } from '../errors.ts';
import type { TaskArguments, TaskName, TaskResult } from './tasks.ts';

/** A thread, or the calling thread in its place. */
export interface TaskRunner {
  /** Rejects with the task's own error, or with the end of the thread. */
  run(task: TaskName, args: unknown): Promise<unknown>;
  /** Ends the thread; tasks under way fail. */
  end(): Promise<void>;
}

/** How tasks are distributed. */
export interface MapOptions<R> {
  /** No task begins after it; those under way are awaited. */
  readonly signal?: AbortSignal | undefined;
  /** In the order in which tasks end, not in that of the list. */
  readonly onResult?: (result: R, index: number) => void;
  /** Queues one task ahead per runner, for tasks as short as the message latency. */
  readonly ahead?: boolean;
}

/** Distributes tasks over runners. A task that fails ends the call with its error, after those under way. */
export class Pool {
  /** Threads. */
  readonly size: number;
  /** At least one. */
  private readonly runners: readonly TaskRunner[];
  /** Later calls throw 'internal'. */
  private closed = false;

  constructor(runners: readonly TaskRunner[]) {
    this.size = runners.length;
    this.runners = runners;
  }

  /** Runs one task on every thread. */
  async broadcast<T extends TaskName>(task: T, args: TaskArguments<T>): Promise<TaskResult<T>[]> {
    return (await Promise.all(this.runners.map((runner) => runner.run(task, args)))) as TaskResult<T>[];
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
    const serve = async (runner: TaskRunner): Promise<void> => {
      while (next < list.length && !failed) {
        options.signal?.throwIfAborted();
        const index = next++;
        try {
          const result = (await runner.run(task, list[index])) as TaskResult<T>;
          results[index] = result;
          options.onResult?.(result, index);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    // Waits for all threads before rethrowing the first error, so that no task writes to a freed volume.
    const serving = options.ahead === true ? [...this.runners, ...this.runners] : this.runners;
    const ends = await Promise.allSettled(serving.map(serve));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return results;
  }

  /** Ends all threads; a second call does nothing. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await Promise.all(this.runners.map((runner) => runner.end()));
  }
}
