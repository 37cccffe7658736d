/**
 * The run worker, seen from the page: requests with answers, events of the run, and an end at once if need
 * be.
 */

import type { Failure, FromWorker, RequestName, Requests, RunEvent } from './protocol.ts';
import { PART_MISSING } from './words.ts';

/** The failure of a request, as the worker put it. */
export class RequestFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** After `cancel`: so long a run may take to come to a halt by itself. */
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
  /** Why there is no worker any more. */
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

  /** Stops the run; what the worker held is gone where it had to be ended. */
  cancel(): void {
    const asked = [...this.waiting.keys()];
    this.worker.postMessage({ name: 'cancel' });
    setTimeout(() => {
      // What was asked since is another run.
      if (asked.some((id) => this.waiting.has(id))) this.restart('aborted', 'The run was stopped.');
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
      // One that never answered would not do so the next time either.
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
