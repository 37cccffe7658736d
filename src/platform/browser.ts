/**
 * Platform of a web page or, preferably, its dedicated worker: assets by fetch, threads as module workers,
 * the browser's WebGPU. Assets and worker scripts are inside the bundle (embedded.ts), else next to it as
 * next to the sources.
 */
import { embeddedFile, embeddedOnnxruntime, embeddedThread } from './embedded.ts';
import type {
  Bzip2Decoder,
  GpuEntry,
  GpuEntryOptions,
  Missing,
  Onnxruntime,
  Thread,
  ThreadHandlers,
  ThreadPort,
} from './platform.ts';

/** The DOM types used here; the full DOM library clashes with Node's types. */
interface WebWorker {
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: { message?: string; error?: unknown }) => void) | null;
  onmessageerror: (() => void) | null;
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  terminate(): void;
}

declare const Worker: new (url: URL, options: { type: 'module' }) => WebWorker;
declare const navigator: {
  readonly hardwareConcurrency?: number;
  /** GiB, rounded; Chromium only. */
  readonly deviceMemory?: number;
  readonly gpu?: GPU;
  readonly userAgent: string;
};

export const isDeno = false;

export const hasSharedMemory = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;

/** Memory of the machine if the browser does not report it, in GiB. */
const ASSUMED_MEMORY = 4;

export function runtimeName(): string {
  return navigator.userAgent;
}

export function coreCount(): number {
  return navigator.hardwareConcurrency ?? 1;
}

export function totalMemoryBytes(): number {
  return (navigator.deviceMemory ?? ASSUMED_MEMORY) * 2 ** 30;
}

export async function readAsset(url: URL): Promise<Uint8Array> {
  const embedded = embeddedFile(url);
  if (embedded !== undefined) return embedded;
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.href} cannot be loaded: status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * Threads that have not ended. Firefox collects a worker of a worker that no global object reaches, even
 * while it computes, and a caller that only awaits its reply is no such object: the reply never arrives.
 */
const running = new Set<WebWorker>();

export function startThread<Reply>(
  script: string,
  base: string,
  start: unknown,
  handlers: ThreadHandlers<Reply>,
): Thread {
  const url = new URL(script.replace(/\.ts$/, '.js'), base);
  const worker = new Worker(embeddedThread(url) ?? url, { type: 'module' });
  running.add(worker);
  const end = (cause: unknown): void => {
    if (!running.delete(worker)) return;
    handlers.onEnd(cause);
  };
  worker.onmessage = ({ data }) => handlers.onMessage(data as Reply);
  worker.onerror = ({ error, message }) => end(error ?? new Error(message || 'its script cannot be loaded'));
  worker.onmessageerror = () => end(new Error('a reply cannot be read'));
  // Web workers have no start data: it is sent as the first message.
  worker.postMessage(start);
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    // No-op: a page lives until it is closed.
    setBusy: () => undefined,
    end: async () => {
      worker.terminate();
      end(new Error('the thread was stopped'));
    },
  };
}

export function serveThread<Start, Request, Reply>(
  open: (start: Start, port: ThreadPort<Reply>) => (request: Request) => void,
): void {
  const scope = globalThis as unknown as Pick<WebWorker, 'onmessage' | 'postMessage'>;
  const port: ThreadPort<Reply> = {
    post: (reply, transfer = []) => scope.postMessage(reply, transfer),
  };
  let handle: ((request: Request) => void) | undefined;
  scope.onmessage = ({ data }) => {
    if (handle === undefined) handle = open(data as Start, port);
    else handle(data as Request);
  };
}

export async function loadGpu(_options?: GpuEntryOptions): Promise<GpuEntry | Missing> {
  const { gpu } = navigator;
  return gpu ? { implementation: 'browser', gpu } : { reason: 'this browser has no WebGPU (navigator.gpu)' };
}

/** The page's own copy (tools/build-web.mjs); a failed download is an error of its own. */
export async function loadOnnxruntime(): Promise<Onnxruntime | Missing> {
  const load = embeddedOnnxruntime();
  return load === undefined ? { reason: 'it is no part of this bundle' } : load();
}

export function hasProviderLibraries(): boolean {
  return false;
}

export const onnxruntimeRepair = 'Load the page again';

export function systemName(): string {
  return 'browsers';
}

export async function loadBzip2(): Promise<Bzip2Decoder> {
  // Node's package is a megabyte of WebAssembly, located through Node's modules.
  const { decompressBlock } = await import('./bzip2-block.ts');
  return { decompress: decompressBlock };
}
