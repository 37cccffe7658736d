/**
 * Step 4: the reference map that gives every window its profile (method 5): a map of the user, one
 * simulated from atoms (model-reference.ts), or one that a network predicts from the map itself (method 6).
 */

import type { ModelReferenceData } from '../atoms/model-reference.ts';
import type { Engine, Volume } from '../engine/engine.ts';
import { tanhLowPass } from '../math/fourier/radial-transfer.ts';
import { type Grid, isotropicVoxelSize, voxelCount } from '../math/grid.ts';
import {
  type PredictionPlan,
  type PredictionProgress,
  planPrediction,
  predictionBytes,
  predictReference,
} from '../network/graph/predict-reference.ts';
import { resolutionWarning } from '../network/graph/suits.ts';
import { checkFinite, checkValues } from './1-read-maps.ts';
import { engineIdentity, hashVolume, hashVoxels } from './checkpoints.ts';
import { checkReferenceContrast } from './contrast.ts';
import { isModelChoice, simulateReference } from './model-reference.ts';
import type { Run } from './run.ts';
import type { CompleteJob, ModelUsed, Prediction, ReferenceChoice } from './types.ts';

export interface ReferenceMaps {
  readonly reference: Volume | undefined;
  /** Hybrid rule: 1 where the theoretical-profile rule holds. */
  readonly differenceMask: Volume | undefined;
  readonly model: ModelUsed | undefined;
}

export async function prepareReference(
  job: CompleteJob,
  data: ModelReferenceData,
  run: Run,
): Promise<ReferenceMaps> {
  if (job.reference.kind === 'none' || job.reference.kind === 'network')
    return { reference: undefined, differenceMask: undefined, model: undefined };
  const { engine } = run;
  const voxelSize = isotropicVoxelSize(data.grid);
  if (isModelChoice(job.reference)) {
    const simulated = await simulateReference(job.reference, data, job.parameters, run);
    const end = simulated.model.referenceEnd;
    return { ...simulated, reference: await lowPass(simulated.reference, end, voxelSize, run) };
  }
  const { map } = job.reference;
  const { referenceResolution } = job.parameters;
  const uploaded = await run.upload(map);
  checkValues(map.name, await engine.statistics(uploaded));
  await checkReferenceContrast(map.name, uploaded, data.map, voxelSize, run);
  const reference = await lowPass(uploaded, referenceResolution, voxelSize, run);
  if (job.reference.kind !== 'hybrid-map') return { reference, differenceMask: undefined, model: undefined };

  const raw = await run.upload(job.reference.differenceMask);
  checkFinite(job.reference.differenceMask.name, await engine.statistics(raw));
  const { mask, voxels } = await engine.binarise(raw, 0.5);
  run.release(raw);
  run.info(
    `Difference mask ${job.reference.differenceMask.name}: ${voxels} voxels follow the theoretical-profile rule.`,
  );
  return { reference, differenceMask: mask, model: undefined };
}

type NetworkChoice = Extract<ReferenceChoice, { kind: 'network' }>;

/** A prediction whose cubes are known; the network has not run yet. */
export interface PlannedPrediction {
  readonly choice: NetworkChoice;
  readonly plan: PredictionPlan;
  readonly map: Volume;
  readonly voxelSize: number;
  /** -mres */
  readonly referenceResolution: number | undefined;
  /** Of the data, A, where it is known. */
  readonly resolution: number | undefined;
  /** Arrays of the prediction in host memory. */
  readonly hostBytes: number;
  readonly summary: Prediction;
}

/** `resolution`: of the data, A, where it is known. */
export async function planPredictionFor(
  choice: NetworkChoice,
  { grid, map, mask }: { grid: Grid; map: Volume; mask: Volume },
  voxelSize: number,
  referenceResolution: number | undefined,
  resolution: number | undefined,
  run: Run,
): Promise<PlannedPrediction> {
  const { predictor, monteCarlo } = choice;
  const { manifest } = predictor;
  const untrained = resolution === undefined ? undefined : resolutionWarning(manifest, resolution);
  if (untrained !== undefined) run.warn(untrained);
  const plan = await planPrediction({ engine: run.engine, mask, grid, manifest });
  if (plan.inputIsFiner)
    run.warn(
      `The network works at ${manifest.voxelSizeAngstrom} A per voxel: beyond ${2 * manifest.voxelSizeAngstrom} A the reference has no detail, and neither has the result.`,
    );
  const passes = monteCarlo?.passes ?? 1;
  const hostBytes = predictionBytes(plan, predictor.batchSize, monteCarlo !== undefined);
  const summary: Prediction = {
    network: predictor.description,
    cubes: plan.cubes.count,
    passes,
    networkShape: plan.networkGrid.shape,
    seconds: (plan.cubes.count * passes * predictor.secondsPerCube) / (run.context.team?.size ?? 1),
  };
  return { choice, plan, map, voxelSize, referenceResolution, resolution, hostBytes, summary };
}

/** Bytes that the prediction takes of the engine's memory beside the volumes: on a GPU its arrays are the host's. */
export function predictionPeak(
  { plan: { grid, networkGrid }, referenceResolution, hostBytes }: PlannedPrediction,
  { name, bytesOf }: Engine,
): number {
  const { shape } = grid;
  const { shape: networkShape } = networkGrid;
  const resampling = Math.max(bytesOf.resample(shape, networkShape), bytesOf.resample(networkShape, shape));
  const lowPassing =
    referenceResolution === undefined ? 0 : bytesOf.radialFilter(shape) + 4 * voxelCount(shape);
  return Math.max(name === 'cpu' ? hostBytes : resampling, lowPassing);
}

/** Runs the network. The volumes are held by the run. */
export async function predictPlanned(
  { choice, plan, map, voxelSize, referenceResolution, resolution, summary }: PlannedPrediction,
  run: Run,
): Promise<{ reference: Volume; variance: Volume | undefined }> {
  const { engine, context } = run;
  const { predictor, monteCarlo } = choice;
  const passes = summary.passes > 1 ? ` x ${summary.passes} passes` : '';
  return run.step('reference', `Predicting the reference: ${summary.cubes} cubes${passes}`, async () => {
    const kept = await keptPrediction(choice, plan, map, run);
    const predicted = await predictReference({
      engine,
      map,
      plan,
      ...(resolution === undefined ? {} : { resolution }),
      predictor: context.team?.sharePredictor(predictor) ?? predictor,
      ...(kept === undefined ? {} : { progress: kept }),
      ...(monteCarlo === undefined ? {} : { monteCarlo }),
      onProgress: (done, total) => context.onProgress?.('reference', done, total),
      ...(context.signal === undefined ? {} : { signal: context.signal }),
    });
    const reference = await lowPass(predicted.reference, referenceResolution, voxelSize, run);
    return { reference, variance: predicted.variance };
  });
}

/** Where an interrupted prediction is continued from; a finished one is taken over whole. */
async function keptPrediction(
  { predictor, monteCarlo }: NetworkChoice,
  plan: PredictionPlan,
  map: Volume,
  run: Run,
): Promise<PredictionProgress | undefined> {
  const { checkpoints } = run.context;
  if (checkpoints === undefined) return undefined;
  const { name, sourceSha256, files, cubeEdge, stride } = predictor.manifest;
  const key = {
    network: { name, sourceSha256, files, output: predictor.output },
    ranOn: predictor.description,
    engine: engineIdentity(run.engine),
    map: await hashVolume(run.engine, map),
    shape: plan.networkGrid.shape,
    cubes: { cubeEdge, stride, count: plan.cubes.count, positions: await hashPositions(plan) },
    monteCarlo: monteCarlo ?? null,
  };
  return {
    intervalSeconds: checkpoints.intervalSeconds,
    async load() {
      const [state] = await checkpoints.list('prediction', key);
      if (state === undefined) return undefined;
      const { nextCube } = state.facts as { nextCube: number };
      run.info(`${nextCube} of ${plan.cubes.count} cubes were predicted by an earlier run.`);
      return { nextCube, sums: state.arrays };
    },
    save: ({ nextCube, sums }) =>
      checkpoints.replace('prediction', key, { facts: { nextCube }, arrays: sums }),
  };
}

function hashPositions({ cubes: { positions } }: PredictionPlan): Promise<string> {
  return hashVoxels(Float32Array.from(positions));
}

/** -mres: the reference without what lies beyond that resolution; takes the place of `reference`. */
async function lowPass(
  reference: Volume,
  resolution: number | undefined,
  voxelSize: number,
  run: Run,
): Promise<Volume> {
  if (resolution === undefined) return reference;
  const filtered = await run.engine.radialFilter(reference, tanhLowPass(resolution, voxelSize));
  run.release(reference);
  run.info(`Reference low-passed at ${Number(resolution.toFixed(2))} A.`);
  return filtered;
}

/** The mode in words, for the log, the plan and the manifest. */
export function describeMode(job: CompleteJob): string {
  switch (job.reference.kind) {
    case 'model-map':
      return `reference map ${job.reference.map.name}`;
    case 'pseudo-model-map':
      return `theoretical profile on pseudo-model map ${job.reference.map.name}`;
    case 'hybrid-map':
      return `hybrid: theoretical profile inside ${job.reference.differenceMask.name}, reference map ${job.reference.map.name} elsewhere`;
    case 'atomic-model':
      return `reference simulated from ${job.reference.structure.id || 'the atomic model'}, ${job.reference.refinementCycles === undefined ? 'B factors as in the file' : `B factors refined (${job.reference.refinementCycles} cycles)`}${job.reference.theoreticalProfile ? ', theoretical profile' : ''}`;
    case 'hybrid-model':
      return `hybrid: reference simulated from ${job.reference.structure.id || 'the atomic model'} completed with pseudo-atoms, theoretical profile where it has none`;
    case 'pseudo-model':
      return `reference simulated from a pseudo-model (${job.reference.pseudoAtoms.method}), theoretical profile`;
    case 'network':
      return `model-free: reference predicted by ${job.reference.predictor.description}`;
    case 'none':
      return `no reference, constant local B factor ${job.parameters.setLocalBFactor} A^2`;
  }
}
