/** The page's side of the run worker: requests and replies, events of the run, and immediate termination. */

import type { Failure, FromWorker, RequestName, Requests, RunEvent } from '../screens/protocol.ts';
import { PART_MISSING } from '../screens/words.ts';

/** The error of a request, as reported by the worker. */
export class RequestFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Milliseconds after `cancel` before the worker is terminated. */
const PATIENCE_MILLISECONDS = 2000;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: RequestFailure): void;
}

export class Backend {
  onEvent: (event: RunEvent) => void = () => undefined;
  private worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;
  /** Reason why the worker has ended. */
  private ended: Failure | undefined;

  constructor() {
    this.worker = this.start();
  }

  ask<N extends RequestName>(
    name: N,
    ...[value]: Requests[N]['takes'] extends undefined ? [] : [Requests[N]['takes']]
  ): Promise<Requests[N]['gives']> {
    if (this.ended !== undefined) return Promise.reject(new RequestFailure(this.ended));
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.worker.postMessage({ id, name, value });
    });
  }

  /** Stops the run; the worker's data are lost if it had to be terminated. */
  cancel(): void {
    const pending = [...this.waiting.keys()];
    this.worker.postMessage({ name: 'cancel' });
    setTimeout(() => {
      // A later request belongs to another run.
      if (pending.some((id) => this.waiting.has(id))) this.restart('aborted', 'The run was stopped.');
    }, PATIENCE_MILLISECONDS);
  }

  private start(): Worker {
    const worker = new Worker(new URL(__RUN_WORKER__, import.meta.url), { type: 'module' });
    let answered = false;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      answered = true;
      if ('event' in data) {
        this.onEvent(data.event);
        return;
      }
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ('failure' in data) waiting?.reject(new RequestFailure(data.failure));
      else waiting?.resolve(data.value);
    };
    worker.onerror = ({ message }) => {
      // A worker that never answered will not answer the next time either.
      if (answered) this.restart('internal', message || 'The worker that computes has failed.');
      else this.end({ tag: 'internal', message: PART_MISSING });
    };
    return worker;
  }

  private restart(tag: string, message: string): void {
    this.end({ tag, message });
    this.ended = undefined;
    this.worker = this.start();
  }

  private end(failure: Failure): void {
    this.ended = failure;
    this.worker.terminate();
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of waiting) reject(new RequestFailure(failure));
  }
}
