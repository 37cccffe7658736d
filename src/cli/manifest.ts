/** Writes the record of a run (report/run-record.ts) and determines its name. */
import { extname } from 'node:path';
import { runtimeName } from '../platform/index.ts';
import type { RunRecord } from '../report/run-record.ts';

/** Fields of a record that depend on the run; program and runtime are added here. */
export type RecordFields = Omit<RunRecord, 'program' | 'runtime'>;

/** Adds program and runtime. */
export function recordOf(fields: RecordFields): RunRecord {
  return { program: 'locscale-gpu', runtime: runtimeName(), ...fields };
}

/** Indented JSON, because people read records too. */
export function encodeRecord(fields: RecordFields): string {
  return `${JSON.stringify(recordOf(fields), null, 2)}\n`;
}

/** "out/map.mrc" -> "out/map" */
export function stemOf(path: string): string {
  const extension = extname(path);
  return extension === '' ? path : path.slice(0, -extension.length);
}
