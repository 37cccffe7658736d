/**
 * Shared state of the steps of a run: engine, clock, warnings and cancellation. The engine tracks its volumes
 * (tracked-engine.ts), so that none is leaked when a step fails.
 */

import type { Engine, Volume } from '../engine/engine.ts';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import type { MapImage } from '../formats/map-image.ts';
import { describeShape, type Grid, type Shape, sameShape, voxelCount } from '../math/grid.ts';
import type { LocScaleContext, StepName } from './context.ts';
import type { MapInput, OverviewedMap } from './map-input.ts';
import { bytesToMatch, type MapMatch, putOnGrid } from './match-grids.ts';
import { trackVolumes, VolumeLedger } from './tracked-engine.ts';

export interface Run {
  readonly engine: Engine;
  readonly context: LocScaleContext;
  readonly timings: Record<string, number>;
  readonly warnings: string[];
  /** Runs one step: announces it, times it, and stops first if the run was cancelled. */
  step<T>(name: StepName, message: string, body: () => Promise<T>): Promise<T>;
  warn(message: string): void;
  info(message: string): void;
  /** This map is put on the grid of the run when it is read. */
  match(map: MapInput, match: MapMatch): void;
  /** A map on the grid of the run, read if it is still in its file. */
  load(map: MapInput): Promise<MapImage>;
  /**
   * Hands a map's voxels to the engine, reading them first if they are still in their file. `look` may read
   * them before they are the engine's.
   */
  upload(map: MapInput, look?: (image: OverviewedMap) => void): Promise<Volume>;
  /** Peak bytes in addition to existing volumes, and bytes that remain; a map in memory already counts. */
  bytesToUpload(map: MapInput): { readonly most: number; readonly result: number };
  /** Bytes of the volumes that live now, and of maps that are still to be uploaded. */
  volumeBytes(): number;
  /** Bytes retained besides the volumes after work with this much working memory on volumes of this shape. */
  retainedBytes(shape: Shape, workingBytes: number): number;
  /** Peak bytes so far, and the step of the peak. */
  readonly peak: { readonly bytes: number; readonly step: StepName };
  /** Maps that are in memory before the engine gets them count from the start. */
  countUntilUploaded(maps: readonly MapInput[]): void;
  /** Registers heap about to be allocated besides the CPU engine's volumes, which is collected late. */
  countLateHeap(bytes: number): void;
  release(...volumes: (Volume | undefined)[]): void;
  /** Keeps these volumes on the engine after the run. */
  keep(...volumes: (Volume | undefined)[]): void;
  readonly retained: ReadonlySet<Volume>;
  /** Releases all volumes that the run has made, except those given. */
  releaseAllBut(...retained: (Volume | undefined)[]): void;
}

/** Runs `body`, then releases all its volumes except those it keeps, or all of them if it fails. */
export async function withRun<T>(context: LocScaleContext, body: (run: Run) => Promise<T>): Promise<T> {
  const run = startRun(context);
  try {
    const result = await body(run);
    stopIfAborted(context.signal);
    run.releaseAllBut(...run.retained);
    return result;
  } catch (error) {
    run.releaseAllBut();
    throw error;
  }
}

export function startRun(context: LocScaleContext): Run {
  const waiting = new Map<MapInput, number>();
  const peak: { bytes: number; step: StepName } = { bytes: 0, step: 'read' };
  let current: StepName = 'read';
  const ledger = new VolumeLedger(() => {
    peak.bytes = ledger.peakBytes;
    peak.step = current;
  });
  const engine = trackVolumes(context.engine, ledger);
  const timings: Record<string, number> = {};
  const warnings: string[] = [];
  const retained = new Set<Volume>();
  const inputs = createInputs(context, engine, ledger, waiting);
  const run: Run = {
    engine,
    context,
    timings,
    warnings,
    async step(name, message, body) {
      stopIfAborted(context.signal);
      current = name;
      context.onStep?.(name, message);
      const started = performance.now();
      try {
        return await body();
      } catch (error) {
        // An engine may report a cancelled operation by its own error.
        stopIfAborted(context.signal, error);
        throw error;
      } finally {
        timings[name] = (timings[name] ?? 0) + (performance.now() - started) / 1000;
      }
    },
    warn(message) {
      warnings.push(message);
      context.onWarning?.(message);
    },
    info(message) {
      context.onInfo?.(message);
    },
    volumeBytes: () => ledger.liveBytes(),
    retainedBytes: (shape, workingBytes) =>
      engine.bytesOf.retained(shape, workingBytes) + ledger.lateHeapBytes,
    peak,
    countUntilUploaded(maps) {
      for (const map of maps) {
        if ('load' in map || waiting.has(map)) continue;
        waiting.set(map, map.data.byteLength);
        ledger.waitingBytes += map.data.byteLength;
      }
      ledger.count(0);
    },
    countLateHeap(bytes) {
      // Volumes of other engines are in the memory of a device.
      if (engine.name === 'cpu') ledger.countLateHeap(bytes);
    },
    ...inputs,
    async upload(map, look) {
      const image = await run.load(map);
      refuseTaken(image);
      look?.(image);
      ledger.waitingBytes -= waiting.get(map) ?? 0;
      waiting.delete(map);
      const ours = 'load' in map || inputs.isMatched(map);
      return uploadImage(image, engine, { ours, consume: context.consumeInputs === true });
    },
    release(...volumes) {
      for (const volume of volumes)
        if (volume !== undefined && ledger.live.has(volume)) engine.release(volume);
    },
    keep(...volumes) {
      for (const volume of volumes) if (volume !== undefined) retained.add(volume);
    },
    retained,
    releaseAllBut(...others) {
      run.release(...[...ledger.live].filter((volume) => !others.includes(volume)));
    },
  };
  return run;
}

/**
 * Maps of the caller, read and put on the grid of the run. `waiting`: those that count until they are
 * uploaded.
 */
function createInputs(
  context: LocScaleContext,
  engine: Engine,
  ledger: VolumeLedger,
  waiting: ReadonlyMap<MapInput, number>,
): Pick<Run, 'match' | 'load' | 'bytesToUpload'> & { isMatched(map: MapInput): boolean } {
  const matches = new Map<MapInput, MapMatch>();
  return {
    isMatched: (map) => matches.has(map),
    match(map, match) {
      if (!matches.has(map)) context.onMatch?.(match);
      matches.set(map, match);
    },
    async load(map) {
      const image = 'load' in map ? await loadSource(map) : map;
      const match = matches.get(map);
      if (match === undefined) return image;
      refuseTaken(image);
      const { data } = image;
      const bytes = waiting.has(map) ? 0 : data.byteLength;
      ledger.waitingBytes += bytes;
      const matched = await putOnGrid(image, match, engine);
      ledger.waitingBytes -= bytes;
      const ours = 'load' in map || context.consumeInputs === true;
      if (!('load' in map) && ours) takeOver(map);
      if (ours) engine.freeHost(data);
      return matched;
    },
    bytesToUpload(map) {
      const match = matches.get(map);
      if (match !== undefined)
        return { most: bytesToMatch(match, engine.bytesOf), result: 4 * voxelCount(match.plan.to.shape) };
      const bytes = 'load' in map ? 4 * voxelCount(map.grid.shape) : 0;
      return { most: bytes, result: bytes };
    },
  };
}

/** `ours`: nobody else has the voxels; `consume`: the caller lets the run have them. */
async function uploadImage(
  image: MapImage,
  engine: Engine,
  { ours, consume }: { readonly ours: boolean; readonly consume: boolean },
): Promise<Volume> {
  const { data, grid } = image;
  if (consume) takeOver(image);
  else if (engine.name === 'cpu' && !ours) {
    // The CPU engine adopts memory that it has allocated itself, and reuses it once the volume is released.
    const copy = engine.allocateHost(data.length);
    copy.set(data);
    return engine.upload(copy, grid.shape);
  }
  return engine.upload(data, grid.shape);
}

/** The caller's array is free again. */
function takeOver(image: MapImage): void {
  (image as { data: Float32Array }).data = new Float32Array(0);
}

function refuseTaken({ data, grid, name }: MapImage): void {
  if (data.length > 0) return;
  throw new LocScaleError(
    'usage',
    `The voxels of ${name} (${describeShape(grid.shape)}) were taken over by an earlier run.`,
    { where: name, hint: 'Read the map again, or run without consumeInputs.' },
  );
}

/** Angstrom; sources that do not come from files may have rounded what they announce. */
const HEADER_TOLERANCE = 1e-3;

/** The header was judged before: the voxels must be those of the same map. */
async function loadSource(source: Extract<MapInput, { load: unknown }>): Promise<MapImage> {
  const image = await source.load();
  const { shape, voxelSize, origin } = source.grid;
  const isNear = (value: number, other: number | undefined): boolean =>
    Math.abs(value - (other as number)) < HEADER_TOLERANCE;
  const same =
    sameShape(image.grid.shape, shape) &&
    image.grid.voxelSize.every((size, axis) => isNear(size, voxelSize[axis])) &&
    image.grid.origin.every((at, axis) => isNear(at, origin[axis]));
  if (same && image.data.length === voxelCount(shape)) return image;
  throw new LocScaleError('bad-input', `${source.name} changed while the program was running.`, {
    where: source.name,
    expected: describeGrid(source.grid),
    found: describeGrid(image.grid),
    hint: 'Run again when nothing writes to the file.',
  });
}

function describeGrid({ shape, voxelSize, origin }: Grid): string {
  const list = (values: readonly number[]): string => [...values].reverse().join(', ');
  return `${describeShape(shape)} voxels of ${list(voxelSize)} A from ${list(origin)} A`;
}
