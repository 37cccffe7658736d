/**
 * The CPU engine: worker threads over shared memory, WASM SIMD kernels. It computes exactly what the
 * GPU engine computes, and its results do not depend on the number of threads.
 */

import { requireSameShape, requireVoxels } from '../engine/checks.ts';
import { localFilter, resample, simulateMap } from '../engine/composed.ts';
import type {
  BandScalingSettings,
  BoxStatistics,
  Engine,
  LocalScalingSettings,
  ModelMapOptions,
  OpenedBandScaling,
  OpenedResolution,
  OpenedScaling,
  ResolutionSettings,
  ShellSpectra,
  VerbBytes,
  Volume,
  VolumeStatistics,
} from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import type { AtomSet } from '../math/atoms/atom-set.ts';
import type { SplatPlan } from '../math/atoms/splat-plan.ts';
import { gibibytes } from '../math/bytes.ts';
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import type { ShellRule } from '../math/fourier/fsc.ts';
import type { FilterBin } from '../math/fourier/local-filter.ts';
import type { RadialTransfer } from '../math/fourier/radial-transfer.ts';
import type { RandomPhases } from '../math/fourier/random-phases.ts';
import { type Grid, type Shape, voxelCount } from '../math/grid.ts';
import { bucketCount, confidenceTest, type NoiseBox, noiseEstimate } from '../math/statistics/confidence.ts';
import { finishStatistics, mergeStatistics, NO_VOXELS } from '../math/statistics/moments.ts';
import type { Operator } from '../math/symmetry/point-group.ts';
import { planSymmetrise, type SymmetriseOptions, symmetriseBytes } from '../math/symmetry/rotation-plan.ts';
import { coreCount, hasSharedMemory, readAsset, totalMemoryBytes } from '../platform/index.ts';
import { openBands } from './band-scaling.ts';
import { cpuBytes } from './bytes.ts';
import { ROWS_PER_TASK, type SharedSpectrum, shellSumCount } from './fft.ts';
import { InPlaceRunner } from './in-place-runner.ts';
import type { TileTimings } from './local-scaling.ts';
import { type CpuVolume, VolumeMemory } from './memory.ts';
import { PLANES_PER_SLAB } from './model-map.ts';
import { Pool } from './pool.ts';
import { resamplePlanes } from './resample.ts';
import { openResolution } from './resolve-tiles.ts';
import { openScaling } from './scale-tiles.ts';
import { BLOCK_PLANES, BLOCK_ROWS, type Prefilter } from './symmetrise.ts';
import type { Range, TaskArguments, TaskName, TaskResult } from './tasks.ts';
import { WorkerRunner } from './worker-runner.ts';

/** Settings of the engine. */
export interface CpuEngineOptions {
  /** Worker threads; default all cores. */
  readonly threads?: number;
  /** Upper bound for volumes and working memory together, bytes; default 60 % of what the process may use. */
  readonly memoryLimitBytes?: number;
  /** Compute on the calling thread, as is done where threads cannot share memory. */
  readonly inPlace?: boolean;
}

/** Voxels per task of the voxel-wise operations: fixed, so that sums do not depend on the threads. */
const VOXELS_PER_TASK = 1 << 20;
/** Planes per task of the 2D transforms. */
const PLANES_PER_TASK = 4;

/**
 * Compiles the kernels and starts the threads. Throws 'usage' for a number of threads that is not a positive
 * integer.
 */
export async function createCpuEngine(options: CpuEngineOptions = {}): Promise<CpuEngine> {
  const threads = options.threads ?? coreCount();
  if (!Number.isInteger(threads) || threads < 1) {
    throw new LocScaleError('usage', `The number of threads must be a positive integer, not ${threads}.`);
  }
  const kernels = await readAsset(new URL('./kernels/kernels.wasm', import.meta.url));
  const memoryLimitBytes = options.memoryLimitBytes ?? 0.6 * totalMemoryBytes();
  if (options.inPlace ?? !hasSharedMemory) {
    const module = await WebAssembly.compile(kernels as WebAssembly.BufferSource);
    return new CpuEngine(new Pool([new InPlaceRunner(module)]), memoryLimitBytes, 'the calling thread');
  }
  const pool = new Pool(Array.from({ length: threads }, () => new WorkerRunner({ kernels })));
  return new CpuEngine(pool, memoryLimitBytes, `${threads} worker ${threads === 1 ? 'thread' : 'threads'}`);
}

/**
 * The engine on worker threads. Results do not depend on their number: ranges of work are fixed, and partial
 * sums are added in order.
 */
export class CpuEngine implements Engine {
  readonly name = 'cpu';
  readonly description: string;
  /** Seconds per part of the last local scaling, summed over threads. */
  lastScalingTimings: TileTimings | undefined;
  private readonly pool: Pool;
  readonly memoryLimitBytes: number;
  readonly bytesOf: VerbBytes;
  private readonly memory = new VolumeMemory();
  /** Of masks that were made here. */
  private readonly knownMaskVoxels = new WeakMap<Volume, number>();
  /** By volume, as a promise: two steps that need it at once share one pass. */
  private readonly knownStatistics = new WeakMap<Volume, Promise<VolumeStatistics>>();

  constructor(pool: Pool, memoryLimitBytes: number, runsOn: string) {
    this.pool = pool;
    this.memoryLimitBytes = memoryLimitBytes;
    this.bytesOf = cpuBytes(pool.size);
    this.description = `CPU, ${runsOn}, WASM SIMD`;
  }

  allocateHost(voxels: number): Float32Array {
    return this.memory.allocate(voxels);
  }

  async upload(data: Float32Array, shape: Shape): Promise<Volume> {
    requireVoxels(data, shape);
    // Memory of allocateHost becomes the volume itself; anything else is copied once.
    if (this.memory.canAdopt(data)) return this.memory.adopt(data, shape);
    const shared = this.allocateHost(data.length);
    shared.set(data);
    return this.memory.adopt(shared, shape);
  }

  async download(volume: Volume): Promise<Float32Array> {
    return this.memory.handOut(volume);
  }

  async inspect<T>(volume: Volume, body: (voxels: Float32Array) => T | Promise<T>): Promise<T> {
    return body(this.memory.own(volume));
  }

  freeHost(data: Float32Array): void {
    this.memory.recycle(data);
  }

  release(...volumes: Volume[]): void {
    this.memory.release(volumes);
  }

  async average(a: Volume, b: Volume): Promise<Volume> {
    requireSameShape(a, b);
    const out = this.memory.create(a.shape);
    const ranges = split(out.data.length, VOXELS_PER_TASK);
    await this.map(
      'average',
      ranges.map((range) => ({ ...range, a: this.memory.own(a), b: this.memory.own(b), out: out.data })),
    );
    return out;
  }

  /** Statistics of whole volumes, cached because several steps need them. */
  async statistics(volume: Volume, where?: { mask: Volume; inside: boolean }): Promise<VolumeStatistics> {
    if (where !== undefined) return this.measureStatistics(volume, where);
    // A volume that was released is refused, whatever is known of it.
    this.memory.own(volume);
    const known = this.knownStatistics.get(volume);
    if (known !== undefined) return known;
    const found = this.measureStatistics(volume, undefined);
    this.knownStatistics.set(volume, found);
    return found;
  }

  private async measureStatistics(
    volume: Volume,
    where: { mask: Volume; inside: boolean } | undefined,
  ): Promise<VolumeStatistics> {
    if (where) requireSameShape(volume, where.mask);
    const data = this.memory.own(volume);
    const mask = where && this.memory.own(where.mask);
    const inside = where?.inside ?? true;
    const parts = await this.map(
      'statistics',
      split(data.length, VOXELS_PER_TASK).map((range) => ({ ...range, volume: data, mask, inside })),
    );
    return finishStatistics(parts.reduce(mergeStatistics, NO_VOXELS));
  }

  async binarise(volume: Volume, threshold: number): Promise<{ mask: Volume; voxels: number }> {
    const mask = this.memory.create(volume.shape);
    const ranges = split(mask.data.length, VOXELS_PER_TASK);
    const counts = await this.map(
      'binarise',
      ranges.map((range) => ({ ...range, volume: this.memory.own(volume), threshold, out: mask.data })),
    );
    const voxels = counts.reduce((sum, count) => sum + count, 0);
    this.knownMaskVoxels.set(mask, voxels);
    return { mask, voxels };
  }

  /** Known where this engine has made the mask, else counted. */
  private async maskVoxels(mask: Volume): Promise<number> {
    // A mask is 0 or 1, and statistics with itself count its ones.
    const known = this.knownMaskVoxels.get(mask);
    return known ?? (await this.measureStatistics(mask, { mask, inside: true })).count;
  }

  radialFilter(volume: Volume, transfer: RadialTransfer): Promise<CpuVolume> {
    return this.throughSpectrum(volume, (spectrum, ranges) =>
      this.map(
        'filterColumns',
        ranges.map((range) => ({ ...range, spectrum, transfer })),
      ),
    );
  }

  randomisePhases(volume: Volume, phases: RandomPhases): Promise<CpuVolume> {
    return this.throughSpectrum(volume, (spectrum, ranges) =>
      this.map(
        'turnColumns',
        ranges.map((range) => ({ ...range, spectrum, phases })),
      ),
    );
  }

  translate(volume: Volume, shift: readonly [z: number, y: number, x: number]): Promise<CpuVolume> {
    return this.throughSpectrum(volume, (spectrum, ranges) =>
      this.map(
        'translateColumns',
        ranges.map((range) => ({ ...range, spectrum, shift })),
      ),
    );
  }

  /** A volume whose columns along z are changed between the transforms along y. */
  private async throughSpectrum(
    volume: Volume,
    change: (spectrum: SharedSpectrum, ranges: Range[]) => Promise<unknown>,
  ): Promise<CpuVolume> {
    const { spectrum, free } = await this.forwardPlanes(volume);
    const [nz, ny] = volume.shape;
    await change(spectrum, split(ny, ROWS_PER_TASK));
    const out = this.memory.create(volume.shape);
    await this.map(
      'inversePlanes',
      split(nz, PLANES_PER_TASK).map((range) => ({ ...range, spectrum, out: out.data })),
    );
    free();
    return out;
  }

  resample(volume: Volume, shape: Shape): Promise<Volume> {
    return resample(this, volume, shape, async () => {
      const data = await this.resampleWith(this.memory.own(volume), volume.shape, shape);
      return this.memory.adopt(data, shape);
    });
  }

  /** Voxels on the new grid; with a prefilter its factors are in the spectrum. */
  private async resampleWith(
    data: Float32Array,
    from: Shape,
    shape: Shape,
    prefilter?: Prefilter,
  ): Promise<Float32Array> {
    const { spectrum, free } = this.createSpectrum(shape, resamplePlanes(from, shape));
    await this.map(
      'forwardResampledPlanes',
      split(from[0], PLANES_PER_TASK).map((range) => ({ ...range, volume: data, shape: from, spectrum })),
    );
    const rows = split(shape[1], ROWS_PER_TASK).map((range) => ({ ...range, shape: from, spectrum }));
    if (prefilter === undefined) await this.map('resampleColumns', rows);
    else
      await this.map(
        'prefilterColumns',
        rows.map((row) => ({ ...row, prefilter })),
      );
    const out = this.allocateHost(voxelCount(shape));
    await this.map(
      'inversePlanes',
      split(shape[0], PLANES_PER_TASK).map((range) => ({ ...range, spectrum, out })),
    );
    free();
    return out;
  }

  simulateMap(atoms: AtomSet, grid: Grid, options: ModelMapOptions = {}): Promise<Volume> {
    return simulateMap(this, atoms, grid, options, (plan) => this.splat(plan));
  }

  /** Adds the atoms to an empty volume, in slabs of planes: atoms of a slab are added in their order. */
  private async splat({ grid, records, reach }: SplatPlan): Promise<Volume> {
    const shared = this.allocateHost(records.length);
    shared.set(records);
    const sum = this.memory.create(grid.shape);
    await this.map(
      'splatPlanes',
      split(grid.shape[0], PLANES_PER_SLAB).map((range) => ({
        ...range,
        job: { grid, records: shared, reach, out: sum.data },
      })),
    );
    this.memory.recycle(shared);
    return sum;
  }

  async symmetrise(
    volume: Volume,
    operators: readonly Operator[],
    options: SymmetriseOptions = {},
  ): Promise<Volume> {
    const { shape } = volume;
    const data = this.memory.own(volume);
    const plan = planSymmetrise(shape, operators, options);
    const { maps, interpolation } = plan;
    const needed = this.memory.volumeBytes + symmetriseBytes(plan);
    if (needed > this.memoryLimitBytes) {
      const [found, limit] = [gibibytes(needed), gibibytes(this.memoryLimitBytes)];
      throw new LocScaleError(
        'out-of-memory',
        `Averaging over the symmetry needs ${found}, more than the memory limit of ${limit}.`,
        { expected: `at most ${limit}`, found, hint: `Raise ${named('memoryLimitBytes')}.` },
      );
    }
    // Only operators off the grid: nothing to average before interpolating.
    const moved = interpolation !== undefined && maps.count === 1 ? undefined : this.memory.create(shape);
    if (moved) {
      await this.map(
        'averageOrbits',
        split(shape[0], PLANES_PER_TASK).map((range) => ({
          ...range,
          volume: data,
          shape,
          maps,
          out: moved.data,
        })),
      );
      if (interpolation === undefined) return moved;
    }
    if (interpolation === undefined) return this.average(volume, volume);
    const { gains, planar } = interpolation;
    const fine = await this.resampleWith(moved?.data ?? data, shape, interpolation.fine, { gains, planar });
    if (moved) this.release(moved);
    const out = this.memory.create(shape);
    const job = { shape, maps, interpolation, fine, out: out.data };
    const rows = split(shape[1], BLOCK_ROWS);
    await this.map(
      'gatherCopies',
      split(shape[0], planar ? BLOCK_PLANES.planar : BLOCK_PLANES.spatial).flatMap((planes) =>
        rows.map(({ from, to }) => ({
          job,
          planes: [planes.from, planes.to] as const,
          rows: [from, to] as const,
        })),
      ),
    );
    this.memory.recycle(fine);
    return out;
  }

  async shellSpectra(a: Volume, b: Volume, rule: ShellRule = 'floor'): Promise<ShellSpectra> {
    requireSameShape(a, b);
    const ofA = await this.forwardPlanes(a);
    // The power spectrum of one map takes one transform.
    const ofB = a === b ? ofA : await this.forwardPlanes(b);
    const parts = await this.map(
      'shellSums',
      split(a.shape[1], ROWS_PER_TASK).map((range) => ({
        ...range,
        a: ofA.spectrum,
        b: ofB.spectrum,
        rule,
      })),
    );
    ofA.free();
    if (ofB !== ofA) ofB.free();
    const shells = shellSumCount(a.shape);
    const sum = (key: keyof ShellSpectra): Float64Array =>
      Float64Array.from({ length: shells }, (_, r) => parts.reduce((total, part) => total + part[key][r], 0));
    return { cross: sum('cross'), powerA: sum('powerA'), powerB: sum('powerB'), counts: sum('counts') };
  }

  async noiseStatistics(volume: Volume, boxes: readonly NoiseBox[]): Promise<BoxStatistics> {
    return noiseEstimate(this.memory.own(volume), volume.shape, boxes);
  }

  async confidenceMap(
    volume: Volume,
    { mean, variance }: { mean: number; variance: number },
  ): Promise<Volume> {
    const [nz, ny, nx] = volume.shape;
    const test = confidenceTest(volume.shape, mean, variance);
    const out = this.memory.create(volume.shape);
    const shared = { volume: this.memory.own(volume), out: out.data, nx, test };
    // A value's confidence depends on all values: how they are shared among the threads does not matter.
    const rows = split(nz * ny, Math.ceil((nz * ny) / this.pool.size));
    const parts = await this.map(
      'collectTested',
      rows.map((range) => ({ ...range, ...shared })),
    );
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    const above = parts.reduce((sum, part) => sum + part.above, 0);
    const ranked = {
      sorted: this.allocateHost(count),
      confidence: this.allocateHost(count),
      buckets: this.allocateHost(bucketCount(count)),
    };
    let next = 0;
    for (const [i, part] of parts.entries()) {
      const begin = rows[i].from * nx;
      ranked.sorted.set(out.data.subarray(begin, begin + part.count), next);
      next += part.count;
    }
    await this.map('rankTested', [{ test, above, ranked }]);
    await this.map(
      'fillConfidence',
      rows.map((range) => ({ ...range, ...shared, ranked })),
    );
    this.memory.recycle(...Object.values(ranked));
    return out;
  }

  openLocalScaling(settings: LocalScalingSettings): Promise<OpenedScaling> {
    return openScaling(settings, {
      pool: this.pool,
      memory: this.memory,
      memoryLimitBytes: this.memoryLimitBytes,
      onTimings: (timings) => {
        this.lastScalingTimings = timings;
      },
    });
  }

  openLocalResolution(settings: ResolutionSettings): Promise<OpenedResolution> {
    const { pool, memory, memoryLimitBytes } = this;
    return openResolution(settings, { pool, memory, memoryLimitBytes });
  }

  openBandScaling(settings: BandScalingSettings): Promise<OpenedBandScaling> {
    return openBands(settings, {
      pool: this.pool,
      memory: this.memory,
      memoryLimitBytes: this.memoryLimitBytes,
      statistics: (volume) => this.statistics(volume),
      maskVoxels: (mask) => this.maskVoxels(mask),
      radialFilter: (volume, transfer) => this.radialFilter(volume, transfer),
    });
  }

  localFilter(volume: Volume, cutoffs: Volume, bins: readonly FilterBin[]): Promise<Volume> {
    const { memory } = this;
    return localFilter(this, volume, cutoffs, bins, {
      make: () => memory.create(volume.shape),
      add: (filtered, { below, at, above }, { data: out }) => {
        const shared = { filtered: memory.own(filtered), cutoffs: memory.own(cutoffs), out };
        const ranges = split(out.length, VOXELS_PER_TASK);
        return this.map(
          'blend',
          ranges.map((range) => ({ ...range, ...shared, below, at, above })),
        );
      },
    });
  }

  async dispose(): Promise<void> {
    this.memory.clear();
    await this.pool.close();
  }

  /** Tasks of a few milliseconds: none waits for a message. */
  private map<T extends TaskName>(task: T, list: readonly TaskArguments<T>[]): Promise<TaskResult<T>[]> {
    return this.pool.map(task, list, { ahead: true });
  }

  /** Both parts in one piece, so that what is free later is one piece as well. */
  private createSpectrum(shape: Shape, planes: number): HeldSpectrum {
    const pitch = spectrumPitch(shape[2]);
    const floats = planes * shape[1] * pitch;
    const whole = this.memory.allocate(2 * floats);
    const spectrum = { shape, pitch, re: whole.subarray(0, floats), im: whole.subarray(floats) };
    return { spectrum, free: () => this.memory.recycle(whole) };
  }

  /** The transform along x and y, plane by plane; the caller frees it. */
  private async forwardPlanes(volume: Volume): Promise<HeldSpectrum> {
    const { shape } = volume;
    const held = this.createSpectrum(shape, shape[0]);
    const data = this.memory.own(volume);
    await this.map(
      'forwardPlanes',
      split(shape[0], PLANES_PER_TASK).map((range) => ({ ...range, volume: data, spectrum: held.spectrum })),
    );
    return held;
  }
}

/** A spectrum and how to free it. */
interface HeldSpectrum {
  readonly spectrum: SharedSpectrum;
  free(): void;
}

/** Ranges of at most `step` that cover 0 to `total`. */
function split(total: number, step: number): Range[] {
  return Array.from({ length: Math.ceil(total / step) }, (_, i) => ({
    from: i * step,
    to: Math.min(total, (i + 1) * step),
  }));
}
