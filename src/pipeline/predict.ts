/** A run that ends with the reference predicted by a network, without scaling. */

import type { Volume } from '../engine/engine.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import type { LocScaleContext } from './context.ts';
import type { FeatureEnhanceJob } from './feature-enhance.ts';
import type { FscCurve } from './half-maps.ts';
import type { LocScaleNumbers } from './numbers.ts';
import type { Prediction } from './references/source.ts';
import { withRun } from './run.ts';
import { makeReference, planRun } from './run-locscale.ts';

/** Inputs of a prediction. */
export type PredictionJob = Omit<FeatureEnhanceJob, 'symmetriseOutput'>;

/** What `runPrediction` returns. */
export interface PredictionResult {
  readonly grid: Grid;
  readonly header: MrcHeader;
  /**
   * Volumes live on the engine until downloaded or released. The mean of the passes, if there are several.
   */
  readonly reference: Volume;
  /** Variance over the passes; with `monteCarlo` only. */
  readonly variance?: Volume;
  /** Voxels of at least 0.5 were predicted. */
  readonly mask: Volume;
  readonly fsc?: FscCurve;
  readonly numbers: LocScaleNumbers;
  readonly prediction: Prediction;
  /** Seconds per step. */
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** Predicts the reference of a map on the grid of the map. */
export function runPrediction(job: PredictionJob, context: LocScaleContext): Promise<PredictionResult> {
  return withRun(context, async (run) => {
    const { predictor, monteCarlo, ...others } = job;
    const reference = { kind: 'network', predictor, monteCarlo } as const;
    const planned = await planRun({ ...others, reference }, run);
    const { made } = await makeReference(planned, run);
    const volumes = {
      reference: made.reference as Volume,
      variance: made.variance,
      mask: planned.masked.mask,
    };
    run.keep(...Object.values(volumes));
    return {
      ...volumes,
      grid: planned.maps.grid,
      header: planned.maps.header,
      fsc: planned.fsc,
      numbers: planned.numbers,
      prediction: planned.reference.prediction as Prediction,
      timings: run.timings,
      warnings: run.warnings,
    };
  });
}
