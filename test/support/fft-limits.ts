/** How much workgroup memory tests of Fourier transforms ask for. */
import type { GpuLimits } from '../../src/gpu/device.ts';
import { isDeno } from '../../src/runtime.ts';
import { usesHardware } from './software-gpu.ts';

/**
 * Deno's wgpu clears workgroup memory by assigning it a zero value, which the software driver turns into
 * one instruction per number: pipelines with 32 KiB take 10 s to compile there.
 */
export const slowWorkgroupMemory = isDeno && !usesHardware;

export const LITTLE_WORKGROUP_MEMORY: Partial<GpuLimits> = slowWorkgroupMemory
  ? { workgroupBytes: 2048 }
  : {};
