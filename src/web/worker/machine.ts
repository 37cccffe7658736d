/** What there is to compute on. */
import { adapterName, listAdapters } from '../../gpu/adapters.ts';
import { coreCount, hasSharedMemory, loadGpu, totalMemoryBytes } from '../../platform/index.ts';
import type { Machine } from '../protocol.ts';

/** Share of the memory that a tab may take: other tabs and the browser itself need theirs. */
export const MEMORY_SHARE = 0.5;

export async function probeMachine(): Promise<Machine> {
  return {
    isolated: hasSharedMemory,
    cores: coreCount(),
    memoryBytes: totalMemoryBytes(),
    gpu: await probeGpu(),
  };
}

async function probeGpu(): Promise<Machine['gpu']> {
  const entry = await loadGpu();
  if ('reason' in entry) return { reason: 'this browser has no WebGPU' };
  const { adapters } = await listAdapters(entry);
  const [first] = adapters;
  if (first === undefined) return { reason: 'the browser offers no GPU' };
  return { name: adapterName(first), usable: adapters.some(({ kind }) => kind === 'hardware') };
}
