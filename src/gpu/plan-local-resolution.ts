/** Chooses the tiles of a local-resolution job on the GPU: as large as limits and memory allow. */
import type { Shape } from '../math/grid.ts';
import { coefficientColumns, correlationShellCount } from '../math/scaling/local-resolution.ts';
import { OCCUPANCY_BLOCK, type Occupancy } from '../math/scaling/occupancy.ts';
import { cheapestPlan, evenTileSize, occupiedTiles } from '../math/scaling/tiling.ts';
import type { GpuLimits } from './device.ts';
import { listUnits, RUN, TILE_MULTIPLES } from './tile-units.ts';
import type { Support } from './window-profiles.ts';

/** Sizes of all buffers and dispatches of a job. */
export interface GpuResolutionPlan {
  readonly windowVoxels: number;
  readonly shellCount: number;
  /** Voxels along x per unit: lanes * RUN threads and their line of coefficients fit a workgroup. */
  readonly lanes: number;
  readonly tileSize: Shape;
  /** Input box, tile and halo. */
  readonly box: Shape;
  /** b mod w, c, b^2 + c^2, 4 * largest a + multiplicity of every column of coefficients. */
  readonly columns: Uint32Array;
  readonly columnsPerBatch: number;
  readonly unitCapacity: number;
  readonly tiles: readonly {
    readonly start: Shape;
    readonly units: Uint32Array;
    readonly unitCount: number;
    readonly maskVoxels: number;
  }[];
  readonly maskVoxels: number;
  readonly xSumBytes: number;
  readonly ySumBytes: number;
  readonly sumBytes: number;
  /** Bytes of all buffers of the job beyond the volumes. */
  readonly bytes: number;
  /** Multiply-adds. */
  readonly cost: number;
}

/** Room for the parameters of a tile's dispatches. */
const SMALL_BUFFERS_BYTES = 128 * 1024;
/** Tile edges tried, in voxels. */
const EDGES = [16, 32, 48, 64, 80, 96];
/** Limit for the y sums of one batch of columns, in bytes, even if the device allows more. */
const LARGEST_BATCH_BYTES = 256 * 2 ** 20;

/** The cheapest plan that fits; undefined for an empty mask; a reason if nothing fits. */
export function planGpuResolution(
  occupancy: Occupancy,
  windowVoxels: number,
  limits: GpuLimits,
  budgetBytes: number,
): Support<GpuResolutionPlan | undefined> {
  const sizes = EDGES.map((edge) => evenTileSize(occupancy, edge, TILE_MULTIPLES)).filter(
    (size) => size !== undefined,
  );
  if (sizes.length === 0) return { ok: true, plan: undefined };
  const lanes = [16, 8, 4, 2].find(
    (n) =>
      n * RUN <= limits.workgroupInvocations && 16 * (RUN + windowVoxels - 1) * n <= limits.workgroupBytes,
  );
  if (lanes === undefined)
    return { ok: false, reason: `a window of ${windowVoxels} voxels needs larger workgroups than it has` };
  const plans = sizes
    .map((size) => makePlan(occupancy, size, windowVoxels, lanes, limits))
    .filter((plan) => plan !== undefined);
  const plan = cheapestPlan(plans, ({ bytes }) => bytes <= budgetBytes);
  return plan === undefined
    ? { ok: false, reason: 'the working buffers of the smallest tile exceed its memory or buffer limits' }
    : { ok: true, plan };
}

/** Undefined if a buffer exceeds the device's limits. */
function makePlan(
  occupancy: Occupancy,
  tileSize: Shape,
  w: number,
  lanes: number,
  limits: GpuLimits,
): GpuResolutionPlan | undefined {
  const [tz, ty, tx] = tileSize;
  const box = tileSize.map((n) => n + w - 1) as unknown as Shape;
  const shellCount = correlationShellCount(w);
  const list = coefficientColumns(w);
  const columns = Uint32Array.from(
    list.flatMap(({ b, c, deepest, multiplicity }) => [
      (b + w) % w,
      c,
      b * b + c * c,
      4 * deepest + multiplicity,
    ]),
  );
  const largest = Math.min(limits.bindingBytes, limits.bufferBytes);
  const perColumn = 16 * box[0] * ty * tx;
  const columnsPerBatch = Math.min(
    list.length,
    Math.floor(Math.min(largest, LARGEST_BATCH_BYTES) / perColumn),
    limits.workgroupsPerDimension,
  );
  const unitCapacity = (tz / RUN) * ty * (tx / lanes);
  const xSumBytes = 16 * shellCount * box[0] * box[1] * tx;
  const ySumBytes = columnsPerBatch * perColumn;
  const sumBytes = 12 * shellCount * tz * ty * tx;
  if (columnsPerBatch < 1 || Math.max(xSumBytes, sumBytes) > largest) return undefined;
  if (unitCapacity > limits.workgroupsPerDimension) return undefined;

  const perVoxel = list.reduce((sum, { deepest }) => sum + (deepest + 1) * 7 * w, 0);
  const tiles = occupiedTiles(occupancy, tileSize).map(({ start, maskVoxels }) => {
    const units = listUnits(occupancy, OCCUPANCY_BLOCK, start, tileSize, lanes);
    return { start, units: units.list, unitCount: units.count, maskVoxels };
  });
  let cost = 0;
  for (const { unitCount } of tiles) {
    cost += unitCount * lanes * RUN * perVoxel;
    cost += list.length * box[0] * ty * tx * 8 * w + (xSumBytes / 16) * 4 * w;
  }
  const bytes =
    xSumBytes +
    ySumBytes +
    sumBytes +
    8 * box[0] * box[1] * box[2] +
    16 * unitCapacity +
    columns.byteLength +
    8 * w * w +
    4 * (w / 2 + 1) ** 2 +
    SMALL_BUFFERS_BYTES;
  const maskVoxels = tiles.reduce((sum, tile) => sum + tile.maskVoxels, 0);
  const sizes = { columnsPerBatch, unitCapacity, xSumBytes, ySumBytes, sumBytes, bytes };
  return { windowVoxels: w, shellCount, lanes, tileSize, box, columns, tiles, maskVoxels, ...sizes, cost };
}

/** Multiply-adds of the three steps: per plane, and per column of coefficients and plane or unit. */
export function resolutionWork({ windowVoxels: w, shellCount, lanes, tileSize, box }: GpuResolutionPlan): {
  readonly rowsPerPlane: number;
  readonly columnPerPlane: number;
  readonly columnPerUnit: number;
} {
  const [, ty, tx] = tileSize;
  return {
    rowsPerPlane: box[1] * tx * shellCount * 4 * w,
    columnPerPlane: ty * tx * 8 * w,
    // Of the deepest column.
    columnPerUnit: lanes * RUN * shellCount * 7 * w,
  };
}
