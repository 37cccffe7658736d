/**
 * Feature enhancement (method 7): the network's mean over Monte-Carlo passes is the enhanced map, the
 * map scaled with it as reference is the baseline, and pVDDT tells where the two differ significantly.
 */

import type { Volume } from '../engine/engine.ts';
import { stopIfAborted } from '../errors.ts';
import { pvddtOf } from '../math/statistics/pvddt.ts';
import { measureLocalResolution, numbersWith } from './local-resolution.ts';
import {
  completeJob,
  planLocScale,
  planOf,
  predictSymmetric,
  prepareRun,
  scaleLocally,
  scalingJobOf,
  symmetriseStep,
} from './prepare.ts';
import { type Run, startRun } from './run.ts';
import type {
  FeatureEnhanceJob,
  FeatureEnhanceResult,
  LocScaleContext,
  LocScaleJob,
  LocScalePlan,
} from './types.ts';

/** The volumes of the result stay on the engine: turn them into maps with `imageOf`, and release them. */
export async function runFeatureEnhance(
  enhance: FeatureEnhanceJob,
  context: LocScaleContext,
): Promise<FeatureEnhanceResult> {
  const run = startRun(context);
  const { monteCarlo } = enhance;
  const job = completeJob(baselineJobOf(enhance));
  try {
    const prepared = await prepareRun(job, run);
    const { prediction, maps, resolved, numbers } = prepared;
    if (prediction === undefined) throw new Error('a network job without a planned prediction');
    const plan = planOf(job, prepared, run);
    context.onPlan?.(plan);
    const localResolution =
      prepared.localResolution && (await measureLocalResolution(prepared.localResolution, run));
    const { symmetry } = prepared;
    const { reference: mean, variance } = await predictSymmetric(prediction, symmetry, run);
    const scaling = await scalingJobOf(mean, prepared, run.engine);
    const { scaled } = await scaleLocally(scaling, prepared.opened, run);
    const baseline =
      symmetry === undefined || enhance.symmetriseOutput !== true
        ? scaled
        : await symmetriseStep(scaled, symmetry, run);
    const pvddt =
      variance === undefined || monteCarlo === undefined
        ? undefined
        : await run.step('significance', 'Comparing the enhanced map with the baseline', () =>
            measureSignificance({ mean, baseline, variance }, monteCarlo.passes, enhance, run),
          );
    stopIfAborted(context.signal);
    const { mask, confidence } = prepared.mask;
    const map = context.keepMap === true ? resolved.map : undefined;
    const { resolution, filtered } = localResolution ?? {};
    run.releaseAllBut(mean, baseline, variance, pvddt, mask, confidence, map, resolution, filtered);
    return {
      grid: maps.grid,
      header: maps.header,
      mean,
      baseline,
      mask,
      ...(confidence === undefined ? {} : { confidence }),
      ...(variance === undefined ? {} : { variance }),
      ...(pvddt === undefined ? {} : { pvddt }),
      ...(map === undefined ? {} : { map }),
      ...(resolved.fsc === undefined ? {} : { fsc: resolved.fsc }),
      ...(localResolution === undefined ? {} : { localResolution }),
      numbers: numbersWith(numbers, localResolution),
      prediction: prediction.summary,
      timings: run.timings,
      warnings: run.warnings,
    };
  } catch (error) {
    run.releaseAllBut();
    throw error;
  }
}

/** What is known before the network starts, and what all its passes would cost; leaves nothing behind. */
export function planFeatureEnhance(
  enhance: FeatureEnhanceJob,
  context: LocScaleContext,
): Promise<LocScalePlan> {
  return planLocScale(baselineJobOf(enhance), context);
}

/** The scaling that gives the baseline. */
function baselineJobOf(enhance: FeatureEnhanceJob): LocScaleJob {
  const { input, mask, parameters, predictor, monteCarlo, symmetry } = enhance;
  return {
    input,
    ...(mask === undefined ? {} : { mask }),
    reference: { kind: 'network', predictor, ...(monteCarlo === undefined ? {} : { monteCarlo }) },
    ...(symmetry === undefined ? {} : { symmetry }),
    parameters: { ...parameters, measureBFactors: false },
  };
}

async function measureSignificance(
  maps: { mean: Volume; baseline: Volume; variance: Volume },
  passes: number,
  { predictor }: FeatureEnhanceJob,
  run: Run,
): Promise<Volume> {
  const { engine } = run;
  const { calibration, title } = predictor.manifest;
  if (calibration === undefined)
    run.warn(
      `The network "${title}" has no calibration: pVDDT is computed from the spread of the passes as it is.`,
    );
  const [mean, baseline, variance] = await Promise.all([
    engine.download(maps.mean),
    engine.download(maps.baseline),
    engine.download(maps.variance),
  ]);
  const pvddt = engine.allocateHost(mean.length);
  pvddt.set(pvddtOf(mean, baseline, variance, passes, calibration));
  return await engine.upload(pvddt, maps.mean.shape);
}
