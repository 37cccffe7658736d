/** Record and final lines of scaling runs. */
import type { LocScaleParameters, LocScalePlan, LocScaleResult } from '../index.ts';
import { recordOfScaling } from '../report/run-record.ts';
import { describeLocalResolution } from './local-resolution.ts';
import { formatSeconds } from './progress.ts';
import type { Session } from './session.ts';
import type { RecordPart } from './write-run.ts';

/**
 * The record of a scaling run. Its parameters also include options that control the run but not the method.
 */
export function scalingRecord(
  { parsed: { values } }: Session,
  result: Parameters<typeof recordOfScaling>[0],
  parameters: LocScaleParameters,
  { mode, memoryLimitBytes }: LocScalePlan,
): RecordPart {
  const record = recordOfScaling(result, parameters);
  return {
    ...record,
    mode,
    parameters: {
      ...record.parameters,
      voxelSizeOverride: values.apix,
      symmetry: result.numbers.symmetry?.name ?? 'C1',
      engine: values.engine ?? 'auto',
      threads: values.processes ?? 'all cores',
      memoryLimitBytes: memoryLimitBytes ?? null,
    },
  };
}

/** Last printed lines. `what`: summary, to which the seconds of each step are appended. */
export function scalingLines(
  { numbers, timings }: Pick<LocScaleResult, 'numbers' | 'timings'>,
  what: string,
): string[] {
  const steps = Object.entries(timings).map(([step, seconds]) => `${step} ${formatSeconds(seconds)}`);
  const { localResolution } = numbers;
  return [
    `${what} (${steps.join(', ')}).`,
    ...(localResolution === undefined ? [] : [describeLocalResolution(localResolution)]),
  ];
}
