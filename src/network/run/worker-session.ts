/**
 * Sessions of the CPU provider on worker threads, one thread each. onnxruntime computes on the calling
 * thread, and its internal threads change the order of sums. One cube per thread is faster than one cube on
 * all cores, leaves the event loop free, and gives the same bits for any number of threads.
 */
import { type ErrorTag, LocScaleError } from '../../errors.ts';
import { hasSharedMemory, startThread, type Thread } from '../../platform/index.ts';
import { threadFailure } from '../../platform/thread-failure.ts';
import type { MonteCarloPass, NetworkManifest } from '../graph/model.ts';
import type { NetworkSession, SessionChoice } from './network-session.ts';

/** First message to the thread. */
export interface SessionStart {
  /** The graph, in shared memory if there is any. */
  readonly graph: Uint8Array;
  readonly manifest: NetworkManifest;
  readonly choice: SessionChoice;
}

/** A batch; the cubes are transferred. */
export interface SessionRequest {
  readonly cubes: Float32Array;
  readonly count: number;
  readonly pass: MonteCarloPass | undefined;
}

/** What the thread sends. */
export type SessionReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly cubes: Float32Array }
  | { readonly kind: 'smaller-batch'; readonly size: number }
  | { readonly kind: 'error'; readonly message: string; readonly tag?: ErrorTag; readonly hint?: string };

/** Opens `count` sessions of the same graph; closes all if one fails. */
export async function createWorkerSessions(
  count: number,
  graph: Uint8Array,
  manifest: NetworkManifest,
  choice: Omit<SessionChoice, 'provider' | 'deviceId' | 'threads'>,
): Promise<NetworkSession[]> {
  // Each thread receives a copy of what is not shared.
  const shared = hasSharedMemory ? new Uint8Array(new SharedArrayBuffer(graph.length)) : graph;
  if (hasSharedMemory) shared.set(graph);
  const start: SessionStart = { graph: shared, manifest, choice: { ...choice, provider: 'cpu', threads: 1 } };
  const sessions = Array.from({ length: count }, () => new WorkerSession(start));
  try {
    await Promise.all(sessions.map((session) => session.ready));
    return sessions;
  } catch (error) {
    await Promise.all(sessions.map((session) => session.release()));
    throw error;
  }
}

/** A session on a thread of its own: onnxruntime blocks the thread that calls it. */
class WorkerSession implements NetworkSession {
  onSmallerBatch: ((size: number) => void) | undefined;
  readonly ready: Promise<void>;
  private readonly thread: Thread;
  /** Settled when no request is pending. */
  private idle: Promise<void> = Promise.resolve();
  /** One request at a time. */
  private waiting: { resolve(reply: SessionReply): void; reject(error: unknown): void } | undefined;
  private failure: unknown;

  constructor(start: SessionStart) {
    this.onSmallerBatch = undefined;
    this.thread = startThread<SessionReply>('./session-worker.ts', import.meta.url, start, {
      onMessage: (reply) => {
        if (reply.kind === 'smaller-batch') this.onSmallerBatch?.(reply.size);
        else if (reply.kind === 'error') this.settle(undefined, errorOf(reply));
        else this.settle(reply);
      },
      onEnd: (cause) => this.fail(cause),
    });
    this.ready = this.next().then(() => undefined);
  }

  async run(cubes: Float32Array, count: number, pass?: MonteCarloPass): Promise<Float32Array> {
    const reply = this.next();
    // A copy to transfer: the caller refills its buffer meanwhile.
    const own = cubes.slice();
    const request: SessionRequest = { cubes: own, count, pass };
    this.thread.post(request, [own.buffer]);
    return ((await reply) as Extract<SessionReply, { kind: 'result' }>).cubes;
  }

  async release(): Promise<void> {
    this.failure ??= new LocScaleError('internal', 'The network was closed.');
    // Terminating a thread during a computation makes onnxruntime abort the whole process.
    await this.idle;
    await this.thread.end();
  }

  /** The reply to the request that follows. */
  private next(): Promise<SessionReply> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const reply = new Promise<SessionReply>((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.thread.setBusy(true);
    });
    this.idle = reply.then(
      () => undefined,
      () => undefined,
    );
    return reply;
  }

  /** Settles the pending request. */
  private settle(reply: SessionReply | undefined, error?: unknown): void {
    const { waiting } = this;
    this.waiting = undefined;
    this.thread.setBusy(false);
    if (reply === undefined) waiting?.reject(error);
    else waiting?.resolve(reply);
  }

  /** Fails this and all later requests. */
  private fail(cause: unknown): void {
    this.failure ??= threadFailure('A thread of the network', cause);
    this.settle(undefined, this.failure);
  }
}

/** The error as it was thrown. */
function errorOf({ tag, message, hint }: Extract<SessionReply, { kind: 'error' }>): Error {
  if (tag === undefined) return new Error(message);
  return new LocScaleError(tag, message, { hint });
}
