/** Writes what a run made: all maps and its record under temporary names first, then renamed together. */
import type { Engine, Volume } from '../engine/engine.ts';
import { stopIfAborted } from '../errors.ts';
import { writeMrc } from '../formats/mrc.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import { imageOf } from '../pipeline/index.ts';
import type { FscCurve, LocScaleNumbers, LocScaleParameters, LocScalePlan } from '../pipeline/types.ts';
import type { Findings } from '../report/findings.ts';
import {
  encodeManifest,
  type ManifestFields,
  type ModelRecord,
  manifestOf,
  type NetworkRecord,
} from './manifest.ts';
import type { InputFile } from './open-map.ts';
import { drawReport, findForReport, type ReportRequest, withoutPictures } from './report.ts';
import type { Session } from './session.ts';
import { packageVersion } from './version.ts';
import { StagedOutputs } from './write-file.ts';

/** What stands in the label of every map written: "locscale-gpu 1.0: LABEL". */
export interface OutputMap {
  readonly path: string | undefined;
  readonly volume: Volume | undefined;
  readonly label: string;
}

export interface RunRecord {
  readonly files: readonly InputFile[];
  readonly started: Date;
  readonly parameters: LocScaleParameters;
  readonly plan: LocScalePlan;
  readonly network?: NetworkRecord;
  readonly model?: ModelRecord;
  /** With --print_report. */
  readonly report?: ReportRequest;
}

export interface RunOutputs {
  readonly maps: readonly OutputMap[];
  /** Small files made from the results: path and content. */
  readonly texts: readonly { readonly path: string | undefined; readonly text: string }[];
  readonly manifest: string;
}

interface RunResult {
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly numbers: LocScaleNumbers;
  readonly fsc?: FscCurve;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** Returns the paths written. Volumes are released as soon as they are encoded. */
export async function writeRun(
  session: Session,
  engine: Engine,
  result: RunResult,
  { maps, texts, manifest }: RunOutputs,
  record: RunRecord,
): Promise<string[]> {
  const version = packageVersion();
  const begun = performance.now();
  const staged = new StagedOutputs();
  const written: string[] = [];
  try {
    const looked = await lookForReport(session, record.report);
    session.logger.line('Writing the results');
    for (const { path, volume, label } of maps) {
      if (path === undefined || volume === undefined) continue;
      const image = await imageOf(engine, volume, path, result);
      await staged.stage(path, writeMrc(image, { label: `locscale-gpu ${version}: ${label}` }));
      engine.release(volume);
      written.push(path);
    }
    for (const { path, text } of texts) {
      if (path === undefined) continue;
      await staged.stage(path, text);
      written.push(path);
    }
    const reportSeconds: Record<string, number> = looked === undefined ? {} : { report: looked.seconds };
    const seconds = { ...result.timings, ...reportSeconds, write: (performance.now() - begun) / 1000 };
    const fields: ManifestFields = {
      version,
      command: ['locscale-gpu', ...session.argv],
      started: record.started.toISOString(),
      mode: record.plan.mode,
      engine: engine.description,
      ...(record.network === undefined ? {} : { network: record.network }),
      ...(record.model === undefined ? {} : { model: record.model }),
      inputs: record.files,
      parameters: parametersInUse(session, record, result),
      numbers: result.numbers,
      ...(result.fsc === undefined ? {} : { fsc: result.fsc }),
      secondsPerStep: seconds,
      outputs: written,
      warnings: result.warnings,
    };
    const reported = looked !== undefined && (await stageReport(session, staged, looked, fields, record));
    await staged.stage(manifest, encodeManifest(reported ? withReport(fields, record) : fields));
    stopIfAborted(session.signal);
    return withoutPictures(await staged.commit(), record.report);
  } finally {
    staged.discard();
  }
}

/** Hours of computing are not lost to a picture: what goes wrong with a report is told, and the maps are written. */
async function lookForReport(
  session: Session,
  request: ReportRequest | undefined,
): Promise<{ findings: Findings; seconds: number } | undefined> {
  if (request === undefined) return undefined;
  session.logger.line('Looking through the maps for the report');
  const begun = performance.now();
  try {
    const findings = await findForReport(request.run);
    return { findings, seconds: (performance.now() - begun) / 1000 };
  } catch (error) {
    session.logger.warn(`The report was not written: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** False if there is no page after all. */
async function stageReport(
  session: Session,
  staged: StagedOutputs,
  { findings }: { readonly findings: Findings },
  fields: ManifestFields,
  record: RunRecord,
): Promise<boolean> {
  const request = record.report as ReportRequest;
  let hasPage = false;
  try {
    const drawn = await drawReport(findings, manifestOf(withReport(fields, record)), request);
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

function withReport(fields: ManifestFields, { report }: RunRecord): ManifestFields {
  return report === undefined ? fields : { ...fields, outputs: [...fields.outputs, report.files.page] };
}

/** Parameters with what was derived filled in, and the options that steer the run but not the method. */
function parametersInUse(
  session: Session,
  { parameters, plan }: RunRecord,
  result: RunResult,
): Record<string, unknown> {
  const { values } = session.parsed;
  return {
    ...parameters,
    windowVoxels: result.numbers.windowVoxels,
    resolution: result.numbers.fscCutoff,
    ...(values.apix === undefined ? {} : { voxelSizeOverride: values.apix }),
    symmetry: result.numbers.symmetry?.name ?? 'C1',
    engine: values.engine ?? 'auto',
    threads: values.processes ?? 'all cores',
    memoryLimitBytes: plan.memoryLimitBytes ?? null,
  };
}
