/**
 * The platform that the program runs on. `#platform` is node.ts, deno.ts or browser.ts by a condition of
 * package.json: src/package.json for the sources, that of the package for dist/. No other file names it.
 */
export * from '#platform';
export type {
  Bzip2Decoder,
  GpuEntry,
  GpuEntryOptions,
  Missing,
  Platform,
  Thread,
  ThreadHandlers,
  ThreadPort,
} from './platform.ts';
