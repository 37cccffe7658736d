/**
 * Local scaling as a job: planned once, then distributed as tiles to the worker threads (local-scaling.ts).
 */

import { checkScalingMaps, checkScalingSettings, chooseTiles, NOTHING_TO_SCALE } from '../engine/checks.ts';
import type {
  LocalScalingMaps,
  LocalScalingResult,
  LocalScalingSettings,
  OpenedScaling,
  ScalingRun,
} from '../engine/engine.ts';
import { nothingToRun, volumesOf } from '../engine/jobs.ts';
import { LocScaleError, named } from '../errors.ts';
import { gibibytes } from '../math/bytes.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import type { TileJob, TileTimings } from './local-scaling.ts';
import type { VolumeMemory } from './memory.ts';
import { measureOccupancy } from './occupancy.ts';
import { planTiles, type TilePlan } from './plan-tiles.ts';
import type { Pool } from './pool.ts';

/** Seconds per unit of cost of plan-tiles.ts on one core of a 2020s x86 server. */
const SECONDS_PER_OPERATION = 4.1e-10;

/** What local scaling needs of the engine. */
export interface ScalingTools {
  /** Tiles are its tasks. */
  readonly pool: Pool;
  /** Source of the results' volumes. */
  readonly memory: VolumeMemory;
  /** Volumes and the threads' kernel memory together. */
  readonly memoryLimitBytes: number;
  /** Called at the end of a run, with the seconds of all threads. */
  readonly onTimings: (timings: TileTimings) => void;
}

/** Plans the scaling in the memory that is free now: the cheapest tile size that fits. */
export async function openScaling(
  settings: LocalScalingSettings,
  tools: ScalingTools,
): Promise<OpenedScaling> {
  checkScalingSettings(settings);
  const { pool, memory, memoryLimitBytes } = tools;
  const { mask, windowVoxels, profileKind, windowTaper, rule, measureBFactors } = settings;
  const { shape } = mask;
  const occupancy = await measureOccupancy(pool, memory.own(mask), shape);
  // Scaled map, and with it B factor and quality of the fit.
  const resultBytes = (measureBFactors ? 3 : 1) * 4 * voxelCount(shape);
  const profiledMaps = rule.kind === 'no-reference' ? 1 : 2;
  const planWithin = (freeBytes: number, tileSize?: Shape): TilePlan | undefined => {
    const perThread = freeBytes / pool.size;
    const windows = { windowVoxels, kind: profileKind, taper: windowTaper, profiledMaps };
    const plan = planTiles(occupancy, windows, perThread, tileSize);
    if (plan && plan.bytesPerThread * pool.size > freeBytes)
      throw tooLarge(memoryLimitBytes - freeBytes + plan.bytesPerThread * pool.size, tools);
    return plan;
  };
  const freeBytes = (): number => memoryLimitBytes - memory.volumeBytes - resultBytes;
  const plan = planWithin(freeBytes());
  const estimate = plan === undefined ? NOTHING_TO_SCALE : estimateOf(plan, pool.size);
  return {
    estimate,
    async start(maps, tileSize) {
      checkScalingMaps(settings, maps);
      // Another process may have decided the tile size, or maps have taken memory since the plan.
      const changed = tileSize !== undefined || (plan?.bytesPerThread ?? 0) * pool.size > freeBytes();
      const chosen = plan && changed ? planWithin(freeBytes(), tileSize) : plan;
      return startScaling(settings, maps, chosen, tools);
    },
  };
}

/** Cost of the plan on this many threads; more threads than tiles do not help. */
function estimateOf(plan: TilePlan, threads: number): OpenedScaling['estimate'] {
  const { maskVoxels, tileSize, tiles, cost, bytesPerThread } = plan;
  const seconds = (cost * SECONDS_PER_OPERATION) / Math.min(threads, tiles.length);
  return { maskVoxels, workingBytes: bytesPerThread * threads, seconds, tileSize, tiles };
}

/** Makes the results, zero outside the mask, and hands the job to all threads. */
async function startScaling(
  settings: LocalScalingSettings,
  maps: LocalScalingMaps,
  plan: TilePlan | undefined,
  { pool, memory, onTimings }: ScalingTools,
): Promise<ScalingRun> {
  const { mask, windowVoxels, profileKind, windowTaper, rule, measureBFactors } = settings;
  const { shape } = mask;
  const result: LocalScalingResult = {
    scaled: memory.create(shape),
    ...(measureBFactors ? { bFactor: memory.create(shape), quality: memory.create(shape) } : {}),
  };
  if (!plan) return nothingToRun(result);
  const { tileSize, fftShape, tiles } = plan;
  const { bFactor, quality } = result;
  const job: TileJob = {
    shape,
    windowVoxels,
    profileKind,
    windowTaper,
    rule,
    measureBFactors,
    padValues: maps.padValues,
    tileSize,
    fftShape,
    map: memory.own(maps.map),
    reference: maps.reference && memory.own(maps.reference),
    mask: memory.own(mask),
    differenceMask: maps.differenceMask && memory.own(maps.differenceMask),
    scaled: memory.own(result.scaled),
    bFactor: bFactor && memory.own(bFactor),
    quality: quality && memory.own(quality),
  };
  try {
    await pool.broadcast('beginScaling', job);
  } catch (error) {
    memory.release(volumesOf(result));
    throw error;
  }
  return {
    tileSize,
    tiles,
    result,
    async run({ signal, onProgress, onTiles } = {}, starts) {
      // Fullest tiles first, so that no thread ends alone with a large one.
      const order = [...chooseTiles(tiles, starts)].sort((a, b) => b.maskVoxels - a.maskVoxels);
      const total = order.reduce((sum, tile) => sum + tile.maskVoxels, 0);
      let done = 0;
      const onResult = (voxels: number, index: number): void => {
        done += voxels;
        onProgress?.(done, total);
        void onTiles?.([order[index]]);
      };
      await pool.map(
        'scaleTile',
        order.map(({ start }) => ({ start })),
        { signal, onResult },
      );
    },
    async close() {
      const timings = await pool.broadcast('endScaling', undefined);
      onTimings(
        timings.reduce((sum, part) => ({
          profiles: sum.profiles + part.profiles,
          rule: sum.rule + part.rule,
          convolutions: sum.convolutions + part.convolutions,
          gather: sum.gather + part.gather,
        })),
      );
    },
  };
}

/** Thrown if not even the smallest tiles fit. */
function tooLarge(needed: number, { pool, memoryLimitBytes }: ScalingTools): LocScaleError {
  const found = `${gibibytes(needed)} with ${pool.size} ${pool.size === 1 ? 'thread' : 'threads'}`;
  const limit = gibibytes(memoryLimitBytes);
  return new LocScaleError(
    'out-of-memory',
    `Local scaling needs ${found}, more than the memory limit of ${limit}.`,
    {
      expected: `at most ${limit}`,
      found,
      hint:
        `Raise ${named('memoryLimitBytes')}, use fewer threads (${named('threads')}), or a smaller ` +
        `window (${named('windowVoxels')}).`,
    },
  );
}
