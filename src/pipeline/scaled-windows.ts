/**
 * Windows that survive the engine that scaled them. A GPU that is lost takes its volumes along, so the
 * tiles that it has finished are read back now and then; another attempt at the same run, on the CPU,
 * scales what is missing.
 *
 * That attempt has made its own mask and reference, which agree with those of the GPU to rounding, or not
 * at all where a step amplifies rounding (pseudo-atoms). So some of the tiles are scaled again and compared
 * before any is taken.
 */
import type { LocalScalingJob, ScalingRun, ScalingTile, TileHooks } from '../engine/engine.ts';
import { volumesOf } from '../engine/jobs.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import type { Run } from './run.ts';
import { packTiles, type TileSet, voxelsOfTiles } from './tile-values.ts';

/** Windows that were scaled by an engine which failed later, and those of the present one. */
export interface ScaledWindows {
  readonly count: number;
  /** Description of the engine that scaled them. */
  readonly engine: string | undefined;
  /** Seconds between reading finished tiles back: the work that can be lost. Undefined: as little costs. */
  readonly intervalSeconds: number | undefined;
  /**
   * `values`: per volume of the result those of `voxels`. Of another job than before: the earlier ones are
   * dropped.
   */
  add(job: WindowsJob, engine: string, voxels: Uint32Array, values: Float32Array): void;
  /** What was added for this job; tiles may differ. */
  of(job: WindowsJob): readonly WindowValues[];
  clear(): void;
}

/** What must be equal; all else is found out by comparison. */
export interface WindowsJob {
  readonly settings: string;
  readonly tileSize: Shape;
}

export interface WindowValues {
  readonly voxels: Uint32Array;
  readonly values: Float32Array;
}

/** Least work of a GPU that is worth keeping, seconds. */
const LEAST_SECONDS = 5;
/** Reading back takes at most this fraction of the time, unless the interval is given. */
const MOST_TIME_SPENT = 0.05;
/** Of so many tiles one is scaled again and compared. */
const TILES_PER_CHECK = 20;
/**
 * Relative L2 difference of tiles from two engines: twice what whole runs may differ by (docs/accuracy.md).
 */
const TOLERANCE = 1e-5;

export function createScaledWindows(intervalSeconds?: number): ScaledWindows {
  let parts: WindowValues[] = [];
  let of: WindowsJob | undefined;
  let engine: string | undefined;
  const isOf = (job: WindowsJob): boolean => of?.settings === job.settings;
  return {
    intervalSeconds,
    get count() {
      return parts.reduce((sum, { voxels }) => sum + voxels.length, 0);
    },
    get engine() {
      return engine;
    },
    add(job, by, voxels, values) {
      if (!isOf(job) || String(of?.tileSize) !== String(job.tileSize)) parts = [];
      of = job;
      engine = by;
      parts.push({ voxels, values });
    },
    of: (job) => (isOf(job) ? parts : []),
    clear() {
      parts = [];
      of = undefined;
    },
  };
}

export function windowsJobOf(job: LocalScalingJob, { tileSize }: Pick<ScalingRun, 'tileSize'>): WindowsJob {
  const { map, windowVoxels, profileKind, windowTaper, rule, measureBFactors } = job;
  const settings = [map.shape, windowVoxels, profileKind, windowTaper, rule.kind, measureBFactors];
  return { settings: JSON.stringify(settings), tileSize };
}

/**
 * Reads tiles back as a GPU finishes them; undefined if nobody could use them, or the engine cannot be
 * lost.
 */
export function collectWindows(
  job: LocalScalingJob,
  scaling: ScalingRun,
  { engine, context: { scaledWindows } }: Run,
): TileHooks['onTiles'] {
  if (scaledWindows === undefined || engine.name !== 'gpu') return undefined;
  let interval = scaledWindows.intervalSeconds ?? LEAST_SECONDS;
  let last = performance.now();
  let waiting: Shape[] = [];
  let mask: Uint8Array | undefined;
  let tileSize: Shape | undefined;
  let hasRoom = true;
  const read = async (): Promise<void> => {
    mask ??= await engine.inspect(job.mask, inBytes);
    const set: TileSet = { shape: job.mask.shape, tileSize: scaling.tileSize, mask };
    const voxels = voxelsOfTiles(set, waiting);
    const volumes = volumesOf(scaling.result);
    const values = new Float32Array(voxels.length * volumes.length);
    for (const [k, volume] of volumes.entries())
      await engine.inspect(volume, (all) => values.set(packTiles(set, waiting, [all]), k * voxels.length));
    scaledWindows.add(windowsJobOf(job, scaling), engine.description, voxels, values);
  };
  return async (tiles) => {
    if (String(tileSize) !== String(scaling.tileSize)) waiting = [];
    tileSize = scaling.tileSize;
    waiting.push(...tiles.map(({ start }) => start));
    const begun = performance.now();
    if (!hasRoom || begun - last < 1000 * interval) return;
    try {
      await read();
    } catch {
      // Without memory to read them into, or on a GPU that is lost now, which the engine reports by itself.
      hasRoom = false;
    }
    waiting = [];
    last = performance.now();
    if (scaledWindows.intervalSeconds === undefined)
      interval = Math.max(LEAST_SECONDS, (last - begun) / 1000 / MOST_TIME_SPENT);
  };
}

/** A mask in a quarter of its memory. */
function inBytes(voxels: Float32Array): Uint8Array {
  const bytes = new Uint8Array(voxels.length);
  for (let i = 0; i < bytes.length; i++) if (voxels[i] > 0.5) bytes[i] = 1;
  return bytes;
}

/** Tiles whose windows were all scaled by an earlier engine, checked against this one. */
export interface TakenWindows {
  readonly starts: readonly Shape[];
  /** Packed (tile-values.ts). */
  readonly values: Float32Array;
  /** Windows that the earlier engine scaled and the result takes; those checked are this one's. */
  readonly count: number;
}

/** Takes what fits, after comparing some of it; undefined if there is nothing. */
export async function takeWindows(
  job: LocalScalingJob,
  scaling: ScalingRun,
  {
    set,
    tiles,
    hooks,
  }: { readonly set: TileSet; readonly tiles: readonly ScalingTile[]; readonly hooks: TileHooks },
  run: Run,
): Promise<TakenWindows | undefined> {
  const { scaledWindows } = run.context;
  const parts = run.engine.name === 'gpu' ? [] : (scaledWindows?.of(windowsJobOf(job, scaling)) ?? []);
  if (parts.length === 0) return undefined;
  const volumes = volumesOf(scaling.result);
  const kept = spread(parts, volumes.length, voxelCount(set.shape));
  const covered = tiles.filter(({ start }) =>
    voxelsOfTiles(set, [start]).every((voxel) => kept.has[voxel] === 1),
  );
  if (covered.length === 0) return undefined;
  const checked = covered.filter((_, i) => i % TILES_PER_CHECK === 0).map(({ start }) => start);
  await scaling.run(hooks, checked);
  const packed = await Promise.all(
    volumes.map((volume) => run.engine.inspect(volume, (voxels) => packTiles(set, checked, [voxels]))),
  );
  const difference = relativeDifference(packTiles(set, checked, [kept.volumes[0]]), packed[0]);
  if (!(difference <= TOLERANCE)) {
    run.warn(
      `What ${scaledWindows?.engine} had scaled differs from the CPU's result ` +
        `(by ${difference.toExponential(1)}): all windows are scaled again.`,
    );
    return undefined;
  }
  const starts = covered.map(({ start }) => start);
  const ownVoxels = voxelsOfTiles(set, checked);
  packed.forEach((values, k) => {
    for (let i = 0; i < ownVoxels.length; i++) kept.volumes[k][ownVoxels[i]] = values[i];
  });
  const values = packTiles(set, starts, kept.volumes);
  return { starts, values, count: values.length / volumes.length - ownVoxels.length };
}

/** Values at their voxels, per volume of the result. */
function spread(
  parts: readonly WindowValues[],
  volumeCount: number,
  voxels: number,
): { has: Uint8Array; volumes: Float32Array[] } {
  const has = new Uint8Array(voxels);
  const volumes = Array.from({ length: volumeCount }, () => new Float32Array(voxels));
  for (const part of parts) {
    const { length } = part.voxels;
    for (const voxel of part.voxels) has[voxel] = 1;
    volumes.forEach((volume, k) => {
      for (let i = 0; i < length; i++) volume[part.voxels[i]] = part.values[k * length + i];
    });
  }
  return { has, volumes };
}

/** Relative L2. */
function relativeDifference(theirs: Float32Array, ours: Float32Array): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < ours.length; i++) {
    difference += (theirs[i] - ours[i]) ** 2;
    norm += ours[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}
