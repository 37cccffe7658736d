/** What tools/build-web.mjs puts in. */
declare const __VERSION__: string;
/** URL of the script of the run worker, relative to the page's script. */
declare const __RUN_WORKER__: string;

/** The same of what draws surfaces; empty where tools/web is not installed. */
declare const __MOLSTAR__: string;

/** Chrome and Edge; elsewhere files are downloaded. */
interface Window {
  showSaveFilePicker?(options: { readonly suggestedName: string }): Promise<unknown>;
  /** Files that the installed page is opened with. */
  readonly launchQueue?: {
    setConsumer(consumer: (launch: { readonly files: readonly FileSystemFileHandle[] }) => void): void;
  };
}

/** As the core's own declaration has it, which the DOM's types take the place of here. */
declare namespace WebAssembly {
  type BufferSource = ArrayBufferView<ArrayBuffer> | ArrayBuffer;
}
