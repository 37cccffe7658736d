/**
 * Predicts the reference map with a network (method 6): resample to the network's voxel size, standardise,
 * cut the cubes that the mask selects, predict, blend, and resample to the input's grid.
 */
import type { Engine, Volume } from '../../engine/engine.ts';
import { LocScaleError, named, stopIfAborted } from '../../errors.ts';
import { resampleBytes } from '../../math/fourier/resample-plan.ts';
import { resampleTrilinear } from '../../math/fourier/trilinear.ts';
import { type Grid, isotropicVoxelSize, type Shape, sameShape, voxelCount } from '../../math/grid.ts';
import { bandLimit } from './band-limit.ts';
import { type CubeWeighting, createBlend } from './blend-cubes.ts';
import { resampleMask, smoothMask } from './cube-mask.ts';
import { type CubePlan, cutCubes, planCubes, planNetworkGrid } from './cubes.ts';
import type { NetworkManifest, ReferencePredictor } from './model.ts';
import { createPassAccumulator } from './pass-moments.ts';
import { type Standardisation, standardisationOf } from './standardise.ts';

/** Plan of a prediction, known before the network runs. */
export interface PredictionPlan {
  readonly grid: Grid;
  readonly networkGrid: Grid;
  /** The input has detail finer than the network's voxels. */
  readonly inputIsFiner: boolean;
  readonly cubes: CubePlan;
}

/** What a plan depends on. */
export interface PredictionPlanInput {
  readonly engine: Engine;
  /** Values of at least 0.5 are inside. */
  readonly mask: Volume;
  readonly grid: Grid;
  readonly manifest: Pick<NetworkManifest, 'voxelSizeAngstrom' | 'cubeEdge' | 'stride'>;
}

/**
 * Cubes that hold voxels of the mask, on the network's grid, and the bytes that a prediction takes. Computes
 * nothing else.
 */
export async function planPrediction({
  engine,
  mask,
  grid,
  manifest,
}: PredictionPlanInput): Promise<PredictionPlan> {
  const { grid: networkGrid, inputIsFiner } = planNetworkGrid(grid, manifest.voxelSizeAngstrom);
  const smooth = await engine.inspect(mask, (voxels) => smoothMask(voxels, mask.shape));
  const onNetworkGrid = resampleMask(smooth, mask.shape, networkGrid.shape);
  const cubes = planCubes(networkGrid.shape, onNetworkGrid, {
    edge: manifest.cubeEdge,
    stride: manifest.stride,
  });
  if (cubes.count === 0) {
    throw new LocScaleError('bad-input', 'The mask selects nothing that the network could predict.', {
      where: 'cubes of the network',
      expected: 'more than 5 mask voxels in at least one cube',
      found: `${cubes.candidates} cubes with at most 5`,
      hint: 'Check the mask, or let the program make one.',
    });
  }
  return { grid, networkGrid, inputIsFiner, cubes };
}

/**
 * Peak memory of a prediction in bytes, excluding the volumes passed in and the network itself: map, sums and
 * weights on the network's grid with the batches of cubes, or the two resamplings.
 */
export function predictionBytes(
  { grid, networkGrid, cubes }: PredictionPlan,
  batchSize: number,
  monteCarlo: boolean,
): number {
  const same = sameShape(grid.shape, networkGrid.shape);
  const map = 4 * voxelCount(networkGrid.shape);
  const channels = monteCarlo ? 2 : 1;
  const batches = 4 * (monteCarlo ? 5 : 3) * batchSize * cubes.edge ** 3;
  const predicting = (1 + channels + 1) * map + batches;
  const before = same ? 0 : resampleBytes(grid.shape, networkGrid.shape);
  const after = (1 + channels) * map + (same ? 0 : resampleBytes(networkGrid.shape, grid.shape));
  return Math.max(before, predicting, after);
}

/** A map to predict from, and how. */
export interface PredictReferenceInput {
  readonly engine: Engine;
  readonly map: Volume;
  readonly plan: PredictionPlan;
  /**
   * Resolution of the data in A, if known: on voxels much coarser than the network's the prediction is
   * filtered beyond it.
   */
  readonly resolution?: number;
  readonly predictor: ReferencePredictor;
  /** Default: 'uniform' for EMmerNet, as in the original, 'taper' for others. */
  readonly weighting?: CubeWeighting;
  /** Monte-Carlo dropout: the reference is the mean of the passes. */
  readonly monteCarlo?: { readonly passes: number; readonly seed: number };
  /** State to resume from, and where to store this prediction's state. */
  readonly progress?: PredictionProgress;
  /** `done` of `total` passes over single cubes. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Where unfinished predictions are stored. */
export interface PredictionProgress {
  /** Approximate seconds between saved states; default 60. */
  readonly intervalSeconds?: number | undefined;
  /** The latest saved state. */
  load(): Promise<PredictionState | undefined>;
  save(state: PredictionState): Promise<void>;
}

/** Cubes before `nextCube` are in the sums. */
export interface PredictionState {
  readonly nextCube: number;
  readonly sums: readonly Float32Array[];
}

/** A state is saved after this many seconds, but saving never takes more than 1/20 of the time. */
const SAVE_SECONDS = 60;
/** Saving takes at most one part in this many of the time. */
const SAVE_SHARE = 20;

/** Results on the input's grid. */
export interface PredictedReference {
  /**
   * On the input's grid, in the network's units (standardised density). 0 outside the cubes, except for
   * ripples of Fourier resampling next to their outer faces.
   */
  readonly reference: Volume;
  /**
   * With `monteCarlo`: variance over the passes (divided by N), blended like the mean. Resampled trilinearly,
   * because Fourier resampling could make it negative.
   */
  readonly variance?: Volume;
  readonly cubes: number;
  readonly networkShape: Shape;
  readonly standardisation: Standardisation;
}

/** Resamples, standardises, predicts cube by cube and blends. Volumes are released if it fails. */
export async function predictReference(input: PredictReferenceInput): Promise<PredictedReference> {
  const { engine, map, plan } = input;
  const { grid, networkGrid } = plan;
  if (!sameShape(map.shape, grid.shape))
    throw new LocScaleError('internal', 'The prediction was planned for a map of another shape.');
  const held = new Set<Volume>();
  const hold = (volume: Volume): Volume => {
    held.add(volume);
    return volume;
  };
  const drop = (volume: Volume): void => {
    if (held.delete(volume)) engine.release(volume);
  };
  try {
    stopIfAborted(input.signal);
    const resampled = sameShape(grid.shape, networkGrid.shape)
      ? map
      : hold(await engine.resample(map, networkGrid.shape));
    const standardisation = standardisationOf(await engine.statistics(resampled));
    const [mean, spread] = await engine.inspect(resampled, (voxels) =>
      predictCubes(input, voxels, standardisation),
    );
    drop(resampled);
    const predicted = hold(await engine.upload(mean, networkGrid.shape));
    await requireFinite(engine, predicted, input.predictor);
    const resampledBack = sameShape(grid.shape, networkGrid.shape)
      ? predicted
      : hold(await engine.resample(predicted, grid.shape));
    if (resampledBack !== predicted) drop(predicted);
    const limit = bandLimit(
      isotropicVoxelSize(grid),
      input.predictor.manifest.voxelSizeAngstrom,
      input.resolution,
    );
    const reference =
      limit === undefined ? resampledBack : hold(await engine.radialFilter(resampledBack, limit));
    if (reference !== resampledBack) drop(resampledBack);
    const variance = spread && hold(await uploadTrilinear(engine, spread, networkGrid.shape, grid.shape));
    return {
      reference,
      variance,
      cubes: plan.cubes.count,
      networkShape: networkGrid.shape,
      standardisation,
    };
  } catch (error) {
    for (const volume of [...held]) drop(volume);
    throw error;
  }
}

/**
 * Pipelined: while one batch is in the network, the next is cut and the previous blended. Cubes are blended
 * in order, so that the batch size does not change the result.
 */
async function predictCubes(
  { engine, plan, predictor, weighting, monteCarlo, progress, onProgress, signal }: PredictReferenceInput,
  map: Float32Array,
  standardisation: Standardisation,
): Promise<Float32Array[]> {
  const { cubes } = plan;
  const batchSize = Math.min(predictor.batchSize, cubes.count);
  const cubeVoxels = cubes.edge ** 3;
  const passes = monteCarlo?.passes ?? 1;
  const blend = createBlend(
    cubes.shape,
    cubes.edge,
    weighting ?? (predictor.manifest.architecture === 'emmernet' ? 'uniform' : 'taper'),
    monteCarlo ? 2 : 1,
    engine,
  );
  const moments = monteCarlo && createPassAccumulator(batchSize * cubeVoxels);
  const saved = await progress?.load();
  saved?.sums.forEach((sum, i) => {
    blend.state[i].set(sum);
  });
  const firstCube = saved?.nextCube ?? 0;
  let blended = firstCube;
  let done = passes * firstCube;
  if (done > 0) onProgress?.(done, passes * cubes.count);

  const saver = createSaver(progress, () => ({ nextCube: blended, sums: blend.state }));
  const take = ({ first, count, pass }: Step, predicted: Float32Array): void => {
    checkSize(predicted, count * cubeVoxels, predictor);
    done += count;
    onProgress?.(done, passes * cubes.count);
    moments?.add(predicted);
    if (pass < passes - 1) return;
    const finished = moments?.finish();
    const results = finished ? [finished.mean, finished.variance] : [predicted];
    for (let i = 0; i < count; i++) {
      const parts = results.map((values) => values.subarray(i * cubeVoxels, (i + 1) * cubeVoxels));
      blend.add(cubes.positions, first + i, ...parts);
    }
    blended = first + count;
  };

  // Double buffering: one buffer is in the network, the other is filled.
  const buffers = [0, 1].map(() => new Float32Array(batchSize * cubeVoxels));
  let running: { readonly step: Step; readonly result: Promise<Float32Array> } | undefined;
  try {
    for (const step of stepsOf(firstCube, cubes.count, batchSize, passes)) {
      const { batch, first, count, pass } = step;
      const buffer = buffers[batch % 2].subarray(0, count * cubeVoxels);
      if (pass === 0) cutCubes(map, cubes, standardisation, first, count, buffer);
      const previous = running && { step: running.step, predicted: await running.result };
      running = undefined;
      stopIfAborted(signal);
      const result = predictor.predict(
        buffer,
        count,
        monteCarlo && { seed: monteCarlo.seed, pass, firstCube: first },
      );
      // Awaited below in any case; avoids an unhandled rejection while the previous batch is blended.
      result.catch(() => undefined);
      running = { step, result };
      if (previous) take(previous.step, previous.predicted);
      await saver.whenDue();
    }
    if (running) take(running.step, await running.result);
    running = undefined;
    await saver.now();
  } catch (error) {
    // Save finished work, but report the original error first.
    await saver.now().catch(() => undefined);
    for (const sums of blend.state) engine.freeHost(sums);
    throw error;
  } finally {
    // The network must be idle before its caller may close it.
    await running?.result.catch(() => undefined);
  }
  stopIfAborted(signal);
  return blend.finish();
}

/** Throws 'internal' if a network returns another size. */
function checkSize({ length }: Float32Array, expected: number, { description }: ReferencePredictor): void {
  if (length === expected) return;
  throw new LocScaleError('internal', `${description} returned cubes of another size.`, {
    expected: `${expected} values`,
    found: `${length}`,
  });
}

/** A batch of one pass. */
interface Step {
  readonly batch: number;
  readonly first: number;
  readonly count: number;
  readonly pass: number;
}

/** Saves when enough time has passed; saving may itself be slow. */
function createSaver(progress: PredictionProgress | undefined, state: () => PredictionState) {
  let savedAt = performance.now();
  const least = progress?.intervalSeconds ?? SAVE_SECONDS;
  let interval = least;
  let saved = state().nextCube;
  const now = async (): Promise<void> => {
    const current = state();
    if (progress === undefined || current.nextCube === saved) return;
    const begun = performance.now();
    await progress.save(current);
    saved = current.nextCube;
    savedAt = performance.now();
    interval = Math.max(least, (SAVE_SHARE * (savedAt - begun)) / 1000);
  };
  return {
    now,
    whenDue: async (): Promise<void> => {
      if (performance.now() - savedAt > 1000 * interval) await now();
    },
  };
}

/** All passes of a batch follow each other, so that its cubes are read once. */
function* stepsOf(from: number, cubes: number, batchSize: number, passes: number): Generator<Step> {
  for (let first = from, batch = 0; first < cubes; first += batchSize, batch++) {
    const count = Math.min(batchSize, cubes - first);
    for (let pass = 0; pass < passes; pass++) yield { batch, first, count, pass };
  }
}

/** The engine has no trilinear resampling; variances must not become negative, as they would by Fourier. */
async function uploadTrilinear(engine: Engine, data: Float32Array, from: Shape, to: Shape): Promise<Volume> {
  if (sameShape(from, to)) return engine.upload(data, to);
  const resampled = resampleTrilinear(data, from, to, engine.allocateHost(voxelCount(to)));
  engine.freeHost(data);
  return engine.upload(resampled, to);
}

/** Half-precision providers and broken drivers do return NaN, which must not end up in the reference. */
async function requireFinite(engine: Engine, volume: Volume, predictor: ReferencePredictor): Promise<void> {
  const { nonFinite } = await engine.statistics(volume);
  if (nonFinite === 0) return;
  throw new LocScaleError('internal', `The network returned ${nonFinite} values that are not numbers.`, {
    where: predictor.description,
    hint: `Choose another ${named('provider')}.`,
  });
}
