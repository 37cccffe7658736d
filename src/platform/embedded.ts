/**
 * Files that lie beside the sources, as a bundle for browsers carries them (tools/build-web.mjs): whoever
 * bundles that bundle once more has no files to copy. browser.ts looks here before it fetches.
 */
const files = new Map<string, () => Promise<Uint8Array>>();
const threads = new Map<string, string>();
const urls = new Map<string, URL>();

/** `name`: the end of the file's path, "kernels/kernels.wasm". */
export function embedFile(name: string, load: () => Promise<Uint8Array>): void {
  files.set(name, load);
}

/** `name`: of the script that a thread runs, "worker.js"; `code`: all of it, as one module. */
export function embedThread(name: string, code: string): void {
  threads.set(name, code);
}

export function embeddedFile({ pathname }: URL): Promise<Uint8Array> | undefined {
  const names = [...files.keys()].filter((name) => pathname.endsWith(`/${name}`));
  // "lib/units.wgsl" also ends as a file "units.wgsl" would.
  const [longest] = names.sort((a, b) => b.length - a.length);
  return longest === undefined ? undefined : files.get(longest)?.();
}

/** A URL of the script's own, the same for all threads that run it. */
export function embeddedThread({ pathname }: URL): URL | undefined {
  const name = pathname.slice(pathname.lastIndexOf('/') + 1);
  const code = threads.get(name);
  if (code === undefined) return undefined;
  const url = urls.get(name) ?? new URL(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  urls.set(name, url);
  return url;
}
