/** Code shared by Node and Deno, which implements these Node modules. */
import { readFile } from 'node:fs/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type Bzip2 from '@foxglove/wasm-bz2';
import type { Bzip2Decoder, Thread, ThreadHandlers, ThreadPort } from './platform.ts';

export { coreCount, totalMemoryBytes } from './granted.ts';

export const hasSharedMemory = true;

export async function readAsset(url: URL): Promise<Uint8Array> {
  return readFile(url);
}

export function startWorker<Reply>(url: URL, start: unknown, handlers: ThreadHandlers<Reply>): Thread {
  const worker = new Worker(url, { workerData: start });
  const alive = new KeepAlive();
  let ended = false;
  const end = (cause: unknown): void => {
    alive.end();
    if (ended) return;
    ended = true;
    handlers.onEnd(cause);
  };
  worker.on('message', (reply: Reply) => handlers.onMessage(reply));
  worker.on('error', end);
  worker.on('exit', (code) => end(new Error(`exit code ${code}`)));
  worker.unref();
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    setBusy: (busy) => {
      if (busy && !ended) {
        worker.ref();
        alive.begin();
      } else {
        worker.unref();
        alive.end();
      }
    },
    end: () => endWorker(worker),
  };
}

export function serveThread<Start, Request, Reply>(
  open: (start: Start, port: ThreadPort<Reply>) => (request: Request) => void,
): void {
  const port = parentPort;
  if (!port) throw new Error('This script runs as a worker thread only.');
  const handle = open(workerData as Start, {
    post: (reply, transfer = []) => port.postMessage(reply, transfer),
  });
  port.on('message', handle);
}

let loading: Promise<Bzip2> | undefined;

/** Loaded and instantiated once. */
export function loadBzip2(): Promise<Bzip2Decoder> {
  loading ??= startBzip2();
  return loading;
}

/**
 * Under Node the library's Emscripten start-up code installs process-wide handlers that rethrow uncaught
 * errors and so change the program's exit code; they are removed again. They are added synchronously by
 * `init`, so no other handlers are affected.
 */
async function startBzip2(): Promise<Bzip2> {
  const { default: library } = await import('@foxglove/wasm-bz2');
  const events = ['uncaughtException', 'unhandledRejection'];
  const before = events.map((event) => new Set(process.listeners(event as 'uncaughtException')));
  const started = library.init();
  events.forEach((event, i) => {
    for (const listener of process.listeners(event as 'uncaughtException'))
      if (!before[i].has(listener)) process.removeListener(event, listener);
  });
  return started;
}

/** Terminates a worker and waits for its exit. */
export async function endWorker(worker: Pick<Worker, 'terminate'>): Promise<void> {
  const alive = new KeepAlive();
  alive.begin();
  try {
    await worker.terminate();
  } finally {
    alive.end();
  }
}

/**
 * Keeps the process alive while something is awaited. Node delivers the exit event of an idle (unref'ed)
 * thread only while something else keeps the process alive: otherwise a run whose thread had died would end
 * silently.
 */
class KeepAlive {
  private timer: ReturnType<typeof setInterval> | undefined;

  begin(): void {
    this.timer ??= setInterval(() => undefined, LONG_MS);
  }

  end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

/** No-op interval; it only keeps the event loop alive. */
const LONG_MS = 3_600_000;
