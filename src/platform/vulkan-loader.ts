/**
 * Loads libvulkan.so.1 before WebGPU looks for it, so that its absence is reported in one clear sentence;
 * Dawn itself prints a warning per attempt.
 */
import { firstLine } from './first-line.ts';
import type { Missing } from './platform.ts';

let vulkanLibrary: unknown;

/**
 * Loads the system's loader, else `own`; returns the problem if neither loads. `load` opens a shared library
 * with global symbols and throws on failure.
 */
export function loadVulkanLoader(
  load: (path: string) => unknown,
  own: string | undefined,
): Missing | undefined {
  if (process.platform !== 'linux' || vulkanLibrary !== undefined) return undefined;
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
  const hint =
    'Install the Vulkan loader (Debian, Ubuntu: libvulkan1; Fedora: vulkan-loader), ' +
    'or name a copy of libvulkan.so.1 in the environment variable LOCSCALE_VULKAN_LOADER.';
  return { reason, hint };
}
