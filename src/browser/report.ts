/** The report of a run of scaling, as the command line draws it with --print_report. */
import type { Engine } from '../engine/engine.ts';
import type { LocScaleParameters, LocScaleResult } from '../pipeline/types.ts';
import type { RunRecord } from '../report/run-record.ts';
import { scalingToShow } from '../report/run-to-show.ts';

export type { RunRecord } from '../report/run-record.ts';

/** A finished run with its record. */
export interface RunToReport {
  readonly engine: Engine;
  /**
   * Its volumes must still be on the engine. With `keepMap` and `keepReference` the report shows these, too.
   */
  readonly result: LocScaleResult;
  readonly profileKind: LocScaleParameters['profileKind'];
  readonly record: RunRecord;
  /** The heading. */
  readonly title: string;
}

/** One HTML page that needs nothing else. What draws it is loaded now. */
export async function reportOf({ engine, result, profileKind, record, title }: RunToReport): Promise<string> {
  const { mapsOfScaling } = await import('../report/maps-of-runs.ts');
  const { collectReportData } = await import('../report/collect.ts');
  const { renderReport } = await import('../report/page.ts');
  const reportData = await collectReportData(scalingToShow(engine, mapsOfScaling, result, profileKind));
  return (await renderReport(reportData, record, { title, kind: 'scale' })).html;
}
