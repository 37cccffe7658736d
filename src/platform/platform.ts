/**
 * What a platform offers the rest of the program: node.ts, deno.ts and browser.ts each export all of
 * `Platform`.
 */
export interface GpuEntry {
  /** Dawn (npm package webgpu) under Node, wgpu under Deno; browsers do not say which they have. */
  readonly implementation: 'Dawn' | 'wgpu' | 'browser';
  readonly gpu: GPU;
  /**
   * Dawn only: an entry with flags of its own, such as `adapter=NAME`, because requestAdapter alone
   * cannot tell several GPUs of a machine apart.
   */
  readonly open?: (flags: readonly string[]) => GPU;
  /**
   * Dawn only: look less often whether the GPU has finished. Left to itself it does so in every turn of the
   * event loop and keeps a core busy, which a driver that computes on the CPU needs itself.
   */
  readonly pace?: () => void;
}

export interface GpuEntryOptions {
  /** Path of a Vulkan loader, for Linux systems that have a driver but no libvulkan.so.1. */
  readonly vulkanLoader?: string;
}

export interface Bzip2Decoder {
  /** A bzip2 stream of at most `size` bytes when decoded. Throws where it is damaged. */
  decompress(stream: Uint8Array, size: number): Uint8Array;
}

export interface Missing {
  readonly reason: string;
  /** What the user can do about it, one sentence. */
  readonly hint?: string;
}

/** A worker thread, seen from the thread that started it. */
export interface Thread {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Whether a reply is awaited. An idle thread does not keep the process alive. */
  setBusy(busy: boolean): void;
  /** Stops the thread, whatever it is doing; settles when it has ended. */
  end(): Promise<void>;
}

export interface ThreadHandlers<Reply> {
  onMessage(reply: Reply): void;
  /** The thread failed or ended by itself, or was ended. Called once. */
  onEnd(cause: unknown): void;
}

/** A worker thread's way back to the thread that started it. */
export interface ThreadPort<Reply> {
  post(reply: Reply, transfer?: readonly ArrayBuffer[]): void;
}

export interface Platform {
  readonly isDeno: boolean;
  /** Whether threads can share memory. Browsers require cross-origin isolation for it. */
  readonly hasSharedMemory: boolean;
  /** "Node 20.20.2", "Deno 2.9.6". */
  runtimeName(): string;
  coreCount(): number;
  totalMemoryBytes(): number;
  /** Bytes of a file that is shipped beside the code. */
  readAsset(url: URL): Promise<Uint8Array>;
  /**
   * Starts a worker on a script beside the caller: `startThread('./worker.ts', import.meta.url, ...)`.
   * `start` is cloned, shared memory aside.
   */
  startThread<Reply>(script: string, base: string, start: unknown, handlers: ThreadHandlers<Reply>): Thread;
  /** The other end, called once by a worker's script: `open` returns what handles each message. */
  serveThread<Start, Request, Reply>(
    open: (start: Start, port: ThreadPort<Reply>) => (request: Request) => void,
  ): void;
  /** WebGPU on this platform, or why there is none. */
  loadGpu(options?: GpuEntryOptions): Promise<GpuEntry | Missing>;
  /** The bzip2 decoder. */
  loadBzip2(): Promise<Bzip2Decoder>;
}
