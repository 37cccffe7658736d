/**
 * Chooses the tiles of a local-scaling job on the GPU: as large as limits and memory allow, since
 * halos and FFT boxes cost less then, but following the mask.
 */
import type { ScalingTile } from '../engine/engine.ts';
import { nextFastLength } from '../math/fourier/fft-plan.ts';
import { shellKernelVoxels } from '../math/fourier/shell-kernels.ts';
import type { Shape } from '../math/grid.ts';
import { voxelCount } from '../math/grid.ts';
import { OCCUPANCY_BLOCK, type Occupancy } from '../math/scaling/occupancy.ts';
import { cheapestPlan, evenTileSize, occupiedTiles } from '../math/scaling/tiling.ts';
import type { RadialProfileKind, WindowTaper } from '../math/scaling/windows.ts';
import type { GpuLimits } from './device.ts';
import { planRealFft3d, type RealFft3dPlan } from './fft.ts';
import { shellConvolutionsBytes } from './shell-convolutions.ts';
import { listPlaneUnits, PLANE_TILE_MULTIPLES, UNIT_ROWS } from './tile-units.ts';
import {
  pairCount,
  planWindowProfiles,
  type Support,
  type WindowProfilesPlan,
  windowProfilesBytes,
} from './window-profiles.ts';

/** A tile with its units (tile-units.ts). */
export interface GpuTile extends ScalingTile {
  readonly units: Uint32Array;
  readonly unitCount: number;
}

/** Sizes of all buffers and dispatches of a job. */
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

/** Room for the parameters of a tile's dispatches, twiddles, and the tables of the rule. */
const SMALL_BUFFERS_BYTES = 256 * 1024;
/** Tile edges tried, in voxels; larger ones cost two per cent less, and four times the memory. */
const EDGES = [16, 32, 48, 64, 80, 96];

/** Inputs of the choice; depends on no GPU object, so that plans can be tested without a device. */
export interface TilingRequest {
  readonly occupancy: Occupancy;
  readonly windowVoxels: number;
  readonly kind: RadialProfileKind;
  readonly taper?: WindowTaper;
  readonly profiledMaps: number;
  readonly limits: GpuLimits;
  /** Memory available for the job's buffers, bytes. */
  readonly budgetBytes: number;
  /** Tile size in voxels, instead of the best. */
  readonly tileSize?: Shape | undefined;
}

/** The cheapest plan that fits; undefined for an empty mask; a reason if nothing fits. */
export function planGpuTiles(request: TilingRequest): Support<GpuTilePlan | undefined> {
  if (request.tileSize) return makePlan(request, request.tileSize);
  const sizes = EDGES.map((edge) => evenTileSize(request.occupancy, edge, PLANE_TILE_MULTIPLES));
  const candidates = sizes.filter((size) => size !== undefined).map((size) => makePlan(request, size));
  const plans = candidates.flatMap((candidate) => (candidate.ok ? [candidate.plan] : []));
  const plan = cheapestPlan(plans, () => true);
  const refused = candidates.find((candidate) => !candidate.ok);
  return plan === undefined && refused !== undefined ? refused : { ok: true, plan };
}

/** A plan of one tile size, or the reason why it does not fit. */
function makePlan(request: TilingRequest, tileSize: Shape): Support<GpuTilePlan> {
  const { occupancy, windowVoxels, kind, taper, limits, budgetBytes, profiledMaps } = request;
  const reach = shellKernelVoxels(windowVoxels, taper);
  const box = tileSize.map((n) => nextFastLength(n + reach - 1)) as unknown as Shape;
  const inset = (reach - windowVoxels) / 2;
  const planned = planWindowProfiles(windowVoxels, kind, tileSize, box, limits, { taper, inset });
  if (!planned.ok) return planned;
  const profiles = planned.plan;
  const fft = planRealFft3d(box, limits);
  if (!fft.ok) return fft;
  const bytes = jobBytes(profiles, fft.plan, profiledMaps, limits);
  if (bytes > budgetBytes)
    return { ok: false, reason: 'the working buffers of the smallest tile exceed the memory of this GPU' };
  const tiles = occupiedTiles(occupancy, tileSize).map(({ start, maskVoxels }): GpuTile => {
    const units = listPlaneUnits(occupancy, OCCUPANCY_BLOCK, start, tileSize, profiles.lanes);
    const cost = tileCost(profiles, units.count, profiledMaps);
    return { start, units: units.list, unitCount: units.count, maskVoxels, cost };
  });
  const maskVoxels = tiles.reduce((sum, tile) => sum + tile.maskVoxels, 0);
  const cost = tiles.reduce((sum, tile) => sum + tile.cost, 0);
  return { ok: true, plan: { tileSize, box, profiles, fft: fft.plan, tiles, maskVoxels, bytes, cost } };
}

/** Cost of one tile: z, x and y sums of every profiled map, and h + 2 transforms of the box. */
function tileCost(plan: WindowProfilesPlan, unitCount: number, maps: number): number {
  const { windowVoxels: w, shellCount, tileSize, box, lanes, taper } = plan;
  const [tz, ty, tx] = tileSize;
  const frequencies = plan.counts.reduce((sum, n) => sum + n, 0);
  const steps = (w * 4) / UNIT_ROWS + 6;
  const zSums = shellCount * tz * (ty + w - 1) * (tx + w - 1) * steps;
  const xSums = unitCount * pairCount(plan) * (UNIT_ROWS + w - 1) * (w * 4 + lanes * 6);
  const ySums = unitCount * lanes * frequencies * (w * 4 + UNIT_ROWS * 11);
  const points = voxelCount(box);
  const convolutions = (shellCount + 1) * points * (Math.log2(points) * 2.5 + 12);
  const sums = taper === undefined ? 1 : 3;
  return maps * sums * (zSums + xSums + ySums) + convolutions;
}

/** Buffers of the profiles, the convolutions, the two gathered boxes, profiles, factors, fits and results. */
function jobBytes(profiles: WindowProfilesPlan, fft: RealFft3dPlan, maps: number, limits: GpuLimits): number {
  const unitVoxels = profiles.profileBytes / 4 / profiles.shellCount;
  return (
    windowProfilesBytes(profiles) +
    shellConvolutionsBytes(fft.spectrumBytes, profiles.shellCount, profiles.box, limits) +
    maps * 4 * voxelCount(profiles.box) +
    2 * profiles.profileBytes +
    unitVoxels * (4 + 8) +
    4 * voxelCount(profiles.tileSize) +
    16 * profiles.unitCapacity +
    SMALL_BUFFERS_BYTES
  );
}
