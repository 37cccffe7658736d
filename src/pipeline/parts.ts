/**
 * Single steps of the method, run on their own: the symmetry of a map, and its average over one; the FSC is
 * in run-fsc.ts, masks are in make-mask.ts.
 */

import type { Volume } from '../engine/engine.ts';
import type { MapImage } from '../formats/map-image.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import type { LocScaleContext } from './context.ts';
import type { LocScaleJob } from './job.ts';
import { gridOf } from './read-maps.ts';
import { type Run, withRun } from './run.ts';
import {
  averageOver,
  checkSymmetry,
  findSymmetry,
  type LocatedSymmetry,
  resolveSymmetry,
  type Symmetry,
  type SymmetryRequest,
} from './symmetrise.ts';

/** Half maps are averaged; with a mask, values are multiplied by it. */
export type OneMapJob = Pick<LocScaleJob, 'input' | 'mask'>;

/** What `runSymmetrise` returns. */
export interface SymmetriseResult {
  readonly averaged: Volume;
  readonly symmetry: Symmetry;
  /** Least correlation of the low-passed map with a rotated copy of itself. */
  readonly correlation: number;
  /** Whether that correlation shows the symmetry; otherwise a warning is printed. */
  readonly agrees: boolean;
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** A map averaged over the operators of a symmetry. The volume stays on the engine: release it. */
export function runSymmetrise(
  { symmetry: request, ...job }: OneMapJob & { readonly symmetry: SymmetryRequest },
  context: LocScaleContext,
): Promise<SymmetriseResult> {
  return withRun(context, async (run) => {
    const { grid, header, data } = await combineMaps(job, run);
    const symmetry = resolveSymmetry(request, grid);
    const volume = await run.engine.upload(data, grid.shape);
    const { warning, correlation } = await checkSymmetry(run.engine, volume, grid, symmetry);
    if (warning !== undefined) run.warn(warning);
    const averaged = await averageOver(volume, symmetry, run);
    run.keep(averaged);
    const { timings, warnings } = run;
    return {
      averaged,
      symmetry,
      correlation,
      agrees: warning === undefined,
      grid,
      header,
      timings,
      warnings,
    };
  });
}

/** The symmetry of a map, its axis and its centre; about `centre` where that is given. */
export function runFindSymmetry(
  { centre, ...job }: OneMapJob & { readonly centre?: SymmetryRequest['centre'] },
  context: LocScaleContext,
): Promise<LocatedSymmetry> {
  return withRun(context, async (run) => {
    const { grid, data } = await combineMaps(job, run);
    return findSymmetry(run.engine, await run.engine.upload(data, grid.shape), grid, centre);
  });
}

/**
 * One map in host memory: the mean of half maps, times the mask if there is one. Changes the first map's
 * voxels.
 */
async function combineMaps({ input, mask }: OneMapJob, run: Run): Promise<MapImage> {
  const { grid, header } = gridOf({ input, mask }, run);
  const image = input.kind === 'map' ? input.map : input.half1;
  const combine = (other: MapImage | undefined, by: (a: number, b: number) => number): void => {
    if (other === undefined) return;
    for (let i = 0; i < image.data.length; i++) image.data[i] = by(image.data[i], other.data[i]);
  };
  if (input.kind === 'half-maps') combine(await run.load(input.half2), (a, b) => (a + b) / 2);
  if (mask !== undefined) combine(await run.load(mask), (value, inside) => value * inside);
  return { ...image, grid, header };
}
