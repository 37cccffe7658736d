/**
 * The files of a run. What a command may write is a table with one row a file (output-tables.ts); everything
 * that has to know about outputs reads it: names, checks before the run, what the pipeline must keep,
 * writing, record, report, the nodes of a RELION job, and docs/outputs.md.
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

/** Known before the run; decides which files there will be. */
export interface RunFacts {
  readonly values: OptionValues;
  /** Path of the main output. */
  readonly outfile: string;
  readonly input: InputFiles;
  /** In commands that take a reference. */
  readonly reference?: ReferenceFiles['kind'];
  /** In runs of scaling. */
  readonly scaling?: ScalingName;
}

/** What the pipeline leaves out of its result unless asked (`keepConfidence`, `auditSeed`). */
export type Keep = Partial<LocScaleContext>;

/** What the content of a file is made from. */
export interface Finished<R> {
  readonly result: R;
  readonly engine: Engine;
  readonly paths: OutputPaths;
  readonly facts: RunFacts;
}

/** By the keys of the rows; those that this run does not write are absent. */
type OutputPaths = Readonly<Record<string, string | undefined>>;

/** `shown`: by the report, written or not. */
export interface OutputRow<R> extends ShownMap<R> {
  readonly key: string;
  /** Behind the stem of -o ("_bfactor.mrc"), the main output itself (''), or a rule that gives the path. */
  readonly name: string | ((facts: RunFacts) => string);
  /** Written into the folder of -op, and only with it; else beside the main output. */
  readonly inProcessingFolder?: boolean;
  /** Default: always. `says`: the condition in docs/outputs.md. */
  readonly when?: { readonly test: (facts: RunFacts) => boolean; readonly says: string };
  readonly keep?: Keep | ((facts: RunFacts) => Keep);
  /** A map has a volume, absent where the run made none, and a label behind "locscale-gpu 1.0: ". */
  readonly label?: string | ((result: R) => string);
  /** What another file holds; undefined: there is nothing to write. */
  readonly content?: (finished: Finished<R>) => FileContent | undefined | Promise<FileContent | undefined>;
  /** What it is in RELION's pipeline. */
  readonly node?: NodeKind;
  /** For docs/outputs.md: what the file holds. */
  readonly says: string;
}

export type OutputTable<R> = readonly OutputRow<R>[];

/** The files of one run. */
export interface OutputPlan<R> {
  readonly table: OutputTable<R>;
  readonly paths: OutputPaths;
  /** Of the record, if there is one. */
  readonly record: string | undefined;
  readonly report: ReportFiles | undefined;
  /** Of -op. */
  readonly processingFolder: string | undefined;
}

export function planOutputs<R>(
  table: OutputTable<R>,
  facts: RunFacts,
  /** Its path, or whether there is one, beside the main output. */
  record: string | boolean,
): OutputPlan<R> {
  const { values, outfile } = facts;
  return {
    table,
    paths: Object.fromEntries(
      table.filter((row) => isWritten(row, facts)).map((row) => [row.key, pathOf(row, facts)]),
    ),
    record: recordPathOf(record, outfile),
    report: reportFilesOf(values, outfile),
    processingFolder: values.outputProcessingFiles,
  };
}

export function recordPathOf(record: string | boolean, outfile: string): string | undefined {
  if (typeof record === 'string') return record;
  return record ? `${stemOf(outfile)}.json` : undefined;
}

function isWritten<R>({ inProcessingFolder, when }: OutputRow<R>, facts: RunFacts): boolean {
  if (inProcessingFolder === true && facts.values.outputProcessingFiles === undefined) return false;
  return when === undefined || when.test(facts);
}

/** Where the file goes if it is written. */
export function pathOf<R>({ name, inProcessingFolder }: OutputRow<R>, facts: RunFacts): string {
  const { outfile, values } = facts;
  if (typeof name === 'function') return name(facts);
  if (name === '') return outfile;
  const beside = `${stemOf(outfile)}${name}`;
  const folder = values.outputProcessingFiles;
  return inProcessingFolder === true && folder !== undefined ? join(folder, basename(beside)) : beside;
}

/** Every path of the run, the folder of the report's pictures aside. */
export function allPathsOf({ paths, report, record }: OutputPlan<never>): string[] {
  return [...Object.values(paths), report?.page, record].filter((path) => path !== undefined);
}

/** What the pipeline must keep so that the files can be written and the report drawn. */
export function keepFor<R>({ table, paths, report }: OutputPlan<R>, facts: RunFacts): Keep {
  const keeps = table
    .filter(({ key }) => paths[key] !== undefined)
    .map(({ keep }) => (typeof keep === 'function' ? keep(facts) : keep));
  // A report shows the map before and the reference, whatever is written.
  const shown = report === undefined ? {} : { keepMap: true, keepReference: true };
  return Object.assign(shown, ...keeps) as Keep;
}
