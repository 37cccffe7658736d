/**
 * GPU drivers that Vulkan lists (platform/vulkan-devices.ts) and WebGPU rejects. Dawn prints the reason when
 * it skips a device, without its name, but in Vulkan's order.
 */

import type { GpuEntry } from '../platform/index.ts';
import type { GpuAdapterEntry } from './adapters.ts';

/** A driver that Vulkan lists and WebGPU does not accept. */
export interface RefusedDriver {
  /** The driver's name of the device: "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly name: string;
  readonly refusedBy: GpuEntry['implementation'];
  /** As the library prints it; all reasons together where they cannot be assigned to drivers. */
  readonly reason: string;
}

// Reason for drivers without a message.
const UNSAID = 'it gives no reason';

/** `text`: output of the libraries while adapters were requested. */
export function findRefused(
  vulkanDevices: readonly string[],
  { implementation }: Pick<GpuEntry, 'implementation'>,
  adapters: readonly Pick<GpuAdapterEntry, 'name' | 'device' | 'description'>[],
  text: string,
): RefusedDriver[] {
  // wgpu has no list: a rejected device is recognised only if wgpu has no adapter at all.
  if (implementation === 'wgpu' && adapters.length > 0) return [];
  const refused = vulkanDevices.filter(
    (name) => !adapters.some((adapter) => [adapter.name, adapter.device, adapter.description].includes(name)),
  );
  const reasons = implementation === 'Dawn' ? readDawnReasons(text) : [];
  return refused.map((name, i) => ({
    name,
    refusedBy: implementation,
    reason: reasons.length === refused.length ? (reasons[i] as string) : reasons.join('; ') || UNSAID,
  }));
}

/**
 * For each device that it skips, Dawn prints:
 *   Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.
 *    - While initializing adapter (backend=BackendType::Vulkan)
 *       at InitializeImpl (/path/of/its/build/PhysicalDeviceVk.cpp:257)
 * Dawn repeats this at each enumeration; the same reasons are listed once.
 */
export function readDawnReasons(text: string): string[] {
  const pattern = /^(?:Warning|Error): (.+)\n(?:\s+-.*\n)*?\s+- While initializing adapter \(backend=/gm;
  const reasons = Array.from(text.matchAll(pattern), ([, reason]) => (reason as string).replace(/\.$/, ''));
  return [...new Set(reasons)];
}
