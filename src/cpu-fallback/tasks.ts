/**
 * What a worker thread can do, each task by name. Volumes are float32 arrays over shared memory, so
 * arguments and results are small.
 */

import type { ShellRule } from '../math/fourier/fsc.ts';
import type { RadialTransfer } from '../math/fourier/radial-transfer.ts';
import type { RandomPhases } from '../math/fourier/random-phases.ts';
import type { Shape } from '../math/grid.ts';
import type { BandPlan } from '../math/soft-scaling/bands.ts';
import type { MapSum } from '../math/soft-scaling/inputs.ts';
import type { GainRule } from '../math/soft-scaling/targets.ts';
import type { BandTilt } from '../math/soft-scaling/tilts.ts';
import {
  type ConfidenceTest,
  collectTested,
  fillConfidence,
  type RankedValues,
  rankTested,
} from '../math/statistics/confidence.ts';
import type { GridMaps } from '../math/symmetry/rotation-plan.ts';
import {
  type BlockFields,
  blockGains,
  refineBlockGains,
  type SmoothedBand,
  smoothBlockPlanes,
} from './band-gains.ts';
import {
  accumulateBand,
  type BandPlanes,
  bandColumns,
  bandPlanes,
  clearOutside,
  forwardSumPlanes,
  shellPowers,
} from './band-tasks.ts';
import {
  filterColumns,
  forwardColumns,
  forwardPlanes,
  inversePlanes,
  type SharedSpectrum,
  shellSumsOfColumns,
} from './fft.ts';
import type { Kernels } from './kernels/kernels.ts';
import { type BlendArguments, blendRange } from './local-filter.ts';
import { type ResolutionTileJob, TileResolver } from './local-resolution.ts';
import { type TileJob, TileScaler, type TileTimings } from './local-scaling.ts';
import { type SplatJob, splatPlanes } from './model-map.ts';
import { turnColumns } from './randomise-phases.ts';
import { forwardResampledPlanes, resampleColumns } from './resample.ts';
import {
  averageOrbits,
  type GatherJob,
  gatherCopies,
  type Prefilter,
  prefilterColumns,
} from './symmetrise.ts';
import { translateColumns } from './translate.ts';
import { averageRange, binariseRange, blockOccupancy, rangeStatistics } from './volume-operations.ts';

/** State of one thread. */
export interface Thread {
  /** One instance per thread, on memory of its own. */
  readonly kernels: Kernels;
  /** Of the job under way, made by its first tile. */
  scaler: TileScaler | undefined;
  /** Likewise. */
  resolver?: TileResolver | undefined;
  /** Kernel memory below this mark outlives the running job. */
  scalerMark: number;
}

/** Planes, rows or voxels, by the task. */
export interface Range {
  /** First one. */
  readonly from: number;
  /** One after the last. */
  readonly to: number;
}

/** A range of the FDR confidence map. */
interface ConfidenceArguments {
  /** Values, (z, y, x). */
  readonly volume: Float32Array;
  /** Confidences, 0 to 1. */
  readonly out: Float32Array;
  /** Voxels per row. */
  readonly nx: number;
  /** Noise, and the sphere that is tested. */
  readonly test: ConfidenceTest;
}

/** RankedValues on their way to a thread: whole numbers in the place of floats. */
interface SharedRanks {
  readonly sorted: Float32Array;
  readonly confidence: Float32Array;
  readonly buckets: Float32Array;
}

/** Shared memory arrives as floats; the buckets are integers. */
function ranksOf({ buckets, ...values }: SharedRanks): RankedValues {
  return { ...values, buckets: new Uint32Array(buckets.buffer, buckets.byteOffset, buckets.length) };
}

/** All tasks by name. Arguments and results are plain data; shared arrays are written in place. */
export const tasks = {
  /** Voxels; as are binarise (returns how many are set), statistics and clearOutside. */
  average: (_: Thread, args: Range & { a: Float32Array; b: Float32Array; out: Float32Array }) =>
    averageRange(args.a, args.b, args.out, args.from, args.to),

  binarise: (_: Thread, args: Range & { volume: Float32Array; threshold: number; out: Float32Array }) =>
    binariseRange(args.volume, args.threshold, args.out, args.from, args.to),

  statistics: (
    _: Thread,
    args: Range & { volume: Float32Array; mask: Float32Array | undefined; inside: boolean },
  ) => rangeStatistics(args.volume, args.from, args.to, args.mask, args.inside),

  /** Planes of blocks; returns their counts. */
  occupancy: (_: Thread, args: Range & { mask: Float32Array; shape: Shape; block: number }) =>
    blockOccupancy(args.mask, args.shape, args.block, args.from, args.to),

  /** Planes along z, here and in inversePlanes. */
  forwardPlanes: (thread: Thread, args: Range & { volume: Float32Array; spectrum: SharedSpectrum }) =>
    forwardPlanes(thread.kernels, args.volume, args.spectrum, args.from, args.to),

  /** Rows ky of columns along z, for everything that changes a spectrum. */
  filterColumns: (thread: Thread, args: Range & { spectrum: SharedSpectrum; transfer: RadialTransfer }) =>
    filterColumns(thread.kernels, args.spectrum, args.transfer, args.from, args.to),

  turnColumns: (thread: Thread, args: Range & { spectrum: SharedSpectrum; phases: RandomPhases }) =>
    turnColumns(thread.kernels, args.spectrum, args.phases, args.from, args.to),

  translateColumns: (
    thread: Thread,
    args: Range & { spectrum: SharedSpectrum; shift: readonly [number, number, number] },
  ) => translateColumns(thread.kernels, args.spectrum, args.shift, args.from, args.to),

  inversePlanes: (thread: Thread, args: Range & { spectrum: SharedSpectrum; out: Float32Array }) =>
    inversePlanes(thread.kernels, args.spectrum, args.out, args.from, args.to),

  /** Planes of the old grid (`shape`); the spectrum has the size of the new one. */
  forwardResampledPlanes: (
    thread: Thread,
    args: Range & { volume: Float32Array; shape: Shape; spectrum: SharedSpectrum },
  ) => forwardResampledPlanes(thread.kernels, args.volume, args.shape, args.spectrum, args.from, args.to),

  /** Rows ky of the new grid. */
  resampleColumns: (thread: Thread, args: Range & { shape: Shape; spectrum: SharedSpectrum }) =>
    resampleColumns(thread.kernels, args.spectrum, args.shape, args.from, args.to),

  splatPlanes: (thread: Thread, args: Range & { job: SplatJob }) =>
    splatPlanes(thread.kernels, args.job, args.from, args.to),

  /** Planes; operators that map the grid onto itself. */
  averageOrbits: (
    _: Thread,
    args: Range & { volume: Float32Array; shape: Shape; maps: GridMaps; out: Float32Array },
  ) => averageOrbits(args.volume, args.shape, args.maps, args.out, args.from, args.to),

  prefilterColumns: (
    thread: Thread,
    args: Range & { shape: Shape; spectrum: SharedSpectrum; prefilter: Prefilter },
  ) => prefilterColumns(thread.kernels, args.spectrum, args.shape, args.prefilter, args.from, args.to),

  /** A block of planes and rows, for operators that need interpolation. */
  gatherCopies: (
    thread: Thread,
    args: { job: GatherJob; planes: readonly [number, number]; rows: readonly [number, number] },
  ) => gatherCopies(thread.kernels, args.job, args.planes, args.rows),

  /** Rows ky; returns sums per shell, which the engine adds in order. */
  shellSums: (thread: Thread, args: Range & { a: SharedSpectrum; b: SharedSpectrum; rule: ShellRule }) =>
    shellSumsOfColumns(thread.kernels, args.a, args.b, args.from, args.to, args.rule),

  /** Rows (z, y) of the map: writes the tested values of the range to its own part of `out`. */
  collectTested: (_: Thread, { volume, out, nx, test, ...rows }: Range & ConfidenceArguments) =>
    collectTested(volume, nx, test, rows, out.subarray(rows.from * nx, rows.to * nx)),

  /** One task for the whole map: sorting is not divided. */
  rankTested: (
    _: Thread,
    { test, above, ranked }: { test: ConfidenceTest; above: number; ranked: SharedRanks },
  ): void => rankTested(test, above, ranksOf(ranked)),

  fillConfidence: (
    _: Thread,
    { volume, out, nx, test, ranked, ...rows }: Range & ConfidenceArguments & { ranked: SharedRanks },
  ): void => fillConfidence(volume, nx, test, ranksOf(ranked), rows, out),

  forwardSumPlanes: (thread: Thread, args: Range & { sum: MapSum<Float32Array>; spectrum: SharedSpectrum }) =>
    forwardSumPlanes(thread.kernels, args.sum, args.spectrum, args.from, args.to),

  forwardColumns: (thread: Thread, args: Range & { spectrum: SharedSpectrum }) =>
    forwardColumns(thread.kernels, args.spectrum, args.from, args.to),

  /** Rows ky, from `spectrum` to `band`. */
  bandColumns: (
    thread: Thread,
    args: Range & {
      plan: BandPlan;
      index: number;
      tilt: BandTilt;
      spectrum: SharedSpectrum;
      band: Float32Array;
    },
  ) =>
    bandColumns(
      thread.kernels,
      args.plan,
      args.index,
      args.tilt,
      args.spectrum,
      args.band,
      args.from,
      args.to,
    ),

  shellPowers: (_: Thread, args: Range & { plan: BandPlan; spectrum: SharedSpectrum }) =>
    shellPowers(args.plan, args.spectrum, args.from, args.to),

  /** Planes that are whole blocks along z. */
  bandPlanes: (thread: Thread, args: Range & BandPlanes) =>
    bandPlanes(thread.kernels, args, args.from, args.to),

  /** Planes of blocks, along x and y; blockGains then smooths along z, by rows of blocks. */
  smoothBlockPlanes: (
    thread: Thread,
    args: Range & { plan: BandPlan; fields: BlockFields; of: SmoothedBand; outputScale: number },
  ) =>
    smoothBlockPlanes(thread.kernels, args.plan, args.fields, args.of, args.outputScale, args.from, args.to),

  blockGains: (
    thread: Thread,
    args: Range & {
      plan: BandPlan;
      fields: BlockFields;
      of: SmoothedBand;
      rule: GainRule;
      outputScale: number;
    },
  ) =>
    (args.of === 'scaled' ? refineBlockGains : blockGains)(
      thread.kernels,
      args.plan,
      args.fields,
      args.rule,
      args.outputScale,
      args.from,
      args.to,
    ),

  accumulateBand: (
    thread: Thread,
    args: Range & {
      plan: BandPlan;
      pitch: number;
      band: Float32Array;
      gains: Float32Array;
      out: Float32Array;
    },
  ) =>
    accumulateBand(
      thread.kernels,
      args.plan,
      args.pitch,
      args.band,
      args.gains,
      args.out,
      args.from,
      args.to,
    ),

  clearOutside: (_: Thread, args: Range & { volume: Float32Array; mask: Float32Array }) =>
    clearOutside(args.volume, args.mask, args.from, args.to),

  /** Broadcast: kernel memory of the job is laid out once per thread. */
  beginScaling: (thread: Thread, job: TileJob): void => {
    thread.kernels.release(thread.scalerMark);
    thread.scaler = new TileScaler(thread.kernels, job);
  },

  /** Returns the number of mask voxels scaled. */
  scaleTile: (thread: Thread, args: { start: Shape }): number => {
    if (!thread.scaler) throw new Error('scaleTile before beginScaling');
    return thread.scaler.run(args.start);
  },

  /** Frees the job's memory; the timings are zeros where no job had begun. */
  endScaling: (thread: Thread): TileTimings => {
    const timings = thread.scaler?.timings ?? { profiles: 0, rule: 0, convolutions: 0, gather: 0 };
    thread.scaler = undefined;
    thread.kernels.release(thread.scalerMark);
    return timings;
  },

  blend: (_: Thread, args: BlendArguments): void => blendRange(args),

  beginResolving: (thread: Thread, job: ResolutionTileJob): void => {
    thread.kernels.release(thread.scalerMark);
    thread.resolver = new TileResolver(thread.kernels, job);
  },

  resolveTile: (thread: Thread, args: { start: Shape }): number => {
    if (!thread.resolver) throw new Error('resolveTile before beginResolving');
    return thread.resolver.run(args.start);
  },

  endResolving: (thread: Thread): void => {
    thread.resolver = undefined;
    thread.kernels.release(thread.scalerMark);
  },
};

export type Tasks = typeof tasks;
export type TaskName = keyof Tasks;
export type TaskArguments<T extends TaskName> =
  Parameters<Tasks[T]> extends [Thread, infer A] ? A : undefined;
export type TaskResult<T extends TaskName> = ReturnType<Tasks[T]>;
