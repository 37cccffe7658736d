/**
 * Selects the platform. A package.json condition resolves `#platform` to node.ts, deno.ts or browser.ts:
 * src/package.json for the sources, the package's for dist/. No other file imports it.
 */
export * from '#platform';
export type {
  Bzip2Decoder,
  GpuEntry,
  GpuEntryOptions,
  Missing,
  Onnxruntime,
  Platform,
  Thread,
  ThreadHandlers,
  ThreadPort,
} from './platform.ts';
