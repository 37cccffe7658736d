/**
 * Reads Keras files on a separate thread. HDF5 is a C library, and damaged files can make it loop for ever or
 * corrupt its memory; a thread can be terminated together with its memory.
 */
import { LocScaleError } from '../../errors.ts';
import type { KerasModel } from '../../formats/keras-hdf5.ts';
import { hasSharedMemory, startThread, type Thread } from '../../platform/index.ts';
import type { KerasReply, KerasRequest, TaggedFields } from './keras-worker.ts';

/** Time limit per request; an array of EMmerNet takes about 10 ms. */
const STALL_MILLISECONDS = 30_000;

/** A request without a reply yet. */
interface Waiting {
  readonly resolve: (reply: KerasReply) => void;
  readonly reject: (error: unknown) => void;
  readonly stalled: ReturnType<typeof setTimeout>;
}

/**
 * Reads Keras files on a thread that can be ended: the HDF5 library may hang or exhaust memory on damaged
 * files.
 */
export class KerasThread {
  private readonly stallMilliseconds: number;
  private readonly waiting = new Map<number, Waiting>();
  private thread: Thread | undefined;
  private name = '';
  private requests = 0;

  /** `stallMilliseconds`: a file is rejected if a request takes longer. */
  constructor(stallMilliseconds = STALL_MILLISECONDS) {
    this.stallMilliseconds = stallMilliseconds;
  }

  /** Opens a copy of `bytes`. One file at a time: the previous one is closed. */
  async open(bytes: Uint8Array, name: string): Promise<KerasModel> {
    this.name = name;
    // Shared memory where there is some: Deno takes half a minute to transfer EMmerNet's bytes otherwise.
    const shared = hasSharedMemory ? new SharedArrayBuffer(bytes.length) : new ArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    const reply = await this.ask({ kind: 'open', bytes: shared, name });
    const { layers } = reply as Extract<KerasReply, { kind: 'layers' }>;
    return {
      layers: layers.map((layer, i) => ({
        ...layer,
        weights: layer.weights.map((weight, k) => ({ ...weight, read: () => this.read(i, k) })),
      })),
      close: () => void this.ask({ kind: 'close' }).catch(() => undefined),
    };
  }

  /** Terminates the thread, whatever it is doing. */
  async end(): Promise<void> {
    const { thread } = this;
    this.fail(new LocScaleError('internal', `${this.name} was closed.`));
    await thread?.end();
  }

  /** A weight, copied out of shared memory. */
  private async read(layer: number, weight: number): Promise<Float32Array> {
    const reply = await this.ask({ kind: 'read', layer, weight });
    const { values } = reply as Extract<KerasReply, { kind: 'values' }>;
    // A copy in unshared memory.
    return new Float32Array(new Float32Array(values));
  }

  private ask(
    request: KerasRequest extends infer R ? (R extends KerasRequest ? Omit<R, 'id'> : never) : never,
  ): Promise<KerasReply> {
    const id = ++this.requests;
    const thread = this.start();
    return new Promise((resolve, reject) => {
      const stalled = setTimeout(() => {
        this.replace(this.unreadable('reading it does not come to an end'));
      }, this.stallMilliseconds);
      this.waiting.set(id, { resolve, reject, stalled });
      thread.setBusy(true);
      thread.post({ ...request, id });
    });
  }

  /** The thread, started on first use. */
  private start(): Thread {
    if (this.thread !== undefined) return this.thread;
    const thread = startThread<KerasReply>('./keras-worker.ts', import.meta.url, undefined, {
      onMessage: (reply) => this.settle(reply),
      // Ignore the exit of a thread that has been replaced.
      onEnd: (cause) => {
        if (this.thread === thread) this.fail(this.ended(cause));
      },
    });
    this.thread = thread;
    return thread;
  }

  /** Settles a request; a thread that has trapped is replaced. */
  private settle(reply: KerasReply): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    clearTimeout(waiting?.stalled);
    if (this.waiting.size === 0) this.thread?.setBusy(false);
    if (reply.kind === 'error') {
      waiting?.reject(errorOf(reply.message, reply.tagged));
      if (reply.spent) this.replace(this.unreadable('reading it failed before'));
    } else waiting?.resolve(reply);
  }

  /** Ends the thread and fails its requests. */
  private replace(error: LocScaleError): void {
    const { thread } = this;
    this.fail(error);
    void thread?.end();
  }

  /** The current thread is lost; the next request starts another. */
  private fail(error: unknown): void {
    this.thread = undefined;
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject, stalled } of all) {
      clearTimeout(stalled);
      reject(error);
    }
  }

  /** Why the thread ended. */
  private ended(cause: unknown): LocScaleError {
    if ((cause as { code?: unknown } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY')
      return this.unreadable('reading it takes more memory than it can need', cause);
    return new LocScaleError('internal', `The thread that reads ${this.name} ended (${String(cause)}).`, {
      cause,
    });
  }

  /** The error of a damaged file. */
  private unreadable(what: string, cause?: unknown): LocScaleError {
    return new LocScaleError('bad-input', `${this.name} is not a readable Keras file: ${what}.`, {
      where: this.name,
      hint: 'Copy or download the file again.',
      cause,
    });
  }
}

/** The error as it was thrown. */
function errorOf(message: string, tagged: TaggedFields | undefined): Error {
  if (tagged === undefined) return new LocScaleError('internal', `Reading a Keras file failed: ${message}.`);
  const { tag, ...details } = tagged;
  const known = Object.entries(details).filter(([, value]) => value !== undefined);
  return new LocScaleError(tag, message, Object.fromEntries(known));
}
