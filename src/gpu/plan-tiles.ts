/**
 * Chooses the tiles of a local-scaling job on the GPU: as large as limits and memory allow, since
 * halos and FFT boxes cost less then, but following the mask.
 */
import type { ScalingTile } from '../engine.ts';
import { nextFastLength } from '../math/fft-plan.ts';
import type { Shape } from '../math/grid.ts';
import { voxelCount } from '../math/grid.ts';
import { OCCUPANCY_BLOCK, type Occupancy, occupiedExtent } from '../math/occupancy.ts';
import type { RadialProfileKind } from '../math/windows.ts';
import type { GpuLimits } from './device.ts';
import { planRealFft3d, type RealFft3dPlan } from './fft.ts';
import { shellConvolutionsBytes } from './shell-convolutions.ts';
import { listUnits, RUN } from './tile-units.ts';
import {
  planWindowProfiles,
  type Support,
  type WindowProfilesPlan,
  windowProfilesBytes,
} from './window-profiles.ts';

export interface GpuTile extends ScalingTile {
  readonly units: Uint32Array;
  readonly unitCount: number;
}

export interface GpuTilePlan {
  readonly tileSize: Shape;
  readonly box: Shape;
  readonly profiles: WindowProfilesPlan;
  readonly fft: RealFft3dPlan;
  readonly tiles: readonly GpuTile[];
  readonly maskVoxels: number;
  /** Bytes of all buffers of the job beyond the volumes. */
  readonly bytes: number;
  /** Model operations, about one multiply-add each. */
  readonly cost: number;
}

/** Tile edges tried, in voxels. */
const EDGES = [16, 32, 48, 64, 80, 96, 128];

export interface TilingRequest {
  readonly occupancy: Occupancy;
  readonly windowVoxels: number;
  readonly kind: RadialProfileKind;
  readonly profiledMaps: number;
  readonly limits: GpuLimits;
  /** Bytes the job's buffers may take. */
  readonly budgetBytes: number;
  /** Tiles of this size (voxels) instead of the best. */
  readonly tileSize?: Shape | undefined;
}

/** The cheapest plan that fits; undefined for an empty mask; a reason where nothing fits. */
export function planGpuTiles(request: TilingRequest): Support<GpuTilePlan | undefined> {
  const extent = occupiedExtent(request.occupancy);
  if (!extent) return { ok: true, plan: undefined };
  if (request.tileSize) return makePlan(request, extent, request.tileSize);
  let best: GpuTilePlan | undefined;
  let reason = '';
  for (const edge of EDGES) {
    const candidate = makePlan(request, extent, evenTiles(extent, edge));
    if (!candidate.ok) reason ||= candidate.reason;
    else if (!best || candidate.plan.cost < best.cost) best = candidate.plan;
  }
  return best ? { ok: true, plan: best } : { ok: false, reason };
}

interface Extent {
  readonly first: Shape;
  readonly end: Shape;
}

/** Tiles of about `edge` voxels that share the extent evenly. */
function evenTiles({ first, end }: Extent, edge: number): Shape {
  return [0, 1, 2].map((axis) => {
    const voxels = (end[axis] - first[axis]) * OCCUPANCY_BLOCK;
    return Math.ceil(voxels / Math.ceil(voxels / edge) / RUN) * RUN;
  }) as unknown as Shape;
}

function makePlan(request: TilingRequest, { first, end }: Extent, tileSize: Shape): Support<GpuTilePlan> {
  const { occupancy, windowVoxels, kind, limits, budgetBytes } = request;
  const box = tileSize.map((n) => nextFastLength(n + windowVoxels - 1)) as unknown as Shape;
  const profiles = planWindowProfiles(windowVoxels, kind, tileSize, box, limits);
  if (!profiles.ok) return profiles;
  const fft = planRealFft3d(box, limits);
  if (!fft.ok) return fft;
  const bytes = jobBytes(profiles.plan, fft.plan, request.profiledMaps);
  if (bytes > budgetBytes)
    return { ok: false, reason: 'the working buffers of the smallest tile exceed the memory of this GPU' };

  const tiles: GpuTile[] = [];
  const step = tileSize.map((n) => n / OCCUPANCY_BLOCK);
  let cost = 0;
  for (let z = first[0]; z < end[0]; z += step[0]) {
    for (let y = first[1]; y < end[1]; y += step[1]) {
      for (let x = first[2]; x < end[2]; x += step[2]) {
        const start: Shape = [z * OCCUPANCY_BLOCK, y * OCCUPANCY_BLOCK, x * OCCUPANCY_BLOCK];
        const maskVoxels = countVoxels(occupancy, [z, y, x], step);
        if (maskVoxels === 0) continue;
        const units = listUnits(occupancy, OCCUPANCY_BLOCK, start, tileSize, profiles.plan.lanes);
        const costOfTile = tileCost(profiles.plan, units.count, request.profiledMaps);
        tiles.push({ start, units: units.list, unitCount: units.count, maskVoxels, cost: costOfTile });
        cost += costOfTile;
      }
    }
  }
  const maskVoxels = tiles.reduce((sum, tile) => sum + tile.maskVoxels, 0);
  return {
    ok: true,
    plan: { tileSize, box, profiles: profiles.plan, fft: fft.plan, tiles, maskVoxels, bytes, cost },
  };
}

function countVoxels({ blocks, counts }: Occupancy, at: Shape, step: readonly number[]): number {
  let voxels = 0;
  for (let z = at[0]; z < Math.min(blocks[0], at[0] + step[0]); z++) {
    for (let y = at[1]; y < Math.min(blocks[1], at[1] + step[1]); y++) {
      for (let x = at[2]; x < Math.min(blocks[2], at[2] + step[2]); x++)
        voxels += counts[(z * blocks[1] + y) * blocks[2] + x];
    }
  }
  return voxels;
}

/** Arithmetic of one tile: x, y and z sums of every profiled map, and h + 2 transforms of the box. */
function tileCost(plan: WindowProfilesPlan, unitCount: number, maps: number): number {
  const { windowVoxels: w, shellCount, tileSize, box, lanes } = plan;
  const pairs = plan.pairs.length / 4;
  const frequencies = plan.counts.reduce((sum, n) => sum + n, 0);
  const planes = tileSize[0] + w - 1;
  const xSums = shellCount * planes * (tileSize[1] + w - 1) * tileSize[2] * w * 2;
  const ySums = pairs * planes * tileSize[2] * (tileSize[1] + w) * 4;
  const zSums = unitCount * lanes * frequencies * (w * 5 + RUN * 11);
  const points = voxelCount(box);
  const convolutions = (shellCount + 1) * points * (Math.log2(points) * 2.5 + 12);
  return maps * (xSums + ySums + zSums) + convolutions;
}

/** Buffers of the profiles, the convolutions, the two gathered boxes, profiles, factors, fits and results. */
function jobBytes(profiles: WindowProfilesPlan, fft: RealFft3dPlan, maps: number): number {
  const unitVoxels = profiles.profileBytes / 4 / profiles.shellCount;
  return (
    windowProfilesBytes(profiles) +
    shellConvolutionsBytes(fft.spectrumBytes, profiles.shellCount, profiles.box) +
    maps * 4 * voxelCount(profiles.box) +
    2 * profiles.profileBytes +
    unitVoxels * (4 + 8) +
    4 * voxelCount(profiles.tileSize) +
    16 * profiles.unitCapacity
  );
}
