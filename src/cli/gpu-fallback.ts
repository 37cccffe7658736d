/** Of the GPUs named, those that are there; called as `locscale` a run continues without the others. */
import type { GpuAdapterEntry } from '../gpu/adapters.ts';
import { type Session, vulkanLoaderFromEnvironment } from './session.ts';

/**
 * The session with those GPUs that can be used, or with the CPU. `speaks`: this process speaks for all of the
 * run.
 */
export async function dropMissingGpus(session: Session, speaks: boolean): Promise<Session> {
  const { values } = session.parsed;
  const { gpuIds } = values;
  if (gpuIds === undefined) return session;
  await session.libraries.hold();
  const adapters = await usableAdapters(values.allowSoftwareGpu === true);
  const { matchesId } = await import('../gpu/adapters.ts');
  const present = gpuIds.filter((id) => adapters.some((adapter) => matchesId(adapter, id)));
  if (present.length === gpuIds.length) return session;
  const missing = gpuIds.filter((id) => !present.includes(id));
  const what = missing.length === 1 ? `GPU ${missing[0]} is` : `GPUs ${missing.join(', ')} are`;
  const where = present.length > 0 ? `GPU ${present.join(', ')}` : 'the CPU';
  if (speaks) session.logger.warn(`${what} not usable on this machine: the run continues on ${where}.`);
  if (present.length === 0) return { ...session, withoutGpus: true };
  return { ...session, parsed: { ...session.parsed, values: { ...values, gpuIds: present } } };
}

/** GPUs that `auto` would accept; empty if WebGPU is unavailable. */
async function usableAdapters(allowSoftware: boolean): Promise<readonly GpuAdapterEntry[]> {
  const { loadGpu } = await import('../platform/index.ts');
  const { listAdapters } = await import('../gpu/adapters.ts');
  const entry = await loadGpu(vulkanLoaderFromEnvironment());
  if ('reason' in entry) return [];
  const { adapters } = await listAdapters(entry);
  return adapters.filter(({ kind }) => kind === 'hardware' || allowSoftware);
}
