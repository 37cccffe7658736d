/** The main command: maps in, locally scaled map out, on the grid of the input. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Engine, Volume } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import { writeMrc } from '../formats/mrc.ts';
import { describeShape } from '../math/grid.ts';
import { imageOf, planLocScale, runLocScale } from '../pipeline/index.ts';
import type {
  LocScaleJob,
  LocScaleParameters,
  LocScalePlan,
  LocScaleResult,
  MapImage,
  MapSource,
  ReferenceChoice,
} from '../pipeline/types.ts';
import {
  checkCombinations,
  chooseInput,
  chooseOutfile,
  chooseReference,
  type InputFiles,
  ineffectiveOptions,
  parametersOf,
  type ReferenceFiles,
  refusePositionals,
} from './job-options.ts';
import { encodeManifest, stemOf } from './manifest.ts';
import { type InputFile, type OpenOptions, openMap, openMapLater, sizeOfInput } from './open-map.ts';
import { formatBytes, formatSeconds } from './progress.ts';
import { contextFor, type Session, withEngine } from './session.ts';
import { packageVersion } from './version.ts';
import { checkOutputs, makeFolder, StagedOutputs } from './write-file.ts';

interface OutputNames {
  readonly scaled: string;
  readonly manifest: string;
  readonly bFactor?: string;
  readonly quality?: string;
  /** With -op. */
  readonly processing?: {
    readonly folder: string;
    readonly mask: string;
    readonly confidence?: string;
    readonly fsc?: string;
  };
}

export async function runScale(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0);
  const input = chooseInput(values);
  const reference = chooseReference(values);
  checkCombinations(values, input);
  for (const note of ineffectiveOptions(values, reference)) session.logger.note(note);
  const outputs = nameOutputs(session, input);
  const inputs = inputPaths(input, reference, values.mask);
  for (const path of inputs) await sizeOfInput(path);
  const dryRun = values.dryRun === true;
  if (!dryRun) {
    if (outputs.processing !== undefined) await makeFolder(outputs.processing.folder, '-op');
    await checkOutputs(pathsOf(outputs), inputs);
  }
  const parameters = await parametersWithProfile(session, reference);

  const started = new Date();
  await withEngine(session, async (engine) => {
    const opened = performance.now();
    const { job, files } = await openJob(session, engine, input, reference, parameters);
    const readSeconds = (performance.now() - opened) / 1000;
    const context = {
      ...contextFor(session, engine),
      keepConfidence: outputs.processing?.confidence !== undefined,
    };
    if (dryRun) {
      printPlan(await planLocScale(job, context), session, '');
      return;
    }
    let plan: LocScalePlan | undefined;
    const result = await runLocScale(job, {
      ...context,
      onPlan: (known) => {
        plan = known;
        printPlan(known, session, '  ');
      },
    });
    session.progress.clear();
    const timings = { ...result.timings, read: (result.timings.read ?? 0) + readSeconds };
    const written = await writeResult(session, engine, { ...result, timings }, outputs, {
      files,
      started,
      parameters,
      plan: plan as LocScalePlan,
    });
    report(session, result, timings, written);
  });
}

function nameOutputs(session: Session, input: InputFiles): OutputNames {
  const { values } = session.parsed;
  const scaled = chooseOutfile(values, 'scale');
  const stem = stemOf(scaled);
  const folder = values.outputProcessingFiles;
  const inFolder = (name: string): string => join(folder as string, `${basename(stem)}_${name}`);
  return {
    scaled,
    manifest: `${stem}.json`,
    ...(values.measureBfactors === true
      ? { bFactor: `${stem}_bfactor.mrc`, quality: `${stem}_quality.mrc` }
      : {}),
    ...(folder === undefined
      ? {}
      : {
          processing: {
            folder,
            mask: inFolder('mask.mrc'),
            ...(values.mask === undefined ? { confidence: inFolder('confidence.mrc') } : {}),
            ...(input.kind === 'half-maps' ? { fsc: inFolder('fsc.json') } : {}),
          },
        }),
  };
}

function pathsOf(outputs: OutputNames): string[] {
  const { scaled, bFactor, quality, processing, manifest } = outputs;
  return [
    scaled,
    bFactor,
    quality,
    processing?.mask,
    processing?.confidence,
    processing?.fsc,
    manifest,
  ].filter((path) => path !== undefined);
}

function inputPaths(input: InputFiles, reference: ReferenceFiles, mask: string | undefined): string[] {
  return [
    ...(input.kind === 'map' ? [input.map] : [input.half1, input.half2]),
    ...(mask === undefined ? [] : [mask]),
    ...(reference.kind === 'none' ? [] : [reference.map]),
    ...(reference.kind === 'hybrid-map' ? [reference.differenceMask] : []),
    ...(reference.kind === 'hybrid-map' || reference.kind === 'pseudo-model-map' ? [reference.profile] : []),
  ];
}

async function parametersWithProfile(
  session: Session,
  reference: ReferenceFiles,
): Promise<LocScaleParameters> {
  const parameters = parametersOf(session.parsed.values);
  if (reference.kind === 'model-map' || reference.kind === 'none') return parameters;
  return {
    ...parameters,
    theoreticalProfile: parseProfile(await readFile(reference.profile, 'utf8'), reference.profile),
  };
}

/** {"frequency": [1/angstrom, ascending], "amplitude": [positive]} */
export function parseProfile(
  text: string,
  path: string,
): NonNullable<LocScaleParameters['theoreticalProfile']> {
  const wrong = (what: string, cause?: unknown): LocScaleError =>
    new LocScaleError('bad-input', `The profile ${path} ${what}.`, {
      where: path,
      hint: 'It must be JSON: {"frequency": [ascending, 1/angstrom], "amplitude": [positive numbers]}.',
      ...(cause === undefined ? {} : { cause }),
    });
  let parsed: { frequency?: unknown; amplitude?: unknown } | null;
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch (cause) {
    throw wrong('is not JSON', cause);
  }
  const { frequency, amplitude } = parsed ?? {};
  const isNumbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((value) => Number.isFinite(value));
  if (!isNumbers(frequency) || !isNumbers(amplitude))
    throw wrong('lacks the lists "frequency" and "amplitude" of numbers');
  if (frequency.length !== amplitude.length || frequency.length < 2)
    throw wrong(`has ${frequency.length} frequencies and ${amplitude.length} amplitudes`);
  if (frequency.some((value, i) => i > 0 && value <= frequency[i - 1]))
    throw wrong('has frequencies that do not ascend');
  if (amplitude.some((value) => value <= 0)) throw wrong('has amplitudes that are not positive');
  return { frequency, amplitude };
}

async function openJob(
  session: Session,
  engine: Engine,
  input: InputFiles,
  reference: ReferenceFiles,
  parameters: LocScaleParameters,
): Promise<{ job: LocScaleJob; files: InputFile[] }> {
  const { values } = session.parsed;
  const files: InputFile[] = [];
  const options = (role: string): OpenOptions => ({
    role,
    allocate: (voxels) => engine.allocateHost(voxels),
    voxelSizeOverride: values.apix,
    onWarning: (message) => session.logger.warn(message),
    signal: session.signal,
  });
  const open = async (path: string, role: string): Promise<MapImage> => {
    session.logger.line(`Reading ${path}`);
    const { image, file } = await openMap(path, options(role));
    files.push(file);
    return image;
  };
  // Their voxels are read when their step begins: until then the half maps and their spectra need the memory.
  const openLater = async (path: string, role: string, more: Partial<OpenOptions> = {}): Promise<MapSource> =>
    openMapLater(
      path,
      { ...options(role), ...more },
      {
        onReading: () => session.logger.line(`Reading ${path}`),
        onRead: (file) => files.push(file),
      },
    );
  const inputMaps: LocScaleJob['input'] =
    input.kind === 'map'
      ? { kind: 'map', map: await open(input.map, 'map') }
      : {
          kind: 'half-maps',
          half1: await open(input.half1, 'half map 1'),
          half2: await open(input.half2, 'half map 2'),
        };
  const mask = values.mask === undefined ? undefined : await openLater(values.mask, 'mask', { kind: 'mask' });
  let choice: ReferenceChoice = { kind: 'none' };
  if (reference.kind === 'hybrid-map') {
    const map = await openLater(reference.map, 'reference map');
    choice = {
      kind: 'hybrid-map',
      map,
      differenceMask: await openLater(reference.differenceMask, 'difference mask', {
        kind: 'mask',
        allowAllZero: true,
      }),
    };
  } else if (reference.kind !== 'none') {
    choice = { kind: reference.kind, map: await openLater(reference.map, 'reference map') };
  }
  return {
    job: { input: inputMaps, ...(mask === undefined ? {} : { mask }), reference: choice, parameters },
    files,
  };
}

/** Prints the plan; a need beyond the limit is told before the long step, not by a failure in it. */
function printPlan(plan: LocScalePlan, session: Session, indent: string): void {
  for (const line of planLines(plan)) session.logger.line(`${indent}${line}`);
  const limit = plan.memoryLimitBytes;
  if (limit !== undefined && plan.peakBytes > limit) {
    session.logger.warn(
      `The run needs about ${formatBytes(plan.peakBytes)} (step ${plan.peakStep}), more than the limit of ${formatBytes(limit)}.`,
    );
  }
}

function planLines(plan: LocScalePlan): string[] {
  const { numbers, memoryLimitBytes } = plan;
  const limit = memoryLimitBytes === undefined ? '' : `, limit ${formatBytes(memoryLimitBytes)}`;
  return [
    `Mode: ${plan.mode}`,
    `Map: ${describeShape(numbers.shape)} voxels of ${Number(numbers.voxelSize.toFixed(5))} A; resolution for scaling ${numbers.fscCutoff.toFixed(2)} A (${numbers.fscCutoffSource})`,
    `Mask: ${numbers.maskVoxels} voxels, ${Math.round(numbers.molecularVolume)} A^3, about ${numbers.atoms} atoms; Wilson cut-off ${numbers.wilsonCutoff.toFixed(2)} A`,
    `Window: ${numbers.windowVoxels} voxels (${numbers.windowAngstrom.toFixed(1)} A)`,
    `Memory: ${formatBytes(plan.peakBytes)} in step ${plan.peakStep} (scaling: ${formatBytes(plan.volumeBytes)} of maps, ${formatBytes(plan.workingBytes)} working)${limit}`,
    `Expected time for scaling: ${formatSeconds(plan.seconds)} on ${plan.engine}`,
  ];
}

interface RunRecord {
  readonly files: readonly InputFile[];
  readonly started: Date;
  readonly parameters: LocScaleParameters;
  readonly plan: LocScalePlan;
}

/** All maps and the manifest under temporary names first, then renamed together. */
async function writeResult(
  session: Session,
  engine: Engine,
  result: LocScaleResult,
  outputs: OutputNames,
  record: RunRecord,
): Promise<string[]> {
  const version = packageVersion();
  const label = `locscale-gpu ${version}: local scaling`;
  const begun = performance.now();
  const staged = new StagedOutputs();
  const stageMap = async (path: string | undefined, volume: Volume | undefined): Promise<void> => {
    if (path === undefined || volume === undefined) return;
    const image = await imageOf(engine, volume, path, result);
    await staged.stage(path, writeMrc(image, { label }));
    engine.release(volume);
  };
  try {
    session.logger.line('Writing the results');
    await stageMap(outputs.scaled, result.scaled);
    await stageMap(outputs.bFactor, result.bFactor);
    await stageMap(outputs.quality, result.quality);
    await stageMap(outputs.processing?.mask, result.mask);
    await stageMap(outputs.processing?.confidence, result.confidence);
    if (outputs.processing?.fsc !== undefined)
      await staged.stage(outputs.processing.fsc, `${JSON.stringify(result.fsc, null, 2)}\n`);
    const seconds = { ...result.timings, write: (performance.now() - begun) / 1000 };
    await staged.stage(
      outputs.manifest,
      encodeManifest({
        version,
        command: ['locscale-gpu', ...session.argv],
        started: record.started.toISOString(),
        mode: record.plan.mode,
        engine: engine.description,
        inputs: record.files,
        parameters: parametersInUse(session, record, result),
        numbers: result.numbers,
        ...(result.fsc === undefined ? {} : { fsc: result.fsc }),
        secondsPerStep: seconds,
        outputs: pathsOf(outputs).filter((path) => path !== outputs.manifest),
        warnings: result.warnings,
      }),
    );
    if (session.signal.aborted) throw new LocScaleError('aborted', 'The run was stopped.');
    return await staged.commit();
  } finally {
    staged.discard();
  }
}

/** Parameters with what was derived filled in, and the options that steer the run but not the method. */
function parametersInUse(
  session: Session,
  { parameters, plan }: RunRecord,
  result: LocScaleResult,
): Record<string, unknown> {
  const { values } = session.parsed;
  return {
    ...parameters,
    windowVoxels: result.numbers.windowVoxels,
    resolution: result.numbers.fscCutoff,
    ...(values.apix === undefined ? {} : { voxelSizeOverride: values.apix }),
    symmetry: 'C1',
    engine: values.engine ?? 'auto',
    threads: values.processes ?? 'all cores',
    memoryLimitBytes: plan.memoryLimitBytes ?? null,
  };
}

function report(
  session: Session,
  result: LocScaleResult,
  timings: Readonly<Record<string, number>>,
  written: readonly string[],
): void {
  const steps = Object.entries(timings).map(([step, seconds]) => `${step} ${formatSeconds(seconds)}`);
  session.logger.line(`Scaled ${result.numbers.maskVoxels} voxels (${steps.join(', ')}).`);
  for (const path of written) session.logger.line(`Wrote ${path}`);
}
