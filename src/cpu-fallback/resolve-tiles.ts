/** The local resolution of a map: tiles planned and handed to the worker threads (local-resolution.ts). */
import type { LocalResolutionEstimate, LocalResolutionJob, OperationHooks } from '../engine.ts';
import { NOTHING_TO_SCALE } from '../engine-checks.ts';
import { LocScaleError } from '../errors.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import { blockGrid, OCCUPANCY_BLOCK, type Occupancy } from '../math/occupancy.ts';
import type { ResolutionTileJob } from './local-resolution.ts';
import { planResolutionTiles, type ResolutionPlan } from './plan-local-resolution.ts';
import type { Pool } from './pool.ts';

type Arrays = Pick<ResolutionTileJob, 'half1' | 'half2' | 'mask' | 'resolution' | 'correlations'>;

/** Per unit of a plan's cost on one core of a 2020s x86 server; softened windows take more sums. */
const SECONDS_PER_COST = { box: 1e-9, hann: 1.5e-9 };

/** What resolveTiles would take. */
export async function estimateResolution(
  pool: Pool,
  job: LocalResolutionJob,
  mask: Float32Array,
  freeBytes: number,
): Promise<LocalResolutionEstimate> {
  const plan = await planResolution(pool, job, mask, freeBytes);
  if (!plan) return NOTHING_TO_SCALE;
  const threads = Math.min(pool.size, plan.starts.length);
  return {
    maskVoxels: plan.maskVoxels,
    workingBytes: plan.bytesPerThread * pool.size,
    seconds: (plan.cost * SECONDS_PER_COST[job.weights]) / threads,
  };
}

/** undefined for an empty mask. */
async function planResolution(
  pool: Pool,
  { windowVoxels, weights, half1: { shape } }: LocalResolutionJob,
  mask: Float32Array,
  freeBytes: number,
): Promise<ResolutionPlan | undefined> {
  const occupancy = await measureOccupancy(pool, mask, shape);
  const plan = planResolutionTiles(occupancy, windowVoxels, weights, freeBytes / pool.size);
  const needed = (plan?.bytesPerThread ?? 0) * pool.size;
  if (needed <= freeBytes) return plan;
  throw new LocScaleError('out-of-memory', 'The local resolution does not fit the memory limit.', {
    expected: `at most ${mebibytes(freeBytes)} beside the maps`,
    found: `${mebibytes(needed)} with ${pool.size} ${pool.size === 1 ? 'thread' : 'threads'}`,
    hint: 'Raise --memory, use fewer threads (-np), or a smaller window (--locres_window).',
  });
}

/** Writes to `resolution` and `correlations`; `freeBytes` is what the threads may take together. */
export async function resolveTiles(
  pool: Pool,
  job: LocalResolutionJob,
  arrays: Arrays,
  freeBytes: number,
  hooks: OperationHooks,
): Promise<void> {
  const { windowVoxels, weights, voxelSize, threshold, padValues } = job;
  const { shape } = job.half1;
  const plan = await planResolution(pool, job, arrays.mask, freeBytes);
  if (!plan) return;
  const tileJob: ResolutionTileJob = {
    shape,
    windowVoxels,
    weights,
    voxelSize,
    threshold,
    padValues,
    tileSize: plan.tileSize,
    ...arrays,
  };
  await pool.broadcast('beginResolving', tileJob);
  try {
    let done = 0;
    await pool.map(
      'resolveTile',
      plan.starts.map((start) => ({ start })),
      {
        signal: hooks.signal,
        onResult: (voxels) => {
          done += voxels;
          hooks.onProgress?.(done, plan.maskVoxels);
        },
      },
    );
  } finally {
    await pool.broadcast('endResolving', undefined);
  }
}

async function measureOccupancy(pool: Pool, mask: Float32Array, shape: Shape): Promise<Occupancy> {
  const blocks = blockGrid(shape);
  const parts = await pool.map(
    'occupancy',
    Array.from({ length: blocks[0] }, (_, z) => ({
      from: z,
      to: z + 1,
      mask,
      shape,
      block: OCCUPANCY_BLOCK,
    })),
  );
  const counts = new Uint32Array(voxelCount(blocks));
  parts.forEach((part, z) => {
    counts.set(part, z * blocks[1] * blocks[2]);
  });
  return { blocks, counts };
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
