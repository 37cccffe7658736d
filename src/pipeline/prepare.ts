/**
 * What every run of the method does before its expensive steps: steps 1 to 4, and step 5 up to the point
 * where the engine would start. A reference that a network predicts is planned here and predicted later.
 */
import type {
  Engine,
  LocalScalingJob,
  LocalScalingResult,
  LocalScalingSettings,
  OpenedScaling,
  Volume,
} from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import { gibibytes } from '../math/bytes.ts';
import { type Grid, voxelCount } from '../math/grid.ts';
import { nyquistCutoffOf } from '../math/scaling/molecular-numbers.ts';
import { requireSuitedVoxels } from '../network/graph/suits.ts';
import { type InputMaps, readMaps } from './1-read-maps.ts';
import { type ResolvedMap, resolveMap } from './2-fsc.ts';
import { prepareMask, type ScalingMask } from './3-mask.ts';
import {
  describeMode,
  type PlannedPrediction,
  planPredictionFor,
  predictionPeak,
  predictPlanned,
  prepareReference,
} from './4-reference.ts';
import { checkFit, chooseRule, chooseWindow, padValuesOf } from './5-local-scaling.ts';
import { checkSymmetry, resolveSymmetry, type Symmetry, symmetriseReference } from './6-symmetrise.ts';
import { modelForMask } from './judge-mask.ts';
import {
  checkGivenWindow,
  chooseResolutionWindow,
  type PreparedLocalResolution,
  prepareLocalResolution,
  suitedWindow,
} from './local-resolution.ts';
import { isModelChoice } from './model-reference.ts';
import { completeParameters } from './parameters.ts';
import { usableResolutions } from './resolutions.ts';
import { type Run, startRun } from './run.ts';
import { scaleInRounds } from './scaling-rounds.ts';
import type {
  CompleteJob,
  LocScaleContext,
  LocScaleJob,
  LocScaleNumbers,
  LocScalePlan,
  ModelUsed,
} from './types.ts';

export interface PreparedRun {
  readonly maps: InputMaps;
  readonly resolved: ResolvedMap;
  readonly mask: ScalingMask;
  readonly scaling: LocalScalingSettings;
  /** The scaling as the engine has planned it. */
  readonly opened: OpenedScaling;
  /** Undefined without a reference, and for one that is still to be predicted. */
  readonly reference: Volume | undefined;
  readonly differenceMask: Volume | undefined;
  readonly prediction: PlannedPrediction | undefined;
  readonly localResolution: PreparedLocalResolution | undefined;
  readonly model: ModelUsed | undefined;
  /** To be imposed; undefined for C1. */
  readonly symmetry: Symmetry | undefined;
  readonly numbers: LocScaleNumbers;
}

/** The job with the defaults of its kind of reference. */
export function completeJob(job: LocScaleJob): CompleteJob {
  return { ...job, parameters: completeParameters(job.parameters ?? {}, job.reference.kind === 'network') };
}

export async function prepareRun(given: CompleteJob, run: Run): Promise<PreparedRun> {
  const { engine } = run;
  const inputName = given.input.kind === 'map' ? 'map' : 'half maps';
  const maps = await run.step('read', `Checking the ${inputName}`, () => readMaps(given, run));
  const { voxelSize, grid } = maps;
  const parameters = usableResolutions(given.parameters, grid, run);
  const job: CompleteJob = { ...given, parameters };
  if (job.reference.kind === 'network') requireSuitedVoxels(job.reference.predictor.manifest, voxelSize);
  const keepHalves = isModelChoice(job.reference) || parameters.localResolution !== undefined;
  if (parameters.localResolution !== undefined) checkGivenWindow(parameters.localResolution, grid, voxelSize);
  const resolved = await run.step(
    'fsc',
    job.input.kind === 'map' ? 'Preparing the map' : 'Measuring the FSC',
    () => resolveMap(maps, parameters, run, keepHalves),
  );
  const windowVoxels = chooseWindow(parameters, grid.shape, voxelSize, resolved.cutoff.cutoff, run);
  const resolutionSettings =
    parameters.localResolution &&
    suitedWindow(parameters.localResolution, resolved.cutoff.cutoff, grid, voxelSize);
  if (resolutionSettings !== undefined) chooseResolutionWindow(resolutionSettings, grid, voxelSize);
  const maskMessage =
    job.mask === undefined ? 'Making the FDR confidence mask' : `Preparing the mask ${job.mask.name}`;
  const symmetry = await prepareSymmetry(job, grid, resolved.map, run);
  const mask = await run.step('mask', maskMessage, () =>
    prepareMask(
      {
        userMask: job.mask,
        map: resolved.map,
        maps,
        parameters,
        model: modelForMask(job.reference, grid, resolved.cutoff),
        symmetry,
      },
      run,
    ),
  );
  const cutoffs = { wilson: mask.molecule.wilsonCutoff, fsc: resolved.cutoff.cutoff };
  const network = job.reference.kind === 'network' ? job.reference : undefined;
  const made =
    network === undefined
      ? await run.step('reference', referenceMessage(job), () =>
          prepareReference(
            job,
            {
              engine,
              grid,
              map: resolved.map,
              halves: resolved.halves,
              mask: mask.mask,
              wilsonCutoff: cutoffs.wilson,
              fscCutoff: cutoffs.fsc,
              resolutionKnown: resolved.resolutionKnown,
              lowPass: resolved.lowPass,
              windowVoxels,
            },
            run,
          ),
        )
      : { reference: undefined, differenceMask: undefined, model: undefined };
  // The local resolution is measured when the plan is known.
  if (parameters.localResolution === undefined) run.release(...(resolved.halves ?? []));
  const { differenceMask, model } = made;
  const reference =
    symmetry === undefined || made.reference === undefined
      ? made.reference
      : await symmetriseStep(made.reference, symmetry, run);
  const prediction =
    network === undefined
      ? undefined
      : await planPredictionFor(
          network,
          { grid, map: resolved.map, mask: mask.mask },
          voxelSize,
          parameters.referenceResolution,
          resolved.cutoff.source === 'nyquist' ? undefined : resolved.cutoff.cutoff,
          run,
        );

  const { rule, fit } = chooseRule(job, windowVoxels, voxelSize, cutoffs);
  const measureBFactors = checkFit(job, fit, windowVoxels, voxelSize, run);
  const { profileKind } = parameters;
  const scaling = { mask: mask.mask, windowVoxels, profileKind, rule, measureBFactors };
  const opened = await engine.openLocalScaling(scaling);
  const localResolution = await localResolutionOf(resolutionSettings, resolved, mask.mask, voxelSize, run);
  return {
    maps,
    resolved,
    mask,
    scaling,
    opened,
    reference,
    differenceMask,
    prediction,
    localResolution,
    model,
    symmetry,
    numbers: {
      ...numbersOf(maps, resolved, mask, windowVoxels),
      ...(fit.shells >= 2 && (measureBFactors || job.reference.kind === 'none') ? { fitRange: fit } : {}),
      ...(symmetry === undefined
        ? {}
        : { symmetry: { name: symmetry.name, operators: symmetry.operators.length } }),
    },
  };
}

async function localResolutionOf(
  settings: ReturnType<typeof suitedWindow> | undefined,
  { halves }: ResolvedMap,
  mask: Volume,
  voxelSize: number,
  run: Run,
): Promise<PreparedLocalResolution | undefined> {
  if (settings === undefined) return undefined;
  if (halves !== undefined) return prepareLocalResolution(halves, mask, voxelSize, settings, run);
  throw new LocScaleError('usage', 'The local resolution (--local_resolution) needs half maps.', {
    where: '--local_resolution',
    hint: 'Give the half maps with -hm.',
  });
}

/** The operators on this grid; says in a sentence if the map contradicts them. */
async function prepareSymmetry(
  { symmetry: request, reference }: CompleteJob,
  grid: Grid,
  map: Volume,
  run: Run,
): Promise<Symmetry | undefined> {
  if (request === undefined) return undefined;
  const symmetry = resolveSymmetry(request, grid);
  if (symmetry.trivial) return undefined;
  if (reference.kind === 'none')
    throw new LocScaleError('usage', 'Without a reference there is nothing to impose the symmetry on.', {
      where: '-sym',
      hint: 'Leave -sym out, or symmetrise the result with "locscale-gpu symmetrise".',
    });
  const { warning } = await checkSymmetry(run.engine, map, grid, symmetry);
  if (warning !== undefined) run.warn(warning);
  return symmetry;
}

/** The average, as a step of its own; `volume` is released. */
export async function symmetriseStep(volume: Volume, symmetry: Symmetry, run: Run): Promise<Volume> {
  return run.step(
    'symmetry',
    `Averaging over ${symmetry.operators.length} operators (${symmetry.name})`,
    () => symmetriseReference(volume, symmetry, run),
  );
}

function referenceMessage({ reference }: CompleteJob): string {
  switch (reference.kind) {
    case 'none':
      return 'No reference';
    case 'atomic-model':
      return reference.refinementCycles === undefined
        ? 'Simulating the reference from the atomic model'
        : 'Finding the B factors of the atomic model, simulating the reference';
    case 'hybrid-model':
      return 'Completing the atomic model, finding its B factors, simulating the reference';
    case 'pseudo-model':
      return 'Building a pseudo-model, finding its B factors, simulating the reference';
    default:
      return 'Preparing the reference';
  }
}

/** The predicted reference with the symmetry imposed; the variance of the passes stays as it is. */
export async function predictSymmetric(
  planned: PlannedPrediction,
  symmetry: Symmetry | undefined,
  run: Run,
): Promise<{ reference: Volume; variance: Volume | undefined }> {
  const predicted = await predictPlanned(planned, run);
  if (symmetry === undefined) return predicted;
  return { ...predicted, reference: await symmetriseStep(predicted.reference, symmetry, run) };
}

/** The whole job of step 5, with a reference that was predicted meanwhile. */
export async function scalingJobOf(
  predicted: Volume | undefined,
  { resolved: { map }, mask: { mask }, scaling, reference: given, differenceMask }: PreparedRun,
  engine: Engine,
): Promise<LocalScalingJob> {
  const reference = predicted ?? given;
  const padValues = await padValuesOf(engine, { map, reference }, mask);
  return { ...scaling, map, reference, differenceMask, padValues };
}

/** Step 5 on the engine. */
export async function scaleLocally(
  job: LocalScalingJob,
  opened: OpenedScaling,
  run: Run,
): Promise<LocalScalingResult> {
  const message = `Scaling ${opened.estimate.maskVoxels} windows of ${job.windowVoxels} voxels`;
  return run.step('scaling', message, async () =>
    withoutEmptyFits(await scaleInRounds(job, opened, run), opened.estimate.maskVoxels, run),
  );
}

/** Voxels without a line above this share are worth a warning. */
const MANY_WITHOUT_LINE = 0.01;
/** Qualities of lines are between 0 and 1, exactly 0 where there is none. */
const SMALLEST_QUALITY = 1e-30;

/** A window without amplitude in some shell has no line: B and quality are 0 there. Where all are so, there is no map. */
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

function numbersOf(
  maps: InputMaps,
  resolved: ResolvedMap,
  mask: ScalingMask,
  windowVoxels: number,
): LocScaleNumbers {
  const { voxelSize, grid } = maps;
  return {
    voxelSize,
    shape: grid.shape,
    windowVoxels,
    windowAngstrom: windowVoxels * voxelSize,
    maskVoxels: mask.maskVoxels,
    maskOrigin: mask.origin,
    ...mask.molecule,
    nyquistCutoff: nyquistCutoffOf(voxelSize),
    fscCutoff: resolved.cutoff.cutoff,
    fscCutoffSource: resolved.cutoff.source,
    ...(mask.noise === undefined ? {} : { noise: mask.noise }),
  };
}

/** What is known before the expensive steps; throws 'out-of-memory' where one of them could not run. */
export function planOf(job: CompleteJob, prepared: PreparedRun, run: Run): LocScalePlan {
  const { estimate } = prepared.opened;
  const { memoryLimitBytes } = run.engine;
  const peaks = peaksToCome(job, prepared, run);
  for (const { bytes, step, refused } of peaks)
    if (refused !== undefined && bytes > (memoryLimitBytes ?? Number.POSITIVE_INFINITY))
      throw new LocScaleError(
        'out-of-memory',
        `${refused} does not fit the memory limit: it needs ${gibibytes(bytes)}, the limit is ${gibibytes(memoryLimitBytes ?? 0)}.`,
        { where: step, hint: 'Raise the memory limit, or leave the symmetry out.' },
      );
  const past = { bytes: run.peak.bytes, step: run.peak.step };
  const peak = peaks.reduce((most, next) => (next.bytes > most.bytes ? next : most), past);
  const scaling = peaks.find(({ step }) => step === 'scaling') ?? past;
  return {
    numbers: prepared.numbers,
    mode: describeMode(job),
    engine: run.engine.description,
    workingBytes: estimate.workingBytes,
    volumeBytes: scaling.bytes - estimate.workingBytes,
    peakBytes: peak.bytes,
    peakStep: peak.step,
    memoryLimitBytes,
    seconds: estimate.seconds / (run.context.team?.size ?? 1),
    ...(prepared.prediction === undefined ? {} : { prediction: prepared.prediction.summary }),
    ...(prepared.localResolution === undefined ? {} : { localResolution: prepared.localResolution.plan }),
  };
}

interface PeakToCome {
  readonly step: LocScalePlan['peakStep'];
  /** Volumes that live then, and what the step takes beside them. */
  readonly bytes: number;
  /** Work that the engine refuses where it does not fit, as the subject of a sentence. */
  readonly refused?: string;
}

/** Most memory of each step that is still to come, in the order in which they run. */
function peaksToCome(job: CompleteJob, prepared: PreparedRun, run: Run): PeakToCome[] {
  const { engine } = run;
  const { shape } = prepared.maps.grid;
  const { prediction, localResolution, scaling, opened, symmetry } = prepared;
  const perVolume = 4 * voxelCount(shape);
  const symmetrising =
    symmetry === undefined ? 0 : engine.bytesOf.symmetrise(shape, symmetry.operators, symmetry.options);
  const average = `Averaging over the symmetry ${symmetry?.name ?? ''}`.trim();
  const peaks: PeakToCome[] = [];
  let held = run.volumeBytes();
  // Its two results take the place of the half maps.
  if (localResolution !== undefined)
    peaks.push({ step: 'local-resolution', bytes: localResolution.plan.peakBytes });
  if (prediction !== undefined) {
    peaks.push({ step: 'reference', bytes: held + predictionPeak(prediction, engine) });
    held += perVolume * (prediction.choice.monteCarlo === undefined ? 1 : 2);
    if (symmetry !== undefined)
      peaks.push({ step: 'symmetry', bytes: held + symmetrising, refused: average });
  }
  held += perVolume * (scaling.measureBFactors ? 3 : 1);
  peaks.push({ step: 'scaling', bytes: held + opened.estimate.workingBytes });
  if (symmetry !== undefined && job.symmetriseOutput === true)
    peaks.push({ step: 'symmetry', bytes: held + symmetrising, refused: average });
  // pVDDT in host memory, and as a volume.
  if (prediction?.choice.monteCarlo !== undefined)
    peaks.push({ step: 'significance', bytes: held + 2 * perVolume });
  return peaks;
}

/** Everything that is known before the expensive steps, and what they would cost; leaves nothing behind. */
export async function planLocScale(job: LocScaleJob, context: LocScaleContext): Promise<LocScalePlan> {
  const run = startRun(context);
  try {
    const complete = completeJob(job);
    return planOf(complete, await prepareRun(complete, run), run);
  } finally {
    run.releaseAllBut();
  }
}
