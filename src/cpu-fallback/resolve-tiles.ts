/**
 * Local resolution as a job: planned once, then distributed as tiles to the worker threads
 * (local-resolution.ts).
 */

import { checkResolutionHalves, checkResolutionSettings, NOTHING_TO_SCALE } from '../engine/checks.ts';
import type { OpenedResolution, ResolutionSettings } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import type { ResolutionTileJob } from './local-resolution.ts';
import { measureOccupancy } from './occupancy.ts';
import { planResolutionTiles, type ResolutionPlan } from './plan-local-resolution.ts';
import type { Pool } from './pool.ts';
import type { ScalingTools } from './scale-tiles.ts';

/** JS arrays of a thread's mask voxels and curves, which are garbage-collected late. */
const LIST_BYTES = 2 * 2 ** 20;
/** Seconds per unit of a plan's cost on one core of a 2020s x86 server; soft windows need more sums. */
const SECONDS_PER_COST = { box: 1e-9, hann: 1.5e-9 };

/** Plans the measurement in the memory that is free now. */
export async function openResolution(
  settings: ResolutionSettings,
  { pool, memory, memoryLimitBytes }: Omit<ScalingTools, 'onTimings'>,
): Promise<OpenedResolution> {
  checkResolutionSettings(settings);
  const { mask, windowVoxels, weights, voxelSize, threshold, correlationShells = [] } = settings;
  const { shape } = mask;
  const occupancy = await measureOccupancy(pool, memory.own(mask), shape);
  const freeBytes = memoryLimitBytes - memory.volumeBytes;
  const plan = planResolutionTiles(occupancy, windowVoxels, weights, freeBytes / pool.size);
  const needed = (plan?.bytesPerThread ?? 0) * pool.size;
  if (needed > freeBytes) {
    const found = `${mebibytes(needed)} with ${pool.size} ${pool.size === 1 ? 'thread' : 'threads'}`;
    throw new LocScaleError(
      'out-of-memory',
      `The local resolution needs ${found}, more than the ${mebibytes(freeBytes)} that the memory ` +
        'limit leaves besides the maps.',
      {
        expected: `at most ${mebibytes(freeBytes)}`,
        found,
        hint:
          `Raise ${named('memoryLimitBytes')}, use fewer threads (${named('threads')}), or a smaller ` +
          `window (${named('windowAngstrom')}).`,
      },
    );
  }
  return {
    estimate: plan === undefined ? NOTHING_TO_SCALE : estimateOf(plan, weights, pool.size),
    async run(halves, { signal, onProgress } = {}) {
      checkResolutionHalves(settings, halves);
      const resolution = memory.create(shape);
      const correlations = correlationShells.map((shell) => ({ shell, volume: memory.create(shape) }));
      const volumes = correlations.map(({ volume }) => volume);
      if (!plan) return { resolution, correlations: volumes };
      const job: ResolutionTileJob = {
        shape,
        windowVoxels,
        weights,
        voxelSize,
        threshold,
        padValues: halves.padValues,
        tileSize: plan.tileSize,
        half1: memory.own(halves.half1),
        half2: memory.own(halves.half2),
        mask: memory.own(mask),
        resolution: resolution.data,
        correlations: correlations.map(({ shell, volume: { data } }) => ({ shell, volume: data })),
      };
      let done = 0;
      const onResult = (voxels: number): void => {
        done += voxels;
        onProgress?.(done, plan.maskVoxels);
      };
      try {
        await resolveTiles(pool, job, plan, { signal, onResult });
        return { resolution, correlations: volumes };
      } catch (error) {
        memory.release([resolution, ...volumes]);
        throw error;
      }
    },
  };
}

/** Computes all tiles of the plan, the fullest first, so that threads end together. */
async function resolveTiles(
  pool: Pool,
  job: ResolutionTileJob,
  plan: ResolutionPlan,
  options: { readonly signal: AbortSignal | undefined; readonly onResult: (voxels: number) => void },
): Promise<void> {
  await pool.broadcast('beginResolving', job);
  try {
    await pool.map(
      'resolveTile',
      plan.starts.map((start) => ({ start })),
      options,
    );
  } finally {
    await pool.broadcast('endResolving', undefined);
  }
}

/** Cost of the plan on this many threads; more threads than tiles do not help. */
function estimateOf(
  { maskVoxels, bytesPerThread, cost, starts }: ResolutionPlan,
  weights: ResolutionSettings['weights'],
  threads: number,
): OpenedResolution['estimate'] {
  return {
    maskVoxels,
    workingBytes: threads * (bytesPerThread + LIST_BYTES),
    seconds: (cost * SECONDS_PER_COST[weights]) / Math.min(threads, starts.length),
  };
}

/** Rounded up, for errors. */
function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
