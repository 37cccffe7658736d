/**
 * Writes the results of a run: all files and the record under temporary names, which are then renamed
 * together.
 */
import type { Engine } from '../engine/engine.ts';
import { stopIfAborted } from '../errors.ts';
import { type FileContent, StagedFiles } from '../files/staged-files.ts';
import { writeMrcHeaderLast } from '../formats/mrc.ts';
import type { LocScaleResult } from '../index.ts';
import { imageOf } from '../pipeline/write.ts';
import type { ReportData } from '../report/report-data.ts';
import type { InputFile } from '../report/run-record.ts';
import { encodeRecord, type RecordFields, recordOf } from './manifest.ts';
import type { OutputPlan, RunRequest } from './outputs.ts';
import { drawReport, type ReportRequest, withoutPictures } from './report.ts';
import type { Session } from './session.ts';
import { inOptions } from './spellings.ts';
import { packageVersion } from './version.ts';

/** Result common to all pipeline runs. */
export type RunResult = Pick<LocScaleResult, 'grid' | 'header' | 'timings' | 'warnings'>;

/** The part of the record supplied by the command. */
export type RecordPart = Omit<
  RecordFields,
  'version' | 'command' | 'started' | 'engine' | 'inputs' | 'secondsPerStep' | 'outputs' | 'warnings'
>;

/** A result with everything needed to write its files and its record. */
export interface FinishedRun<R> {
  readonly engine: Engine;
  readonly result: R;
  readonly outputs: OutputPlan<R>;
  readonly request: RunRequest;
  /** Input files read. */
  readonly files: readonly InputFile[];
  readonly started: Date;
  readonly record: RecordPart | undefined;
  /** With --print_report. */
  readonly report?: Omit<ReportRequest, 'files'>;
}

/** Characters of an MRC label, ASCII. */
const LABEL_CHARACTERS = 80;

/**
 * Writes all files of a run and returns their paths. Volumes are released as soon as they are encoded.
 * Nothing appears under its final name if any file fails, except that a failing report is left out.
 */
export async function writeRun<R extends RunResult>(
  session: Session,
  finished: FinishedRun<R>,
): Promise<string[]> {
  const { outputs, result } = finished;
  if (allAbsent(outputs)) return [];
  const begun = performance.now();
  const staged = new StagedFiles('-o');
  try {
    const report = outputs.report && finished.report && { ...finished.report, files: outputs.report };
    // The report needs volumes on the engine, which writing the maps releases.
    const looked = await collectForReport(session, report);
    session.logger.line('Writing the results');
    const written = await stageRows(finished, staged);
    if (outputs.record !== undefined) {
      const seconds = {
        ...result.timings,
        ...(looked && { report: looked.seconds }),
        write: (performance.now() - begun) / 1000,
      };
      const fields = fieldsOf(session, finished, seconds, written);
      // The page contains the record; the record then lists the page.
      const reported = looked && report && (await stageReport(session, staged, looked, fields, report));
      await staged.stage(outputs.record, encodeRecord(reported ? withReport(fields, report) : fields));
    }
    stopIfAborted(session.signal);
    return withoutPictures(await staged.commit(), report);
  } finally {
    staged.discard();
  }
}

/** The record's fields common to all commands. */
function fieldsOf<R extends RunResult>(
  { argv }: Session,
  { engine, result, files, started, record }: FinishedRun<R>,
  secondsPerStep: RecordFields['secondsPerStep'],
  outputs: readonly string[],
): RecordFields {
  const { mode, ...found } = record as RecordPart;
  // Commands without a record have no path for one, and do not get here.
  return {
    version: packageVersion(),
    command: ['locscale-gpu', ...argv],
    started: started.toISOString(),
    mode,
    engine: engine.description,
    inputs: files,
    ...found,
    secondsPerStep,
    outputs,
    warnings: result.warnings.map(inOptions),
  };
}

/** Whether no output path is set, as for commands that only print. */
function allAbsent<R>({ paths, record }: OutputPlan<R>): boolean {
  return record === undefined && Object.values(paths).every((path) => path === undefined);
}

/** Maps, then the other files, each in the order of the table; returns their paths. */
async function stageRows<R extends RunResult>(
  { outputs: { table, paths }, result, engine, request }: FinishedRun<R>,
  staged: StagedFiles,
): Promise<string[]> {
  const written: string[] = [];
  const rows = table.filter(({ key }) => paths[key] !== undefined);
  // Other files may need volumes, so they are encoded before these are released.
  const others: (readonly [path: string, content: FileContent])[] = [];
  for (const { key, content } of rows) {
    const made = await content?.({ result, engine, paths, request });
    if (made !== undefined) others.push([paths[key] as string, made]);
  }
  for (const { key, volume: volumeOf, label } of rows) {
    const path = paths[key] as string;
    const volume = volumeOf?.(result);
    if (volume === undefined) continue;
    const image = await imageOf(engine, volume, path, result);
    const words = typeof label === 'function' ? label(result) : label;
    const whole = `locscale-gpu ${packageVersion()}: ${words}`.slice(0, LABEL_CHARACTERS);
    // Nobody else writes to what was downloaded.
    await staged.stage(path, writeMrcHeaderLast(image, { label: whole, unchanging: true }));
    engine.release(volume);
    written.push(path);
  }
  for (const [path, content] of others) {
    await staged.stage(path, content);
    written.push(path);
  }
  return written;
}

/**
 * Gathers what the report shows. A failing report must not discard hours of computation: warn, and write the
 * maps anyway.
 */
async function collectForReport(
  session: Session,
  request: ReportRequest | undefined,
): Promise<{ reportData: ReportData; seconds: number } | undefined> {
  if (request === undefined) return undefined;
  session.logger.line('Looking through the maps for the report');
  const begun = performance.now();
  try {
    const { collectReportData } = await import('../report/collect.ts');
    const reportData = await collectReportData(request.run);
    await request.onData?.(reportData);
    return { reportData, seconds: (performance.now() - begun) / 1000 };
  } catch (error) {
    session.logger.warn(`The report was not written: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/**
 * Stages the page and its pictures. False if the report could not be written; a page without its pictures
 * counts as written.
 */
async function stageReport(
  session: Session,
  staged: StagedFiles,
  { reportData }: { readonly reportData: ReportData },
  fields: RecordFields,
  request: ReportRequest,
): Promise<boolean> {
  let hasPage = false;
  try {
    const drawn = await drawReport(reportData, recordOf(withReport(fields, request)), request);
    if (drawn.note !== undefined) session.logger.note(drawn.note);
    await staged.stage(request.files.page, drawn.page);
    hasPage = true;
    if (drawn.pictures.length > 0) await staged.makeFolder(request.files.folder);
    for (const { path, content } of drawn.pictures) await staged.stage(path, content);
  } catch (error) {
    const what = hasPage ? 'pictures of the report were' : 'report was';
    session.logger.warn(`The ${what} not written: ${error instanceof Error ? error.message : error}`);
  }
  return hasPage;
}

/** Adds the report to the record's outputs. */
function withReport(fields: RecordFields, report: ReportRequest | undefined): RecordFields {
  return report === undefined ? fields : { ...fields, outputs: [...fields.outputs, report.files.page] };
}
