/**
 * What the app's computing process answers. A run is one of the command line, with its files, its record and
 * its report; of its volumes those are kept that the page shows.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { OutputPlan } from '../cli/outputs.ts';
import { allPathsOf } from '../cli/outputs.ts';
import { parseArgv } from '../cli/parse-argv.ts';
import { type MapRun, outputsOf, runMapCommand } from '../cli/run-command.ts';
import { scaleRun } from '../cli/scale.ts';
import { memoryLimitOf, type Session, threadsOf, vulkanLoaderFromEnvironment } from '../cli/session.ts';
import type { Engine, Volume } from '../engine/engine.ts';
import { checkOutputs } from '../files/check-outputs.ts';
import { fileExists, openMapFile, readMapFile, readModelFile } from '../files/read-files.ts';
import { adapterName, listAdapters } from '../gpu/adapters.ts';
import type { LocScaleJob, LocScaleResult } from '../index.ts';
import { gibibytes } from '../math/bytes.ts';
import { coreCount, hasSharedMemory, loadGpu, totalMemoryBytes } from '../platform/index.ts';
import type { LibraryOutput } from '../platform/library-output.ts';
import type { ReportData } from '../report/report-data.ts';
import type { RunRecord } from '../report/run-record.ts';
import { openMaps, planFromHeaders } from '../screens/plan.ts';
import type {
  FileContents,
  Machine,
  OutputFile,
  Plan,
  Requests,
  RunEvent,
  RunSummary,
  ViewData,
} from '../screens/protocol.ts';
import {
  contentsOfMap,
  contentsOfModel,
  isAtomicModelName,
  previewOf,
  type ShownMaps,
  sectionsOf,
} from '../screens/shown.ts';
import { coloursOf, summaryOf } from '../screens/summary.ts';
import { viewOf } from '../screens/view.ts';
import { commandLineOf, type PathJob } from './job.ts';
import { RootFolder, WEIGHTS } from './root-folder.ts';

type ScaleRun = MapRun<LocScaleJob, LocScaleResult>;

/** Where events go, and what all runs share. */
export interface ComputeOptions {
  /** Events of the run, for all pages that listen. */
  readonly notify: (event: RunEvent) => void;
  /** Standard error of native libraries, whose messages would mix with the log. */
  readonly libraries: LibraryOutput;
  /** Of every run. */
  readonly runOptions: readonly string[];
}

/** Of a run that has come to its report. */
interface Found {
  /** Figures of the report; its crop is that of the page's sections. */
  readonly reportData: ReportData;
  /** What the page shows of numbers. */
  readonly result: Pick<LocScaleResult, 'numbers' | 'fsc'>;
  /** Downloaded maps: the engine is gone once the run has ended. */
  readonly shown: ShownMaps;
}

/** One run at a time; the maps of the last one stay in memory for the page's views. */
export class Compute {
  /** The same for all runs of the process. */
  private readonly options: ComputeOptions;
  /** Undefined while no run is under way. */
  private abort: AbortController | undefined;
  /** Maps of the last run that came to a result; freed when the next begins. */
  private shown: ShownMaps | undefined;

  constructor(options: ComputeOptions) {
    this.options = options;
  }

  /** A plan is no run: plans may be computed meanwhile. */
  get isRunning(): boolean {
    return this.abort !== undefined;
  }

  /** Nothing happens where no run is under way. */
  cancel(): void {
    this.abort?.abort();
  }

  /** Cores, memory and GPU of this machine, not of the browser's. */
  async probe(): Promise<Machine> {
    return {
      isolated: hasSharedMemory,
      cores: coreCount(),
      memoryBytes: totalMemoryBytes(),
      gpu: await this.probeGpu(),
    };
  }

  /** Drivers print while they are loaded: the output is held back. */
  private async probeGpu(): Promise<Machine['gpu']> {
    await this.options.libraries.hold();
    const entry = await loadGpu(vulkanLoaderFromEnvironment());
    if ('reason' in entry) return entry;
    const { adapters } = await listAdapters(entry);
    const best = adapters.find(({ kind }) => kind === 'hardware') ?? adapters[0];
    if (best === undefined) return { reason: 'no GPU found' };
    return { name: adapterName(best), usable: best.kind === 'hardware' };
  }

  /** Header and notes of a map, atoms and chains of a model, or what network the weights of a file are. */
  async inspect(path: string): Promise<FileContents> {
    if (WEIGHTS.test(path)) {
      const { pickNetwork } = await import('../network/store/read-networks.ts');
      const { readModels } = await import('../network/store/read-weights.ts');
      const { manifest } = await pickNetwork(readModels(path), path);
      return { kind: 'network', title: manifest.title, notes: [] };
    }
    if (isAtomicModelName(path)) return contentsOfModel(await readModelFile(path));
    const notes: string[] = [];
    return contentsOfMap(await openMapFile(path, { onWarning: (text) => notes.push(text) }), notes);
  }

  /** Reads the whole map; sections are through the middle of its box. */
  async preview(path: string): Promise<Requests['preview']['gives']> {
    return previewOf(basename(path), await readMapFile(path, { allowAllZero: true }));
  }

  /**
   * From headers. Unlike in a tab, a run that may not fit its memory is a warning: it takes less where it
   * can.
   */
  async plan(job: PathJob): Promise<Plan> {
    const { voxelSize } = job.settings;
    const maps = await openMaps(job.files, (path) =>
      openMapFile(path, { voxelSize, onWarning: () => undefined }),
    );
    const session = this.session(job, new AbortController().signal);
    const limitBytes = memoryLimitOf(session);
    const plan = planFromHeaders(job, maps, {
      threads: threadsOf(session) ?? coreCount(),
      limitBytes,
    });
    const files = await this.checkedOutputs(session, await scaleRun(session), job);
    const warnings = [...plan.warnings];
    if (plan.memoryBytes > limitBytes)
      warnings.push(
        `The run may need about ${gibibytes(plan.memoryBytes)}, more than the ` +
          `${gibibytes(limitBytes)} that it may take.`,
      );
    const [main] = allPathsOf(files);
    if (await fileExists(main))
      warnings.push(`${main} exists: it and the files next to it will be replaced.`);
    return { ...plan, warnings };
  }

  /** Files that cannot be written, are inputs, or lie elsewhere are errors. */
  private async checkedOutputs(
    session: Session,
    run: ScaleRun,
    job: PathJob,
  ): Promise<OutputPlan<LocScaleResult>> {
    const { outputs } = outputsOf(session, run);
    const root = await RootFolder.open('.');
    const all = allPathsOf(outputs);
    for (const path of [...all, ...(outputs.report === undefined ? [] : [outputs.report.folder])])
      await root.output(path.replaceAll('\\', '/'));
    await checkOutputs(all, Object.values(job.files) as string[]);
    return outputs;
  }

  /** Files, record and report as by the command line. Throws 'aborted' after `cancel`. */
  async run(job: PathJob): Promise<RunSummary> {
    this.shown = undefined;
    const abort = new AbortController();
    this.abort = abort;
    const begun = performance.now();
    const warnings: string[] = [];
    try {
      const session = this.session(job, abort.signal, warnings);
      const run = await scaleRun(session);
      const outputs = await this.checkedOutputs(session, run, job);
      let found: Found | undefined;
      await runMapCommand(
        session,
        this.watched(run, job, (last) => (found = last)),
      );
      if (found === undefined || outputs.record === undefined) throw new Error('The run has left no report.');
      const record = JSON.parse(await readFile(outputs.record, 'utf8')) as RunRecord;
      this.shown = found.shown;
      return summaryOf({
        engine: record.engine,
        mode: record.mode,
        seconds: (performance.now() - begun) / 1000,
        warnings,
        result: found.result,
        reportData: found.reportData,
        record,
        files: await writtenFiles(record, outputs),
      });
    } finally {
      this.abort = undefined;
    }
  }

  /** Three planes through a voxel of the last run's maps. */
  async sections(request: Requests['sections']['takes']): Promise<Requests['sections']['gives']> {
    return sectionsOf(this.last(), request);
  }

  /** Voxels and model for the surfaces. */
  view(): Promise<ViewData> {
    return viewOf(this.last());
  }

  /** Maps of the last run of this process. */
  private last(): ShownMaps {
    if (this.shown === undefined)
      throw new Error('The maps are not in memory any more; their files are where they were written.');
    return this.shown;
  }

  /** The run, with its plan and what it found passed on. */
  private watched(run: ScaleRun, { files: { model } }: PathJob, keep: (found: Found) => void): ScaleRun {
    const { notify } = this.options;
    return {
      ...run,
      run: (job, context) =>
        run.run(job, {
          ...context,
          onPlan: (plan) => {
            context.onPlan?.(plan);
            const { seconds, peakBytes, mode, numbers } = plan;
            const resolution = numbers.fscCutoffSource === 'nyquist' ? undefined : numbers.fscCutoff;
            notify({ kind: 'fsc', resolution });
            notify({ kind: 'planned', seconds, peakBytes, mode });
          },
        }),
      summarise(result, about) {
        const { report, ...summary } = run.summarise(result, about);
        const onData = async (reportData: ReportData): Promise<void> => {
          const { numbers, fsc } = result;
          keep({
            reportData,
            result: { numbers, fsc },
            shown: await shownOf(about.engine, result, reportData, model),
          });
        };
        return { ...summary, report: report && { ...report, onData } };
      },
    };
  }

  /** Of a command line that is not typed: what it would print goes to the page. */
  private session(job: PathJob, signal: AbortSignal, warnings: string[] = []): Session {
    const { notify, libraries, runOptions } = this.options;
    const argv = commandLineOf(job, runOptions);
    const warn = (message: string): void => {
      if (warnings.includes(message)) return;
      warnings.push(message);
      notify({ kind: 'warning', message });
    };
    return {
      parsed: parseArgv(argv),
      argv,
      signal,
      libraries,
      logger: {
        // Indented lines are details of the one before.
        line: (message) => {
          if (!message.startsWith(' ')) notify({ kind: 'step', name: '', message });
        },
        detail: () => undefined,
        warn,
        note: warn,
        error: ({ message }) => warn(message),
      },
      progress: {
        update: (name, done, total) => notify({ kind: 'progress', name, done, total }),
        clear: () => undefined,
      },
    };
  }
}

/** Downloads what the page shows before the engine is disposed of. The mask takes a byte per voxel. */
async function shownOf(
  engine: Engine,
  result: LocScaleResult,
  reportData: ReportData,
  model?: string,
): Promise<ShownMaps> {
  const mask = Uint8Array.from(await engine.download(result.mask), (value) => (value > 0.5 ? 1 : 0));
  const colours = [];
  for (const { name, volume, ...colour } of await coloursOf(engine, result)) {
    const voxels = await engine.download(volume);
    colours.push({ ...colour, file: name, voxels: async () => voxels });
  }
  return {
    grid: result.grid,
    crop: reportData.crop,
    before: await engine.download(result.map as Volume),
    after: await engine.download(result.scaled),
    colours,
    model: model === undefined ? undefined : new File([await readFile(model)], basename(model)),
    mask: async () => mask,
  };
}

/** The main map first, the record last. */
async function writtenFiles(record: RunRecord, outputs: OutputPlan<LocScaleResult>): Promise<OutputFile[]> {
  const descriptions = new Map(outputs.table.map((row) => [outputs.paths[row.key], row.description]));
  const paths = [...record.outputs, ...(outputs.record === undefined ? [] : [outputs.record])];
  return Promise.all(
    paths.map(async (path) => ({
      name: basename(path),
      what:
        descriptions.get(path) ??
        (path === outputs.record ? 'record: inputs, settings, numbers' : 'report: one page with all figures'),
      bytes: (await stat(path)).size,
    })),
  );
}
