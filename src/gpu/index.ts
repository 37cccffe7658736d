/**
 * The GPU engine: the Engine interface on one WebGPU device. Voxels cross the bus in `upload` and
 * `download` only.
 */
import type {
  BoxStatistics,
  Engine,
  LocalResolutionEstimate,
  LocalResolutionJob,
  LocalResolutionResult,
  LocalScalingEstimate,
  LocalScalingJob,
  LocalScalingPart,
  LocalScalingResult,
  ModelMapOptions,
  OperationHooks,
  ShellSpectra,
  Volume,
  VolumeStatistics,
} from '../engine.ts';
import {
  checkResolutionJob,
  checkScalingJob,
  chooseTiles,
  NOTHING_TO_SCALE,
  requireSameShape,
  requireShape,
} from '../engine-checks.ts';
import { isLocScaleError, LocScaleError } from '../errors.ts';
import type { AtomSet } from '../math/atom-set.ts';
import type { NoiseBox } from '../math/confidence.ts';
import { describeShape, type Grid, type Shape, sameShape, voxelCount } from '../math/grid.ts';
import type { FilterBin } from '../math/local-filter.ts';
import { OCCUPANCY_BLOCK } from '../math/occupancy.ts';
import type { Operator } from '../math/point-group.ts';
import type { RadialTransfer } from '../math/radial-transfer.ts';
import { planSymmetrise, type SymmetriseOptions } from '../math/rotation-plan.ts';
import { planSplat } from '../math/splat-plan.ts';
import type { GpuDevice } from './device.ts';
import { localFilter } from './local-filter.ts';
import { planResolution, resolveTiles } from './local-resolution.ts';
import { scaleTiles } from './local-scaling.ts';
import { simulateMap } from './model-map.ts';
import { type GpuTilePlan, planGpuTiles } from './plan-tiles.ts';
import { radialFilter } from './radial-filter.ts';
import { resample } from './resample.ts';
import { shellSpectra } from './shell-spectra.ts';
import { symmetrise } from './symmetrise.ts';
import { createTileCopy, type TileCopy } from './tile-copy.ts';
import { createVolume, destroyVolume, type GpuVolume, readVolume, writeVolume } from './volume.ts';
import {
  average,
  binarise,
  blockOccupancy,
  confidenceMap,
  noiseStatistics,
  statistics,
} from './volume-operations.ts';

export interface GpuEngineOptions {
  /** What the device is; the expected time of a job follows from it. */
  readonly kind?: 'hardware' | 'software';
}

/** Bytes a scaling job takes where the device does not say how much memory it has. */
const DEFAULT_JOB_BYTES = 1.5 * 2 ** 30;
/** Multiply-adds per second assumed for the expected time. */
const OPERATIONS_PER_SECOND = { hardware: 5e11, software: 3e8 };

export async function createGpuEngine(gpu: GpuDevice, options: GpuEngineOptions = {}): Promise<GpuEngine> {
  return new GpuEngine(gpu, await createTileCopy(gpu), options);
}

export class GpuEngine implements Engine {
  readonly name = 'gpu';
  readonly description: string;
  readonly memoryLimitBytes: number | undefined;
  readonly gpu: GpuDevice;
  private readonly copy: TileCopy;
  private readonly operationsPerSecond: number;
  private readonly volumes = new Set<GpuVolume>();

  constructor(gpu: GpuDevice, copy: TileCopy, options: GpuEngineOptions) {
    this.gpu = gpu;
    this.copy = copy;
    this.operationsPerSecond = OPERATIONS_PER_SECOND[options.kind ?? 'hardware'];
    this.description = `GPU, ${gpu.name}, WebGPU`;
    const { totalBytes } = gpu.limits;
    this.memoryLimitBytes = Number.isFinite(totalBytes) ? totalBytes : undefined;
  }

  allocateHost(voxels: number): Float32Array {
    return new Float32Array(voxels);
  }

  async upload(data: Float32Array, shape: Shape): Promise<Volume> {
    if (data.length !== voxelCount(shape)) {
      throw new LocScaleError(
        'internal',
        `A volume of ${describeShape(shape)} cannot have ${data.length} voxels.`,
      );
    }
    const volume = this.adopt(createVolume(this.gpu, 'volume', shape));
    writeVolume(this.gpu, volume, data);
    return volume;
  }

  async download(volume: Volume): Promise<Float32Array> {
    return readVolume(this.gpu, this.own(volume), new Float32Array(voxelCount(volume.shape)));
  }

  release(...volumes: Volume[]): void {
    for (const volume of volumes) {
      const own = volume as GpuVolume;
      if (this.volumes.delete(own)) destroyVolume(this.gpu, own);
    }
  }

  async average(a: Volume, b: Volume): Promise<Volume> {
    requireSameShape(a, b);
    return this.adopt(await average(this.gpu, this.own(a), this.own(b)));
  }

  async statistics(volume: Volume, where?: { mask: Volume; inside: boolean }): Promise<VolumeStatistics> {
    if (!where) return statistics(this.gpu, this.own(volume));
    requireSameShape(volume, where.mask);
    return statistics(this.gpu, this.own(volume), { mask: this.own(where.mask), inside: where.inside });
  }

  async binarise(volume: Volume, threshold: number): Promise<{ mask: Volume; voxels: number }> {
    const { mask, voxels } = await binarise(this.gpu, this.own(volume), threshold);
    return { mask: this.adopt(mask), voxels };
  }

  async radialFilter(volume: Volume, transfer: RadialTransfer): Promise<Volume> {
    return this.adopt(await radialFilter(this.gpu, this.own(volume), transfer));
  }

  async resample(volume: Volume, shape: Shape): Promise<Volume> {
    requireShape(shape);
    const own = this.own(volume);
    // (a + a) / 2 is a copy.
    if (sameShape(volume.shape, shape)) return this.average(volume, volume);
    return this.adopt(await resample(this.gpu, own, shape));
  }

  async simulateMap(atoms: AtomSet, grid: Grid, options: ModelMapOptions = {}): Promise<Volume> {
    requireShape(grid.shape);
    return this.adopt(await simulateMap(this.gpu, planSplat(atoms, grid, options.blurBFactor), grid.shape));
  }

  async symmetrise(
    volume: Volume,
    operators: readonly Operator[],
    options: SymmetriseOptions = {},
  ): Promise<Volume> {
    const own = this.own(volume);
    return this.adopt(await symmetrise(this.gpu, own, planSymmetrise(volume.shape, operators, options)));
  }

  async shellSpectra(a: Volume, b: Volume): Promise<ShellSpectra> {
    requireSameShape(a, b);
    return shellSpectra(this.gpu, this.own(a), this.own(b));
  }

  async noiseStatistics(volume: Volume, boxes: readonly NoiseBox[]): Promise<BoxStatistics> {
    return noiseStatistics(this.gpu, this.own(volume), boxes);
  }

  async confidenceMap(volume: Volume, noise: { mean: number; variance: number }): Promise<Volume> {
    return this.adopt(await confidenceMap(this.gpu, this.own(volume), noise));
  }

  async estimateLocalScaling(job: LocalScalingJob): Promise<LocalScalingEstimate> {
    const plan = await this.planScaling(job, this.scalingBudget(job));
    if (!plan) return NOTHING_TO_SCALE;
    const { maskVoxels, tileSize, tiles } = plan;
    return {
      maskVoxels,
      workingBytes: plan.bytes,
      seconds: plan.cost / this.operationsPerSecond,
      tileSize,
      tiles,
    };
  }

  async localScaling(
    job: LocalScalingJob,
    hooks: OperationHooks = {},
    part?: LocalScalingPart,
  ): Promise<LocalScalingResult> {
    let budget = this.scalingBudget(job);
    const { shape } = job.map;
    const made: GpuVolume[] = [];
    const make = (label: string): GpuVolume => {
      const volume = this.adopt(createVolume(this.gpu, label, shape));
      made.push(volume);
      return volume;
    };
    try {
      const result: LocalScalingResult = part?.into ?? {
        scaled: make('scaled map'),
        ...(job.measureBFactors ? { bFactor: make('B factors'), quality: make('fit quality') } : {}),
      };
      const { scaled, bFactor, quality } = result;
      const volumes = {
        map: this.own(job.map),
        reference: job.reference && this.own(job.reference),
        mask: this.own(job.mask),
        differenceMask: job.differenceMask && this.own(job.differenceMask),
        scaled: this.own(scaled),
        bFactor: bFactor && this.own(bFactor),
        quality: quality && this.own(quality),
      };
      for (;;) {
        const plan = await this.planScaling(job, budget, part?.tileSize);
        const tiles = chooseTiles(plan?.tiles ?? [], part);
        if (!plan || tiles.length === 0) break;
        try {
          await scaleTiles(this.gpu, plan, tiles, job, volumes, this.copy, hooks);
          break;
        } catch (error) {
          // The GPU has less memory than assumed: smaller tiles, until none is small enough. The tiles of
          // a part are not this engine's to choose.
          if (part !== undefined || !isLocScaleError(error) || error.tag !== 'out-of-memory') throw error;
          if (!(await this.gpu.recover())) throw error;
          budget = plan.bytes / 2;
        }
      }
      return result;
    } catch (error) {
      this.release(...made);
      throw error;
    }
  }

  async estimateLocalResolution(job: LocalResolutionJob): Promise<LocalResolutionEstimate> {
    checkResolutionJob(job);
    const occupancy = await blockOccupancy(this.gpu, this.own(job.mask), OCCUPANCY_BLOCK);
    const results = 1 + (job.correlationShells?.length ?? 0);
    const budget = this.jobBudget(results, job.half1.shape);
    const plan = planResolution(this.gpu, job, occupancy, budget);
    if (!plan) return NOTHING_TO_SCALE;
    const { maskVoxels, bytes, cost } = plan;
    return { maskVoxels, workingBytes: bytes, seconds: cost / this.operationsPerSecond };
  }

  async localResolution(job: LocalResolutionJob, hooks: OperationHooks = {}): Promise<LocalResolutionResult> {
    checkResolutionJob(job);
    const [half1, half2, mask] = [job.half1, job.half2, job.mask].map((volume) => this.own(volume));
    const made: GpuVolume[] = [];
    const make = (label: string): GpuVolume => {
      const volume = this.adopt(createVolume(this.gpu, label, job.half1.shape));
      made.push(volume);
      return volume;
    };
    try {
      const resolution = make('local resolution');
      const correlations = (job.correlationShells ?? []).map((shell) => ({
        shell,
        volume: make(`FSC ${shell}`),
      }));
      const volumes = { half1, half2, mask, resolution, correlations };
      const occupancy = await blockOccupancy(this.gpu, mask, OCCUPANCY_BLOCK);
      const budget = this.jobBudget(0, job.half1.shape);
      await resolveTiles(this.gpu, job, volumes, occupancy, this.copy, hooks, budget);
      return { resolution, correlations: correlations.map(({ volume }) => volume) };
    } catch (error) {
      this.release(...made);
      throw error;
    }
  }

  async localFilter(volume: Volume, cutoffs: Volume, bins: readonly FilterBin[]): Promise<Volume> {
    return this.adopt(await localFilter(this.gpu, this.own(volume), this.own(cutoffs), bins));
  }

  /** Bytes for the buffers of a job whose results are so many volumes that are still to be made. */
  private jobBudget(results: number, shape: Shape): number {
    const { totalBytes } = this.gpu.limits;
    if (!Number.isFinite(totalBytes)) return DEFAULT_JOB_BYTES;
    return totalBytes - this.gpu.allocatedBytes - results * 4 * voxelCount(shape);
  }

  private scalingBudget({ measureBFactors, map }: LocalScalingJob): number {
    return this.jobBudget(measureBFactors ? 3 : 1, map.shape);
  }

  private async planScaling(
    job: LocalScalingJob,
    budgetBytes: number,
    tileSize?: Shape,
  ): Promise<GpuTilePlan | undefined> {
    const { mask, reference, windowVoxels } = job;
    checkScalingJob(job);
    const support = planGpuTiles({
      occupancy: await blockOccupancy(this.gpu, this.own(mask), OCCUPANCY_BLOCK),
      windowVoxels,
      kind: job.profileKind,
      profiledMaps: reference ? 2 : 1,
      limits: this.gpu.limits,
      budgetBytes,
      tileSize,
    });
    if (support.ok) return support.plan;
    throw new LocScaleError(
      'out-of-memory',
      `Local scaling does not fit the GPU ${this.gpu.name}: ${support.reason}.`,
      {
        hint: 'Use a smaller window (-wn), a GPU with more memory, or --engine cpu.',
      },
    );
  }

  private adopt(volume: GpuVolume): GpuVolume {
    this.volumes.add(volume);
    return volume;
  }

  private own(volume: Volume): GpuVolume {
    if (!this.volumes.has(volume as GpuVolume)) {
      throw new LocScaleError('internal', 'This volume was released, or belongs to another engine.');
    }
    return volume as GpuVolume;
  }

  async dispose(): Promise<void> {
    this.copy.destroy();
    this.volumes.clear();
    this.gpu.destroy();
  }
}
