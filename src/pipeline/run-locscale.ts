/**
 * The method, from top to bottom. Start reading here: the steps are called in the order in which they run.
 * Each is a file of this folder; the arithmetic behind it is in math/, and the heavy operations are verbs of
 * the engine (engine/engine.ts).
 *
 * `planRun` reads the maps, measures their FSC and makes the mask, which decide the size of everything else.
 * What follows is planned before it is executed, and executed as planned.
 */

import type { Volume } from '../engine/engine.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import { compareSchemes, otherScheme, type PlannedComparison, planComparison } from './comparison.ts';
import type { LocScaleContext } from './context.ts';
import { type ResolvedMap, resolveMap } from './fsc.ts';
import type { FscCurve } from './half-maps.ts';
import type { LocScaleJob } from './job.ts';
import {
  checkLocalResolution,
  type LocalResolutionMaps,
  planLocalResolution,
  withoutCommonSignal,
  withWindow,
} from './local-resolution.ts';
import { prepareMask, type ScalingMask } from './mask.ts';
import { resolveWithin } from './masked-resolution.ts';
import type { LocScaleNumbers } from './numbers.ts';
import { numbersOf, numbersWith } from './numbers.ts';
import { completeParameters } from './parameters.ts';
import type { LocScalePlan } from './plan.ts';
import { type PlannedStep, planOf, type SpentVolumes, type StepsToCome } from './plan.ts';
import type { ProfilesAudit } from './profiles-audit.ts';
import { type InputMaps, readMaps } from './read-maps.ts';
import { referenceSourceOf } from './references/index.ts';
import type { Prediction, ReferenceModel, ReferenceResult } from './references/source.ts';
import { usableResolutions } from './resolutions.ts';
import { type Run, withRun } from './run.ts';
import type { FscInMask } from './run-fsc.ts';
import type { ScaledBy } from './scaling-rounds.ts';
import { chooseWindow } from './scaling-rule.ts';
import { scalingSchemeOf } from './schemes/index.ts';
import type {
  ComparisonResult,
  MapsToScale,
  PlannedScaling,
  ScaledMaps,
  SoftResult,
} from './schemes/scheme.ts';
import { isShapedByUser } from './shape-mask.ts';
import { type Symmetry, symmetrise, symmetryOf } from './symmetrise.ts';
import { checkUnexplained, planUnexplained, type UnexplainedDensity } from './unexplained.ts';

export interface LocScaleResult {
  readonly grid: Grid;
  readonly header: MrcHeader;
  /** Volumes live on the engine until downloaded or released. */
  readonly scaled: Volume;
  readonly mask: Volume;
  /** The mask with its soft edge, if the parameter `maskShape` has one. */
  readonly softMask?: Volume;
  readonly confidence?: Volume;
  /** With `keepReference`. */
  readonly reference?: Volume;
  /** The map before scaling, with `keepMap`. */
  readonly map?: Volume;
  readonly bFactor?: Volume;
  readonly quality?: Volume;
  readonly localResolution?: LocalResolutionMaps;
  readonly fsc?: FscCurve;
  /** With `resolutionFrom: 'masked'`. */
  readonly fscInMask?: FscInMask;
  readonly numbers: LocScaleNumbers;
  readonly prediction?: Prediction;
  /** A: where the result was faded, in LocScale's scheme. */
  readonly fadeResolution?: number;
  /** Where an engine was lost during LocScale's scaling and another took over: what each did. */
  readonly scaledBy?: readonly ScaledBy[];
  /** What only soft scaling gives. */
  readonly soft?: SoftResult;
  /** With `also`. */
  readonly also?: ComparisonResult;
  /** With `unexplained`. */
  readonly unexplained?: UnexplainedDensity;
  /** With `auditSeed`. */
  readonly audit?: ProfilesAudit;
  /** The model the reference was simulated from, with the B factors used. */
  readonly model?: ReferenceModel;
  /** Where the theoretical-profile rule was used, with `keepReference`. */
  readonly differenceMask?: Volume;
  /** Seconds per step. */
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/**
 * Scales the map of `job` locally. The volumes of the result stay on the engine: turn them into maps with
 * `imageOf`, and release them.
 */
export function runLocScale(job: LocScaleJob, context: LocScaleContext): Promise<LocScaleResult> {
  return withRun(context, async (run) => {
    const planned = await planRun(job, run);
    context.onPlan?.(planned.plan);
    planned.scaling.prepare?.();
    planned.comparison?.prepare?.();

    const { made, localResolution } = await makeReference(planned, run);
    const { reference, differenceMask, model } = made;
    const unexplained = await findUnexplainedDensity(planned, made, run);
    const toScale = { map: planned.map, reference, differenceMask };
    const { spent } = planned;
    const imposed = job.symmetriseOutput === true ? planned.symmetry : undefined;
    const result = await planned.scaling.run({ ...toScale, spent: [...spent.unused, ...spent.read] });
    const scaled = await symmetrise(result.scaled, imposed, run);
    const comparison = await compare(planned, toScale, { ...result, scaled }, imposed, run);
    run.release(...(planned.halves ?? []));
    const { auditSeed, keepMap, keepReference } = context;
    const audit = auditSeed === undefined ? undefined : await result.audit?.(scaled, auditSeed);

    const volumes = {
      scaled,
      mask: planned.masked.mask,
      softMask: planned.masked.softMask,
      confidence: planned.masked.confidence,
      bFactor: result.bFactor,
      quality: result.quality,
      reference: keepReference ? reference : undefined,
      differenceMask: keepReference && model ? differenceMask : undefined,
      map: keepMap ? planned.map : undefined,
    };
    const { soft, fadeResolution, scaledBy } = result;
    run.keep(...Object.values(volumes), soft?.resolution, soft?.signal, comparison?.scaled);
    run.keep(localResolution?.resolution, localResolution?.filtered, unexplained?.map);
    return {
      ...volumes,
      ...foundBy(planned, localResolution, run),
      model,
      audit,
      unexplained,
      soft,
      fadeResolution,
      scaledBy,
      also: comparison,
      prediction: planned.reference.prediction,
    };
  });
}

/** What runs of scaling and of feature enhancement find alike. */
export function foundBy(
  { maps, fsc, fscInMask, numbers }: PlannedRun,
  localResolution: LocalResolutionMaps | undefined,
  { timings, warnings }: Run,
) {
  const { grid, header } = maps;
  return {
    grid,
    header,
    fsc,
    fscInMask,
    localResolution,
    numbers: numbersWith(numbers, localResolution),
    timings,
    warnings,
  };
}

async function compare(
  { comparison, masked, numbers }: PlannedRun,
  maps: MapsToScale,
  main: ScaledMaps,
  imposed: Symmetry | undefined,
  run: Run,
): Promise<ComparisonResult | undefined> {
  if (comparison === undefined) return undefined;
  const made = await compareSchemes(comparison, maps, main, masked.mask, numbers.voxelSize, run);
  return { ...made, scaled: await symmetrise(made.scaled, imposed, run) };
}

/** The step, with the parameter `unexplained`. */
async function findUnexplainedDensity(
  { unexplained, scaling, comparison, halves }: PlannedRun,
  { reference, model }: ReferenceResult,
  run: Run,
): Promise<UnexplainedDensity | undefined> {
  if (unexplained === undefined || reference === undefined) return undefined;
  const found = await run.step('unexplained', 'Looking for density that the reference does not explain', () =>
    unexplained.find(reference, model && model.pseudoAtoms === 0 ? model.structure.atoms : undefined),
  );
  if (!scaling.usesHalfMaps && comparison?.usesHalfMaps !== true) run.release(...(halves ?? []));
  return found;
}

/** Everything that is known before the expensive steps, and what they would cost; leaves nothing behind. */
export function planLocScale(job: LocScaleJob, context: LocScaleContext): Promise<LocScalePlan> {
  return withRun(context, async (run) => (await planRun(job, run)).plan);
}

/** A run whose steps to come are planned; volumes are held by the run. */
export interface PlannedRun extends StepsToCome {
  readonly maps: InputMaps;
  /** The map that is scaled. */
  readonly map: Volume;
  readonly fsc: FscCurve | undefined;
  readonly fscInMask: FscInMask | undefined;
  readonly comparison: PlannedComparison | undefined;
  readonly masked: ScalingMask;
  readonly numbers: LocScaleNumbers;
  readonly plan: LocScalePlan;
}

/** `further`: steps of a variation of the run, for volumes of that many bytes. */
export async function planRun(
  job: LocScaleJob,
  run: Run,
  further: (volumeBytes: number) => PlannedStep[] = () => [],
): Promise<PlannedRun> {
  const source = referenceSourceOf(job.reference);
  const { scaling: named, also } = job.parameters ?? {};
  const scheme = scalingSchemeOf(source.traits, named);
  const other = otherScheme(source.traits, scheme, also);
  const smoothsMask = source.traits.usesNetwork || scheme.smoothsMask;
  const complete = scheme.parametersFor(completeParameters(job.parameters ?? {}, smoothsMask));

  const maps = await readMaps(job, run, source);
  const { grid, voxelSize } = maps;
  const parameters = usableResolutions(complete, grid, run);
  source.checkVoxels?.(voxelSize);
  checkLocalResolution(parameters.localResolution, maps);
  const looks = parameters.unexplained === true;
  if (looks) checkUnexplained(source);

  const scales = [scheme, other].some((one) => one?.usesHalfMaps(parameters) === true);
  const keepHalves = source.usesHalfMaps || scales || looks || parameters.localResolution !== undefined;
  const unmasked = await resolveMap(maps, parameters, run, keepHalves);
  const { map, halves } = unmasked;
  const symmetry = await symmetryOf(job, source, grid, map, run);
  const model = source.atomsForMask?.(grid, unmasked.cutoff);
  const { trustsZeros } = scheme;
  const toMask = { userMask: job.mask, map, maps, parameters, model, symmetry, trustsZeros };
  const masked = await prepareMask(toMask, run);
  const { mask, molecule } = masked;
  const resolved =
    parameters.resolutionFrom === 'masked' ? await resolveWithin(unmasked, masked, voxelSize, run) : unmasked;
  const { cutoff } = resolved;

  const windowVoxels = chooseWindow(parameters, grid.shape, voxelSize, cutoff.cutoff, run);
  const nothingInCommon = parameters.localResolution && withoutCommonSignal(resolved.fsc);
  if (nothingInCommon !== undefined) run.warn(nothingInCommon);
  const resolution =
    nothingInCommon === undefined && parameters.localResolution !== undefined
      ? withWindow(parameters.localResolution, cutoff.cutoff, maps)
      : undefined;

  const settings = { parameters, windowVoxels, voxelSize, mask };
  const cutoffs = { wilsonCutoff: molecule.wilsonCutoff, fscCutoff: cutoff.cutoff };
  const { blocks } = maps;
  const data = { ...settings, ...cutoffs, ...resolved, engine: run.engine, grid, molecule, blocks };
  const reference = await source.plan(data, run);
  const maskGiven = job.mask !== undefined || isShapedByUser(parameters.maskShape);
  const inputs = { ...settings, ...cutoffs, source, grid, resolved, maskGiven };
  const scaling = await scheme.plan(inputs, run);
  const comparison = other && (await planComparison(other, inputs, parameters, run));
  const neededForScaling = scaling.usesHalfMaps || comparison?.usesHalfMaps === true || looks;
  const localResolution =
    halves &&
    resolution &&
    (await planLocalResolution(halves, mask, voxelSize, resolution, neededForScaling, run));
  const { fitRange } = scaling;
  const numbers = numbersOf({ maps, resolved, masked, windowVoxels, fitRange, symmetry });
  const { symmetriseOutput } = job;
  const unexplained = looks ? planUnexplained({ resolved, mask, grid, parameters }, run) : undefined;
  const given = { source, reference, symmetry, symmetriseOutput, halves, further };
  const spent = spentVolumes(resolved, scaling, comparison, run.context);
  const steps = { ...given, localResolution, unexplained, scaling, comparison, spent };
  const plan = planOf(steps, numbers, scheme.describe(source.describe(parameters)), run);
  const { fsc, fscInMask } = resolved;
  return { ...steps, maps, map, fsc, fscInMask, masked, numbers, plan };
}

/**
 * Volumes that end with a scaling which reads its maps once. In a team other processes may still read them, a
 * second scaling needs them, and `keepMap` keeps the map.
 */
function spentVolumes(
  { map, halves }: ResolvedMap,
  scaling: PlannedScaling,
  comparison: PlannedScaling | undefined,
  { team, keepMap }: LocScaleContext,
): SpentVolumes {
  if (scaling.readsMapsOnce !== true || comparison || (team && team.size > 1))
    return { unused: [], read: [] };
  const mapOf = keepMap === true ? [] : [map];
  return scaling.usesHalfMaps ? { unused: mapOf, read: halves ?? [] } : { unused: [], read: mapOf };
}

/** The reference, and the local resolution: a prediction waits until that has made room. */
export async function makeReference(
  { source, reference, localResolution, scaling, comparison, unexplained, symmetry, halves }: PlannedRun,
  run: Run,
): Promise<{ made: ReferenceResult; localResolution: LocalResolutionMaps | undefined }> {
  const make = async (): Promise<ReferenceResult> => {
    if (reference.message === undefined) return {};
    const made = await run.step('reference', reference.message, reference.make);
    return { ...made, reference: made.reference && (await symmetrise(made.reference, symmetry, run)) };
  };
  const early = source.waitsForHalfMaps ? undefined : await make();
  const measured = await localResolution?.run();
  const later = [scaling, comparison, unexplained].some((step) => step?.usesHalfMaps === true);
  if (!later) run.release(...(halves ?? []));
  return { made: early ?? (await make()), localResolution: measured };
}
