/**
 * What computes for the page, and the page's side of its run worker: requests and replies, events of the run,
 * and immediate termination.
 */

import type {
  Failure,
  FromWorker,
  PageFile,
  RequestName,
  Requests,
  RunEvent,
  RunSummary,
  ServerRun,
} from '../screens/protocol.ts';
import { PART_MISSING } from '../screens/words.ts';

/** The error of a request, as reported by the worker. */
export class RequestFailure extends Error {
  /** With tag and hint, as the page shows it: `message` alone loses them. */
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Files are the browser's own, or paths on the machine that serves the page. */
type PageRequests = Requests<PageFile>;
/** Arguments after the name of a request. */
export type Takes<N extends RequestName> = PageRequests[N]['takes'] extends undefined
  ? []
  : [PageRequests[N]['takes']];
/** Answer to a request, as the caller gets it. */
export type Gives<N extends RequestName> = PageRequests[N]['gives'];

/** A run that this page has not started itself. */
export interface FoundRun extends ServerRun {
  /** Settles when the run ends; a run that has ended already may have settled it. */
  readonly outcome: Promise<RunSummary>;
}

/** What computes for the page: a worker, or the program that serves it. */
export interface Backend {
  /** `age`: milliseconds since it happened. */
  onEvent: (event: RunEvent, age: number) => void;
  /** Rejects with a `RequestFailure`. */
  ask<N extends RequestName>(name: N, ...[value]: Takes<N>): Promise<Gives<N>>;
  /** Stops the run. */
  cancel(): void;
}

/**
 * Milliseconds after `cancel` before the worker is terminated. Steps of a run look for its end now and then only;
 * waiting saves starting another worker.
 */
const PATIENCE_MILLISECONDS = 500;
/** What a worker must have answered once to know what the one before it knew. */
const REMEMBERED: readonly RequestName[] = ['probe', 'demo'];

/** A request that has no answer yet. */
interface Waiting {
  readonly name: RequestName;
  /** For the next worker. */
  readonly value: unknown;
  /** The worker's reply; its type follows from the request's name. */
  resolve(value: unknown): void;
  /** Also called for all requests at once when the worker ends. */
  reject(error: RequestFailure): void;
}

/**
 * The run worker of this tab, started again after a crash or a cancelled run that did not stop in time.
 */
export class WorkerBackend implements Backend {
  /** Set by the page; events before that are lost. */
  onEvent: Backend['onEvent'] = () => undefined;
  /** Replaced by `restart`. */
  private worker: Worker;
  /** By the request's number. */
  private readonly waiting = new Map<number, Waiting>();
  /** Numbers requests across restarts, so that no late reply is taken for another's. */
  private count = 0;
  /** Those of `REMEMBERED` that were requested. */
  private readonly remembered = new Set<RequestName>();
  /** Reason why the worker has ended. */
  private ended: Failure | undefined;

  constructor() {
    this.worker = this.start();
  }

  /** Posts the request. */
  ask<N extends RequestName>(name: N, ...[value]: Takes<N>): Promise<Gives<N>> {
    if (this.ended !== undefined) return Promise.reject(new RequestFailure(this.ended));
    if (REMEMBERED.includes(name)) this.remembered.add(name);
    return new Promise((resolve, reject) => {
      this.post({ name, value, resolve: resolve as (value: unknown) => void, reject });
    });
  }

  /** Stops the run; a result that has arrived, or is on its way, stands. */
  cancel(): void {
    const id = this.waitingFor('run');
    if (id === undefined) return;
    this.worker.postMessage({ name: 'cancel' });
    this.terminateAfter(id);
  }

  /** Unless the run with this number answers in time. Every other request is answered by the next worker. */
  private terminateAfter(id: number): void {
    setTimeout(() => {
      if (!this.waiting.has(id)) return;
      // A run waits while the result before is stored, but no longer than until the worker receives `cancel`.
      if (this.waitingFor('store') !== undefined) this.terminateAfter(id);
      else this.replace(id);
    }, PATIENCE_MILLISECONDS);
  }

  private replace(run: number): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    this.worker.terminate();
    this.worker = this.start();
    this.remind();
    for (const [id, request] of waiting)
      if (id === run) request.reject(new RequestFailure({ tag: 'aborted', message: 'The run was stopped.' }));
      else this.post(request);
  }

  /** A new worker of what the one before knew. */
  private remind(): void {
    const ignore = (): void => undefined;
    for (const name of this.remembered)
      this.post({ name, value: undefined, resolve: ignore, reject: ignore });
  }

  /** Number of such a request that has no answer yet. */
  private waitingFor(name: RequestName): number | undefined {
    return [...this.waiting].find(([, request]) => request.name === name)?.[0];
  }

  private post(request: Waiting): void {
    const id = ++this.count;
    this.waiting.set(id, request);
    this.worker.postMessage({ id, name: request.name, value: request.value });
  }

  /** The worker's address comes from the build: its name has a hash in it. */
  private start(): Worker {
    const worker = new Worker(new URL(__RUN_WORKER__, import.meta.url), { type: 'module' });
    let answered = false;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      answered = true;
      if ('event' in data) {
        this.onEvent(data.event, 0);
        return;
      }
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ('failure' in data) waiting?.reject(new RequestFailure(data.failure));
      else waiting?.resolve(data.value);
    };
    worker.onerror = ({ message }) => {
      // A worker that never answered will not answer the next time either.
      if (answered)
        this.restart({ tag: 'internal', message: message || 'The worker that computes has failed.' });
      else this.end({ tag: 'internal', message: PART_MISSING });
    };
    return worker;
  }

  /** Requests that wait fail, one of which may be the cause; the next one gets a new worker. */
  private restart(failure: Failure): void {
    this.end(failure);
    this.ended = undefined;
    this.worker = this.start();
    this.remind();
  }

  /** No more requests are taken. */
  private end(failure: Failure): void {
    this.ended = failure;
    this.worker.terminate();
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of waiting) reject(new RequestFailure(failure));
  }
}
