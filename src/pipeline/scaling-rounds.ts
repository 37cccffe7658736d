/**
 * Local scaling in rounds: tiles finished by an earlier run are reused, the others are shared among the team,
 * and the result of a round is stored before the next starts. The result has the same bits as one call of the
 * engine, for any number of rounds and processes.
 */
import type {
  LocalScalingJob,
  LocalScalingResult,
  OpenedScaling,
  ScalingRun,
  ScalingTile,
  Volume,
} from '../engine/engine.ts';
import { volumesOf } from '../engine/jobs.ts';
import { type Shape, sameShape } from '../math/grid.ts';
import { type Checkpoint, engineIdentity, hashVolume } from './checkpoints.ts';
import type { Run } from './run.ts';
import { collectWindows, takeWindows } from './scaled-windows.ts';
import type { SharedScaling } from './team.ts';
import { packTiles, type TileSet, unpackTiles } from './tile-values.ts';

/** Checkpoint interval in seconds: the most work that a killed run can lose. */
const ROUND_SECONDS = 20;
/** Length of the first round, in seconds, whose time is only estimated. */
const FIRST_ROUND_SECONDS = 5;
/** With fewer tiles per process, threads would idle at the end of a round. */
const LEAST_TILES_PER_PROCESS = 4;
/** Name of the checkpoints. */
const NAME = 'scaling';

/** Tiles and their packed values. */
interface FinishedTiles {
  readonly starts: readonly Shape[];
  readonly values: Float32Array;
}

/** How many windows each engine scaled. */
export interface ScaledBy {
  readonly engine: string;
  readonly windows: number;
}

/** `scaledBy`: present where an engine was lost and another took over. */
export interface RoundsResult extends LocalScalingResult {
  readonly scaledBy?: readonly ScaledBy[];
}

export async function scaleInRounds(
  job: LocalScalingJob,
  opened: OpenedScaling,
  run: Run,
): Promise<RoundsResult> {
  const { team, checkpoints, scaledWindows } = run.context;
  const takes = run.engine.name === 'cpu' && (scaledWindows?.count ?? 0) > 0;
  if (team === undefined && checkpoints === undefined && !takes)
    return withTiles(job, opened, undefined, run, (scaling) => scaleAtOnce(job, scaling, run));
  const first = await withTiles(job, opened, undefined, run, async (scaling) => {
    const left = await findLeft(job, scaling, run);
    const { tileSize } = scaling;
    const shared = left.tiles.length === 0 ? undefined : await team?.openScaling(job, tileSize, run.engine);
    if (shared === undefined || sameShape(shared.tileSize, tileSize))
      return scaleLeft(job, left, shared, opened, scaling, run);
    run.engine.release(...volumesOf(scaling.result));
    return { shared };
  });
  if (!('shared' in first)) return first;
  const { shared } = first;
  const { tileSize } = shared;
  run.info(`Tiles of ${tileSize.join(' x ')} voxels: a process has too little memory for larger ones.`);
  return withTiles(job, opened, tileSize, run, async (scaling) =>
    scaleLeft(job, await findLeft(job, scaling, run), shared, opened, scaling, run),
  );
}

/**
 * Calls `work` with a run of the engine, which is closed at the end. Releases its volumes if `work` fails.
 */
async function withTiles<T>(
  job: LocalScalingJob,
  opened: OpenedScaling,
  tileSize: Shape | undefined,
  { engine }: Run,
  work: (scaling: ScalingRun) => Promise<T>,
): Promise<T> {
  const scaling = await opened.start(job, tileSize);
  try {
    return await work(scaling);
  } catch (error) {
    engine.release(...volumesOf(scaling.result));
    throw error;
  } finally {
    await scaling.close();
  }
}

async function scaleAtOnce(job: LocalScalingJob, scaling: ScalingRun, run: Run): Promise<LocalScalingResult> {
  const { context } = run;
  await scaling.run({
    onProgress: (done, total) => context.onProgress?.('scaling', done, total),
    onTiles: collectWindows(job, scaling, run),
    signal: context.signal,
  });
  return scaling.result;
}

/** Tiles not finished by earlier runs. */
interface LeftToScale {
  readonly set: TileSet;
  /** Key of the checkpoints, if there are any. */
  readonly key: unknown;
  readonly finished: readonly FinishedTiles[];
  readonly tiles: readonly ScalingTile[];
  /** Windows of an engine that was lost. */
  readonly taken: number;
}

async function findLeft(job: LocalScalingJob, scaling: ScalingRun, run: Run): Promise<LeftToScale> {
  const { tileSize, tiles } = scaling;
  const { signal } = run.context;
  const set: TileSet = { shape: job.map.shape, tileSize, mask: await run.engine.download(job.mask) };
  const key = run.context.checkpoints && (await describeScaling(job, tileSize, run));
  const finished = key === undefined ? [] : await loadFinished(key, tiles, run);
  const left = withoutFinished(tiles, finished);
  if (left.length < tiles.length)
    run.info(
      `${voxelsOf(tiles) - voxelsOf(left)} of ${voxelsOf(tiles)} windows were scaled by an earlier run: ` +
        `${left.length} tiles are left.`,
    );
  const taken = await takeWindows(job, scaling, { set, tiles: left, hooks: { signal } }, run);
  if (taken === undefined) return { set, key, finished, tiles: left, taken: 0 };
  const all = [...finished, taken];
  return { set, key, finished: all, tiles: withoutFinished(tiles, all), taken: taken.count };
}

async function scaleLeft(
  job: LocalScalingJob,
  { set, key, finished, tiles: unscaled, taken }: LeftToScale,
  shared: SharedScaling | undefined,
  { estimate }: OpenedScaling,
  scaling: ScalingRun,
  run: Run,
): Promise<RoundsResult> {
  const { context } = run;
  const { team, checkpoints, scaledWindows, signal } = context;
  const { tiles, result } = scaling;
  const maskVoxels = voxelsOf(tiles);
  const elsewhere = [...finished];
  let left = unscaled;
  let done = maskVoxels - voxelsOf(left);
  const onTiles = collectWindows(job, scaling, run);
  const ranks = team?.size ?? 1;
  const pace = createPace(tiles, estimate.seconds, ranks, checkpoints?.intervalSeconds ?? ROUND_SECONDS);
  try {
    while (left.length > 0) {
      const round = key === undefined ? left : takeRound(left, pace.nextCost(), ranks);
      left = left.slice(round.length);
      const shares = shareTiles(round, ranks).map((share) => share.map(({ start }) => start));
      const voxels = voxelsOf(round);
      const scaleOwn = (): Promise<void> => {
        const onProgress = (some: number, all: number): void =>
          // Assumes that the other processes have made the same progress.
          context.onProgress?.('scaling', done + Math.round((voxels * some) / all), maskVoxels);
        return scaling.run({ onProgress, onTiles, signal }, shares[0]);
      };
      const begun = performance.now();
      const received = shared === undefined ? [] : await shared.scale(shares, scaleOwn);
      if (shared === undefined) await scaleOwn();
      pace.finished(costOf(round), (performance.now() - begun) / 1000);
      const others = received.map((values, i) => ({ starts: shares[i + 1], values }));
      elsewhere.push(...others);
      done += voxels;
      if (key !== undefined) {
        const values = packTiles(set, shares[0], await downloadAll(result, run));
        await keepFinished(key, [{ starts: shares[0], values }, ...others], run);
      }
    }
    if (elsewhere.length === 0) return result;
    const merged = await merge(result, set, elsewhere, run);
    if (taken === 0) return merged;
    const engines = [scaledWindows?.engine ?? 'GPU', run.engine.description];
    const windows = [taken, maskVoxels - taken];
    return { ...merged, scaledBy: engines.map((engine, i) => ({ engine, windows: windows[i] })) };
  } finally {
    await shared?.close();
  }
}

/** Checkpoint key: everything that the values of a tile depend on. */
async function describeScaling(job: LocalScalingJob, tileSize: Shape, { engine }: Run): Promise<unknown> {
  const { map, reference, mask, differenceMask, windowVoxels, profileKind, windowTaper } = job;
  const { rule, padValues } = job;
  const hash = async (volume: typeof map | undefined): Promise<string | null> =>
    volume === undefined ? null : hashVolume(engine, volume);
  return {
    engine: engineIdentity(engine),
    shape: map.shape,
    map: await hash(map),
    reference: await hash(reference),
    mask: await hash(mask),
    differenceMask: await hash(differenceMask),
    windowVoxels,
    profileKind,
    windowTaper,
    rule,
    padValues,
    measureBFactors: job.measureBFactors,
    tileSize,
  };
}

/** Converts work to time; the estimate is corrected by the measured rounds. */
function createPace(tiles: readonly ScalingTile[], seconds: number, ranks: number, interval: number) {
  let costPerSecond = (costOf(tiles) * ranks) / Math.max(1e-3, seconds);
  let roundSeconds = Math.min(FIRST_ROUND_SECONDS, interval);
  return {
    nextCost: () => costPerSecond * roundSeconds,
    finished(cost: number, took: number): void {
      costPerSecond = cost / Math.max(1e-3, took);
      roundSeconds = interval;
    },
  };
}

/** The first tiles up to `cost`; also the rest if it would be a small round. */
export function takeRound(tiles: readonly ScalingTile[], cost: number, ranks: number): ScalingTile[] {
  const least = LEAST_TILES_PER_PROCESS * ranks;
  let sum = 0;
  let count = 0;
  while (count < tiles.length && (sum < cost || count < least)) sum += tiles[count++].cost;
  return tiles.length - count < least ? [...tiles] : tiles.slice(0, count);
}

/**
 * Distributes tiles evenly over the ranks: the most expensive first, each to the rank with the least work.
 * Each share is in tile order.
 */
export function shareTiles(tiles: readonly ScalingTile[], ranks: number): ScalingTile[][] {
  const load = new Float64Array(ranks);
  const rankOf = new Map<ScalingTile, number>();
  for (const tile of [...tiles].sort((a, b) => b.cost - a.cost)) {
    const rank = load.indexOf(Math.min(...load));
    load[rank] += tile.cost;
    rankOf.set(tile, rank);
  }
  return Array.from({ length: ranks }, (_, rank) => tiles.filter((tile) => rankOf.get(tile) === rank));
}

async function loadFinished(
  key: unknown,
  tiles: readonly ScalingTile[],
  { context }: Run,
): Promise<FinishedTiles[]> {
  const known = new Set(tiles.map(({ start }) => String(start)));
  const finished: FinishedTiles[] = [];
  for (const { values, arrays } of (await context.checkpoints?.list(NAME, key)) ?? []) {
    const { parts } = values as { parts: readonly (readonly Shape[])[] };
    parts.forEach((starts, i) => {
      const fresh = starts.every((start) => known.delete(String(start)));
      if (fresh) finished.push({ starts, values: arrays[i] });
    });
  }
  return finished;
}

async function keepFinished(key: unknown, parts: readonly FinishedTiles[], { context }: Run): Promise<void> {
  const content: Checkpoint = {
    values: { parts: parts.map(({ starts }) => starts) },
    arrays: parts.map(({ values }) => values),
  };
  await context.checkpoints?.add(NAME, key, content);
}

function withoutFinished(tiles: readonly ScalingTile[], finished: readonly FinishedTiles[]): ScalingTile[] {
  const gone = new Set(finished.flatMap(({ starts }) => starts.map(String)));
  return tiles.filter(({ start }) => !gone.has(String(start)));
}

/** Adds values computed elsewhere to the volumes of `own`. */
async function merge(
  own: LocalScalingResult,
  set: TileSet,
  elsewhere: readonly FinishedTiles[],
  run: Run,
): Promise<LocalScalingResult> {
  const { engine } = run;
  const copyOf = (volume: Volume): Promise<Float32Array> =>
    engine.inspect(volume, (voxels) => {
      const copy = engine.allocateHost(voxels.length);
      copy.set(voxels);
      return copy;
    });
  const host = await Promise.all(volumesOf(own).map(copyOf));
  engine.release(...volumesOf(own));
  for (const { starts, values } of elsewhere) unpackTiles(set, starts, values, host);
  const [scaled, bFactor, quality] = await Promise.all(
    host.map((voxels) => engine.upload(voxels, set.shape)),
  );
  return { scaled, bFactor, quality };
}

function downloadAll(result: LocalScalingResult, { engine }: Run): Promise<Float32Array[]> {
  return Promise.all(volumesOf(result).map((volume) => engine.download(volume)));
}

function costOf(tiles: readonly ScalingTile[]): number {
  return tiles.reduce((sum, { cost }) => sum + cost, 0);
}

function voxelsOf(tiles: readonly ScalingTile[]): number {
  return tiles.reduce((sum, { maskVoxels }) => sum + maskVoxels, 0);
}
