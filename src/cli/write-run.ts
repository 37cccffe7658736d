/** Writes what a run made: all maps and its record under temporary names first, then renamed together. */
import type { Engine, Volume } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import { writeMrc } from '../formats/mrc.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import { imageOf } from '../pipeline/index.ts';
import type { FscCurve, LocScaleNumbers, LocScaleParameters, LocScalePlan } from '../pipeline/types.ts';
import { encodeManifest, type ModelRecord, type NetworkRecord } from './manifest.ts';
import type { InputFile } from './open-map.ts';
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
    const seconds = { ...result.timings, write: (performance.now() - begun) / 1000 };
    await staged.stage(
      manifest,
      encodeManifest({
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
      }),
    );
    if (session.signal.aborted) throw new LocScaleError('aborted', 'The run was stopped.');
    return await staged.commit();
  } finally {
    staged.discard();
  }
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
