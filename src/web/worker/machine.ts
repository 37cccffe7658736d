/** Detects cores, memory and GPU. */
import { adapterName, listAdapters } from '../../gpu/adapters.ts';
import { coreCount, hasSharedMemory, loadGpu, totalMemoryBytes } from '../../platform/index.ts';
import type { Machine } from '../../screens/protocol.ts';

/** Fraction of the memory available to a tab, besides other tabs and the browser itself. */
export const MEMORY_SHARE = 0.5;

/**
 * Memory is what the browser states, rounded and with an upper bound. Never throws where there is no GPU.
 */
export async function probeMachine(): Promise<Machine> {
  return {
    isolated: hasSharedMemory,
    cores: coreCount(),
    memoryBytes: totalMemoryBytes(),
    gpu: await probeGpu(),
  };
}

/** The first adapter, and whether any is hardware: drivers that compute on the CPU are not used. */
async function probeGpu(): Promise<Machine['gpu']> {
  const entry = await loadGpu();
  if ('reason' in entry) return { reason: 'this browser has no WebGPU' };
  const { adapters } = await listAdapters(entry);
  const [first] = adapters;
  if (first === undefined) return { reason: 'the browser offers no GPU' };
  return { name: adapterName(first), usable: adapters.some(({ kind }) => kind === 'hardware') };
}
