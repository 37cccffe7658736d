/**
 * The plan of a run: the steps in execution order, each with its memory. Steps that do not fit are rejected
 * here, before anything expensive starts.
 */

import type { Engine, Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import { gibibytes } from '../math/bytes.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import type { StepName } from './context.ts';
import type { PlannedMeasurement } from './local-resolution.ts';
import type { LocScaleNumbers } from './numbers.ts';
import type { PlannedReference, Prediction, ReferenceSource } from './references/source.ts';
import type { Run } from './run.ts';
import type { PlannedScaling } from './schemes/scheme.ts';
import type { Symmetry } from './symmetrise.ts';
import type { PlannedUnexplained } from './unexplained.ts';

/** Printed by `--dry-run`: everything known before the expensive steps. */
export interface LocScalePlan {
  readonly numbers: LocScaleNumbers;
  readonly mode: string;
  readonly engine: string;
  /** Scaling: the engine's working memory, and the maps it holds then, including results. */
  readonly workingBytes: number;
  readonly volumeBytes: number;
  /** Peak memory, and the step in which it occurs. */
  readonly peakBytes: number;
  readonly peakStep: StepName;
  /** The engine's limit, bytes, if it has one. */
  readonly memoryLimitBytes: number | undefined;
  /** Expected time for the scaling. */
  readonly seconds: number;
  /** Standard deviation of Gaussian windows, A, in runs of soft scaling. */
  readonly windowSigma?: number;
  /** Cost of predicting the reference, before the scaling. */
  readonly prediction?: Prediction;
  /** Cost of the local resolution; the time excludes its filter. */
  readonly localResolution?: PlannedLocalResolution;
}

/** The measurement of local resolution as a part of the plan. */
export interface PlannedLocalResolution {
  readonly windowVoxels: number;
  readonly windowAngstrom: number;
  /** Peak memory of the step, including maps. */
  readonly peakBytes: number;
  /** Expected time. */
  readonly seconds: number;
}

/** Memory of a step, from which the peak of the run follows. */
export interface PlannedStep {
  readonly step: StepName;
  /**
   * Peak bytes including its results, but excluding its working memory and the volumes that live when it
   * starts.
   */
  readonly bytes: number;
  /**
   * Its part on the JS heap, which is collected before threads allocate the working memory of a later step.
   */
  readonly heapBytes?: number;
  /**
   * Working memory of the engine, its part in threads (default all), bytes of the volumes made by then, and
   * their part in memory of volumes that the step has released.
   */
  readonly working?: {
    readonly bytes: number;
    readonly threadBytes?: number;
    readonly madeBytes: number;
    readonly reusedBytes?: number;
  };
  /** Bytes of the volumes it leaves, minus those it releases. */
  readonly change: number;
  /** Bytes of volumes that it releases first. */
  readonly releasedFirst?: number;
  /** Work that the engine rejects if it does not fit, as the subject of a sentence. */
  readonly refused?: string;
}

/** Volumes last used by the scaling, which ignores them or reads them only when it starts. */
export interface SpentVolumes {
  readonly unused: readonly Volume[];
  readonly read: readonly Volume[];
}

/** The steps that follow the mask, planned. */
export interface StepsToCome {
  readonly source: ReferenceSource;
  readonly reference: PlannedReference;
  readonly localResolution: PlannedMeasurement | undefined;
  /** With `unexplained`. */
  readonly unexplained?: PlannedUnexplained;
  readonly scaling: PlannedScaling;
  /** With `also`. */
  readonly comparison: PlannedScaling | undefined;
  readonly symmetry: Symmetry | undefined;
  readonly symmetriseOutput: boolean | undefined;
  /** The half maps, if they live until the steps that need them are done. */
  readonly halves: readonly Volume[] | undefined;
  readonly spent: SpentVolumes;
  /** Steps of a variation of the run, for volumes of this size in bytes. */
  further(volumeBytes: number): readonly PlannedStep[];
}

/** The plan of a run: numbers so far, peak memory over all steps to come, and times. */
export function planOf(steps: StepsToCome, numbers: LocScaleNumbers, mode: string, run: Run): LocScalePlan {
  const { engine, peak } = run;
  const { scaling, comparison, reference, localResolution } = steps;
  const mostWorking = Math.max(
    scaling.threadBytes ?? scaling.workingBytes,
    comparison?.threadBytes ?? comparison?.workingBytes ?? 0,
    localResolution?.workingBytes ?? 0,
  );
  const retained = run.retainedBytes(numbers.shape, mostWorking);
  const retainedSoFar = run.retainedBytes(numbers.shape, 0);
  const peaks = peaksOf(inOrder(steps, numbers, engine), { retained, retainedSoFar }, run);
  const highest = peaks.reduce((most, next) => (next.bytes > most.bytes ? next : most), {
    bytes: peak.bytes + retained,
    step: peak.step,
  });
  const of = (name: StepName): PeakBytes | undefined => peaks.find(({ step }) => step === name);
  return {
    numbers,
    mode,
    engine: engine.description,
    workingBytes: scaling.workingBytes,
    volumeBytes: of('scaling')?.volumeBytes ?? 0,
    peakBytes: highest.bytes,
    peakStep: highest.step,
    memoryLimitBytes: engine.memoryLimitBytes,
    seconds: scaling.seconds + (comparison?.seconds ?? 0),
    windowSigma: scaling.windowSigma,
    prediction: reference.prediction,
    localResolution: localResolution && {
      ...localResolution.plan,
      peakBytes: of('local-resolution')?.bytes ?? 0,
    },
  };
}

/** Steps in the order in which they run, with the volumes that each leaves or releases. */
function inOrder(steps: StepsToCome, { shape }: LocScaleNumbers, engine: Engine): PlannedStep[] {
  const { bytesOf } = engine;
  const { source, reference, localResolution, scaling, comparison, symmetry, halves } = steps;
  const volumeBytes = 4 * voxelCount(shape);
  const halfMapBytes = volumeBytes * (halves?.length ?? 0);
  const lastUse = lastUseOfHalves(steps);
  const average: PlannedStep[] =
    symmetry === undefined
      ? []
      : [
          {
            step: 'symmetry',
            bytes: bytesOf.symmetrise(shape, symmetry.operators, symmetry.options),
            change: 0,
            refused: `Averaging over the symmetry ${symmetry.name}`,
          },
        ];
  const making: PlannedStep[] = [
    {
      step: 'reference',
      bytes: reference.bytes,
      heapBytes: reference.heapBytes,
      change: reference.resultBytes - (lastUse === 'reference' ? halfMapBytes : 0),
    },
    ...average,
  ];
  const resolving: PlannedStep[] =
    localResolution === undefined
      ? []
      : [
          {
            step: 'local-resolution',
            bytes: localResolution.bytes,
            working: { bytes: localResolution.workingBytes, madeBytes: volumeBytes },
            change: localResolution.resultBytes - (lastUse === 'local-resolution' ? halfMapBytes : 0),
          },
        ];
  const looking: PlannedStep[] =
    steps.unexplained === undefined
      ? []
      : [
          {
            step: 'unexplained',
            bytes: steps.unexplained.bytes,
            change: steps.unexplained.resultBytes - (lastUse === 'unexplained' ? halfMapBytes : 0),
          },
        ];
  const scale = (step: StepName, planned: PlannedScaling): PlannedStep => {
    const { workingBytes, threadBytes, resultBytes, madeBytes = resultBytes, checkBytes = 0 } = planned;
    return {
      step,
      bytes: resultBytes + checkBytes,
      working: { bytes: workingBytes, threadBytes, madeBytes },
      change: resultBytes - (lastUse === step ? halfMapBytes : 0),
    };
  };
  return [
    ...(source.waitsForHalfMaps ? [...resolving, ...making] : [...making, ...resolving]),
    ...looking,
    releasing(scale('scaling', scaling), steps.spent, volumeBytes, engine),
    ...(steps.symmetriseOutput === true ? average : []),
    ...(comparison === undefined ? [] : comparing(scale('comparison', comparison), shape, bytesOf)),
    ...steps.further(volumeBytes),
  ];
}

/** Fraction of a released volume's memory that larger arrays leave unused: measured at 512^3. */
const LEFT_OVER = 1 / 6;

/** A scaling that releases volumes: some before it starts, others once it has read them. */
function releasing(
  step: PlannedStep,
  { unused, read }: SpentVolumes,
  volumeBytes: number,
  { name }: Engine,
): PlannedStep {
  const { working } = step;
  // A GPU allocates its results before it reads; inputs of several results live until the end.
  const reuses =
    name === 'cpu' && read.length > 0 && working?.madeBytes === volumeBytes && step.bytes === volumeBytes;
  return {
    ...step,
    releasedFirst: volumeBytes * unused.length,
    working: working && { ...working, reusedBytes: reuses ? (1 - LEFT_OVER) * volumeBytes : 0 },
  };
}

/** The last step that reads the half maps, after which their memory is free. */
function lastUseOfHalves({ scaling, comparison, unexplained, localResolution }: StepsToCome): StepName {
  if (comparison?.usesHalfMaps === true) return 'comparison';
  if (scaling.usesHalfMaps) return 'scaling';
  if (unexplained?.usesHalfMaps === true) return 'unexplained';
  return localResolution === undefined ? 'reference' : 'local-resolution';
}

/** The other scaling, and the amplitudes of both: a soft mask, a map times it, and their transforms. */
function comparing(
  scaling: PlannedStep,
  shape: Shape,
  bytesOf: Pick<Engine['bytesOf'], 'radialFilter' | 'shellSpectra'>,
): PlannedStep[] {
  const transforms = Math.max(bytesOf.radialFilter(shape), bytesOf.shellSpectra(shape));
  const measuring = 2 * 4 * voxelCount(shape) + transforms;
  // The half maps still exist.
  return [{ ...scaling, bytes: scaling.bytes + measuring }];
}

/** Peak of one step. */
interface PeakBytes {
  readonly step: StepName;
  readonly bytes: number;
  /** Bytes of the volumes that live during the step. */
  readonly volumeBytes: number;
}

/**
 * Peak memory of each step, including memory retained besides the volumes once all have worked (`retained`;
 * `retainedSoFar` excludes the working memory). Throws if a step could not run.
 */
function peaksOf(
  steps: readonly PlannedStep[],
  { retained, retainedSoFar }: { readonly retained: number; readonly retainedSoFar: number },
  run: Run,
): PeakBytes[] {
  const limit = run.engine.memoryLimitBytes ?? Number.POSITIVE_INFINITY;
  let held = run.volumeBytes();
  let hasWorked = false;
  return steps.map(
    ({ step, bytes: additional, heapBytes = 0, working, change, releasedFirst = 0, refused }) => {
      held -= releasedFirst;
      const bytes = held + additional;
      const volumeBytes = held + (working?.madeBytes ?? 0);
      held += change;
      if (refused !== undefined && bytes > limit)
        throw new LocScaleError(
          'out-of-memory',
          `${refused} does not fit the memory limit: it needs ${gibibytes(bytes)}, the limit is ` +
            `${gibibytes(limit)}.`,
          { where: step, hint: 'Raise the memory limit, or leave the symmetry out.' },
        );
      const { bytes: ofWork = 0, threadBytes = ofWork, reusedBytes = 0 } = working ?? {};
      const duringWork = volumeBytes - reusedBytes + ofWork - threadBytes + Math.max(retained, threadBytes);
      // Later steps reuse the volumes' memory; threads allocate theirs in addition.
      const own = Math.max(bytes - heapBytes + retained, bytes + (hasWorked ? retained : retainedSoFar));
      hasWorked ||= working !== undefined;
      return { step, bytes: Math.max(own, duringWork), volumeBytes };
    },
  );
}
