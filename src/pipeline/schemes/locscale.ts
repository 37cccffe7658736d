/**
 * LocScale's scaling, window by window (method 4 and 5): its settings, its plan, and its run on the engine.
 *
 * Windows that reach beyond the box see the mean of the map outside the mask, as if the map had been
 * padded. LocScale pads only if some window needs it; where none does the value is never read, so it is
 * always given. (One corner differs: without padding LocScale leaves out mask voxels that lie exactly
 * half a window from the last face, although their window still fits; they are scaled here.)
 */
import type { LocalScalingResult } from '../../engine/engine.ts';
import { voxelCount } from '../../math/grid.ts';
import { meanOutside } from '../mean-outside.ts';
import { auditProfiles } from '../profiles-audit.ts';
import type { Run } from '../run.ts';
import { scaleInRounds } from '../scaling-rounds.ts';
import { checkFit } from '../scaling-rule.ts';
import type { ScalingScheme } from './scheme.ts';

export const locScaleScheme: ScalingScheme = {
  describe: (reference) => reference,
  usesHalfMaps: false,
  smoothsMask: false,
  parametersFor: (parameters) => parameters,
  async plan(inputs, run) {
    const { source, mask, windowVoxels, parameters } = inputs;
    const { engine } = run;
    if (source.rule === undefined) throw new Error('The reference is for soft scaling only.');
    const chosen = source.rule(inputs);
    const { rule, fit, scalesToFit } = chosen;
    const measureBFactors = checkFit(chosen, inputs, run);
    const { profileKind } = parameters;
    const settings = { mask, windowVoxels, profileKind, rule, measureBFactors };
    const opened = await engine.openLocalScaling(settings);
    const { maskVoxels, workingBytes, seconds } = opened.estimate;
    return {
      workingBytes,
      resultBytes: 4 * voxelCount(mask.shape) * (measureBFactors ? 3 : 1),
      checkBytes: measureBFactors ? engine.bytesOf.binarise(mask.shape) : 0,
      seconds: seconds / (run.context.team?.size ?? 1),
      usesHalfMaps: false,
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
        return { ...result, audit: (scaled, seed) => auditProfiles(engine, job, scaled, seed) };
      },
    };
  },
};

/** Voxels without a line above this share are worth a warning. */
const MANY_WITHOUT_LINE = 0.01;
/** Qualities of lines are between 0 and 1, exactly 0 where there is none. */
const SMALLEST_QUALITY = 1e-30;

/**
 * A window without amplitude in some shell has no line: B and quality are 0 there. Where all are so, there is
 * no map.
 */
async function withoutEmptyFits(
  result: LocalScalingResult,
  maskVoxels: number,
  run: Run,
): Promise<LocalScalingResult> {
  const { scaled, bFactor, quality } = result;
  if (bFactor === undefined || quality === undefined) return result;
  const { mask: fitted, voxels } = await run.engine.binarise(quality, SMALLEST_QUALITY);
  run.engine.release(fitted);
  const without = maskVoxels - voxels;
  if (without > MANY_WITHOUT_LINE * maskVoxels)
    run.warn(
      `No B factor could be fitted in ${without} of ${maskVoxels} voxels: their windows have shells without amplitude. ${
        voxels === 0 ? 'No B-factor map is written.' : 'B factor and quality are 0 there.'
      }`,
    );
  if (voxels > 0) return result;
  run.release(bFactor, quality);
  return { scaled };
}
