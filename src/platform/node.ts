/** Platform Node: WebGPU is Dawn, from the npm package webgpu. */
import { createRequire } from 'node:module';
import { paceDawn } from './dawn-polling.ts';
import { firstLine } from './first-line.ts';
import type { GpuEntry, GpuEntryOptions, Missing, Thread, ThreadHandlers } from './platform.ts';
import { startWorker } from './system.ts';
import { loadVulkanLoader } from './vulkan-loader.ts';

export {
  hasProviderLibraries,
  loadOnnxruntime,
  onnxruntimeRepair,
  systemName,
} from './onnxruntime-node.ts';
export {
  coreCount,
  hasSharedMemory,
  loadBzip2,
  readAsset,
  serveThread,
  totalMemoryBytes,
} from './system.ts';

export const isDeno = false;

export function runtimeName(): string {
  return `Node ${process.versions.node}`;
}

export function startThread<Reply>(
  script: string,
  base: string,
  start: unknown,
  handlers: ThreadHandlers<Reply>,
): Thread {
  return startWorker(workerUrl(script, base), start, handlers);
}

/** Node cannot start a .ts worker: map a source file to its built counterpart in dist/. */
function workerUrl(script: string, base: string): URL {
  const url = new URL(script.replace(/\.ts$/, '.js'), base);
  if (base.endsWith('.ts')) url.pathname = url.pathname.replace('/src/', '/dist/');
  return url;
}

/**
 * Dawn zeroes workgroup memory by a Vulkan extension that software drivers expand to one store per value: a
 * shader with 32 KiB then takes 17 s to compile. Without the extension Dawn emits an equivalent loop.
 */
const DAWN_FLAGS = ['disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension'];

/** Dawn looks up `setImmediate` in the global object at every call. */
let dawnIsPaced = false;

function pace(): void {
  if (!dawnIsPaced) globalThis.setImmediate = paceDawn(globalThis.setImmediate);
  dawnIsPaced = true;
}

/** A reference keeps Dawn's objects, and thus its devices, alive. */
const dawnEntries = new Map<string, GPU>();

export async function loadGpu(options: GpuEntryOptions = {}): Promise<GpuEntry | Missing> {
  const missing = await findVulkan(options.vulkanLoader);
  if (missing !== undefined) return missing;
  try {
    const { create } = await import('webgpu');
    const open = (flags: readonly string[]): GPU => {
      const key = flags.join('\n');
      const gpu = dawnEntries.get(key) ?? create([...DAWN_FLAGS, ...flags]);
      dawnEntries.set(key, gpu);
      return gpu;
    };
    const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
    return { implementation: 'Dawn', version, gpu: open([]), open, pace };
  } catch (error) {
    return { reason: `the package webgpu does not load: ${firstLine(error)}` };
  }
}

async function findVulkan(own: string | undefined): Promise<Missing | undefined> {
  if (process.platform !== 'linux') return undefined;
  try {
    const { default: koffi } = await import('koffi');
    return loadVulkanLoader((path) => koffi.load(path, { global: true }), own);
  } catch {
    // koffi is optional; without it Dawn looks for the loader itself.
    return own === undefined ? undefined : { reason: `the package koffi is needed to load ${own}` };
  }
}
