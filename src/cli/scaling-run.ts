/** What commands have in common: the record and the last lines of runs that scale, and what reports show. */
import type { Engine, Volume } from '../engine/engine.ts';
import {
  defaultParameters,
  type FscCurve,
  type Grid,
  type LocScaleNumbers,
  type LocScaleParameters,
  type LocScalePlan,
} from '../index.ts';
import { isotropicVoxelSize } from '../math/grid.ts';
import { scalingWindowFor } from '../math/scaling/follow-resolution.ts';
import type { RunToShow } from '../report/collect.ts';
import { describeLocalResolution } from './local-resolution.ts';
import { mapsToShow, type OutputTable } from './outputs.ts';
import { formatSeconds } from './progress.ts';
import type { Session } from './session.ts';
import type { RecordPart } from './write-run.ts';

interface ScalingResult {
  readonly mask: Volume;
  readonly map?: Volume;
  readonly reference?: Volume;
  readonly fsc?: FscCurve;
  readonly numbers: LocScaleNumbers;
  readonly timings: Readonly<Record<string, number>>;
}

/** Parameters with what was derived filled in, and the options that steer the run but not the method. */
export function scalingRecord(
  { parsed: { values } }: Session,
  { numbers, fsc }: ScalingResult,
  parameters: LocScaleParameters,
  { mode, memoryLimitBytes }: LocScalePlan,
): RecordPart {
  return {
    mode,
    parameters: {
      ...parameters,
      windowVoxels: numbers.windowVoxels,
      resolution: numbers.fscCutoff,
      voxelSizeOverride: values.apix,
      symmetry: numbers.symmetry?.name ?? 'C1',
      engine: values.engine ?? 'auto',
      threads: values.processes ?? 'all cores',
      memoryLimitBytes: memoryLimitBytes ?? null,
    },
    numbers,
    fsc,
  };
}

export function scalingToShow<R extends ScalingResult>(
  engine: Engine,
  table: OutputTable<R>,
  result: R,
  { profileKind }: LocScaleParameters,
): RunToShow {
  const { numbers, mask } = result;
  return {
    shape: numbers.shape,
    voxelSize: numbers.voxelSize,
    windowVoxels: numbers.windowVoxels,
    resolution: numbers.fscCutoff,
    profileKind,
    noiseBoxes: numbers.noise?.boxes ?? [],
    mask: () => engine.download(mask),
    ...mapsToShow(table, result, engine),
  };
}

/** Of a run that scales nothing. `windowVoxels`: of its measurement. */
export function measurementToShow<
  R extends { readonly grid: Grid; readonly mask: Volume; readonly map?: Volume },
>(
  engine: Engine,
  table: OutputTable<R>,
  result: R,
  more: {
    readonly fsc?: FscCurve;
    readonly noise: LocScaleNumbers['noise'];
    readonly windowVoxels?: number;
  },
): RunToShow {
  const { grid, mask } = result;
  const voxelSize = isotropicVoxelSize(grid);
  const resolution = more.fsc?.resolution ?? 2 * voxelSize;
  return {
    shape: grid.shape,
    voxelSize,
    windowVoxels: more.windowVoxels ?? scalingWindowFor(voxelSize, resolution, Math.min(...grid.shape)),
    resolution,
    profileKind: defaultParameters.profileKind,
    noiseBoxes: more.noise?.boxes ?? [],
    mask: () => engine.download(mask),
    ...mapsToShow(table, result, engine),
  };
}

/** `what`: what was done, to which the seconds of each step are added. */
export function scalingLines({ numbers, timings }: ScalingResult, what: string): string[] {
  const steps = Object.entries(timings).map(([step, seconds]) => `${step} ${formatSeconds(seconds)}`);
  const { localResolution } = numbers;
  return [
    `${what} (${steps.join(', ')}).`,
    ...(localResolution === undefined ? [] : [describeLocalResolution(localResolution)]),
  ];
}
