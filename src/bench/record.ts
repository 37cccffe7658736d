/** What a benchmark has measured, as it is stored and compared; times in seconds. */
import { LocScaleError } from '../errors.ts';

export interface BenchRecord {
  readonly schema: 1;
  readonly program: 'locscale-gpu';
  readonly version: string;
  /** ISO date and time. */
  readonly date: string;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly runtime: string;
    /** "linux x64". */
    readonly system: string;
  };
  /** Voxels per edge of the box, and of those in its mask. */
  readonly edge: number;
  readonly maskVoxels: number;
  readonly windowVoxels: number;
  readonly quick: boolean;
  /** The CPU first. */
  readonly devices: readonly DeviceRecord[];
  /** What was not measured, and why. */
  readonly leftOut: readonly string[];
}

export interface DeviceRecord {
  readonly kind: 'cpu' | 'hardware' | 'software';
  /** "CPU, 2 threads", "NVIDIA H200 (vulkan)". */
  readonly name: string;
  /** Of a GPU: number in the list of `devices`, driver and version, maker's words for the chip. */
  readonly index?: number;
  readonly driver?: string;
  readonly chip?: string;
  /** Bytes read and written a second. */
  readonly copy?: number;
  readonly stages: readonly StageRecord[];
  /** Why nothing more is measured: a wrong result, or what the engine has thrown. */
  readonly failure?: string;
}

export interface StageRecord {
  readonly name: string;
  readonly title: string;
  /** Median. */
  readonly seconds: number;
  readonly runs: number;
  /** What the result was compared with, by how much it differs (relative L2) and may. */
  readonly gate?: { readonly name: string; readonly error: number; readonly limit: number };
  /** Of the network: where onnxruntime has run it. */
  readonly provider?: string;
}

/** `name` of the file, for the error. */
export function parseRecord(text: string, name: string): BenchRecord {
  const refuse = (why: string): never => {
    throw new LocScaleError('bad-input', `${name} is no result of locscale-gpu bench: ${why}.`, {
      where: name,
      hint: 'Give a file that "locscale-gpu bench -o FILE" has written.',
    });
  };
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    refuse('it is not JSON');
  }
  const { schema, program, edge, devices } = (record ?? {}) as Partial<Record<keyof BenchRecord, unknown>>;
  if (program !== 'locscale-gpu' || !Array.isArray(devices)) refuse('it has no devices of this program');
  if (schema !== 1) refuse(`its schema is ${String(schema)}, and this version reads 1`);
  if (!Number.isInteger(edge) || !(devices as unknown[]).every(isDevice))
    refuse('the box or a device in it is incomplete');
  return record as BenchRecord;
}

function isDevice(device: unknown): boolean {
  const { name, kind, stages, copy } = (device ?? {}) as Partial<Record<keyof DeviceRecord, unknown>>;
  return (
    typeof name === 'string' &&
    ['cpu', 'hardware', 'software'].includes(kind as string) &&
    (copy === undefined || typeof copy === 'number') &&
    Array.isArray(stages) &&
    (stages as Partial<StageRecord>[]).every(
      (stage) =>
        typeof stage?.name === 'string' &&
        typeof stage.title === 'string' &&
        typeof stage.seconds === 'number',
    )
  );
}
