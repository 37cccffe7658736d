/** Platform Deno: WebGPU is its built-in wgpu, and workers run TypeScript directly. */
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

declare const Deno: {
  readonly version: { readonly deno: string };
  dlopen(path: string, symbols: object): unknown;
};

export const isDeno = true;

export function runtimeName(): string {
  return `Deno ${Deno.version.deno}`;
}

export function startThread<Reply>(
  script: string,
  base: string,
  start: unknown,
  handlers: ThreadHandlers<Reply>,
): Thread {
  // Built script in dist/, source in src/.
  const file = base.endsWith('.js') ? script.replace(/\.ts$/, '.js') : script;
  return startWorker(new URL(file, base), start, handlers);
}

export async function loadGpu(options: GpuEntryOptions = {}): Promise<GpuEntry | Missing> {
  const missing = loadVulkanLoader((path) => Deno.dlopen(path, {}), options.vulkanLoader);
  // Without Vulkan, wgpu can still use OpenGL.
  if (missing !== undefined && options.vulkanLoader !== undefined) return missing;
  const { gpu } = (globalThis as unknown as { navigator: { gpu?: GPU } }).navigator;
  return gpu ? { implementation: 'wgpu', gpu } : { reason: 'this Deno has no WebGPU (navigator.gpu)' };
}
