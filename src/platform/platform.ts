/** Interface of a platform: node.ts, deno.ts and browser.ts each export all of `Platform`. */
export interface GpuEntry {
  /** Dawn (npm package webgpu) under Node, wgpu under Deno; browsers do not report it. */
  readonly implementation: 'Dawn' | 'wgpu' | 'browser';
  /** Of the implementation, where it is not that of the runtime. */
  readonly version?: string;
  readonly gpu: GPU;
  /**
   * Dawn only: a GPU object with its own flags, such as `adapter=NAME`, because requestAdapter alone cannot
   * distinguish several GPUs.
   */
  readonly open?: (flags: readonly string[]) => GPU;
  /**
   * Dawn only: poll the GPU less often. By default Dawn polls on every turn of the event loop and occupies a
   * core that a software driver needs.
   */
  readonly pace?: () => void;
}

export interface GpuEntryOptions {
  /** Path of a Vulkan loader, for Linux systems that have a driver but no libvulkan.so.1. */
  readonly vulkanLoader?: string;
}

export interface Bzip2Decoder {
  /** Decodes a bzip2 stream to at most `size` bytes. Throws if it is damaged. */
  decompress(stream: Uint8Array, size: number): Uint8Array;
}

/** What network/run uses of onnxruntime's packages. */
export type Onnxruntime = Pick<
  typeof import('onnxruntime-node'),
  'InferenceSession' | 'Tensor' | 'env' | 'listSupportedBackends'
>;

export interface Missing {
  readonly reason: string;
  /** Advice to the user, one sentence. */
  readonly hint?: string;
}

/** A worker thread as seen by its parent. */
export interface Thread {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Marks whether a reply is awaited: an idle thread must not keep the process alive. */
  setBusy(busy: boolean): void;
  /** Terminates the thread, whatever it is doing; settles when it has ended. */
  end(): Promise<void>;
}

export interface ThreadHandlers<Reply> {
  onMessage(reply: Reply): void;
  /** The thread failed or ended by itself, or was ended. Called once. */
  onEnd(cause: unknown): void;
}

/** A worker thread's port to its parent. */
export interface ThreadPort<Reply> {
  post(reply: Reply, transfer?: readonly ArrayBuffer[]): void;
}

export interface Platform {
  readonly isDeno: boolean;
  /** Whether threads can share memory. Browsers require cross-origin isolation for it. */
  readonly hasSharedMemory: boolean;
  /** "Node 20.20.2", "Deno 2.9.6". */
  runtimeName(): string;
  /** Cores that the process may use: those of its container or batch job, if it is in one. */
  coreCount(): number;
  /** RAM that the process may use, likewise. */
  totalMemoryBytes(): number;
  /** Bytes of an asset shipped with the code. */
  readAsset(url: URL): Promise<Uint8Array>;
  /**
   * Starts a worker on a script relative to the caller: `startThread('./worker.ts', import.meta.url, ...)`.
   * `start` is cloned, except for shared memory.
   */
  startThread<Reply>(script: string, base: string, start: unknown, handlers: ThreadHandlers<Reply>): Thread;
  /** Called once by a worker's script: `open` returns the message handler. */
  serveThread<Start, Request, Reply>(
    open: (start: Start, port: ThreadPort<Reply>) => (request: Request) => void,
  ): void;
  /** WebGPU on this platform, or the reason why there is none. */
  loadGpu(options?: GpuEntryOptions): Promise<GpuEntry | Missing>;
  /** onnxruntime, or the reason why it cannot be used. */
  loadOnnxruntime(): Promise<Onnxruntime | Missing>;
  /** Whether those of its providers that are separate libraries are installed. */
  hasProviderLibraries(): boolean;
  /** What may help if it loads, but does not work; the beginning of a sentence. */
  readonly onnxruntimeRepair: string;
  /** Operating system and processor, for messages: "linux x64". */
  systemName(): string;
  /** The bzip2 decoder. */
  loadBzip2(): Promise<Bzip2Decoder>;
}
