/** The report of a run of scaling, as the command line draws it with --print_report. */
import type { Engine, Volume } from '../engine/engine.ts';
import type { LocScaleParameters, LocScaleResult } from '../pipeline/types.ts';
import type { MapToShow, RunToShow } from '../report/collect.ts';
import type { ReportRecord } from '../report/findings.ts';

export type { ReportRecord } from '../report/findings.ts';

export interface RunToReport {
  readonly engine: Engine;
  /** Its volumes must still be on the engine. With `keepMap` and `keepReference` the report shows these, too. */
  readonly result: LocScaleResult;
  readonly profileKind: LocScaleParameters['profileKind'];
  readonly record: ReportRecord;
  /** The heading. */
  readonly title: string;
}

/** One HTML page that needs nothing else. What draws it is loaded now. */
export async function reportOf({ engine, result, profileKind, record, title }: RunToReport): Promise<string> {
  const { collectFindings } = await import('../report/collect.ts');
  const { renderReport } = await import('../report/page.ts');
  const findings = await collectFindings(runToShow(engine, result, profileKind));
  return (await renderReport(findings, record, { title, kind: 'scale' })).html;
}

function runToShow(
  engine: Engine,
  result: LocScaleResult,
  profileKind: LocScaleParameters['profileKind'],
): RunToShow {
  const { numbers, mask, map, reference, scaled, bFactor } = result;
  const maps: MapToShow[] = [];
  const show = (volume: Volume | undefined, role: MapToShow['role'], label: string): void => {
    if (volume !== undefined) maps.push({ role, label, load: () => engine.download(volume) });
  };
  show(map, 'input', 'input');
  show(reference, 'reference', 'reference');
  show(scaled, 'result', 'scaled map');
  return {
    shape: numbers.shape,
    voxelSize: numbers.voxelSize,
    windowVoxels: numbers.windowVoxels,
    resolution: numbers.fscCutoff,
    profileKind,
    noiseBoxes: numbers.noise?.boxes ?? [],
    mask: () => engine.download(mask),
    maps,
    local: bFactor && { label: 'local B factor', unit: 'Å²', load: () => engine.download(bFactor) },
  };
}
