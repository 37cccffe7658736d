/** Opens the maps of a run; some are read only when needed. */
import type { Engine } from '../engine/engine.ts';
import { type MapFileOptions, openMapFile, readMapFile, readModelFile } from '../files/index.ts';
import { type MapThread, readMapOnThread } from '../files/map-thread.ts';
import type { LocScaleJob, MapImage, MapSource, Structure } from '../index.ts';
import { withoutRepeats } from '../pipeline/read-files.ts';
import type { InputFile } from '../report/run-record.ts';
import type { InputFiles } from './job-options.ts';
import type { Session } from './session.ts';

/** Maps of a job. The input maps are in the engine's memory, deferred ones still in their files. */
export interface OpenedInputs {
  readonly input: LocScaleJob['input'];
  readonly mask?: MapSource;
  /** All files read so far, in order; grows as deferred ones are read. */
  readonly files: InputFile[];
  /** Its voxels are read when its step starts: until then the half maps and their spectra need the memory. */
  openLater(path: string, role: string, more?: MapFileOptions): Promise<MapSource>;
  openModel(path: string): Promise<Structure>;
}

/**
 * Opens the maps in order, each with its role for record and messages. Input maps are read at once, into
 * the engine's memory; the mask is only opened. `early`: input maps that are being read. Throws 'bad-input'
 * for files that are not usable maps.
 */
export async function openInputs(
  session: Session,
  engine: Engine,
  input: InputFiles,
  early: readonly MapThread[] = [],
): Promise<OpenedInputs> {
  const { logger, parsed, signal } = session;
  const { values } = parsed;
  const files: InputFile[] = [];
  const options = (path: string, role: string): MapFileOptions => ({
    engine,
    voxelSize: values.apix,
    onWarning: (message) => logger.warn(message),
    onInfo: (message) => logger.detail(`  ${message}`),
    onReading: () => logger.line(`Reading ${path}`),
    // Checksums are needed for a record only.
    onRead: values.dryRun === true ? undefined : (file) => files.push({ role, ...file }),
    signal,
  });
  const open = (path: string, role: string, i = 0): Promise<MapImage> =>
    early[i]?.take(options(path, role)) ?? readMapFile(path, options(path, role));
  const openLater: OpenedInputs['openLater'] = async (path, role, more = {}) => {
    const given = { ...options(path, role), ...more };
    // The header is judged twice.
    const { onWarning, onInfo } = given;
    const all = { ...given, onWarning: withoutRepeats(onWarning), onInfo: withoutRepeats(onInfo) };
    const source = await openMapFile(path, all);
    return early.length === 0 || values.dryRun === true ? source : loadOnThread(path, source, all);
  };
  const openModel: OpenedInputs['openModel'] = (path) => {
    logger.line(`Reading ${path}`);
    return readModelFile(path, { onRead: (file) => files.push({ role: 'atomic model', ...file }) });
  };
  const maps: LocScaleJob['input'] =
    input.kind === 'map'
      ? { kind: 'map', map: await open(input.map, 'map') }
      : {
          kind: 'half-maps',
          half1: await open(input.half1, 'half map 1'),
          half2: await open(input.half2, 'half map 2', 1),
        };
  const mask =
    values.mask === undefined
      ? undefined
      : await openLater(values.mask, 'mask', { kind: 'mask', allowAllZero: false });
  return { input: maps, mask, files, openLater, openModel };
}

/**
 * A map whose voxels are read now, on a thread: where the engine is a GPU, the host's memory has room for
 * them, and its main thread other work.
 */
function loadOnThread(path: string, source: MapSource, options: MapFileOptions): MapSource {
  const { voxelSize, kind, allowAllZero } = options;
  let thread: MapThread | undefined = readMapOnThread(path, { voxelSize, kind, allowAllZero, hashed: true });
  return {
    ...source,
    load() {
      const first = thread;
      thread = undefined;
      return first?.take(options) ?? source.load();
    },
  };
}

/** Paths of inputs and mask, for checks before the engine starts. */
export function inputPathsOf(input: InputFiles, mask: string | undefined): string[] {
  return [
    ...(input.kind === 'map' ? [input.map] : [input.half1, input.half2]),
    ...(mask === undefined ? [] : [mask]),
  ];
}
