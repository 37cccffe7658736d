/** Steps 1 to 4 on their own: the reference that a network predicts from the map, without scaling to it. */
import type { Volume } from '../engine/engine.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import type { PlannedPrediction } from './4-reference.ts';
import { completeParameters } from './parameters.ts';
import { predictSymmetric, prepareRun } from './prepare.ts';
import { startRun } from './run.ts';
import type { FeatureEnhanceJob, FscCurve, LocScaleContext, LocScaleNumbers, Prediction } from './types.ts';

/** What a prediction starts from. */
export type PredictionJob = Omit<FeatureEnhanceJob, 'symmetriseOutput'>;

export interface PredictionResult {
  readonly grid: Grid;
  readonly header: MrcHeader;
  /** Volumes live on the engine until downloaded or released. The mean of the passes, where there are several. */
  readonly reference: Volume;
  /** Of the passes; with `monteCarlo` only. */
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
export async function runPrediction(job: PredictionJob, context: LocScaleContext): Promise<PredictionResult> {
  const run = startRun(context);
  try {
    const { input, mask: given, predictor, monteCarlo, symmetry: request, parameters } = job;
    const prepared = await prepareRun(
      {
        input,
        reference: { kind: 'network', predictor, ...(monteCarlo === undefined ? {} : { monteCarlo }) },
        parameters: completeParameters(parameters ?? {}, true),
        ...(given === undefined ? {} : { mask: given }),
        ...(request === undefined ? {} : { symmetry: request }),
      },
      run,
    );
    const { maps, mask, resolved, symmetry, numbers } = prepared;
    const prediction = prepared.prediction as PlannedPrediction;
    const { reference, variance } = await predictSymmetric(prediction, symmetry, run);
    run.releaseAllBut(reference, variance, mask.mask);
    return {
      grid: maps.grid,
      header: maps.header,
      reference,
      ...(variance === undefined ? {} : { variance }),
      mask: mask.mask,
      ...(resolved.fsc === undefined ? {} : { fsc: resolved.fsc }),
      numbers,
      prediction: prediction.summary,
      timings: run.timings,
      warnings: run.warnings,
    };
  } catch (error) {
    run.releaseAllBut();
    throw error;
  }
}
