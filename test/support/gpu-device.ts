/** Devices of the test GPU, for tests of shaders and of the device layer. */
import { describe } from 'vitest';
import { type GpuAdapterEntry, listAdapters, openDevice } from '../../src/gpu/adapters.ts';
import type { GpuDevice, GpuLimits } from '../../src/gpu/device.ts';
import { describeAbsent } from './required.ts';
import { loadTestGpu, usesHardware } from './software-gpu.ts';

/** The adapter tests run on, or the reason why there is none. */
export async function findTestAdapter(): Promise<GpuAdapterEntry | { readonly reason: string }> {
  const entry = await loadTestGpu();
  if ('reason' in entry) return entry;
  const { adapters, failures } = await listAdapters(entry);
  const adapter = adapters.find(({ kind }) => kind === (usesHardware ? 'hardware' : 'software'));
  if (adapter !== undefined) return adapter;
  const reasons = failures.map(({ way, reason }) => `${way}: ${reason}`).join('; ');
  return {
    reason: `no ${usesHardware ? 'hardware' : 'software'} GPU was found (${reasons || 'no failures'})`,
  };
}

/** Tests that cannot run for want of a GPU. */
export function describeMissing(name: string, reason: string, body: () => void): void {
  describeAbsent(`${name} (gpu)`, 'gpu', reason, body);
}

const adapter = await findTestAdapter();

/**
 * One for all test files of a process (vitest.config.ts) and each set of limits, and never closed: a software
 * GPU takes longer to compile the shaders than to run them.
 */
const opened = new Map<string, Promise<GpuDevice>>();

/** With smaller limits where requested. A test that breaks its device opens one of its own. */
export function sharedDevice(limits: Partial<GpuLimits> = {}): Promise<GpuDevice> {
  if ('reason' in adapter) return Promise.reject(new Error(adapter.reason));
  const key = JSON.stringify(limits);
  const device = opened.get(key) ?? openDevice(adapter, limits);
  opened.set(key, device);
  return device;
}

/** `body` gets a function that returns devices that others share. */
export function describeGpu(
  name: string,
  body: (gpu: (limits?: Partial<GpuLimits>) => Promise<GpuDevice>) => void,
): void {
  if ('reason' in adapter) describeMissing(name, adapter.reason, () => body(sharedDevice));
  else describe(name, () => body(sharedDevice));
}
