/** One engine through all stages; a wrong result ends it, and no time of that stage is recorded. */
import type { Engine } from '../engine/engine.ts';
import { isLocScaleError, stopIfAborted } from '../errors.ts';
import type { GpuDevice } from '../gpu/device.ts';
import { summarise } from './clock.ts';
import { GateError } from './gate.ts';
import { measureCopy } from './gpu-copy.ts';
import { type BenchInputs, uploadInputs } from './inputs.ts';
import type { DeviceRecord, StageRecord } from './record.ts';
import { stages, timeStage } from './stages.ts';

export interface Measured extends Pick<DeviceRecord, 'copy' | 'stages' | 'failure'> {
  /** Per stage, for other engines to be compared with. */
  readonly results: ReadonlyMap<string, readonly Float32Array[]>;
}

export interface MeasureSettings {
  readonly inputs: BenchInputs;
  /** Results of the CPU engine; absent where that engine is measured. */
  readonly expected?: Measured['results'];
  /** For each measurement, about. */
  readonly seconds: number;
  readonly copyBytes: number;
  readonly signal: AbortSignal;
  readonly onStage: (title: string) => void;
}

export async function measureEngine(engine: Engine, settings: MeasureSettings): Promise<Measured> {
  const { inputs, expected, seconds, copyBytes, signal, onStage } = settings;
  const { gpu } = engine as { gpu?: GpuDevice };
  const measured: StageRecord[] = [];
  const results = new Map<string, readonly Float32Array[]>();
  let copy: number | undefined;
  let failure: string | undefined;
  try {
    onStage('copy in memory');
    copy = gpu ? await measureCopy(gpu, copyBytes, seconds) : hostCopy(copyBytes, seconds);
    const volumes = await uploadInputs(engine, inputs);
    for (const stage of stages) {
      stopIfAborted(signal);
      onStage(stage.title);
      const { name, title } = stage;
      const timed = await timeStage(stage, engine, inputs, volumes, expected?.get(name), seconds);
      results.set(name, timed.results);
      const { median, runs } = timed.timing;
      measured.push({ name, title, seconds: median, runs, gate: timed.gate });
    }
    engine.release(...Object.values(volumes));
  } catch (error) {
    if (isLocScaleError(error) && error.tag === 'aborted') throw error;
    failure = whyNot(error);
  }
  return { copy, stages: measured, failure, results };
}

/** Why a device is not measured any further. */
export function whyNot(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof GateError ? `wrong result: ${message}` : message;
}

/** Of this thread alone, bytes read and written a second. */
function hostCopy(bytes: number, seconds: number): number {
  const source = new Float64Array(bytes / 8).fill(1);
  const target = new Float64Array(source.length);
  target.set(source);
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  do {
    const begun = performance.now();
    target.set(source);
    times.push((performance.now() - begun) / 1000);
  } while (performance.now() < end);
  return (2 * bytes) / summarise(times).median;
}
