/**
 * `locscale-gpu feature_enhance`: the network's mean map over Monte-Carlo passes (the output), the
 * baseline map it is compared with, the variance, pVDDT, and a ChimeraX file that shows them.
 */
import { basename, join, resolve } from 'node:path';
import type { ReferencePredictor } from '../network/graph/model.ts';
import { planFeatureEnhance, runFeatureEnhance } from '../pipeline/index.ts';
import { defaultMonteCarloPasses, defaultSeed } from '../pipeline/parameters.ts';
import type { FeatureEnhanceJob, FeatureEnhanceResult, LocScalePlan } from '../pipeline/types.ts';
import { chimeraxScript, PVDDT_PALETTE } from '../report/chimerax.ts';
import { enhancedNames } from './enhanced-names.ts';
import {
  checkCombinations,
  chooseInput,
  chooseOutfile,
  type InputFiles,
  ineffectiveOptions,
  parametersOf,
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
import { inputPathsOf, openInputs } from './open-inputs.ts';
import { sizeOfInput } from './open-map.ts';
import { printPlan } from './print-plan.ts';
import { formatSeconds } from './progress.ts';
import { checkReportNames, enhancementToShow, type ReportFiles, reportFilesOf } from './report.ts';
import { finishResume, openResume } from './resume.ts';
import { contextFor, type Session, withEngine } from './session.ts';
import { symmetryRequestOf } from './symmetry-request.ts';
import { checkOutputs, makeFolder } from './write-file.ts';
import { type RunOutputs, writeRun } from './write-run.ts';

interface OutputNames {
  readonly mean: string;
  readonly baseline: string;
  readonly variance?: string;
  readonly pvddt?: string;
  readonly scene: string;
  readonly manifest: string;
  readonly report?: ReportFiles;
  readonly localResolution?: LocalResolutionFiles;
  /** With -op. */
  readonly processing?: {
    readonly folder: string;
    readonly mask: string;
    readonly confidence?: string;
    readonly fsc?: string;
  };
}

export async function runFeatureEnhanceCommand(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0);
  const { downloadUnlessImported } = await import('./models.ts');
  if (values.download === true && values.emmapPath === undefined && values.halfmapPaths === undefined) {
    await downloadUnlessImported(session);
    session.logger.line('No map is given: nothing else is done.');
    return;
  }
  const input = chooseInput(values);
  checkCombinations(values, input);
  for (const note of ineffectiveOptions(values, { kind: 'network' }, 'feature_enhance'))
    session.logger.note(note);
  const monteCarlo =
    values.noMonteCarlo === true
      ? undefined
      : { passes: values.monteCarloIterations ?? defaultMonteCarloPasses, seed: values.seed ?? defaultSeed };
  const outputs = nameOutputs(session, input, monteCarlo !== undefined);
  const inputs = inputPathsOf(input, values.mask);
  for (const path of inputs) await sizeOfInput(path);
  const dryRun = values.dryRun === true;
  if (!dryRun) {
    if (outputs.processing !== undefined) await makeFolder(outputs.processing.folder, '-op');
    await checkOutputs(pathsOf(outputs), inputs, await checkReportNames(values, outputs.report));
  }
  const parameters = parametersOf(values, true);
  if (values.download === true) await downloadUnlessImported(session);
  const symmetry = await symmetryRequestOf(values);
  const network = await chooseNetwork(session);

  const checkpoints = dryRun ? undefined : await openResume(session, outputs.mean);
  const started = new Date();
  await withEngine(session, async (engine) => {
    await withPredictor(
      session,
      network,
      { monteCarlo: monteCarlo !== undefined, enhanced: true },
      async (opened) => {
        const predictor = opened as ReferencePredictor;
        const { input: maps, mask, files } = await openInputs(session, engine, input);
        const job: FeatureEnhanceJob = {
          input: maps,
          ...(mask === undefined ? {} : { mask }),
          predictor,
          ...(monteCarlo === undefined ? {} : { monteCarlo }),
          ...(symmetry === undefined ? {} : { symmetry }),
          ...(values.symmetriseOutput === undefined ? {} : { symmetriseOutput: values.symmetriseOutput }),
          parameters,
        };
        const context = contextFor(session, engine);
        if (dryRun) {
          printPlan(await planFeatureEnhance(job, context), session, '');
          return;
        }
        let plan: LocScalePlan | undefined;
        const result = await runFeatureEnhance(job, {
          ...context,
          ...(checkpoints === undefined ? {} : { checkpoints }),
          keepConfidence: outputs.processing?.confidence !== undefined,
          keepMap: outputs.report !== undefined,
          onPlan: (known) => {
            plan = known;
            printPlan(known, session, '  ');
          },
        });
        session.progress.clear();
        const written = await writeRun(session, engine, result, filesOf(outputs, result), {
          files,
          started,
          parameters,
          plan: plan as LocScalePlan,
          ...networkRecordOf(predictor, result.prediction, monteCarlo?.seed),
          ...(outputs.report === undefined
            ? {}
            : {
                report: {
                  files: outputs.report,
                  run: enhancementToShow(engine, result, parameters),
                  title: basename(outputs.mean),
                  kind: 'feature_enhance',
                },
              }),
        });
        await finishResume(checkpoints);
        report(session, result, outputs, written);
      },
    );
  });
}

function nameOutputs(session: Session, input: InputFiles, monteCarlo: boolean): OutputNames {
  const { values } = session.parsed;
  const outfile = chooseOutfile(values, 'feature_enhance');
  const { mean, baseline, variance, pvddt } = enhancedNames(values, outfile);
  const stem = stemOf(outfile);
  const folder = values.outputProcessingFiles;
  const localResolution = localResolutionFilesOf(values, outfile);
  const inFolder = (name: string): string => join(folder as string, `${basename(stem)}_${name}`);
  const report = reportFilesOf(values, outfile);
  return {
    ...(report === undefined ? {} : { report }),
    mean,
    baseline,
    ...(monteCarlo ? { variance, pvddt } : {}),
    scene: `${stem}.cxc`,
    manifest: `${stem}.json`,
    ...(localResolution === undefined ? {} : { localResolution }),
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

function pathsOf({ processing, report, localResolution, ...own }: OutputNames): string[] {
  const { mask, confidence, fsc } = processing ?? {};
  const resolved = Object.values(localResolution ?? {});
  return [...Object.values(own), ...resolved, report?.page, mask, confidence, fsc].filter(
    (path) => path !== undefined,
  );
}

/** What goes into which file. */
function filesOf(outputs: OutputNames, result: FeatureEnhanceResult): RunOutputs {
  const { processing } = outputs;
  const { numbers } = result;
  const volume = numbers.maskVoxels * numbers.voxelSize ** 3;
  const resolved = localResolutionOutputs(
    outputs.localResolution,
    result.localResolution,
    outputs.mean,
    volume,
  );
  return {
    maps: [
      ...resolved.maps,
      { path: outputs.mean, volume: result.mean, label: 'feature-enhanced map' },
      { path: outputs.baseline, volume: result.baseline, label: 'baseline: local scaling' },
      { path: outputs.variance, volume: result.variance, label: 'Monte-Carlo variance' },
      { path: outputs.pvddt, volume: result.pvddt, label: 'pVDDT' },
      { path: processing?.mask, volume: result.mask, label: 'mask' },
      { path: processing?.confidence, volume: result.confidence, label: 'FDR confidence' },
    ],
    texts: [
      ...resolved.texts,
      { path: outputs.scene, text: sceneOf(outputs, result) },
      { path: processing?.fsc, text: `${JSON.stringify(result.fsc, null, 2)}\n` },
    ],
    manifest: outputs.manifest,
  };
}

/** #1 enhanced map, #2 baseline, #3 pVDDT: LocScale's order. */
function sceneOf(outputs: OutputNames, { numbers }: FeatureEnhanceResult): string {
  const { pvddt } = outputs;
  return chimeraxScript(
    'Feature-enhanced map (#1) and baseline (#2)',
    [
      { path: resolve(outputs.mean), shown: true },
      { path: resolve(outputs.baseline), shown: true },
      ...(pvddt === undefined ? [] : [{ path: resolve(pvddt), shown: false }]),
    ],
    numbers.maskVoxels * numbers.voxelSize ** 3,
    pvddt === undefined
      ? undefined
      : {
          by: 3,
          palette: PVDDT_PALETTE,
          key: 'pVDDT (#3): red where the network added density, blue where it took it away, green where neither',
        },
  );
}

function report(
  session: Session,
  result: FeatureEnhanceResult,
  outputs: OutputNames,
  written: readonly string[],
): void {
  const steps = Object.entries(result.timings).map(([step, seconds]) => `${step} ${formatSeconds(seconds)}`);
  session.logger.line(
    `Enhanced from ${result.prediction.cubes} cubes x ${result.prediction.passes} passes (${steps.join(', ')}).`,
  );
  const { localResolution } = result.numbers;
  if (localResolution !== undefined) session.logger.line(describeLocalResolution(localResolution));
  for (const path of written) session.logger.line(`Wrote ${path}`);
  if (outputs.pvddt !== undefined)
    session.logger.line(
      `Read the enhanced map together with ${outputs.pvddt}: density with a pVDDT near 100 is the network's, not the data's.`,
    );
}
