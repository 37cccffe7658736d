/**
 * Local resolution of one tile on one thread: cross and power spectra of the windows of both half maps
 * around every mask voxel (kernels/assembly/local-resolution.ts), and the crossing of each curve.
 */
import type { Shape } from '../math/grid.ts';
import {
  coefficientColumns,
  correlationOf,
  correlationShellCount,
  findCrossing,
  roundedShells,
  type WindowWeights,
} from '../math/scaling/local-resolution.ts';
import type { Kernels } from './kernels/kernels.ts';
import { type ColumnList, listColumns, SlidingWindows, slidingBytes } from './sliding-windows.ts';
import { BLOCK, gatherTileMask, makeTileShape, type TileMask, type TileShape } from './tile.ts';

/** A job as shared by the threads; volumes are float32 (z, y, x) in shared memory. */
export interface ResolutionTileJob {
  /** Of the volumes (z, y, x). */
  readonly shape: Shape;
  /** w, even. */
  readonly windowVoxels: number;
  /** Of the voxels of a window. */
  readonly weights: WindowWeights;
  /** Voxel size, A. */
  readonly voxelSize: number;
  /** FSC at which the resolution is read. */
  readonly threshold: number;
  /** What lies outside the box, per half map. */
  readonly padValues: readonly [number, number];
  /** Voxels (z, y, x) that a task measures. */
  readonly tileSize: Shape;
  /** First half map. */
  readonly half1: Float32Array;
  /** Second half map. */
  readonly half2: Float32Array;
  /** Only its voxels, above 0.5, are measured. */
  readonly mask: Float32Array;
  /** Output, A. */
  readonly resolution: Float32Array;
  /** FSC of some shells. */
  readonly correlations: readonly { readonly shell: number; readonly volume: Float32Array }[];
}

/** Measures the local resolution of tiles, on one thread; kernel memory is reused from tile to tile. */
export class TileResolver {
  /** Of this thread. */
  private readonly kernels: Kernels;
  /** The same for all threads. */
  private readonly job: ResolutionTileJob;
  /** Shape of all tiles. */
  private readonly tile: TileShape;
  /** Coefficients of both half maps, window after window. */
  private readonly windows: SlidingWindows;
  /** Address of the mask's bits, one per voxel of the tile. */
  private readonly lanes: number;
  /** FSC of one window, by shell. */
  private readonly curve: Float64Array;

  constructor(kernels: Kernels, job: ResolutionTileJob) {
    const { windowVoxels, tileSize: size } = job;
    this.kernels = kernels;
    this.job = job;
    this.tile = makeTileShape(windowVoxels, size, size);
    const soft = job.weights === 'hann';
    const list = columnList(windowVoxels, soft);
    this.windows = new SlidingWindows(kernels, { windowVoxels, size, list, soft, amplitudes: false });
    this.curve = new Float64Array(correlationShellCount(windowVoxels));
    this.lanes = kernels.allocate((size[0] * size[1] * size[2]) / 8);
  }

  /** Measures the mask voxels of the tile whose first voxel is `start`; returns their number. */
  run(start: Shape): number {
    const { kernels, job, tile } = this;
    const mask = gatherTileMask(kernels, tile, job.mask, job.shape, start, this.lanes);
    if (mask.count === 0) return 0;
    let next = 0;
    this.windows.run(start, job.shape, mask, [job.half1, job.half2], job.padValues, (at, sums) => {
      next = this.resolveRow(mask, at, sums, next);
    });
    return mask.count;
  }

  /** FSC curves of one row's mask voxels, in the order z, lane; returns the index after the last. */
  private resolveRow(mask: TileMask, at: number, sums: Float32Array, first: number): number {
    const { job, curve } = this;
    const shells = curve.length;
    const [nz] = this.tile.size;
    const edge = job.windowVoxels * job.voxelSize;
    let next = first;
    for (let z = 0; z < nz; z++) {
      const bits = mask.lanes[at + z];
      for (let lane = 0; lane < BLOCK; lane++) {
        if ((bits & (1 << lane)) === 0) continue;
        for (let r = 0, i = z * shells * 24 + lane; r < shells; r++, i += 24)
          curve[r] = correlationOf(sums[i], sums[i + 8], sums[i + 16]);
        const voxel = mask.voxels[next++];
        job.resolution[voxel] = edge / findCrossing(curve, job.threshold);
        for (const { shell, volume } of job.correlations) volume[voxel] = curve[shell];
      }
    }
    return next;
  }
}

/** Kernel memory of a TileResolver, bytes. */
export function resolverBytes(w: number, weights: WindowWeights, size: Shape): number {
  return slidingBytes(w, size, columnList(w, weights === 'hann')) + (size[0] * size[1] * size[2]) / 8;
}

/** Coefficients in the kernel's order: planes 0 < c < h first, which count twice, then planes 0 and h. */
function columnList(w: number, soft: boolean): ColumnList {
  const h = w / 2;
  const shellOf = roundedShells(w);
  const all = coefficientColumns(w);
  const planes = [...Array.from({ length: h - 1 }, (_, i) => i + 1), 0, h].map((c) => ({
    c,
    doubles: c === h - 1,
    columns: all
      .filter((column) => column.c === c)
      .map(({ b, deepest }) => {
        const firstA = Math.max(-deepest, 1 - h);
        const along = Array.from({ length: deepest - firstA + 1 }, (_, i) => firstA + i);
        return { b, firstA, shells: along.map((a) => shellOf[a * a + b * b + c * c]) };
      }),
  }));
  return listColumns(w, planes, soft);
}
