/**
 * GPU drivers that Vulkan lists (platform/vulkan-devices.ts) and WebGPU does not take. Why, Dawn prints when
 * it passes over a device; it does not name the device there, but goes through them in Vulkan's order.
 */

import type { GpuEntry } from '../platform/index.ts';
import type { GpuAdapterEntry } from './adapters.ts';

export interface RefusedDriver {
  /** As the driver calls its device: "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly name: string;
  readonly refusedBy: GpuEntry['implementation'];
  readonly reason: string;
}

const UNSAID = 'it gives no reason';

/** `text`: what the libraries have printed while the adapters were asked for. */
export function findRefused(
  vulkanDevices: readonly string[],
  { implementation }: Pick<GpuEntry, 'implementation'>,
  adapters: readonly Pick<GpuAdapterEntry, 'name' | 'device' | 'description'>[],
  text: string,
): RefusedDriver[] {
  // wgpu has no list of its own: that it leaves a device out is known only where it has none at all.
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
 * Each device that Dawn passes over gives:
 *   Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.
 *    - While initializing adapter (backend=BackendType::Vulkan)
 *       at InitializeImpl (/path/of/its/build/PhysicalDeviceVk.cpp:257)
 * Dawn says it again each time it goes through the devices: the same reasons are listed once.
 */
export function readDawnReasons(text: string): string[] {
  const pattern = /^(?:Warning|Error): (.+)\n(?:\s+-.*\n)*?\s+- While initializing adapter \(backend=/gm;
  const reasons = Array.from(text.matchAll(pattern), ([, reason]) => (reason as string).replace(/\.$/, ''));
  return [...new Set(reasons)];
}
