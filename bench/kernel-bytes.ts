/** Bytes of a job's pipelines, added up by label, on the software GPU of the tests. */
import { listAdapters, openDevice } from '../src/gpu/adapters.ts';
import type { GpuDevice, GpuLimits } from '../src/gpu/device.ts';
import { loadTestGpu } from '../test/support/software-gpu.ts';
import type { PipelineUse } from './counting-device.ts';

export interface KernelBytes {
  readonly label: string;
  readonly dispatches: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Read and written in workgroup memory. */
  readonly localBytes: number;
  /** Arithmetic executed (count-operations.ts), and by how many invocations. */
  readonly operations: number;
  readonly invocations: number;
}

/** Limits of a device by which the engine cuts work up, beside its memory. */
export type PlanLimits = Pick<GpuLimits, 'workgroupBytes' | 'workgroupInvocations' | 'bindingBytes'>;

export function planLimits({
  limits: { workgroupBytes, workgroupInvocations, bindingBytes },
}: GpuDevice): PlanLimits {
  return { workgroupBytes, workgroupInvocations, bindingBytes };
}

/** `times`: how often the counted part of the job is done. */
export function sumKernels(pipelines: readonly PipelineUse[], times: number): KernelBytes[] {
  const sums = new Map<string, KernelBytes>();
  for (const use of pipelines) {
    if (use.dispatches === 0) continue;
    const before = sums.get(use.label);
    sums.set(use.label, {
      label: use.label,
      dispatches: times * use.dispatches + (before?.dispatches ?? 0),
      bytesRead: times * use.bytesRead + (before?.bytesRead ?? 0),
      bytesWritten: times * use.bytesWritten + (before?.bytesWritten ?? 0),
      localBytes: times * use.localBytes + (before?.localBytes ?? 0),
      operations: times * use.operations + (before?.operations ?? 0),
      invocations: times * use.invocations + (before?.invocations ?? 0),
    });
  }
  // Kernels are compiled in whatever order; stored figures keep theirs.
  return [...sums.values()].sort((a, b) => (a.label < b.label ? -1 : 1));
}

export function sayKernels(kernels: readonly KernelBytes[], say: (line: string) => void): void {
  for (const { label, dispatches, bytesRead, bytesWritten, localBytes, operations } of kernels) {
    const gigabytes = [bytesRead, bytesWritten, localBytes].map((n) => (n / 1e9).toFixed(2).padStart(8));
    say(
      `  ${label.padEnd(32)} ${String(dispatches).padStart(5)} ${gigabytes.join(' ')} GB read, written, local; ${(operations / 1e9).toFixed(2)} G operations`,
    );
  }
}

export async function openSoftwareGpu(): Promise<GpuDevice> {
  const entry = await loadTestGpu();
  if ('reason' in entry) throw new Error(`No GPU can be used: ${entry.reason}.`);
  const adapter = (await listAdapters(entry)).adapters.find(({ kind }) => kind === 'software');
  if (adapter === undefined) throw new Error('The software GPU of the tests was not found.');
  return openDevice(adapter);
}
