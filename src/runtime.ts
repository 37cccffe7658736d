/**
 * The only file that knows Node from Deno: cores, memory, worker entry points, assets beside the code,
 * and where WebGPU comes from.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';

declare const Deno: { dlopen(path: string, symbols: object): unknown };

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

export interface GpuEntry {
  /** Dawn (npm package webgpu) under Node, wgpu under Deno. */
  readonly implementation: 'Dawn' | 'wgpu';
  readonly gpu: GPU;
  /**
   * Dawn only: an entry with flags of its own, such as `adapter=NAME`, because requestAdapter alone
   * cannot tell several GPUs of a machine apart.
   */
  readonly open?: (flags: readonly string[]) => GPU;
}

export interface GpuEntryOptions {
  /** Path of a Vulkan loader, for Linux systems that have a driver but no libvulkan.so.1. */
  readonly vulkanLoader?: string;
}

/**
 * Dawn clears workgroup memory through a Vulkan extension that software drivers turn into one store per
 * value: a shader with 32 KiB then takes 17 s to compile. The loop Dawn uses otherwise does the same.
 */
const DAWN_FLAGS = ['disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension'];

export interface GpuMissing {
  readonly reason: string;
  /** What the user can do about it, one sentence. */
  readonly hint?: string;
}

/** Objects of Dawn live as long as they are referenced; a lost reference would take the devices along. */
const dawnEntries = new Map<string, GPU>();
let vulkanLibrary: unknown;

/** The way to WebGPU on this runtime, or the reason in words why there is none. */
export async function loadGpu(options: GpuEntryOptions = {}): Promise<GpuEntry | GpuMissing> {
  const missing = await loadVulkanLoader(options.vulkanLoader);
  if (missing !== undefined) return missing;
  if (isDeno) {
    const { gpu } = (globalThis as unknown as { navigator: { gpu?: GPU } }).navigator;
    return gpu ? { implementation: 'wgpu', gpu } : { reason: 'this Deno has no WebGPU (navigator.gpu)' };
  }
  try {
    const { create } = await import('webgpu');
    const open = (flags: readonly string[]): GPU => {
      const key = flags.join('\n');
      const gpu = dawnEntries.get(key) ?? create([...DAWN_FLAGS, ...flags]);
      dawnEntries.set(key, gpu);
      return gpu;
    };
    return { implementation: 'Dawn', gpu: open([]), open };
  } catch (error) {
    return { reason: `the package webgpu does not load: ${firstLine(error)}` };
  }
}

/**
 * Makes libvulkan.so.1 known to the process before WebGPU looks for it, which is also how its absence
 * is told in words: Dawn by itself prints a warning per attempt. Returns what is missing.
 * Deno goes on without Vulkan: its wgpu has OpenGL as well.
 */
async function loadVulkanLoader(own: string | undefined): Promise<GpuMissing | undefined> {
  if (process.platform !== 'linux' || vulkanLibrary !== undefined) return undefined;
  let load: (path: string) => unknown;
  if (isDeno) load = (path) => Deno.dlopen(path, {});
  else {
    try {
      const { default: koffi } = await import('koffi');
      load = (path) => koffi.load(path, { global: true });
    } catch {
      // koffi is optional: without it Dawn looks for the loader itself.
      return own === undefined ? undefined : { reason: `the package koffi is needed to load ${own}` };
    }
  }
  let reason = '';
  for (const path of ['libvulkan.so.1', ...(own === undefined ? [] : [own])]) {
    try {
      vulkanLibrary = load(path);
      return undefined;
    } catch (error) {
      reason =
        path === own
          ? `the Vulkan loader ${own} cannot be loaded: ${firstLine(error)}`
          : 'there is no Vulkan loader (libvulkan.so.1) on this machine';
    }
  }
  if (isDeno && own === undefined) return undefined;
  const hint =
    'Install the Vulkan loader (Debian, Ubuntu: libvulkan1; Fedora: vulkan-loader), or name a copy of libvulkan.so.1 in the environment variable LOCSCALE_VULKAN_LOADER.';
  return { reason, hint };
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}
