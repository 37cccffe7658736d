/** The main command: maps in, locally scaled map out, on the grid of the input. */
import { basename, join } from 'node:path';
import { LocScaleError } from '../errors.ts';
import type { Structure } from '../formats/structure.ts';
import { writeMmcif } from '../formats/write-mmcif.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import { suitsVoxels, voxelsMisfit } from '../network/graph/suits.ts';
import type { NetworkFiles } from '../network/run/network-graph.ts';
import { planLocScale, runLocScale } from '../pipeline/index.ts';
import {
  defaultAveragingWindow,
  defaultPseudoAtoms,
  defaultRefinementCycles,
  defaultSeed,
} from '../pipeline/parameters.ts';
import type {
  LocScaleJob,
  LocScaleParameters,
  LocScalePlan,
  LocScaleResult,
  PseudoAtomSettings,
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
import {
  describeLocalResolution,
  type LocalResolutionFiles,
  localResolutionFilesOf,
  localResolutionOutputs,
} from './local-resolution.ts';
import { stemOf } from './manifest.ts';
import { chooseNetwork, networkRecordOf, withPredictor } from './network.ts';
import { inputPathsOf, type OpenedInputs, openInputs } from './open-inputs.ts';
import { type InputFile, readInput, sizeOfInput } from './open-map.ts';
import { openStructure } from './open-structure.ts';
import { printPlan } from './print-plan.ts';
import { formatSeconds } from './progress.ts';
import { checkReportNames, type ReportFiles, reportFilesOf, scaleToShow } from './report.ts';
import { finishResume, openResume } from './resume.ts';
import { sceneOfScaling } from './scene.ts';
import { contextFor, type Session, withEngine } from './session.ts';
import { symmetryRequestOf } from './symmetry-request.ts';
import { checkOutputs, makeFolder } from './write-file.ts';
import { type RunOutputs, writeRun } from './write-run.ts';

/** LocScale's numbers. */

interface OutputNames {
  readonly scaled: string;
  readonly scene: string;
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
    readonly differenceMask?: string;
    readonly audit: string;
  };
  /** The atoms that the reference was simulated from, with their B factors. */
  readonly model?: string;
  readonly report?: ReportFiles;
  readonly localResolution?: LocalResolutionFiles;
}

export async function runScale(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0);
  const input = chooseInput(values);
  const asked = chooseReference(values);
  checkCombinations(values, input);
  for (const note of ineffectiveOptions(values, asked)) session.logger.note(note);
  const outputs = nameOutputs(session, input, asked);
  const inputs = inputPaths(input, asked, values.mask, values.theoreticalProfile);
  for (const path of inputs) await sizeOfInput(path);
  const dryRun = values.dryRun === true;
  if (!dryRun) {
    if (outputs.processing !== undefined) await makeFolder(outputs.processing.folder, '-op');
    await checkOutputs(pathsOf(outputs), inputs, await checkReportNames(values, outputs.report));
  }
  const symmetry = await symmetryRequestOf(values);
  // What is wrong with the profile is said before maps are read.
  await parametersWithProfile(session, asked);
  const askedNetwork = asked.kind === 'network' ? await chooseNetwork(session) : undefined;

  const checkpoints = dryRun ? undefined : await openResume(session, outputs.scaled);
  const started = new Date();
  await withEngine(session, async (engine) => {
    const opened = performance.now();
    const maps = await openInputs(session, engine, input);
    const { reference, network } = withoutUnsuited(session, asked, askedNetwork, maps.input);
    const parameters = await parametersWithProfile(session, reference);
    const mapSeconds = (performance.now() - opened) / 1000;
    await withPredictor(session, network, { monteCarlo: false, enhanced: false }, async (predictor) => {
      const openedLast = performance.now();
      const opening = await openJob(session, maps, reference, parameters, predictor);
      const { files } = opening;
      const job: LocScaleJob = {
        ...opening.job,
        ...(symmetry === undefined ? {} : { symmetry }),
        ...(values.symmetriseOutput === undefined ? {} : { symmetriseOutput: values.symmetriseOutput }),
      };
      const readSeconds = mapSeconds + (performance.now() - openedLast) / 1000;
      const context = {
        ...contextFor(session, engine),
        ...(checkpoints === undefined ? {} : { checkpoints }),
        keepConfidence: outputs.processing?.confidence !== undefined,
        keepReference: outputs.processing?.reference !== undefined || outputs.report !== undefined,
        ...(outputs.processing === undefined ? {} : { auditSeed: values.seed ?? defaultSeed }),
        keepMap: outputs.report !== undefined,
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
      const scene = await sceneOfScaling(engine, result, {
        scaled: outputs.scaled,
        bFactor: outputs.bFactor,
        input: input.kind === 'map' ? input.map : undefined,
      });
      const contents = filesOf(outputs, result, scene);
      const written = await writeRun(session, engine, { ...result, timings }, contents, {
        files,
        started,
        parameters,
        plan: plan as LocScalePlan,
        ...networkRecordOf(predictor, result.prediction),
        ...(outputs.report === undefined
          ? {}
          : {
              report: {
                files: outputs.report,
                run: scaleToShow(engine, result, parameters),
                title: basename(outputs.scaled),
                kind: 'scale',
              },
            }),
        ...(result.model === undefined
          ? {}
          : {
              model: {
                atoms: result.model.structure.atoms.length,
                pseudoAtoms: result.model.pseudoAtoms,
                bFactors: result.model.bFactors,
                ...(result.model.referenceEnd === undefined
                  ? {}
                  : { referenceEnd: result.model.referenceEnd }),
              },
            }),
      });
      await finishResume(checkpoints);
      report(session, result, timings, written);
    });
  });
}

/** What goes into which file. */
function filesOf(outputs: OutputNames, result: LocScaleResult, scene: string): RunOutputs {
  const { processing } = outputs;
  const { numbers } = result;
  const volume = numbers.maskVoxels * numbers.voxelSize ** 3;
  const resolved = localResolutionOutputs(
    outputs.localResolution,
    result.localResolution,
    outputs.scaled,
    volume,
  );
  return {
    maps: [
      ...resolved.maps,
      { path: outputs.scaled, volume: result.scaled, label: 'local scaling' },
      { path: outputs.bFactor, volume: result.bFactor, label: 'local B factor, A^2' },
      { path: outputs.quality, volume: result.quality, label: 'quality of the B-factor fit' },
      { path: processing?.mask, volume: result.mask, label: 'mask' },
      { path: processing?.confidence, volume: result.confidence, label: 'FDR confidence' },
      { path: processing?.reference, volume: result.reference, label: 'reference' },
      { path: processing?.differenceMask, volume: result.differenceMask, label: 'difference mask' },
    ],
    texts: [
      ...resolved.texts,
      { path: outputs.scene, text: scene },
      {
        path: outputs.model,
        text: result.model === undefined ? '' : writeMmcif(result.model.structure),
      },
      { path: processing?.fsc, text: `${JSON.stringify(result.fsc, null, 2)}\n` },
      { path: processing?.audit, text: `${JSON.stringify(result.audit)}\n` },
    ],
    manifest: outputs.manifest,
  };
}

function nameOutputs(session: Session, input: InputFiles, reference: ReferenceFiles): OutputNames {
  const { values } = session.parsed;
  const scaled = chooseOutfile(values, 'scale');
  const stem = stemOf(scaled);
  const folder = values.outputProcessingFiles;
  const localResolution = localResolutionFilesOf(values, scaled);
  const inFolder = (name: string): string => join(folder as string, `${basename(stem)}_${name}`);
  const report = reportFilesOf(values, scaled);
  return {
    scaled,
    scene: `${stem}.cxc`,
    manifest: `${stem}.json`,
    ...(localResolution === undefined ? {} : { localResolution }),
    ...(report === undefined ? {} : { report }),
    ...(isSimulated(reference) && values.skipRefine !== true ? { model: `${stem}_model.cif` } : {}),
    ...(values.measureBfactors === true
      ? { bFactor: `${stem}_bfactor.mrc`, quality: `${stem}_quality.mrc` }
      : {}),
    ...(folder === undefined
      ? {}
      : {
          processing: {
            folder,
            mask: inFolder('mask.mrc'),
            audit: inFolder('profiles_audit.json'),
            ...(values.mask === undefined ? { confidence: inFolder('confidence.mrc') } : {}),
            ...(input.kind === 'half-maps' ? { fsc: inFolder('fsc.json') } : {}),
            ...(reference.kind === 'network' ? { reference: inFolder('predicted_reference.mrc') } : {}),
            ...(isSimulated(reference) ? { reference: inFolder('simulated_reference.mrc') } : {}),
            ...(reference.kind === 'hybrid-model' ? { differenceMask: inFolder('difference_mask.mrc') } : {}),
          },
        }),
  };
}

/** The reference is simulated from atoms. */
function isSimulated({ kind }: ReferenceFiles): boolean {
  return kind === 'atomic-model' || kind === 'hybrid-model' || kind === 'pseudo-model';
}

function pathsOf(outputs: OutputNames): string[] {
  const { scaled, scene, bFactor, quality, processing, model, report, manifest } = outputs;
  return [
    scaled,
    scene,
    report?.page,
    bFactor,
    quality,
    processing?.mask,
    processing?.confidence,
    processing?.fsc,
    processing?.reference,
    processing?.differenceMask,
    processing?.audit,
    model,
    manifest,
    ...Object.values(outputs.localResolution ?? {}),
  ].filter((path) => path !== undefined);
}

function inputPaths(
  input: InputFiles,
  reference: ReferenceFiles,
  mask: string | undefined,
  profile: string | undefined,
): string[] {
  return [
    ...inputPathsOf(input, mask),
    ...('map' in reference ? [reference.map] : []),
    ...('model' in reference ? [reference.model] : []),
    ...(reference.kind === 'hybrid-map' ? [reference.differenceMask] : []),
    ...(profile === undefined ? [] : [profile]),
  ];
}

async function parametersWithProfile(
  session: Session,
  reference: ReferenceFiles,
): Promise<LocScaleParameters> {
  const parameters = parametersOf(session.parsed.values, reference.kind === 'network');
  const path = session.parsed.values.theoreticalProfile;
  if (path === undefined) return parameters;
  return { ...parameters, theoreticalProfile: parseProfile((await readInput(path)).toString(), path) };
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

/** The reference the options ask for; maps stay in their files until they are needed. */
async function openReference(
  { parsed: { values } }: Session,
  reference: ReferenceFiles,
  predictor: ReferencePredictor | undefined,
  openLater: OpenedInputs['openLater'],
  readModel: (path: string) => Promise<Structure>,
): Promise<ReferenceChoice> {
  const refinementCycles = values.refmacIterations ?? defaultRefinementCycles;
  const pseudoAtoms: PseudoAtomSettings = {
    method: values.pseudomodelMethod ?? defaultPseudoAtoms.method,
    iterations: values.totalIterations ?? defaultPseudoAtoms.iterations,
    distanceAngstrom: values.distance ?? defaultPseudoAtoms.distanceAngstrom,
    seed: values.seed ?? defaultPseudoAtoms.seed,
  };
  switch (reference.kind) {
    case 'none':
      return { kind: 'none' };
    case 'network':
      return { kind: 'network', predictor: predictor as ReferencePredictor };
    case 'model-map':
    case 'pseudo-model-map':
      return { kind: reference.kind, map: await openLater(reference.map, 'reference map') };
    case 'hybrid-map': {
      const map = await openLater(reference.map, 'reference map');
      const mask = { kind: 'mask', allowAllZero: true } as const;
      return {
        kind: 'hybrid-map',
        map,
        differenceMask: await openLater(reference.differenceMask, 'difference mask', mask),
      };
    }
    case 'atomic-model':
      return {
        kind: 'atomic-model',
        structure: await readModel(reference.model),
        refinementCycles: values.skipRefine === true ? undefined : refinementCycles,
        theoreticalProfile: reference.theoreticalProfile,
      };
    case 'hybrid-model':
      return {
        kind: 'hybrid-model',
        structure: await readModel(reference.model),
        refinementCycles,
        pseudoAtoms,
        averagingWindow: values.averagingWindow ?? defaultAveragingWindow,
      };
    case 'pseudo-model':
      return { kind: 'pseudo-model', refinementCycles, pseudoAtoms };
  }
}

/** Options that only a run with a network has: with one of them, the network is the user's wish. */
const networkOptions = [
  'modelPath',
  'lowContextModel',
  'provider',
  'batchSize',
  'cubeSize',
  'stride',
  'modelResolution',
] as const;

/**
 * Voxels much coarser than the network's are not for it. Where nobody asked for a network, the run goes on without a
 * reference; else the pipeline refuses.
 */
function withoutUnsuited(
  { parsed: { values }, logger }: Session,
  reference: ReferenceFiles,
  network: NetworkFiles | undefined,
  input: LocScaleJob['input'],
): { reference: ReferenceFiles; network: NetworkFiles | undefined } {
  const { grid } = input.kind === 'map' ? input.map : input.half1;
  const voxelSize = Math.max(...grid.voxelSize);
  const wished = values.reference === 'network' || networkOptions.some((id) => values[id] !== undefined);
  if (network === undefined || wished || suitsVoxels(network.manifest, voxelSize))
    return { reference, network };
  logger.warn(
    `${voxelsMisfit(network.manifest, voxelSize)}. Windows are scaled to a constant B factor instead, as with --no_reference.`,
  );
  return { reference: { kind: 'none' }, network: undefined };
}

async function openJob(
  session: Session,
  opened: OpenedInputs,
  reference: ReferenceFiles,
  parameters: LocScaleParameters,
  predictor: ReferencePredictor | undefined,
): Promise<{ job: LocScaleJob; files: InputFile[] }> {
  const { openLater, files, mask } = opened;
  const readModel = async (path: string): Promise<Structure> => {
    session.logger.line(`Reading ${path}`);
    const { structure, file } = await openStructure(path, 'atomic model');
    files.push(file);
    return structure;
  };
  const choice = await openReference(session, reference, predictor, openLater, readModel);
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
  const { localResolution } = result.numbers;
  if (localResolution !== undefined) session.logger.line(describeLocalResolution(localResolution));
  for (const path of written) session.logger.line(`Wrote ${path}`);
}
