/**
 * The method, in order. Start reading here: each step is one file of this folder, numbered as it runs;
 * the arithmetic behind it is in math/, and the heavy operations are verbs of the engine (engine/engine.ts).
 *
 *   1 read maps       do they agree, do they hold numbers
 *   2 fsc             half maps -> resolution and full map
 *   3 mask            where to scale; volume, atoms, Wilson cut-off
 *   4 reference       the map whose local amplitudes are wanted
 *   5 local scaling   window by window: amplitudes of the map become those of the reference
 *   6 symmetrise      where a point group is given: the reference, and the result if asked
 *   7 write           volumes -> maps on the input's grid
 */
import { stopIfAborted } from '../errors.ts';
import { measureLocalResolution, numbersWith } from './local-resolution.ts';
import {
  completeJob,
  planOf,
  predictSymmetric,
  prepareRun,
  scaleLocally,
  scalingJobOf,
  symmetriseStep,
} from './prepare.ts';
import { auditProfiles } from './profiles-audit.ts';
import { startRun } from './run.ts';
import type { LocScaleContext, LocScaleJob, LocScaleResult } from './types.ts';

export { imageOf } from './7-write.ts';
export { planFeatureEnhance, runFeatureEnhance } from './feature-enhance.ts';
export {
  defaultLocalResolution,
  type LocalResolutionMaps,
  type LocalResolutionNumbers,
  type LocalResolutionResult,
  type LocalResolutionSettings,
  runLocalResolution,
} from './local-resolution.ts';
export { completeParameters, defaultParameters } from './parameters.ts';
export { type FscResult, type MaskResult, runFsc, runMask } from './parts.ts';
export { type PredictionJob, type PredictionResult, runPrediction } from './predict.ts';
export { planLocScale } from './prepare.ts';
export { runSoftScaling, type SoftScalingJob, type SoftScalingResult } from './soft-scaling.ts';
export type * from './types.ts';

/**
 * Scales the map of `given` locally. The volumes of the result stay on the engine: turn them into maps
 * with `imageOf`, and release them.
 */
export async function runLocScale(given: LocScaleJob, context: LocScaleContext): Promise<LocScaleResult> {
  const job = completeJob(given);
  const run = startRun(context);
  try {
    const prepared = await prepareRun(job, run);
    const plan = planOf(job, prepared, run);
    context.onPlan?.(plan);
    const localResolution =
      prepared.localResolution && (await measureLocalResolution(prepared.localResolution, run));
    const { symmetry } = prepared;
    const predicted =
      prepared.prediction === undefined
        ? undefined
        : await predictSymmetric(prepared.prediction, symmetry, run);
    const scaling = await scalingJobOf(predicted?.reference, prepared, run.engine);
    const scaledAs = await scaleLocally(scaling, prepared.opened, run);
    const result =
      symmetry === undefined || job.symmetriseOutput !== true
        ? scaledAs
        : { ...scaledAs, scaled: await symmetriseStep(scaledAs.scaled, symmetry, run) };
    const { mask } = prepared;
    const keep = context.keepReference === true;
    const reference = keep ? scaling.reference : undefined;
    const map = context.keepMap === true ? prepared.resolved.map : undefined;
    const differenceMask = keep && prepared.model !== undefined ? prepared.differenceMask : undefined;
    const audit =
      context.auditSeed === undefined
        ? undefined
        : await auditProfiles(run.engine, scaling, result.scaled, context.auditSeed);
    stopIfAborted(context.signal);
    run.releaseAllBut(
      result.scaled,
      result.bFactor,
      result.quality,
      mask.mask,
      mask.confidence,
      reference,
      map,
      differenceMask,
      localResolution?.resolution,
      localResolution?.filtered,
    );
    return {
      grid: prepared.maps.grid,
      header: prepared.maps.header,
      scaled: result.scaled,
      mask: mask.mask,
      ...(mask.confidence === undefined ? {} : { confidence: mask.confidence }),
      ...(reference === undefined ? {} : { reference }),
      ...(map === undefined ? {} : { map }),
      ...(result.bFactor === undefined ? {} : { bFactor: result.bFactor }),
      ...(result.quality === undefined ? {} : { quality: result.quality }),
      ...(prepared.resolved.fsc === undefined ? {} : { fsc: prepared.resolved.fsc }),
      ...(prepared.prediction === undefined ? {} : { prediction: prepared.prediction.summary }),
      ...(prepared.model === undefined ? {} : { model: prepared.model }),
      ...(audit === undefined ? {} : { audit }),
      ...(differenceMask === undefined ? {} : { differenceMask }),
      ...(localResolution === undefined ? {} : { localResolution }),
      numbers: numbersWith(prepared.numbers, localResolution),
      timings: run.timings,
      warnings: run.warnings,
    };
  } catch (error) {
    run.releaseAllBut();
    throw error;
  }
}
