/**
 * Chooses the tiles of a local-scaling job: large enough that the FFT box and the recursion's start
 * are used well, small enough to stay in cache, to follow the mask and to fit the memory.
 * Pure: depends on the mask's occupancy only, never on the number of threads.
 */
import type { ScalingTile } from '../engine.ts';
import { nextFastLength, spectrumPitch } from '../math/fft-plan.ts';
import type { Shape } from '../math/grid.ts';
import { OCCUPANCY_BLOCK, type Occupancy, occupiedExtent } from '../math/occupancy.ts';
import type { RadialProfileKind } from '../math/windows.ts';
import { shellWeights } from '../math/windows.ts';
import { makeTileShape } from './tile.ts';

export interface TilePlan {
  readonly tileSize: Shape;
  readonly fftShape: Shape;
  /** Those that hold mask voxels. */
  readonly tiles: readonly ScalingTile[];
  readonly maskVoxels: number;
  /** Kernel memory per thread, bytes. */
  readonly bytesPerThread: number;
  /** Arithmetic of the job in model operations (see `tileCost`). */
  readonly cost: number;
}

/** Tile edges tried, in occupancy blocks. */
const EDGES = [2, 3, 4, 5, 6, 7, 8, 10, 12];

export function planTiles(
  occupancy: Occupancy,
  windowVoxels: number,
  kind: RadialProfileKind,
  profiledMaps: number,
  memoryPerThread: number,
  /** Tiles of this size (voxels) instead of the best. */
  tileSize?: Shape,
): TilePlan | undefined {
  const extent = occupiedExtent(occupancy);
  if (!extent) return undefined;
  const make = (size: Shape): TilePlan => makePlan(occupancy, extent, size, windowVoxels, kind, profiledMaps);
  if (tileSize) return make(tileSize.map((n) => n / OCCUPANCY_BLOCK) as unknown as Shape);
  const plans = EDGES.map((edge) => make(sizeInBlocks(extent, edge)));
  const fitting = plans.filter((plan) => plan.bytesPerThread <= memoryPerThread);
  const candidates = fitting.length > 0 ? fitting : plans.slice(0, 1);
  return candidates.reduce((best, plan) => (plan.cost < best.cost ? plan : best));
}

type Extent = NonNullable<ReturnType<typeof occupiedExtent>>;

/** Tiles of at most `edge` blocks that share the extent evenly. */
function sizeInBlocks({ first, end }: Extent, edge: number): Shape {
  return [0, 1, 2].map((axis) => {
    const blocks = end[axis] - first[axis];
    return Math.ceil(blocks / Math.ceil(blocks / edge));
  }) as unknown as Shape;
}

function makePlan(
  occupancy: Occupancy,
  { first, end }: Extent,
  size: Shape,
  w: number,
  kind: RadialProfileKind,
  profiledMaps: number,
): TilePlan {
  const tileSize = size.map((s) => s * OCCUPANCY_BLOCK) as unknown as Shape;
  const fftShape = tileSize.map((s) => nextFastLength(s + w - 1)) as unknown as Shape;
  const tiles: ScalingTile[] = [];
  const weights = shellWeights(w, kind);
  const pairs = countPairs(weights.b, weights.c);
  let cost = setUpCost(fftShape, w);
  let maskVoxels = 0;
  for (let tz = first[0]; tz < end[0]; tz += size[0]) {
    for (let ty = first[1]; ty < end[1]; ty += size[1]) {
      for (let tx = first[2]; tx < end[2]; tx += size[2]) {
        const use = tileUse(occupancy, [tz, ty, tx], size);
        if (use.voxels === 0) continue;
        const start: Shape = [tz * OCCUPANCY_BLOCK, ty * OCCUPANCY_BLOCK, tx * OCCUPANCY_BLOCK];
        const costOfTile = tileCost(use, tileSize, fftShape, w, weights.shell.length, pairs, profiledMaps);
        tiles.push({ start, maskVoxels: use.voxels, cost: costOfTile });
        maskVoxels += use.voxels;
        cost += costOfTile;
      }
    }
  }
  return {
    tileSize,
    fftShape,
    tiles,
    maskVoxels,
    bytesPerThread: kernelBytes(w, tileSize, fftShape, pairs),
    cost,
  };
}

interface TileUse {
  voxels: number;
  /** Blocks with mask voxels. */
  blocks: number;
  /** (y, x) columns of blocks with mask voxels: each is one z recursion per frequency. */
  columns: number;
}

function tileUse({ blocks, counts }: Occupancy, at: Shape, size: Shape): TileUse {
  const use = { voxels: 0, blocks: 0, columns: 0 };
  for (let y = at[1]; y < Math.min(blocks[1], at[1] + size[1]); y++) {
    for (let x = at[2]; x < Math.min(blocks[2], at[2] + size[2]); x++) {
      let column = 0;
      for (let z = at[0]; z < Math.min(blocks[0], at[0] + size[0]); z++) {
        const count = counts[(z * blocks[1] + y) * blocks[2] + x];
        if (count === 0) continue;
        use.voxels += count;
        column++;
      }
      use.blocks += column;
      if (column > 0) use.columns++;
    }
  }
  return use;
}

/**
 * Cost of a tile in units of one frequency at one voxel of the z recursion (SECONDS_PER_OPERATION of
 * index.ts). The weights are a non-negative least-squares fit to the parts of 53 measured jobs, windows
 * 14 ... 40, masks of 5 to 35 % of boxes of 64 and 96, tiles of 16 to 88 voxels, both profile kinds: single
 * jobs lie within 20 % of it. The direct sums that start the y recursions are part of `seeds`.
 */
function tileCost(
  use: TileUse,
  size: Shape,
  fft: Shape,
  w: number,
  frequencies: number,
  pairs: number,
  maps: number,
): number {
  const block = OCCUPANCY_BLOCK;
  const h = w / 2;
  const zSlides = use.blocks * block ** 3 * frequencies;
  const ySlides = 1.05 * use.columns * block * block * (size[0] + w) * pairs;
  const seeds = 4.5 * (size[0] + w) * (size[1] + w) * w * (h + 1);
  const points = fft[0] * fft[1] * fft[2];
  const gather = 4.3 * points;
  const convolutions = 0.235 * (h + 3) * points * Math.log2(points);
  // Rule, sum over shells and lists of the mask voxels.
  const perVoxel = use.voxels * (53 * (h + 1) + 116);
  return maps * (zSlides + ySlides + seeds + gather) + convolutions + perVoxel;
}

/** Cost of what a thread prepares before its first tile: the transforms of the shell kernels. */
function setUpCost(fft: Shape, w: number): number {
  const points = fft[0] * fft[1] * fft[2];
  return 1.6 * (w / 2 + 3) * points * Math.log2(points);
}

/** Kernel memory of WindowProfiler, ShellConvolver and TileScaler. */
function kernelBytes(w: number, size: Shape, fft: Shape, pairs: number): number {
  const shells = w / 2 + 1;
  const tile = makeTileShape(w, size, fft);
  const yIn = size[1] + w - 1;
  const profiler = tile.zPlanes * (yIn * (72 * shells) + 64 * pairs + 128) + 32 * size[0] * shells;
  const bins = spectrumPitch(fft[2]);
  const spectra = (shells + 2) * 8 * bins * (fft[0] * fft[1] + 8);
  const inputs = 2 * 4 * tile.inputFloats;
  const perVoxel = size[0] * size[1] * size[2] * (2 * 4 * shells + 8);
  return profiler + spectra + inputs + perVoxel;
}

function countPairs(b: Int16Array, c: Int16Array): number {
  let pairs = 0;
  for (let i = 0; i < b.length; i++) if (i === 0 || b[i] !== b[i - 1] || c[i] !== c[i - 1]) pairs++;
  return pairs;
}
