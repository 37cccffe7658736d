/**
 * The only file that knows Node from Deno: cores, memory, worker entry points, assets beside the code.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';

declare const Deno: unknown;

export const isDeno = typeof Deno !== 'undefined';

/** "Node 20.20.2" or "Deno 2.9.6". */
export function runtimeName(): string {
  const versions = process.versions as Record<string, string | undefined>;
  return isDeno ? `Deno ${versions.deno ?? ''}`.trim() : `Node ${versions.node ?? ''}`;
}

export function coreCount(): number {
  return availableParallelism();
}

export function totalMemoryBytes(): number {
  return totalmem();
}

export function freeMemoryBytes(): number {
  return freemem();
}

/** Bytes of a file that is shipped beside the code. */
export async function readAsset(url: URL): Promise<Uint8Array> {
  return readFile(url);
}

/**
 * URL of a worker script given as `new URL('./worker.ts', import.meta.url)` would be. Node cannot start
 * a .ts worker: under Node a source file maps to its built twin in dist/, under Deno it runs as it is.
 */
export function workerUrl(relative: string, base: string): URL {
  const built = base.endsWith('.js');
  const url = new URL(built ? relative.replace(/\.ts$/, '.js') : relative, base);
  if (!built && !isDeno) url.pathname = url.pathname.replace('/src/', '/dist/').replace(/\.ts$/, '.js');
  return url;
}
