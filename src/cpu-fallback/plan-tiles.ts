/**
 * Chooses the tiles of a local-scaling job: large enough to amortise the FFT box and the start of recursions,
 * small enough to stay in cache, to follow the mask and to fit in memory. Pure: depends on the mask's
 * occupancy only, never on the number of threads.
 */
import type { ScalingTile } from '../engine/engine.ts';
import { nextFastLength, spectrumPitch } from '../math/fourier/fft-plan.ts';
import { shellKernelVoxels } from '../math/fourier/shell-kernels.ts';
import type { Shape } from '../math/grid.ts';
import { OCCUPANCY_BLOCK, type Occupancy } from '../math/scaling/occupancy.ts';
import { cheapestPlan, evenTileSize, type OccupiedTile, occupiedTiles } from '../math/scaling/tiling.ts';
import type { RadialProfileKind, WindowTaper } from '../math/scaling/windows.ts';
import { shellWeights } from '../math/scaling/windows.ts';
import { taperedBytes } from './tapered-profiles.ts';
import { makeTileShape } from './tile.ts';

/** Tiles of a job and what they take. */
export interface TilePlan {
  /** Voxels (z, y, x); whole occupancy blocks. */
  readonly tileSize: Shape;
  /** FFT box of a tile with its margins (z, y, x). */
  readonly fftShape: Shape;
  /** Number of tiles with mask voxels. */
  readonly tiles: readonly ScalingTile[];
  /** Of all tiles, for progress. */
  readonly maskVoxels: number;
  /** Kernel memory per thread, bytes. */
  readonly bytesPerThread: number;
  /** Cost of the job in the units of `tileCost`. */
  readonly cost: number;
}

/** Cost of profiles of a tapered window relative to those without weights. */
const TAPERED_COST = 2;
/** Tile edges tried, in occupancy blocks. */
const EDGES = [2, 3, 4, 5, 6, 7, 8, 10, 12];

/** What decides the cost of a window. */
export interface PlannedWindows {
  /** w, even. */
  readonly windowVoxels: number;
  /** Coefficients of a shell: 'sphere' has more of them. */
  readonly kind: RadialProfileKind;
  /** Undefined for windows without weights. */
  readonly taper?: WindowTaper;
  /** 1, or 2 with a reference. */
  readonly profiledMaps: number;
}

/** `tileSize`: tiles of this size (voxels) instead of the best. Undefined for an empty mask. */
export function planTiles(
  occupancy: Occupancy,
  windows: PlannedWindows,
  memoryPerThread: number,
  tileSize?: Shape,
): TilePlan | undefined {
  const make = (size: Shape): TilePlan => makePlan(occupancy, size, windows);
  if (tileSize) return make(tileSize);
  const sizes = EDGES.map((edge) => evenTileSize(occupancy, edge * OCCUPANCY_BLOCK));
  const plans = sizes.filter((size) => size !== undefined).map(make);
  return cheapestPlan(plans, ({ bytesPerThread }) => bytesPerThread <= memoryPerThread) ?? plans[0];
}

/** Cost and bytes for one tile size. Tiles overlap by a window less one voxel. */
function makePlan(occupancy: Occupancy, tileSize: Shape, windows: PlannedWindows): TilePlan {
  const { windowVoxels: w, kind, taper, profiledMaps } = windows;
  const reach = shellKernelVoxels(w, taper);
  const fftShape = tileSize.map((s) => nextFastLength(s + reach - 1)) as unknown as Shape;
  const weights = shellWeights(w, kind);
  const pairs = countPairs(weights.b, weights.c);
  const tiles = occupiedTiles(occupancy, tileSize).map((tile): ScalingTile => {
    // A soft window sums three neighbours per axis, for both maps.
    const maps = taper === undefined ? profiledMaps : 2 * TAPERED_COST;
    const cost = tileCost(tile, tileSize, fftShape, w, weights.shell.length, pairs, maps);
    return { start: tile.start, maskVoxels: tile.maskVoxels, cost };
  });
  const fullest = tiles.reduce((most, { maskVoxels }) => Math.max(most, maskVoxels), 0);
  return {
    tileSize,
    fftShape,
    tiles,
    maskVoxels: tiles.reduce((sum, { maskVoxels }) => sum + maskVoxels, 0),
    bytesPerThread:
      kernelBytes(tileSize, fftShape, windows, pairs) + fullest * bytesPerVoxel(w, profiledMaps),
    cost: tiles.reduce((sum, { cost }) => sum + cost, setUpCost(fftShape, w)),
  };
}

/**
 * Cost of a tile in units of one frequency at one voxel of the z recursion (SECONDS_PER_OPERATION of
 * index.ts). The weights are a non-negative least-squares fit to the parts of 53 measured jobs, windows
 * 14 ... 40, masks of 5 to 35 % of boxes of 64 and 96, tiles of 16 to 88 voxels, both profile kinds: single
 * jobs lie within 20 % of it. The direct sums that start the y recursions are part of `seeds`.
 */
function tileCost(
  use: OccupiedTile,
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
  // Scaling rule, sum over shells and voxel lists.
  const perVoxel = use.maskVoxels * (53 * (h + 1) + 116);
  return maps * (zSlides + ySlides + seeds + gather) + convolutions + perVoxel;
}

/** Cost of a thread's preparation before its first tile: transforms of the shell kernels. */
function setUpCost(fft: Shape, w: number): number {
  const points = fft[0] * fft[1] * fft[2];
  return 1.6 * (w / 2 + 3) * points * Math.log2(points);
}

/** Bytes per mask voxel: profiles, position in the tile and result. */
function bytesPerVoxel(w: number, profiledMaps: number): number {
  return 4 * profiledMaps * (w / 2 + 1) + 8;
}

/** Kernel memory of the profiler, ShellConvolver and TileScaler, less what the voxels of the mask take. */
function kernelBytes(
  size: Shape,
  fft: Shape,
  { windowVoxels: w, kind, taper }: PlannedWindows,
  pairs: number,
): number {
  const shells = w / 2 + 1;
  const tile = makeTileShape(w, size, fft, shellKernelVoxels(w, taper) / 2);
  const yIn = size[1] + w - 1;
  const sliding = tile.zPlanes * (yIn * (72 * shells) + 64 * pairs + 128) + 32 * size[0] * shells;
  const profiler = taper === undefined ? sliding : taperedBytes(w, size, kind);
  const bins = spectrumPitch(fft[2]);
  const spectra = (shells + 2) * 8 * bins * (fft[0] * fft[1] + 8);
  const inputs = 2 * 4 * tile.inputFloats;
  const lanes = (size[0] * size[1] * size[2]) / 8;
  return profiler + spectra + inputs + lanes;
}

/** Pairs (b, c) of the coefficients, which are sorted by them. */
function countPairs(b: Int16Array, c: Int16Array): number {
  let pairs = 0;
  for (let i = 0; i < b.length; i++) if (i === 0 || b[i] !== b[i - 1] || c[i] !== c[i - 1]) pairs++;
  return pairs;
}
