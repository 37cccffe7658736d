/** Runs that measure the FSC of two half maps, optionally within a mask. */
import type { Volume } from '../engine/engine.ts';
import type { MapImage } from '../formats/map-image.ts';
import type { MaskedFsc } from '../math/fourier/masked-fsc.ts';
import type { Grid } from '../math/grid.ts';
import type { LocScaleContext } from './context.ts';
import { type FscCurve, measureFsc, reportVerdict } from './half-maps.ts';
import type { MapInput } from './map-input.ts';
import { measureMaskedFsc } from './map-measures.ts';
import type { MaskOrigin } from './mask.ts';
import { type MaskWeights, prepareWeights } from './mask-weights.ts';
import { completeParameters, defaultSeed, type LocScaleParameters } from './parameters.ts';
import { readMaps } from './read-maps.ts';
import { usableResolutions } from './resolutions.ts';
import { type Run, withRun } from './run.ts';

export interface FscOptions {
  /**
   * Also measure within this mask (0 to 1, best with soft edges), or within the FDR mask with a soft edge.
   */
  readonly mask?: MapInput | 'FDR';
  /** Settings of the FDR mask. */
  readonly parameters?: Partial<LocScaleParameters>;
  /** Of the random phases. */
  readonly seed?: number;
}

/** FSC within a mask, and the mask. */
export interface FscInMask extends MaskedFsc {
  readonly maskOrigin: MaskOrigin;
  /** Sum of the weights of the mask, in voxels. */
  readonly maskVoxels: number;
}

export interface FscResult {
  readonly fsc: FscCurve;
  readonly masked?: FscInMask;
  readonly grid: Grid;
  readonly warnings: readonly string[];
}

/** A run that ends with the FSC of its half maps. */
export function runFsc(
  half1: MapImage,
  half2: MapImage,
  context: LocScaleContext,
  { mask, parameters, seed = defaultSeed }: FscOptions = {},
): Promise<FscResult> {
  return withRun(context, async (run) => {
    const given = mask === 'FDR' ? undefined : mask;
    const maps = await readMaps({ input: { kind: 'half-maps', half1, half2 }, mask: given }, run);
    const halves = maps.volumes as readonly [Volume, Volume];
    const fsc = await run.step('fsc', 'Measuring the FSC', () =>
      measureFsc(run.engine, ...halves, maps.voxelSize),
    );
    reportVerdict(fsc, [half1.name, half2.name], maps.voxelSize, run);
    if (mask === undefined) return { fsc, grid: maps.grid, warnings: run.warnings };
    const complete = usableResolutions(completeParameters(parameters ?? {}, true), maps.grid, run);
    // The FDR mask is made from the mean.
    const mean = given === undefined ? await run.engine.average(...halves) : halves[0];
    const weights = await prepareWeights(given, mean, maps, complete, run);
    const masked = await fscInMask(halves, weights, maps.voxelSize, seed, run);
    return { fsc, masked, grid: maps.grid, warnings: run.warnings };
  });
}

/** The step. */
export function fscInMask(
  halves: readonly [Volume, Volume],
  { weights, voxels, origin }: MaskWeights,
  voxelSize: number,
  seed: number,
  run: Run,
): Promise<FscInMask> {
  return run.step('fsc', 'Measuring the FSC within the mask', async () => ({
    ...(await measureMaskedFsc(run.engine, halves, weights, voxelSize, seed)),
    maskOrigin: origin,
    maskVoxels: voxels,
  }));
}
