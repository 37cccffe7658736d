/**
 * LocScale's scaling, window by window (method 4 and 5): its settings, its plan, and its run on the engine.
 *
 * Windows that reach beyond the box see the mean of the map outside the mask, as if the map were padded.
 * LocScale pads only if some window needs it; otherwise the value is never read, so it is always passed. (One
 * corner case differs: without padding LocScale skips mask voxels exactly half a window from the last face,
 * although their window fits; they are scaled here.)
 */
import type { Volume } from '../../engine/engine.ts';
import { voxelCount } from '../../math/grid.ts';
import { fadeTransfer } from '../../math/soft-scaling/fade.ts';
import { type PlannedSignalEnd, planSignalEnd } from '../masked-resolution.ts';
import { meanOutside } from '../mean-outside.ts';
import { auditProfiles } from '../profiles-audit.ts';
import type { Run } from '../run.ts';
import { type RoundsResult, scaleInRounds } from '../scaling-rounds.ts';
import { checkFit } from '../scaling-rule.ts';
import type { ScalingScheme } from './scheme.ts';

/** LocScale's scheme: a window around every mask voxel (math/scaling/). */
export const locScaleScheme: ScalingScheme = {
  describe: (reference) => reference,
  usesHalfMaps: ({ fadeOutput, resolution }) => fadeOutput === true && resolution === undefined,
  smoothsMask: false,
  trustsZeros: false,
  parametersFor: (parameters) => parameters,
  async plan(inputs, run) {
    const { source, mask, windowVoxels, voxelSize, resolved, parameters } = inputs;
    const { engine } = run;
    if (source.rule === undefined) throw new Error('The reference is for soft scaling only.');
    const chosen = source.rule(inputs);
    const { rule, fit, scalesToFit } = chosen;
    const measureBFactors = checkFit(chosen, inputs, run);
    const { profileKind, windowTaper, fadeOutput, resolution } = parameters;
    const how = { run, weights: false };
    const end =
      fadeOutput === true
        ? planSignalEnd('The result', resolved, mask, voxelSize, resolution, how)
        : undefined;
    const settings = { mask, windowVoxels, profileKind, windowTaper, rule, measureBFactors };
    const opened = await engine.openLocalScaling(settings);
    const { maskVoxels, workingBytes, seconds } = opened.estimate;
    return {
      workingBytes,
      resultBytes: 4 * voxelCount(mask.shape) * (measureBFactors ? 3 : 1),
      checkBytes: Math.max(
        measureBFactors ? engine.bytesOf.binarise(mask.shape) : 0,
        end === undefined ? 0 : Math.max(end.bytes, engine.bytesOf.radialFilter(mask.shape)),
      ),
      seconds: seconds / (run.context.team?.size ?? 1),
      usesHalfMaps: end?.usesHalfMaps === true,
      prepare: opened.prepare,
      fitRange: fit.shells >= 2 && (measureBFactors || scalesToFit) ? fit : undefined,
      async run(maps) {
        const { map, reference } = maps;
        const padValues = {
          map: await meanOutside(engine, map, mask),
          reference: reference === undefined ? 0 : await meanOutside(engine, reference, mask),
        };
        const job = { ...settings, ...maps, padValues };
        const message = `Scaling ${maskVoxels} windows of ${windowVoxels} voxels`;
        const result = await run.step('scaling', message, async () =>
          withoutEmptyFits(await scaleInRounds(job, opened, run), maskVoxels, run),
        );
        await warnIfEmpty(result.scaled, run);
        const faded = end && (await fade(result.scaled, end, voxelSize, run));
        return {
          ...result,
          scaled: faded?.scaled ?? result.scaled,
          fadeResolution: faded?.resolution,
          audit: (scaled, seed) => auditProfiles(engine, job, scaled, seed),
        };
      },
    };
  },
};

/** Squares of amplitudes exceed the range of float32 if values are above about 1e18 or below 1e-18. */
async function warnIfEmpty(scaled: Volume, run: Run): Promise<void> {
  const { min, max } = await run.engine.statistics(scaled);
  if (min === 0 && max === 0)
    run.warn(
      'Every voxel of the result is 0: map or reference hold nothing inside the mask, or values ' +
        'too far from 1 for the windows (beyond about 1e18).',
    );
}

/** Low-passes the result where the signal ends, which also softens its edges at the mask. */
async function fade(
  scaled: Volume,
  end: PlannedSignalEnd,
  voxelSize: number,
  run: Run,
): Promise<{ scaled: Volume; resolution: number }> {
  return run.step('scaling', 'Low-passing the result at its resolution', async () => {
    const { resolution } = await end.find(run);
    const faded = await run.engine.radialFilter(
      scaled,
      fadeTransfer(resolution, [voxelSize, voxelSize, voxelSize]),
    );
    run.release(scaled);
    run.info(`The result fades at ${resolution.toFixed(2)} A.`);
    return { scaled: faded, resolution };
  });
}

/** Fraction of voxels without a fit above which a warning is printed. */
const MANY_WITHOUT_LINE = 0.01;
/** The quality of a fit is between 0 and 1, and exactly 0 without one. */
const SMALLEST_QUALITY = 1e-30;

/**
 * A window with an empty shell has no fit: B and quality are 0 there. If this holds for all windows, there is
 * no map.
 */
async function withoutEmptyFits(result: RoundsResult, maskVoxels: number, run: Run): Promise<RoundsResult> {
  const { scaled, bFactor, quality, scaledBy } = result;
  if (bFactor === undefined || quality === undefined) return result;
  const { mask: fitted, voxels } = await run.engine.binarise(quality, SMALLEST_QUALITY);
  run.engine.release(fitted);
  const without = maskVoxels - voxels;
  if (without > MANY_WITHOUT_LINE * maskVoxels)
    run.warn(
      `No B factor could be fitted in ${without} of ${maskVoxels} voxels: their windows have shells ` +
        'without amplitude. ' +
        (voxels === 0 ? 'No B-factor map is written.' : 'B factor and quality are 0 there.'),
    );
  if (voxels > 0) return result;
  run.release(bFactor, quality);
  return { scaled, scaledBy };
}
