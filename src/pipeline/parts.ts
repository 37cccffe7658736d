/** Single steps of the method, run on their own: the FSC of two half maps, the FDR mask of a map. */

import type { Volume } from '../engine/engine.ts';
import type { MapImage } from '../formats/map-image.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import type { LocScaleContext } from './context.ts';
import { resolveMap } from './fsc.ts';
import type { FscCurve } from './half-maps.ts';
import { measureFsc, reportVerdict } from './half-maps.ts';
import type { LocScaleJob } from './job.ts';
import { prepareMask, type ScalingMask } from './mask.ts';
import type { LocScaleParameters } from './parameters.ts';
import { completeParameters } from './parameters.ts';
import { readMaps } from './read-maps.ts';
import { usableResolutions } from './resolutions.ts';
import { withRun } from './run.ts';

export interface FscResult {
  readonly fsc: FscCurve;
  readonly grid: Grid;
  readonly warnings: readonly string[];
}

/** A run that ends with the FSC of its half maps. */
export function runFsc(half1: MapImage, half2: MapImage, context: LocScaleContext): Promise<FscResult> {
  return withRun(context, async (run) => {
    const maps = await readMaps({ input: { kind: 'half-maps', half1, half2 } }, run);
    const [first, second] = maps.volumes as readonly [Volume, Volume];
    const fsc = await run.step('fsc', 'Measuring the FSC', () =>
      measureFsc(run.engine, first, second, maps.voxelSize),
    );
    reportVerdict(fsc, [half1.name, half2.name], maps.voxelSize, run);
    return { fsc, grid: maps.grid, warnings: run.warnings };
  });
}

export interface MaskResult extends ScalingMask {
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** A run that ends with the FDR mask. The volumes stay on the engine: release them. */
export function runMask(
  input: LocScaleJob['input'],
  given: Partial<LocScaleParameters>,
  context: LocScaleContext,
): Promise<MaskResult> {
  return withRun({ ...context, keepConfidence: true }, async (run) => {
    const maps = await readMaps({ input }, run);
    const { grid, header } = maps;
    const parameters = usableResolutions(completeParameters(given, false), grid, run);
    const { map } = await resolveMap(maps, parameters, run);
    const masked = await prepareMask({ userMask: undefined, map, maps, parameters }, run);
    run.keep(masked.mask, masked.confidence);
    return { ...masked, grid, header, timings: run.timings, warnings: run.warnings };
  });
}
