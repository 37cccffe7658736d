/** Constants inserted by tools/build-web.mjs. */
declare const __VERSION__: string;
/** URL of the script of the run worker, relative to the page's script. */
declare const __RUN_WORKER__: string;

/** The same for the script that draws surfaces; empty if tools/web is not installed. */
declare const __MOLSTAR__: string;

/** Names of the bundled network's files, and all bytes that a run with it loads; null without tools/web. */
declare const __NETWORK__: {
  readonly manifest: string;
  readonly graph: string;
  /** onnxruntime's share. */
  readonly runtimeBytes: number;
  readonly graphBytes: number;
} | null;

/** Chrome and Edge; elsewhere files are downloaded. */
interface Window {
  showSaveFilePicker?(options: { readonly suggestedName: string }): Promise<unknown>;
  /** Files that the installed page is opened with. */
  readonly launchQueue?: {
    setConsumer(consumer: (launch: { readonly files: readonly FileSystemFileHandle[] }) => void): void;
  };
}

/** Repeats the core's own declaration, which the DOM's types replace here. */
declare namespace WebAssembly {
  type BufferSource = ArrayBufferView<ArrayBuffer> | ArrayBuffer;
}
