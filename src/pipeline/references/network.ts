/** A reference predicted from the map itself by a network (method 6). */

import type { Engine, Volume } from '../../engine/engine.ts';
import { voxelCount } from '../../math/grid.ts';
import {
  type PredictionPlan,
  type PredictionProgress,
  planPrediction,
  predictionBytes,
  predictReference,
} from '../../network/graph/predict-reference.ts';
import { requireSuitedVoxels, resolutionWarning } from '../../network/graph/suits.ts';
import { engineIdentity, hashVolume, hashVoxels } from '../checkpoints.ts';
import type { Run } from '../run.ts';
import { plainRule } from '../scaling-rule.ts';
import type { ReferenceChoice } from './choice.ts';
import { lowPass } from './low-pass.ts';
import type { Prediction } from './source.ts';
import {
  type PlannedReference,
  type ReferenceData,
  type ReferenceKind,
  type ReferenceResult,
  type ReferenceTraits,
  volumeBytesOf,
} from './source.ts';

type NetworkChoice = Extract<ReferenceChoice, { kind: 'network' }>;

const traits: ReferenceTraits = {
  usesNetwork: true,
  isSimulated: false,
  placesPseudoAtoms: false,
  makesDifferenceMask: false,
};

/** A map that a network predicts from the map itself. */
export const networkReference: ReferenceKind<NetworkChoice> = {
  traits,
  open: (choice) => ({
    traits,
    describe: () => `model-free: reference predicted by ${choice.predictor.description}`,
    maps: [],
    isMap: true,
    usesHalfMaps: false,
    waitsForHalfMaps: true,
    softTarget: 'reference',
    checkVoxels: (voxelSize) => requireSuitedVoxels(choice.predictor.manifest, voxelSize),
    rule: plainRule,
    plan: (data, run) => planNetwork(choice, data, run),
  }),
};

/** Plans the prediction: cubes, passes, bytes, and expected time on all processes. */
async function planNetwork(choice: NetworkChoice, data: ReferenceData, run: Run): Promise<PlannedReference> {
  const { predictor, monteCarlo } = choice;
  const { manifest } = predictor;
  const { grid, mask } = data;
  const resolution = resolutionOf(data);
  const untrained = resolution === undefined ? undefined : resolutionWarning(manifest, resolution);
  if (untrained !== undefined) run.warn(untrained);
  const plan = await planPrediction({ engine: run.engine, mask, grid, manifest });
  if (plan.inputIsFiner)
    run.warn(
      `The network works at ${manifest.voxelSizeAngstrom} A per voxel: detail finer than ` +
        `${2 * manifest.voxelSizeAngstrom} A is lost in the reference and in the result.`,
    );
  const passes = monteCarlo?.passes ?? 1;
  const prediction: Prediction = {
    network: predictor.description,
    cubes: plan.cubes.count,
    passes,
    networkShape: plan.networkGrid.shape,
    seconds: (plan.cubes.count * passes * predictor.secondsPerCube) / (run.context.team?.size ?? 1),
  };
  // Byte masks used to select cubes are garbage-collected late.
  const maskBytes = voxelCount(grid.shape) + voxelCount(plan.networkGrid.shape);
  const hostBytes = maskBytes + predictionBytes(plan, predictor.batchSize, monteCarlo !== undefined);
  return {
    message: `Predicting the reference: ${plan.cubes.count} cubes${passes > 1 ? ` x ${passes} passes` : ''}`,
    bytes: peakBytes(plan, data.parameters.referenceResolution, hostBytes, run.engine),
    heapBytes: run.engine.bytesOf.host(maskBytes),
    // The variance of the passes, besides their mean.
    resultBytes: volumeBytesOf(grid) * (monteCarlo === undefined ? 1 : 2),
    prediction,
    make: () => predict(choice, plan, data, run),
  };
}

/** Resolution of the data, A, if known. */
function resolutionOf({ cutoff: { source, cutoff } }: ReferenceData): number | undefined {
  return source === 'nyquist' ? undefined : cutoff;
}

/** Bytes in addition to the volumes: on a GPU the prediction's arrays are in host memory. */
function peakBytes(
  { grid, networkGrid }: PredictionPlan,
  referenceResolution: number | undefined,
  hostBytes: number,
  { bytesOf }: Engine,
): number {
  const { shape } = grid;
  const { shape: networkShape } = networkGrid;
  const resampling = Math.max(bytesOf.resample(shape, networkShape), bytesOf.resample(networkShape, shape));
  const lowPassing =
    referenceResolution === undefined ? 0 : bytesOf.radialFilter(shape) + 4 * voxelCount(shape);
  return Math.max(bytesOf.host(hostBytes), resampling, lowPassing);
}

/** Runs the network. */
async function predict(
  choice: NetworkChoice,
  plan: PredictionPlan,
  data: ReferenceData,
  run: Run,
): Promise<ReferenceResult> {
  const { engine, context } = run;
  const { predictor, monteCarlo } = choice;
  const { map, voxelSize, parameters } = data;
  const { reference, variance } = await predictReference({
    engine,
    map,
    plan,
    resolution: resolutionOf(data),
    predictor: context.team?.sharePredictor(predictor) ?? predictor,
    progress: await cachedPrediction(choice, plan, map, run),
    monteCarlo,
    onProgress: (done, total) => context.onProgress?.('reference', done, total),
    signal: context.signal,
  });
  return { reference: await lowPass(reference, parameters.referenceResolution, voxelSize, run), variance };
}

/** State from which an interrupted prediction resumes; a finished one is reused as a whole. */
async function cachedPrediction(
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
      const { nextCube } = state.values as { nextCube: number };
      run.info(`${nextCube} of ${plan.cubes.count} cubes were predicted by an earlier run.`);
      return { nextCube, sums: state.arrays };
    },
    save: ({ nextCube, sums }) =>
      checkpoints.replace('prediction', key, { values: { nextCube }, arrays: sums }),
  };
}

/** Positions identify the cubes of a checkpoint. */
function hashPositions({ cubes: { positions } }: PredictionPlan): Promise<string> {
  return hashVoxels(Float32Array.from(positions));
}
