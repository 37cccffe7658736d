/**
 * The method, in order. Start reading here: each step is one file of this folder, numbered as it runs;
 * the arithmetic behind it is in math/, and the heavy operations are verbs of the engine (engine.ts).
 *
 *   1 read maps       do they agree, do they hold numbers
 *   2 fsc             half maps -> resolution and full map
 *   3 mask            where to scale; volume, atoms, Wilson cut-off
 *   4 reference       the map whose local amplitudes are wanted
 *   5 local scaling   window by window: amplitudes of the map become those of the reference
 *   7 write           volumes -> maps on the input's grid (6, symmetry, acts on the reference)
 */
import type { Engine, LocalScalingEstimate, LocalScalingJob } from '../engine.ts';
import { isLocScaleError, LocScaleError } from '../errors.ts';
import { voxelCount } from '../math/grid.ts';
import { nyquistCutoffOf } from '../math/molecular-numbers.ts';
import { type InputMaps, readMaps } from './1-read-maps.ts';
import { type ResolvedMap, resolveMap } from './2-fsc.ts';
import { prepareMask, type ScalingMask } from './3-mask.ts';
import { describeMode, prepareReference } from './4-reference.ts';
import { chooseRule, chooseWindow, prepareScaling } from './5-local-scaling.ts';
import { type Run, startRun, stopIfAborted } from './run.ts';
import type { LocScaleContext, LocScaleJob, LocScaleNumbers, LocScalePlan, LocScaleResult } from './types.ts';

export { imageOf } from './7-write.ts';
export { defaultParameters } from './parameters.ts';
export { type FscResult, type MaskResult, runFsc, runMask } from './parts.ts';
export type * from './types.ts';

/**
 * Scales the map of `job` locally. The volumes of the result stay on the engine: turn them into maps
 * with `imageOf`, and release them.
 */
export async function runLocScale(job: LocScaleJob, context: LocScaleContext): Promise<LocScaleResult> {
  const run = startRun(context);
  try {
    const prepared = await prepareRun(job, run);
    context.onPlan?.(planOf(job, prepared, run));
    const { scaling, mask } = prepared;
    const result = await run.step(
      'scaling',
      `Scaling ${prepared.estimate.maskVoxels} windows of ${scaling.windowVoxels} voxels`,
      () =>
        context.engine.localScaling(scaling, {
          onProgress: (done, total) => context.onProgress?.('scaling', done, total),
          ...(context.signal === undefined ? {} : { signal: context.signal }),
        }),
    );
    for (const volume of [result.scaled, result.bFactor, result.quality])
      if (volume !== undefined) run.hold(volume);
    stopIfAborted(context.signal);
    run.releaseAllBut(result.scaled, result.bFactor, result.quality, mask.mask, mask.confidence);
    return {
      grid: prepared.maps.grid,
      header: prepared.maps.header,
      scaled: result.scaled,
      mask: mask.mask,
      ...(mask.confidence === undefined ? {} : { confidence: mask.confidence }),
      ...(result.bFactor === undefined ? {} : { bFactor: result.bFactor }),
      ...(result.quality === undefined ? {} : { quality: result.quality }),
      ...(prepared.resolved.fsc === undefined ? {} : { fsc: prepared.resolved.fsc }),
      numbers: prepared.numbers,
      timings: run.timings,
      warnings: run.warnings,
    };
  } catch (error) {
    run.releaseAllBut();
    throw error;
  }
}

/** Everything that is known before the expensive step, and what that step would cost; leaves nothing behind. */
export async function planLocScale(job: LocScaleJob, context: LocScaleContext): Promise<LocScalePlan> {
  const run = startRun(context);
  try {
    return planOf(job, await prepareRun(job, run), run);
  } finally {
    run.releaseAllBut();
  }
}

interface PreparedRun {
  readonly maps: InputMaps;
  readonly resolved: ResolvedMap;
  readonly mask: ScalingMask;
  readonly scaling: LocalScalingJob;
  readonly estimate: LocalScalingEstimate;
  readonly numbers: LocScaleNumbers;
}

/** Steps 1 to 4, and step 5 up to the point where the engine would start. */
async function prepareRun(job: LocScaleJob, run: Run): Promise<PreparedRun> {
  const { parameters } = job;
  const { engine } = run;
  const inputName = job.input.kind === 'map' ? 'map' : 'half maps';
  const maps = await run.step('read', `Checking the ${inputName}`, () => readMaps(job, run));
  const { voxelSize, grid } = maps;
  const windowVoxels = chooseWindow(parameters, grid.shape, voxelSize, run);

  const resolved = await run.step(
    'fsc',
    job.input.kind === 'map' ? 'Preparing the map' : 'Measuring the FSC',
    () => resolveMap(maps, parameters, run),
  );
  const maskMessage =
    job.mask === undefined ? 'Making the FDR confidence mask' : `Preparing the mask ${job.mask.name}`;
  const mask = await run.step('mask', maskMessage, () =>
    prepareMask(job.mask, resolved.map, voxelSize, parameters, run),
  );
  const { reference, differenceMask } = await run.step(
    'reference',
    job.reference.kind === 'none' ? 'No reference' : 'Preparing the reference',
    () => prepareReference(job, voxelSize, run),
  );

  const rule = chooseRule(job, windowVoxels, voxelSize, {
    wilson: mask.molecule.wilsonCutoff,
    fsc: resolved.cutoff.cutoff,
  });
  const scaling = await prepareScaling(
    job,
    { map: resolved.map, mask: mask.mask, reference, differenceMask },
    windowVoxels,
    rule,
    engine,
  );
  const estimate = await estimateScaling(scaling, engine);
  return { maps, resolved, mask, scaling, estimate, numbers: numbersOf(maps, resolved, mask, windowVoxels) };
}

/** An engine that has too little memory says how much it would take; that belongs into the sentence. */
async function estimateScaling(scaling: LocalScalingJob, engine: Engine): Promise<LocalScalingEstimate> {
  try {
    return await engine.estimateLocalScaling(scaling);
  } catch (error) {
    if (!isLocScaleError(error) || error.tag !== 'out-of-memory') throw error;
    const { message, found, expected, hint, where } = error;
    if (found === undefined || expected === undefined) throw error;
    throw new LocScaleError(
      error.tag,
      `${message.replace(/\.$/, '')}: the run needs ${found}, and may take ${expected}.`,
      {
        cause: error,
        found,
        expected,
        ...(hint === undefined ? {} : { hint }),
        ...(where === undefined ? {} : { where }),
      },
    );
  }
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
    ...mask.molecule,
    nyquistCutoff: nyquistCutoffOf(voxelSize),
    fscCutoff: resolved.cutoff.cutoff,
    fscCutoffSource: resolved.cutoff.source,
    ...(mask.noise === undefined ? {} : { noise: mask.noise }),
  };
}

function planOf(job: LocScaleJob, prepared: PreparedRun, run: Run): LocScalePlan {
  const { scaling, estimate } = prepared;
  const bytesPerVolume = 4 * voxelCount(prepared.maps.grid.shape);
  const results = scaling.measureBFactors ? 3 : 1;
  const volumeBytes = (run.heldVolumes() + results) * bytesPerVolume;
  const before = run.peak.volumes * bytesPerVolume;
  const atScaling = volumeBytes + estimate.workingBytes;
  return {
    numbers: prepared.numbers,
    mode: describeMode(job),
    engine: run.engine.description,
    workingBytes: estimate.workingBytes,
    volumeBytes,
    peakBytes: Math.max(before, atScaling),
    peakStep: before > atScaling ? run.peak.step : 'scaling',
    memoryLimitBytes: run.engine.memoryLimitBytes,
    seconds: estimate.seconds,
  };
}
