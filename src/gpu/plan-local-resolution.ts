/** Chooses the tiles of a local-resolution job on the GPU: as large as limits and memory allow. */
import { type Shape, voxelCount } from '../math/grid.ts';
import {
  type CoefficientColumn,
  coefficientColumns,
  correlationShellCount,
} from '../math/scaling/local-resolution.ts';
import { OCCUPANCY_BLOCK, type Occupancy } from '../math/scaling/occupancy.ts';
import { cheapestPlan, evenTileSize, occupiedTiles } from '../math/scaling/tiling.ts';
import type { GpuLimits } from './device.ts';
import { listUnits, RUN, TILE_MULTIPLES } from './tile-units.ts';
import type { Support } from './window-profiles.ts';
import { type FrequencyRange, frequencyRanges, lineMultiplyAdds } from './window-sums-code.ts';

/** Sizes of all buffers and dispatches of a job. */
export interface GpuResolutionPlan {
  /** w, even. */
  readonly windowVoxels: number;
  /** Shells of a window, 0 ... w / 2. */
  readonly shellCount: number;
  /** Voxels along x per unit: lanes * RUN threads and their lines of coefficients fit a workgroup. */
  readonly lanes: number;
  /** Voxels (z, y, x) whose windows are measured together. */
  readonly tileSize: Shape;
  /** Input box, tile and halo. */
  readonly box: Shape;
  /** Same for all tiles. */
  readonly columns: ColumnTables;
  /** Rows of the tile along y whose y sums exist at the same time. */
  readonly rowsPerBatch: number;
  /** Most units of any tile: the size of their list. */
  readonly unitCapacity: number;
  /** Only tiles with voxels inside the mask. */
  readonly tiles: readonly {
    /** Voxel (z, y, x) of the tile's corner in the volume. */
    readonly start: Shape;
    /** Four u32 per unit, as lib/units.wgsl reads them. */
    readonly units: Uint32Array;
    /** Decides the dispatch along units. */
    readonly unitCount: number;
    /** Of the tile, for progress. */
    readonly maskVoxels: number;
  }[];
  /** Of all tiles. */
  readonly maskVoxels: number;
  /** Sums along x of the whole input box. */
  readonly xSumBytes: number;
  /** Sums along y of one batch of rows. */
  readonly ySumBytes: number;
  /** Sums over shells, per unit voxel. */
  readonly sumBytes: number;
  /** Bytes of all buffers of the job beyond the volumes. */
  readonly bytes: number;
  /** Multiply-adds. */
  readonly cost: number;
}

/** Columns of coefficients in ascending order of b^2 + c^2, as the shader reads them. */
export interface ColumnTables {
  /** Number of columns (b, c) that belong to some shell. */
  readonly count: number;
  /** [c][b mod w]: number of the column. */
  readonly numbers: Uint32Array;
  /** Per range of frequencies along z: columns that have some of them, and their records. */
  readonly ranges: readonly (FrequencyRange & { readonly columns: number; readonly records: Uint32Array })[];
}

/** No column, or no further shell. */
const NONE = 0xffffffff;
/** Room for the parameters of a tile's dispatches. */
const SMALL_BUFFERS_BYTES = 128 * 1024;
/** Tile edges tried, in voxels. */
const EDGES = [16, 32, 48, 64, 80, 96];
/** Limit for the y sums of one batch of rows, in bytes, even if the device allows more. */
const LARGEST_BATCH_BYTES = 256 * 2 ** 20;
/** Divisors of a tile's edge along y; more rows share more of the x sums that they read. */
const ROWS_PER_BATCH = [8, 4, 2, 1];
/** Workgroups that a GPU computes at a time: a dispatch of fewer takes as long. */
const WORKGROUPS_AT_A_TIME = 128;

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
  const lanes = [8, 4, 2].find(
    (n) =>
      n * RUN <= limits.workgroupInvocations &&
      2 * 16 * (RUN + windowVoxels - 1) * n <= limits.workgroupBytes,
  );
  if (lanes === undefined)
    return { ok: false, reason: `a window of ${windowVoxels} voxels needs larger workgroups than it has` };
  const columns = tabulateColumns(windowVoxels);
  const plans = sizes
    .map((size) => makePlan(occupancy, size, windowVoxels, columns, lanes, limits))
    .filter((plan) => plan !== undefined);
  const chosen = cheapestPlan(
    plans.map((plan) => ({ plan, cost: timeOf(plan) })),
    ({ plan }) => plan.bytes <= budgetBytes,
  );
  return chosen === undefined
    ? { ok: false, reason: 'the working buffers of the smallest tile exceed its memory or buffer limits' }
    : { ok: true, plan: chosen.plan };
}

/** Multiply-adds, and those that a GPU could have done during dispatches that do not fill it. */
function timeOf(plan: GpuResolutionPlan): number {
  const idle = plan.tiles.flatMap((tile) =>
    batchesOf(tile, plan.tileSize, plan.rowsPerBatch).map(({ units }) =>
      Math.max(0, WORKGROUPS_AT_A_TIME - units),
    ),
  );
  return plan.cost + sumOf(idle) * sumOf(resolutionWork(plan).perUnit);
}

/** Batches of rows along y that have units, which are in the order of their rows. */
export function batchesOf(
  { units, unitCount }: Pick<GpuResolutionPlan['tiles'][number], 'units' | 'unitCount'>,
  [, ty]: Shape,
  rowsPerBatch: number,
): { readonly firstRow: number; readonly firstUnit: number; readonly units: number }[] {
  const batches = [];
  for (let firstRow = 0, unit = 0; firstRow < ty; firstRow += rowsPerBatch) {
    const firstUnit = unit;
    while (unit < unitCount && units[4 * unit + 1] < firstRow + rowsPerBatch) unit++;
    if (unit > firstUnit) batches.push({ firstRow, firstUnit, units: unit - firstUnit });
  }
  return batches;
}

/** Undefined if a buffer exceeds the device's limits. */
function makePlan(
  occupancy: Occupancy,
  tileSize: Shape,
  w: number,
  columns: ColumnTables,
  lanes: number,
  limits: GpuLimits,
): GpuResolutionPlan | undefined {
  const [tz, ty, tx] = tileSize;
  const box = tileSize.map((n) => n + w - 1) as unknown as Shape;
  const shellCount = correlationShellCount(w);
  const largest = Math.min(limits.bindingBytes, limits.bufferBytes);
  const rowBytes = 16 * columns.count * box[0] * tx;
  const rowsPerBatch = ROWS_PER_BATCH.find(
    (rows) => rows * rowBytes <= Math.min(largest, rows === 1 ? largest : LARGEST_BATCH_BYTES),
  );
  const unitCapacity = (tz / RUN) * ty * (tx / lanes);
  const xSumBytes = 16 * shellCount * box[0] * box[1] * tx;
  const sumBytes = 12 * shellCount * tz * ty * tx;
  if (rowsPerBatch === undefined || Math.max(xSumBytes, sumBytes) > largest) return undefined;
  if (unitCapacity > limits.workgroupsPerDimension) return undefined;
  const ySumBytes = rowsPerBatch * rowBytes;

  const tiles = occupiedTiles(occupancy, tileSize).map(({ start, maskVoxels }) => {
    const units = listUnits(occupancy, OCCUPANCY_BLOCK, start, tileSize, lanes);
    return { start, units: units.list, unitCount: units.count, maskVoxels };
  });
  const sizes = { windowVoxels: w, shellCount, columns, lanes, tileSize, box, rowsPerBatch };
  const { rowsPerPlane, columnsPerPlane, perUnit } = resolutionWork(sizes);
  const perTile = box[0] * (rowsPerPlane + (ty / rowsPerBatch) * columnsPerPlane);
  const units = tiles.reduce((sum, { unitCount }) => sum + unitCount, 0);
  const cost = tiles.length * perTile + units * sumOf(perUnit);
  const bytes =
    xSumBytes +
    ySumBytes +
    sumBytes +
    8 * voxelCount(box) +
    4 * voxelCount(tileSize) +
    16 * unitCapacity +
    columns.numbers.byteLength +
    sumOf(columns.ranges.map(({ records }) => records.byteLength)) +
    SMALL_BUFFERS_BYTES;
  const maskVoxels = sumOf(tiles.map((tile) => tile.maskVoxels));
  return { ...sizes, unitCapacity, tiles, maskVoxels, xSumBytes, ySumBytes, sumBytes, bytes, cost };
}

/** Plain sum. */
function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** One record closes each list: it has no column, and ends every shell that is still open. */
export function tabulateColumns(w: number): ColumnTables {
  const h = w / 2;
  const square = ({ b, c }: CoefficientColumn): number => b * b + c * c;
  const list = coefficientColumns(w).sort((one, other) => square(one) - square(other));
  const numbers = new Uint32Array((h + 1) * w).fill(NONE);
  list.forEach(({ b, c }, number) => {
    numbers[c * w + ((b + w) % w)] = number;
  });
  const shellOf = (n: number): number => Math.round(Math.sqrt(n));
  const ranges = frequencyRanges(w).map(({ first, count }) => {
    const used = list.filter(({ deepest }) => deepest >= first);
    const records: number[] = [];
    for (let p = 0; p <= used.length; p++) {
      const before = p === 0 ? 0 : square(used[p - 1]);
      let flags = 0;
      for (let i = 0; i < count; i++) {
        const a = first + i;
        const shell = shellOf(a * a + before);
        const next = p === used.length ? NONE : shellOf(a * a + square(used[p]));
        if (p > 0 && shell <= h && shell !== next) flags += 2 ** i;
      }
      const { deepest, multiplicity } = used[p] ?? { deepest: 0, multiplicity: 0 };
      records.push(deepest, multiplicity, flags, before);
    }
    return { first, count, columns: used.length, records: Uint32Array.from(records) };
  });
  return { count: list.length, numbers, ranges };
}

/**
 * Multiply-adds of the three steps: per plane, per plane and batch of rows, per unit and range of
 * frequencies.
 */
export function resolutionWork({
  windowVoxels: w,
  shellCount,
  columns,
  lanes,
  tileSize: [, , tx],
  box,
  rowsPerBatch,
}: Pick<
  GpuResolutionPlan,
  'windowVoxels' | 'shellCount' | 'columns' | 'lanes' | 'tileSize' | 'box' | 'rowsPerBatch'
>): {
  readonly rowsPerPlane: number;
  readonly columnsPerPlane: number;
  readonly perUnit: readonly number[];
} {
  const line = lineMultiplyAdds(w);
  return {
    rowsPerPlane: box[1] * tx * 2 * line,
    columnsPerPlane: rowsPerBatch * tx * shellCount * 4 * line,
    // And the products.
    perUnit: columns.ranges.map(
      ({ count, columns: used }) => lanes * RUN * used * ((4 * line * count) / shellCount + 15 * count),
    ),
  };
}
