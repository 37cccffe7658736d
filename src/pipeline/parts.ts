/** Single steps of the method, run on their own: the FSC of two half maps, the FDR mask of a map. */
import type { Volume } from '../engine/engine.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import { readMaps } from './1-read-maps.ts';
import { resolveMap } from './2-fsc.ts';
import { prepareMask, type ScalingMask } from './3-mask.ts';
import { measureFsc, reportVerdict } from './half-maps.ts';
import { completeParameters } from './parameters.ts';
import { usableResolutions } from './resolutions.ts';
import { startRun } from './run.ts';
import type { FscCurve, LocScaleContext, LocScaleJob, LocScaleParameters, MapImage } from './types.ts';

export interface FscResult {
  readonly fsc: FscCurve;
  readonly grid: Grid;
  readonly warnings: readonly string[];
}

/** Steps 1 and 2 on two half maps. */
export async function runFsc(half1: MapImage, half2: MapImage, context: LocScaleContext): Promise<FscResult> {
  const run = startRun(context);
  try {
    const job: LocScaleJob = {
      input: { kind: 'half-maps', half1, half2 },
      reference: { kind: 'none' },
    };
    const maps = await run.step('read', 'Checking the half maps', () => readMaps(job, run));
    const [first, second] = maps.volumes as readonly [Volume, Volume];
    const fsc = await run.step('fsc', 'Measuring the FSC', () =>
      measureFsc(run.engine, first, second, maps.voxelSize),
    );
    reportVerdict(fsc, [half1.name, half2.name], maps.voxelSize, run);
    return { fsc, grid: maps.grid, warnings: run.warnings };
  } finally {
    run.releaseAllBut();
  }
}

export interface MaskResult extends ScalingMask {
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** Steps 1 to 3 without a user's mask. The volumes stay on the engine: release them. */
export async function runMask(
  input: LocScaleJob['input'],
  given: Partial<LocScaleParameters>,
  context: LocScaleContext,
): Promise<MaskResult> {
  const run = startRun({ ...context, keepConfidence: true });
  const settings = completeParameters(given, false);
  try {
    const maps = await run.step('read', 'Checking the map', () =>
      readMaps({ input, reference: { kind: 'none' }, parameters: settings }, run),
    );
    const parameters = usableResolutions(settings, maps.grid, run);
    const { map } = await run.step('fsc', 'Preparing the map', () => resolveMap(maps, parameters, run));
    const made = await run.step('mask', 'Making the FDR confidence mask', () =>
      prepareMask({ userMask: undefined, map, maps, parameters }, run),
    );
    run.releaseAllBut(made.mask, made.confidence);
    return {
      ...made,
      grid: maps.grid,
      header: maps.header,
      timings: run.timings,
      warnings: run.warnings,
    };
  } catch (error) {
    run.releaseAllBut();
    throw error;
  }
}
