/**
 * Runs a command that reads maps and writes files. The common steps are here, in order; a command supplies
 * its own parts (`MapRun`): inputs, table of outputs, job, and summary of the result.
 */
import { basename } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { checkOutputs } from '../files/check-outputs.ts';
import { type MapThread, readMapOnThread } from '../files/map-thread.ts';
import { readAhead } from '../files/read-ahead.ts';
import { sizeOfInput } from '../files/read-files.ts';
import { makeFolder } from '../files/staged-files.ts';
import type { LocScaleContext, LocScaleJob, LocScalePlan } from '../index.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import type { NetworkFiles } from '../network/run/network-graph.ts';
import type { ReferenceFiles } from '../options/effects.ts';
import { gridOf, runOfGrid } from '../pipeline/read-maps.ts';
import { createScaledWindows } from '../pipeline/scaled-windows.ts';
import type { SymmetryRequest } from '../pipeline/symmetrise.ts';
import type { MapMatch } from '../pipeline/types.ts';
import { isDeno } from '../platform/index.ts';
import type { RunToShow } from '../report/collect.ts';
import type { ReportKind } from '../report/page.ts';
import type { ReportData } from '../report/report-data.ts';
import type { ScalingName } from './choose-scaling.ts';
import type { InputFiles } from './job-options.ts';
import { inputPathsOf, type OpenedInputs, openInputs } from './open-inputs.ts';
import {
  allPathsOf,
  keepFor,
  type OutputPlan,
  type OutputTable,
  planOutputs,
  type RunRequest,
} from './outputs.ts';
import { printPlan, type ShortPlan } from './print-plan.ts';
import { checkReportNames } from './report.ts';
import { finishResume, intervalFromEnvironment, openResume } from './resume.ts';
import { contextFor, type Session, toleratesLoss, withEngine } from './session.ts';
import { symmetryRequestOf } from './symmetry-request.ts';
import { type RecordPart, type RunResult, writeRun } from './write-run.ts';

/** Inputs from which `open` builds the job. */
export interface Opened extends OpenedInputs {
  readonly predictor: ReferencePredictor | undefined;
  readonly symmetry: SymmetryRequest | undefined;
}

/** The run's network and its use. Both flags select among the graphs and outputs of the network. */
interface NetworkNeeded {
  readonly monteCarlo: boolean;
  /**
   * Returns the files of the network; nothing is loaded yet, so that errors in options and names appear
   * early.
   */
  readonly enhanced: boolean;
  choose(): Promise<NetworkFiles>;
  /** May drop the network once the maps are known. */
  settle?(network: NetworkFiles, input: LocScaleJob['input']): NetworkFiles | undefined;
}

/** What the record, the report and the last printed lines state about a result. */
export interface RunSummary {
  /** Present for every command that writes a record. */
  readonly record?: RecordPart;
  /** Present if the command offers a report. */
  readonly report?: {
    readonly kind: ReportKind;
    readonly run: RunToShow;
    readonly onData?: (data: ReportData) => Promise<void>;
  };
  readonly lines: readonly string[];
  /** Printed after the list of files written. */
  readonly advice?: readonly string[];
}

/** The run that produced a result. */
interface SummaryInputs<R> {
  readonly engine: Engine;
  readonly predictor: ReferencePredictor | undefined;
  readonly plan: LocScalePlan;
  readonly paths: OutputPlan<R>['paths'];
}

/** One run of a command whose command line has been checked, before anything is read. */
export interface MapRun<Job, R extends RunResult> {
  readonly outputs: OutputTable<R>;
  readonly outfile: string;
  /** Path of the record; default: next to the main output. False: none is written. */
  readonly record?: string | false;
  readonly input: InputFiles;
  /** Files read in addition to the maps and the mask. */
  readonly moreInputs?: readonly string[];
  /** Known kinds decide which files a run may write (output-tables.ts). */
  readonly reference?: ReferenceFiles['kind'];
  readonly scaling?: ScalingName;
  /** Options without effect in this run, one sentence each. */
  readonly notes?: readonly string[];
  /** Half maps are compared by their shells, whatever else. */
  readonly comparesHalves?: boolean;
  /** Reads small files, so that their errors are reported before maps are read. */
  readSmallFiles?(): Promise<void>;
  /** Present if the reference, or the result, is predicted. */
  readonly network?: NetworkNeeded;
  /** Builds the job from the opened maps. */
  open(opened: Opened, engine: Engine): Promise<Job>;
  /** For --dry_run, which executes nothing. A single-step command may give its mode instead. */
  plan: ((job: Job, context: LocScaleContext) => Promise<LocScalePlan | ShortPlan>) | string;
  /** Runs the pipeline; the volumes of the result stay on the engine until they are written. */
  run(job: Job, context: LocScaleContext): Promise<R>;
  /** `plan`: the pipeline's plan, if the run has one. */
  summarise(result: R, about: SummaryInputs<R>): RunSummary;
}

/**
 * The steps in order: checks, engine, network, inputs, plan or run, files, printed lines. Everything that can
 * fail without reading maps comes before them. Errors leave no output behind.
 */
export async function runMapCommand<Job, R extends RunResult>(
  session: Session,
  run: MapRun<Job, R>,
): Promise<void> {
  const { values } = session.parsed;
  for (const note of run.notes ?? []) session.logger.note(note);
  const { outfile, input } = run;
  const { request, outputs } = outputsOf(session, run);
  const dryRun = values.dryRun === true;
  await checkFiles(session, outputs, [...inputPathsOf(input, values.mask), ...(run.moreInputs ?? [])]);
  const symmetry = await symmetryRequestOf(values);
  await run.readSmallFiles?.();
  const network = await run.network?.choose();

  const checkpoints = dryRun ? undefined : await openResume(session, outfile);
  const scaledWindows = toleratesLoss(session) ? createScaledWindows(intervalFromEnvironment()) : undefined;
  const started = new Date();
  const early = readEarly(session, input);
  const body = async (engine: Engine): Promise<void> => {
    const maps = early?.take(engine);
    if (run.comparesHalves) maps?.[0].onGrid(({ shape }) => engine.expectHalfMaps?.(shape));
    const read = createStopwatch();
    const opened = await read.time(() => openInputs(session, engine, input, maps));
    await withNetwork(session, run.network, network, opened, async (predictor) => {
      const job = await read.time(() => run.open({ ...opened, predictor, symmetry }, engine));
      // What was done to fit maps onto the grid of the run, for the record.
      const matched: string[] = [];
      const context = {
        ...contextFor(session, engine),
        checkpoints,
        scaledWindows,
        ...keepFor(outputs, request),
        onMatch: ({ sentence }: MapMatch) => {
          matched.push(sentence);
          session.logger.line(`  ${sentence}`);
        },
      };
      if (dryRun) {
        const plan =
          typeof run.plan === 'string' ? shortPlan(run.plan, opened, context) : await run.plan(job, context);
        return printPlan(plan, session, '', allPathsOf(outputs));
      }
      let plan: LocScalePlan | undefined;
      const result = await run.run(job, {
        ...context,
        onPlan: (known) => {
          plan = known;
          // The plan of a run is printed when the pipeline knows it, just before its expensive steps.
          printPlan(known, session, '  ');
        },
      });
      session.progress.clear();
      const timings = { ...result.timings, read: (result.timings.read ?? 0) + read.seconds() };
      const timed = { ...result, timings };
      const { paths } = outputs;
      const summary = run.summarise(timed, { engine, predictor, plan: plan as LocScalePlan, paths });
      const written = await writeRun(session, {
        engine,
        result: timed,
        outputs,
        request,
        files: opened.files,
        started,
        record: summary.record && { ...summary.record, matched: matched.length === 0 ? undefined : matched },
        report: summary.report && { ...summary.report, title: basename(outfile) },
      });
      // Checkpoints have served their purpose once the results are on disk.
      await finishResume(checkpoints);
      for (const line of summary.lines) session.logger.line(line);
      for (const path of written) session.logger.line(`Wrote ${path}`);
      for (const line of summary.advice ?? []) session.logger.line(line);
    });
  };
  await withEngine(session, body, scaledWindows).finally(early?.stop);
}

/**
 * Looking for a GPU and opening it takes a while, in which the disk has nothing to do: maps are read on threads, or
 * files into the system's cache. The CPU engine reads into its own memory, with its cores: what was read until it is
 * chosen is then in the system's cache.
 */
function readEarly(session: Session, input: InputFiles) {
  const { engine, apix, dryRun } = session.parsed.values;
  if (engine === 'cpu') return undefined;
  const paths = inputPathsOf(input, undefined);
  // Deno hands memory over between threads slowly.
  const ahead = isDeno ? readAhead(paths) : undefined;
  let maps = isDeno
    ? undefined
    : paths.map((path) => readMapOnThread(path, { voxelSize: apix, hashed: dryRun !== true }));
  const stop = (): void => {
    ahead?.stop();
    for (const map of maps ?? []) map.stop();
    maps = undefined;
  };
  return {
    /** For its first engine only. */
    take(taker: Engine): MapThread[] | undefined {
      const taken = taker.name === 'gpu' ? maps : undefined;
      // Those that are taken are no longer this one's to stop.
      if (taken !== undefined) maps = undefined;
      stop();
      return taken;
    },
    stop,
  };
}

/** The files that a run writes. */
export function outputsOf<Job, R extends RunResult>(
  { parsed: { values } }: Pick<Session, 'parsed'>,
  { outputs, outfile, input, reference, scaling, record }: MapRun<Job, R>,
): { readonly request: RunRequest; readonly outputs: OutputPlan<R> } {
  const request: RunRequest = { values, outfile, input, reference, scaling };
  return { request, outputs: planOutputs(outputs, request, record ?? true) };
}

/** Plan of commands that need only the grid. */
function shortPlan(mode: string, inputs: OpenedInputs, context: LocScaleContext): ShortPlan {
  return { mode, grid: gridOf(inputs, runOfGrid(context)).grid };
}

/** Checks that inputs exist and outputs can be written, before anything is computed. */
async function checkFiles<R>(
  session: Session,
  outputs: OutputPlan<R>,
  inputs: readonly string[],
): Promise<void> {
  const { values } = session.parsed;
  for (const path of inputs) await sizeOfInput(path);
  if (values.dryRun === true) return;
  if (outputs.processingFolder !== undefined) await makeFolder(outputs.processingFolder, '-op');
  const namedBy = await checkReportNames(values, outputs.report);
  await checkOutputs(allPathsOf(outputs), inputs, (path) => namedBy[path] ?? '-o');
}

/** Opens the network around `body`. Network code is loaded only if the run uses a network. */
async function withNetwork(
  session: Session,
  needed: NetworkNeeded | undefined,
  network: NetworkFiles | undefined,
  { input }: OpenedInputs,
  body: (predictor: ReferencePredictor | undefined) => Promise<void>,
): Promise<void> {
  if (needed === undefined || network === undefined) return body(undefined);
  const settled = needed.settle === undefined ? network : needed.settle(network, input);
  const { withPredictor } = await import('./network.ts');
  return withPredictor(session, settled, needed, body);
}

/** Seconds spent in reading files, which the record lists as a step. */
function createStopwatch() {
  let total = 0;
  return {
    async time<T>(body: () => Promise<T>): Promise<T> {
      const begun = performance.now();
      const result = await body();
      total += (performance.now() - begun) / 1000;
      return result;
    },
    seconds: (): number => total,
  };
}
