/** What every bench on the GPU gets, and repeated measurements by its timer. */

import { type MeasureOptions, summarise } from '../src/bench/clock.ts';
import type { Engine } from '../src/engine/engine.ts';
import { isLocScaleError } from '../src/errors.ts';
import type { OpenGpu } from './gpu-open.ts';
import type { GpuTiming } from './gpu-results.ts';
import type { GpuTimer, GpuTimes } from './gpu-timing.ts';

export interface GpuBenchContext extends OpenGpu {
  /** The engine whose results the GPU's are compared with, all threads. */
  readonly cpu: Engine;
  readonly cpuThreads: number;
  /** Small sizes, one run each. */
  readonly quick: boolean;
  /** Largest box edge. */
  readonly maxSize: number;
  /** Mask voxels of the 256^3 case; other boxes have the same share of their voxels. */
  readonly maskVoxels: number;
  readonly root: string;
  readonly say: (line: string) => void;
  /** Notes that a size could not be measured. */
  readonly skip: (what: string, why: string) => void;
}

/** Repeats `work` and takes the median of every kind of time. */
export async function measureGpu(
  timer: GpuTimer,
  work: () => unknown,
  { runs, warmUps = 1 }: MeasureOptions,
): Promise<GpuTiming> {
  for (let i = 0; i < warmUps; i++) await timer.time(work);
  const times: GpuTimes[] = [];
  for (let i = 0; i < runs; i++) times.push(await timer.time(work));
  return timingOf(times, timer.timestamps);
}

export function timingOf(times: readonly GpuTimes[], timestamps: boolean): GpuTiming {
  return {
    ...(timestamps && times.some(({ passes }) => passes > 0)
      ? {
          device: summarise(times.map((t) => t.busySeconds)),
          span: summarise(times.map((t) => t.spanSeconds)),
        }
      : {}),
    encode: summarise(times.map((t) => t.encodeSeconds)),
    wall: summarise(times.map((t) => t.wallSeconds)),
  };
}

/** Device time where there is one, else wall time. */
export function secondsOf({ device, wall }: GpuTiming): number {
  return (device ?? wall).median;
}

/** Runs `work`; a size that the GPU has no memory for is noted and left out. */
export async function unlessTooLarge<T>(
  { gpu, skip }: GpuBenchContext,
  what: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isLocScaleError(error) || error.tag !== 'out-of-memory' || !(await gpu.recover())) throw error;
    skip(what, error.message);
    return undefined;
  }
}

export function milliseconds(seconds: number): string {
  const value = seconds * 1000;
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ms`;
}

export function describeTiming({ device, span, encode, wall }: GpuTiming): string {
  return [
    ...(device && span ? [`device ${milliseconds(device.median)} (span ${milliseconds(span.median)})`] : []),
    `encode ${milliseconds(encode.median)}`,
    `wall ${milliseconds(wall.median)}`,
  ].join(', ');
}
