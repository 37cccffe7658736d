/** Bytes of a job's pipelines, added up by label. */
import type { PipelineUse } from './counting-device.ts';

export interface KernelBytes {
  readonly label: string;
  readonly dispatches: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Read and written in workgroup memory. */
  readonly localBytes: number;
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
    });
  }
  return [...sums.values()];
}
