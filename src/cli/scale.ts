/** The main command: maps in, locally scaled map out, on the grid of the input. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Engine } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import { planLocScale, runLocScale } from '../pipeline/index.ts';
import type {
  LocScaleJob,
  LocScaleParameters,
  LocScalePlan,
  LocScaleResult,
  ReferenceChoice,
} from '../pipeline/types.ts';
import type { ReferencePredictor } from '../reference/network/model.ts';
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
import { stemOf } from './manifest.ts';
import { chooseNetwork, networkRecordOf, withPredictor } from './network.ts';
import { inputPathsOf, openInputs } from './open-inputs.ts';
import { type InputFile, sizeOfInput } from './open-map.ts';
import { printPlan } from './print-plan.ts';
import { formatSeconds } from './progress.ts';
import { contextFor, type Session, withEngine } from './session.ts';
import { checkOutputs, makeFolder } from './write-file.ts';
import { type RunOutputs, writeRun } from './write-run.ts';

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
    readonly reference?: string;
  };
}

export async function runScale(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0);
  const input = chooseInput(values);
  const reference = chooseReference(values);
  checkCombinations(values, input);
  for (const note of ineffectiveOptions(values, reference)) session.logger.note(note);
  const outputs = nameOutputs(session, input, reference);
  const inputs = inputPaths(input, reference, values.mask);
  for (const path of inputs) await sizeOfInput(path);
  const dryRun = values.dryRun === true;
  if (!dryRun) {
    if (outputs.processing !== undefined) await makeFolder(outputs.processing.folder, '-op');
    await checkOutputs(pathsOf(outputs), inputs);
  }
  const parameters = await parametersWithProfile(session, reference);
  const network = reference.kind === 'network' ? await chooseNetwork(session) : undefined;

  const started = new Date();
  await withEngine(session, async (engine) => {
    await withPredictor(session, network, { monteCarlo: false, enhanced: false }, async (predictor) => {
      const opened = performance.now();
      const { job, files } = await openJob(session, engine, input, reference, parameters, predictor);
      const readSeconds = (performance.now() - opened) / 1000;
      const context = {
        ...contextFor(session, engine),
        keepConfidence: outputs.processing?.confidence !== undefined,
        keepReference: outputs.processing?.reference !== undefined,
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
      const written = await writeRun(session, engine, { ...result, timings }, filesOf(outputs, result), {
        files,
        started,
        parameters,
        plan: plan as LocScalePlan,
        ...networkRecordOf(predictor, result.prediction),
      });
      report(session, result, timings, written);
    });
  });
}

/** What goes into which file. */
function filesOf(outputs: OutputNames, result: LocScaleResult): RunOutputs {
  const { processing } = outputs;
  return {
    maps: [
      { path: outputs.scaled, volume: result.scaled, label: 'local scaling' },
      { path: outputs.bFactor, volume: result.bFactor, label: 'local B factor, A^2' },
      { path: outputs.quality, volume: result.quality, label: 'quality of the B-factor fit' },
      { path: processing?.mask, volume: result.mask, label: 'mask' },
      { path: processing?.confidence, volume: result.confidence, label: 'FDR confidence' },
      { path: processing?.reference, volume: result.reference, label: 'predicted reference' },
    ],
    texts: [{ path: processing?.fsc, text: `${JSON.stringify(result.fsc, null, 2)}\n` }],
    manifest: outputs.manifest,
  };
}

function nameOutputs(session: Session, input: InputFiles, reference: ReferenceFiles): OutputNames {
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
            ...(reference.kind === 'network' ? { reference: inFolder('predicted_reference.mrc') } : {}),
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
    processing?.reference,
    manifest,
  ].filter((path) => path !== undefined);
}

function inputPaths(input: InputFiles, reference: ReferenceFiles, mask: string | undefined): string[] {
  return [
    ...inputPathsOf(input, mask),
    ...(reference.kind === 'none' || reference.kind === 'network' ? [] : [reference.map]),
    ...(reference.kind === 'hybrid-map' ? [reference.differenceMask] : []),
    ...(reference.kind === 'hybrid-map' || reference.kind === 'pseudo-model-map' ? [reference.profile] : []),
  ];
}

async function parametersWithProfile(
  session: Session,
  reference: ReferenceFiles,
): Promise<LocScaleParameters> {
  const parameters = parametersOf(session.parsed.values, reference.kind === 'network');
  if (reference.kind !== 'pseudo-model-map' && reference.kind !== 'hybrid-map') return parameters;
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
  predictor: ReferencePredictor | undefined,
): Promise<{ job: LocScaleJob; files: InputFile[] }> {
  const opened = await openInputs(session, engine, input);
  const { openLater, files, mask } = opened;
  let choice: ReferenceChoice = { kind: 'none' };
  if (reference.kind === 'network') {
    choice = { kind: 'network', predictor: predictor as ReferencePredictor };
  } else if (reference.kind === 'hybrid-map') {
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
    job: { input: opened.input, ...(mask === undefined ? {} : { mask }), reference: choice, parameters },
    files,
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
