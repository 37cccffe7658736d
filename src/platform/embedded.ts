/**
 * Assets embedded in the browser bundle (tools/build-web.mjs), so that bundling it again requires no copied
 * files. browser.ts looks here before it fetches.
 */
import type { Onnxruntime } from './platform.ts';

const files = new Map<string, () => Promise<Uint8Array>>();
const threads = new Map<string, string>();
let onnxruntime: (() => Promise<Onnxruntime>) | undefined;
const urls = new Map<string, URL>();

/** `name`: end of the file's path, such as "kernels/kernels.wasm". */
export function embedFile(name: string, load: () => Promise<Uint8Array>): void {
  files.set(name, load);
}

/** `name`: a thread's script, such as "worker.js"; `code`: the script as one module, or where it is. */
export function embedThread(name: string, code: string | URL): void {
  if (typeof code === 'string') threads.set(name, code);
  else urls.set(name, code);
}

/** onnxruntime is never inside a bundle: `load` fetches it. */
export function embedOnnxruntime(load: () => Promise<Onnxruntime>): void {
  onnxruntime = load;
}

export function embeddedOnnxruntime(): (() => Promise<Onnxruntime>) | undefined {
  return onnxruntime;
}

export function embeddedFile({ pathname }: URL): Promise<Uint8Array> | undefined {
  const names = [...files.keys()].filter((name) => pathname.endsWith(`/${name}`));
  // Longest match first: "units.wgsl" is also the end of "lib/units.wgsl".
  const [longest] = names.sort((a, b) => b.length - a.length);
  return longest === undefined ? undefined : files.get(longest)?.();
}

/** Object URL of the script, or the URL that it was given, shared by all threads that run it. */
export function embeddedThread({ pathname }: URL): URL | undefined {
  const name = pathname.slice(pathname.lastIndexOf('/') + 1);
  const code = threads.get(name);
  if (code === undefined) return urls.get(name);
  const url = urls.get(name) ?? new URL(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  urls.set(name, url);
  return url;
}
