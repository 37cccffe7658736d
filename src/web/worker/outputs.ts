/** What a run leaves: files to save, numbers, and the parts of its report. */

import { mapStream, mapToBlob } from '../../browser/save.ts';
import type { Engine, Volume } from '../../engine/engine.ts';
import { writeMmcif } from '../../formats/write-mmcif.ts';
import { voxelCount } from '../../math/grid.ts';
import type { ReferencePredictor } from '../../network/graph/model.ts';
import { imageOf } from '../../pipeline/index.ts';
import type { LocScaleResult } from '../../pipeline/types.ts';
import { runtimeName } from '../../platform/index.ts';
import { collectReportData } from '../../report/collect.ts';
import { mapsOfScaling } from '../../report/maps-of-runs.ts';
import { renderReport } from '../../report/page.ts';
import { networkRecordOf, type RunRecord, recordOfScaling } from '../../report/run-record.ts';
import { scalingToShow } from '../../report/run-to-show.ts';
import { sceneOfScaledRun } from '../../report/scenes.ts';
import type { JobRequest, RunSummary } from '../../screens/protocol.ts';
import { hashOf } from '../../screens/settings.ts';
import type { Output, Shown } from '../../screens/shown.ts';
import { coloursOf, summaryOf } from '../../screens/summary.ts';
import { inPageWords } from '../../screens/words.ts';
import type { OpenedJob, ReadFile } from './open-job.ts';

/** All that a report and a record contain. */
interface FinishedRun {
  /** Still holds the volumes of the result. */
  readonly engine: Engine;
  /** Why this engine was chosen. */
  readonly reason: string;
  /** As sent by the page. */
  readonly request: JobRequest;
  /** Volumes on the engine, and numbers. */
  readonly result: LocScaleResult;
  /** Inputs, with their hashes. */
  readonly files: readonly ReadFile[];
  /** What was done to maps on other grids. */
  readonly matched: readonly string[];
  /** Wall clock, for the record. */
  readonly started: Date;
  /** By performance.now(). */
  readonly begun: number;
  /** Name of the mode, as in the plan. */
  readonly mode: string;
  /** Of the whole run. */
  readonly warnings: readonly string[];
  /** For its parameters. */
  readonly job: OpenedJob;
  /** Of runs with a network: its provider and manifest are recorded. */
  readonly predictor: ReferencePredictor | undefined;
}

/** The name that the command line gives, too. */
const STEM = 'locscale_output';
/** Scripts name the maps without a folder. */
const SCENE_NOTE = '# Save the maps next to this file, and open it from their folder.';

/** Maps are written when they are saved: only texts are made now. */
export async function finish(run: FinishedRun): Promise<{ shown: Shown; summary: RunSummary }> {
  const { engine, result, job, request } = run;
  const reportData = await collectReportData(
    scalingToShow(engine, mapsOfScaling, result, job.parameters.profileKind),
  );
  const maps = mapOutputs(engine, result);
  const bFactor = maps.find(({ name }) => name.endsWith('_bfactor.mrc'))?.name;
  const scene = await sceneOfScaledRun(engine, result, { scaled: maps[0].name, bFactor });
  const model = result.model && writeMmcif(result.model.structure);
  const texts = [
    textOutput(
      `${STEM}.cxc`,
      'opens the maps in ChimeraX, at a sensible level: save it next to them',
      `${SCENE_NOTE}\n${scene}`,
    ),
    ...(model === undefined
      ? []
      : [textOutput(`${STEM}_model.cif`, 'atoms of the reference, with B factors', model)]),
  ];
  const names = [...maps, ...texts].map(({ name }) => name);
  const record = recordOf(run, [...names, `${STEM}_report.html`]);
  const title = `${STEM}.mrc`;
  const report = await renderReport(reportData, record, { title, kind: 'scale', spell: inPageWords });
  const outputs: Output[] = [
    ...maps,
    ...texts,
    textOutput(`${STEM}_report.html`, 'report: one page with all figures', report.html),
    textOutput(`${STEM}.json`, 'record: inputs, settings, numbers', `${JSON.stringify(record, null, 2)}\n`),
  ];
  const before = await engine.download(result.map as Volume);
  const after = await engine.download(result.scaled);
  const shown: Shown = {
    grid: result.grid,
    crop: reportData.crop,
    before,
    after,
    colours: (await coloursOf(engine, result)).map(({ volume, name, ...colour }) => ({
      ...colour,
      file: STEM + name,
      voxels: () => engine.download(volume),
    })),
    model: request.files.model,
    outputs,
    mask: () => engine.download(result.mask),
    dispose: () => engine.dispose(),
  };
  const summary = summaryOf({
    engine: engine.description,
    mode: run.mode,
    seconds: (performance.now() - run.begun) / 1000,
    warnings: run.warnings,
    result,
    reportData,
    record,
    files: outputs.map(({ name, what, bytes }) => ({ name, what, bytes })),
  });
  return { shown, summary };
}

/** `what`: one line for the list of files. */
function textOutput(name: string, what: string, text: string): Output {
  const file = new Blob([text], { type: 'text/plain' });
  return { name, what, bytes: file.size, blob: async () => file, stream: async () => file.stream() };
}

/** MRC, 1024 bytes of header, mode 2: the size is known before a voxel is read back. */
function mapOutputs(engine: Engine, result: LocScaleResult): Output[] {
  const { grid, header } = result;
  const bytes = 1024 + header.extended.length + 4 * voxelCount(grid.shape);
  return mapsOfScaling.flatMap(({ name: suffix, volume: volumeOf, label, description }) => {
    const volume = volumeOf(result);
    if (volume === undefined) return [];
    const name = `${STEM}${suffix === '' ? '.mrc' : suffix}`;
    const words = typeof label === 'function' ? label(result) : label;
    const map = () => imageOf(engine, volume, name, result);
    const line = `locscale-gpu ${__VERSION__}: ${words}`;
    const blob = async () => mapToBlob(await map(), line);
    return [{ name, what: description, bytes, blob, stream: async () => mapStream(await map(), line) }];
  });
}

/** The record of the command line, with the settings in the place of its words. */
function recordOf(
  { engine, request, result, files, matched, started, mode, warnings, job, predictor }: FinishedRun,
  outputs: readonly string[],
): RunRecord {
  return {
    program: 'locscale-gpu',
    version: __VERSION__,
    runtime: runtimeName(),
    command: ['page', hashOf(request.settings)].filter((word) => word !== ''),
    started: started.toISOString(),
    mode,
    engine: engine.description,
    inputs: files.map(({ role, name, bytes, sha256 }) => ({ role, path: name, bytes, sha256 })),
    network: predictor && result.prediction && networkRecordOf(predictor, result.prediction),
    matched: matched.length === 0 ? undefined : matched,
    ...recordOfScaling(result, job.parameters),
    secondsPerStep: result.timings,
    outputs,
    warnings: warnings.map(inPageWords),
  };
}
