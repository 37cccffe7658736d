/**
 * Feature enhancement (method 7): the network's mean over Monte-Carlo passes is the enhanced map, the
 * map scaled with it as reference is the baseline, and pVDDT shows where the two differ significantly.
 */

import type { Volume } from '../engine/engine.ts';
import { inspectAll } from '../engine/jobs.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import { type Grid, voxelCount } from '../math/grid.ts';
import { pvddtOf } from '../math/statistics/pvddt.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import type { LocScaleContext } from './context.ts';
import type { FscCurve } from './half-maps.ts';
import type { LocScaleJob } from './job.ts';
import type { LocalResolutionMaps } from './local-resolution.ts';
import type { MapInput } from './map-input.ts';
import type { LocScaleNumbers } from './numbers.ts';
import type { LocScaleParameters } from './parameters.ts';
import type { LocScalePlan } from './plan.ts';
import type { Prediction } from './references/source.ts';
import { type Run, withRun } from './run.ts';
import type { FscInMask } from './run-fsc.ts';
import { foundBy, makeReference, type PlannedRun, planRun } from './run-locscale.ts';
import type { SymmetryRequest } from './symmetrise.ts';
import { symmetrise } from './symmetrise.ts';

/** Feature enhancement: a network's mean map over Monte-Carlo passes, and its reliability (method 7). */
export interface FeatureEnhanceJob {
  readonly input: LocScaleJob['input'];
  readonly mask?: MapInput;
  readonly predictor: ReferencePredictor;
  /** Passes with dropout and the seed of their masks; undefined: one pass without dropout. */
  readonly monteCarlo?: { readonly passes: number; readonly seed: number };
  /** Imposed on the mean map, and with `symmetriseOutput` on the baseline. */
  readonly symmetry?: SymmetryRequest;
  readonly symmetriseOutput?: boolean;
  /** Omitted parameters have their defaults for runs with a network (`completeParameters`). */
  readonly parameters?: Partial<LocScaleParameters>;
}

/** What `runFeatureEnhance` returns. */
export interface FeatureEnhanceResult {
  readonly grid: Grid;
  readonly header: MrcHeader;
  /** Volumes live on the engine until downloaded or released. The enhanced map: mean of the passes. */
  readonly mean: Volume;
  /** The map scaled locally with the mean as reference. */
  readonly baseline: Volume;
  readonly mask: Volume;
  /** The mask with its soft edge, if the parameter `maskShape` has one. */
  readonly softMask?: Volume;
  readonly confidence?: Volume;
  /** Monte-Carlo only: biased variance over the passes, and -100 ... 100 (method 7). */
  readonly variance?: Volume;
  readonly pvddt?: Volume;
  /** The map that was enhanced, with `keepMap`. */
  readonly map?: Volume;
  readonly localResolution?: LocalResolutionMaps;
  readonly fsc?: FscCurve;
  /** With `resolutionFrom: 'masked'`. */
  readonly fscInMask?: FscInMask;
  readonly numbers: LocScaleNumbers;
  readonly prediction: Prediction;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** The volumes of the result stay on the engine: turn them into maps with `imageOf`, and release them. */
export function runFeatureEnhance(
  enhance: FeatureEnhanceJob,
  context: LocScaleContext,
): Promise<FeatureEnhanceResult> {
  return withRun(context, async (run) => {
    const planned = await planEnhancement(enhance, run);
    context.onPlan?.(planned.plan);
    const { made, localResolution } = await makeReference(planned, run);
    const { map } = planned;
    const mean = made.reference as Volume;
    const { variance } = made;
    const result = await planned.scaling.run({ map, reference: mean });
    const imposed = enhance.symmetriseOutput === true ? planned.symmetry : undefined;
    const baseline = await symmetrise(result.scaled, imposed, run);
    const { monteCarlo } = enhance;
    const pvddt =
      variance && monteCarlo
        ? await run.step('significance', 'Comparing the enhanced map with the baseline', () =>
            compareWithBaseline({ mean, baseline, variance }, monteCarlo.passes, enhance, run),
          )
        : undefined;

    const volumes = {
      mean,
      baseline,
      variance,
      pvddt,
      mask: planned.masked.mask,
      softMask: planned.masked.softMask,
      confidence: planned.masked.confidence,
      map: context.keepMap ? map : undefined,
    };
    run.keep(...Object.values(volumes), localResolution?.resolution, localResolution?.filtered);
    return {
      ...volumes,
      ...foundBy(planned, localResolution, run),
      prediction: planned.reference.prediction as Prediction,
    };
  });
}

/** Everything known before the network starts, and the cost of all passes; releases all volumes. */
export function planFeatureEnhance(
  enhance: FeatureEnhanceJob,
  context: LocScaleContext,
): Promise<LocScalePlan> {
  return withRun(context, async (run) => (await planEnhancement(enhance, run)).plan);
}

/** Plans the scaling of the baseline and the comparison. */
function planEnhancement(enhance: FeatureEnhanceJob, run: Run): Promise<PlannedRun> {
  const { predictor, monteCarlo, parameters, ...others } = enhance;
  const job: LocScaleJob = {
    ...others,
    reference: { kind: 'network', predictor, monteCarlo },
    parameters: { ...parameters, measureBFactors: false },
  };
  return planRun(job, run, (volumeBytes) =>
    // pVDDT in host memory, and as a volume.
    monteCarlo === undefined ? [] : [{ step: 'significance', bytes: 2 * volumeBytes, change: volumeBytes }],
  );
}

/**
 * pVDDT per voxel, -100 to 100 (math/statistics/pvddt.ts), from mean, baseline and variance over the passes.
 */
async function compareWithBaseline(
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
  const pvddt = engine.allocateHost(voxelCount(maps.mean.shape));
  await inspectAll(engine, [maps.mean, maps.baseline, maps.variance], (mean, baseline, variance) =>
    pvddt.set(pvddtOf(mean, baseline, variance, passes, calibration)),
  );
  return await engine.upload(pvddt, maps.mean.shape);
}
