/**
 * Scaling in soft frequency bands (math/soft-scaling/): the power of every band around every voxel becomes that of a
 * reference or of an average protein, weighted by the local agreement of the half maps. A run of its own, beside
 * LocScale's scheme.
 */
import type { BandScalingJob, Volume } from '../engine/engine.ts';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import { planBands } from '../math/soft-scaling/bands.ts';
import { type AmplitudeProfile, proteinProfile } from '../math/soft-scaling/profile.ts';
import type { BandSummary } from '../math/soft-scaling/targets.ts';
import { checkValues, readMaps } from './1-read-maps.ts';
import { type Run, startRun } from './run.ts';
import type { LocScaleContext, LocScaleJob, MapInput } from './types.ts';

export interface SoftScalingJob {
  readonly input: LocScaleJob['input'];
  /** Counts from 0.5: which bands hold signal is decided inside, and the result is 0 outside. */
  readonly mask?: MapInput;
  /** The mask only decides; the result is not cut. */
  readonly keepOutside?: boolean;
  /** Map whose local power is the target. */
  readonly reference?: MapInput;
  /** Default without a reference: the average protein. With both, the target is their geometric mean. */
  readonly profile?: AmplitudeProfile;
  /**
   * With a profile, from 0 to 1: 1 gives every place the profile's decay; 0 gives all places the same gains, so
   * that blurred parts stay blurred. Default 0.5: half of the local differences stay.
   */
  readonly locality?: number;
  /** A: low-pass of the result. A single map must have it, for nothing else holds its noise down. */
  readonly resolution?: number;
}

export interface SoftScalingResult {
  readonly scaled: Volume;
  /** What the bands of the whole map hold. */
  readonly bands: readonly BandSummary[];
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** A profile leaves the first two bands as they are: with so few, next to nothing is scaled. */
const FEW_BANDS = 3;
const MASK_THRESHOLD = 0.5;

/** Scales the map of `job` in soft bands. `scaled` stays on the engine: release it. */
export async function runSoftScaling(
  job: SoftScalingJob,
  context: LocScaleContext,
): Promise<SoftScalingResult> {
  const run = startRun(context);
  const { engine } = context;
  try {
    const { grid, header, volumes, mask, reference } = await run.step('read', 'Checking the maps', () =>
      readAll(job, run),
    );
    const { profile = reference ? undefined : proteinProfile(), locality, resolution } = job;
    const { count, spacing } = planBands(grid);
    if (profile && count <= FEW_BANDS)
      run.info(
        `Voxels of ${grid.voxelSize[2].toFixed(2)} A leave ${count} frequency bands up to ${(spacing * (count - 1)).toFixed(3)} 1/A: noise is weighted down, but little or nothing is sharpened.`,
      );
    const [half1, half2] = volumes;
    const scalingJob: BandScalingJob = {
      half1,
      ...(half2 && { half2 }),
      voxelSize: grid.voxelSize,
      ...(reference && { reference }),
      ...(profile && { profile }),
      ...(locality !== undefined && { locality }),
      ...(mask && { mask, zeroOutside: job.keepOutside !== true }),
      ...(resolution !== undefined && { fadeResolution: resolution }),
    };
    const { scaled, bands } = await run.step('scaling', `Scaling ${count} soft frequency bands`, () =>
      engine.bandScaling(scalingJob, {
        onProgress: (done, total) => context.onProgress?.('scaling', done, total),
        ...(context.signal === undefined ? {} : { signal: context.signal }),
      }),
    );
    if (!bands.some(({ used }) => used)) run.warn('No frequency band holds signal: the result is empty.');
    stopIfAborted(context.signal);
    run.releaseAllBut(scaled);
    return { scaled, bands, grid, header, timings: run.timings, warnings: run.warnings };
  } catch (error) {
    run.releaseAllBut();
    throw error;
  }
}

async function readAll({ input, mask, reference, resolution }: SoftScalingJob, run: Run) {
  if (input.kind === 'map' && resolution === undefined)
    throw new LocScaleError('usage', 'A single map can be scaled in bands only up to its resolution.', {
      where: input.map.name,
      hint: 'Give the resolution of the map, or its two half maps.',
    });
  const { grid, header, volumes } = await readMaps(
    {
      input,
      ...(mask && { mask }),
      reference: reference ? { kind: 'model-map', map: reference } : { kind: 'none' },
    },
    run,
  );
  const read = async (map: MapInput): Promise<Volume> => {
    const volume = await run.upload(map);
    checkValues(map.name, await run.engine.statistics(volume));
    return volume;
  };
  const soft = mask && (await run.upload(mask));
  const binary = soft && (await run.engine.binarise(soft, MASK_THRESHOLD)).mask;
  run.release(soft);
  return { grid, header, volumes, mask: binary, reference: reference && (await read(reference)) };
}
