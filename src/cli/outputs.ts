/**
 * The output files of a run. Each command has a table with one row per file (output-tables.ts), from which
 * everything about outputs follows: names, early checks, volumes that the pipeline must retain, writing,
 * record, report, nodes of a RELION job, and docs/outputs.md.
 */
import { basename, join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import type { FileContent } from '../files/staged-files.ts';
import type { NodeKind } from '../formats/relion-nodes.ts';
import type { LocScaleContext } from '../index.ts';
import type { ReferenceFiles } from '../options/effects.ts';
import type { OptionValues } from '../options/index.ts';
import type { ShownMap } from '../report/run-to-show.ts';
import type { ScalingName } from './choose-scaling.ts';
import type { InputFiles } from './job-options.ts';
import { stemOf } from './manifest.ts';
import { type ReportFiles, reportFilesOf } from './report.ts';

/** Known before the run; determines which files are written. */
export interface RunRequest {
  readonly values: OptionValues;
  /** Path of the main output. */
  readonly outfile: string;
  readonly input: InputFiles;
  /** In commands that take a reference. */
  readonly reference?: ReferenceFiles['kind'];
  /** In runs of scaling. */
  readonly scaling?: ScalingName;
}

/** Optional results that the pipeline includes on request (`keepConfidence`, `auditSeed`). */
export type Keep = Partial<LocScaleContext>;

/** Source of a file's content. */
export interface Finished<R> {
  readonly result: R;
  readonly engine: Engine;
  readonly paths: OutputPaths;
  readonly request: RunRequest;
}

/** Paths by row key, without files that this run does not write. */
type OutputPaths = Readonly<Record<string, string | undefined>>;

/** `shown`: in the report, whether or not it is written. */
export interface OutputRow<R> extends ShownMap<R> {
  readonly key: string;
  /**
   * Suffix after the stem of -o ("_bfactor.mrc"), '' for the main output, or a function that returns the
   * path.
   */
  readonly name: string | ((request: RunRequest) => string);
  /** Written to the folder of -op, and only with it; otherwise next to the main output. */
  readonly inProcessingFolder?: boolean;
  /** Default: always. `says`: wording of the condition in docs/outputs.md. */
  readonly when?: { readonly test: (request: RunRequest) => boolean; readonly description: string };
  readonly keep?: Keep | ((request: RunRequest) => Keep);
  /** A map's volume (undefined if the run made none), and its label after "locscale-gpu 1.0: ". */
  readonly label?: string | ((result: R) => string);
  /** Content of any other file; undefined if there is nothing to write. */
  readonly content?: (finished: Finished<R>) => FileContent | undefined | Promise<FileContent | undefined>;
  /** Node type in RELION's pipeline. */
  readonly node?: NodeKind;
  /** Description for docs/outputs.md. */
  readonly description: string;
}

/** In the order of writing; the first row is the main output, which appears last on disk. */
export type OutputTable<R> = readonly OutputRow<R>[];

/** The files of one run. */
export interface OutputPlan<R> {
  readonly table: OutputTable<R>;
  readonly paths: OutputPaths;
  /** Path of the record, if any. */
  readonly record: string | undefined;
  readonly report: ReportFiles | undefined;
  /** Folder of -op. */
  readonly processingFolder: string | undefined;
}

/** Determines all paths of a run before it starts, so that conflicts are found early. */
export function planOutputs<R>(
  table: OutputTable<R>,
  request: RunRequest,
  /** Path of the report, or whether there is one next to the main output. */
  record: string | boolean,
): OutputPlan<R> {
  const { values, outfile } = request;
  return {
    table,
    paths: Object.fromEntries(
      table.filter((row) => isWritten(row, request)).map((row) => [row.key, pathOf(row, request)]),
    ),
    record: recordPathOf(record, outfile),
    report: reportFilesOf(values, outfile),
    processingFolder: values.outputProcessingFiles,
  };
}

/** "out.json" for "out.mrc", unless the caller names the record or has none. */
export function recordPathOf(record: string | boolean, outfile: string): string | undefined {
  if (typeof record === 'string') return record;
  return record ? `${stemOf(outfile)}.json` : undefined;
}

/** Whether this run writes the row, as far as known before it starts. */
function isWritten<R>({ inProcessingFolder, when }: OutputRow<R>, request: RunRequest): boolean {
  if (inProcessingFolder === true && request.values.outputProcessingFiles === undefined) return false;
  return when === undefined || when.test(request);
}

/** Path of a file if it is written. */
export function pathOf<R>({ name, inProcessingFolder }: OutputRow<R>, request: RunRequest): string {
  const { outfile, values } = request;
  if (typeof name === 'function') return name(request);
  if (name === '') return outfile;
  const nextToMain = `${stemOf(outfile)}${name}`;
  const folder = values.outputProcessingFiles;
  return inProcessingFolder === true && folder !== undefined
    ? join(folder, basename(nextToMain))
    : nextToMain;
}

/** All paths of the run, except the report's folder of figures. */
export function allPathsOf({ paths, report, record }: OutputPlan<never>): string[] {
  return [...Object.values(paths), report?.page, record].filter((path) => path !== undefined);
}

/** Results that the pipeline must retain for the files and the report. */
export function keepFor<R>({ table, paths, report }: OutputPlan<R>, request: RunRequest): Keep {
  const keeps = table
    .filter(({ key }) => paths[key] !== undefined)
    .map(({ keep }) => (typeof keep === 'function' ? keep(request) : keep));
  // A report always shows the input map and the reference.
  const shown = report === undefined ? {} : { keepMap: true, keepReference: true };
  return Object.assign(shown, ...keeps) as Keep;
}
