/**
 * The GPU engine: the Engine interface on one WebGPU device. Voxels cross the bus in `upload` and
 * `download` only.
 */

import { requireSameShape, requireVoxels } from '../engine/checks.ts';
import * as composed from '../engine/composed.ts';
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
import { LocScaleError } from '../errors.ts';
import type { AtomSet } from '../math/atoms/atom-set.ts';
import type { SplatPlan } from '../math/atoms/splat-plan.ts';
import type { ShellRule } from '../math/fourier/fsc.ts';
import type { FilterBin } from '../math/fourier/local-filter.ts';
import type { RadialTransfer } from '../math/fourier/radial-transfer.ts';
import type { RandomPhases } from '../math/fourier/random-phases.ts';
import { type Grid, type Shape, voxelCount } from '../math/grid.ts';
import type { NoiseBox } from '../math/statistics/confidence.ts';
import type { Operator } from '../math/symmetry/point-group.ts';
import { planSymmetrise, type SymmetriseOptions } from '../math/symmetry/rotation-plan.ts';
import { openBands } from './band-scaling.ts';
import { gpuBytes } from './bytes.ts';
import type { GpuDevice } from './device.ts';
import { withRecovery } from './job.ts';
import { getKernel } from './kernel-cache.ts';
import { addFiltered } from './local-filter.ts';
import { openResolution } from './local-resolution.ts';
import { openScaling, type ScalingTools } from './local-scaling.ts';
import { splatAtoms } from './model-map.ts';
import { radialFilter } from './radial-filter.ts';
import { randomisePhases } from './randomise-phases.ts';
import { resample } from './resample.ts';
import { allocateVolume } from './scratch.ts';
import { compileShellSpectra, shellSpectra } from './shell-spectra.ts';
import { symmetrise } from './symmetrise.ts';
import { createTileCopy, type TileCopy } from './tile-copy.ts';
import { translate } from './translate.ts';
import { destroyVolume, type GpuVolume, readVolume, writeVolume } from './volume.ts';
import { average, binarise, confidenceMap, noiseStatistics, statistics } from './volume-operations.ts';

/** Options of `createGpuEngine`. */
export interface GpuEngineOptions {
  /** What the device is; the expected time of a job follows from it. */
  readonly kind?: 'hardware' | 'software';
}

/** Bytes a scaling job takes where the device does not say how much memory it has. */
const DEFAULT_JOB_BYTES = 1.5 * 2 ** 30;
/** Multiply-adds per second assumed for the expected time. */
const OPERATIONS_PER_SECOND = { hardware: 5e11, software: 3e8 };

/** An engine on an open device, which it destroys at its end. */
export async function createGpuEngine(gpu: GpuDevice, options: GpuEngineOptions = {}): Promise<GpuEngine> {
  return new GpuEngine(gpu, options);
}

/**
 * The engine on WebGPU. Volumes are buffers in slabs; whatever is submitted is checked before a result is
 * read.
 */
export class GpuEngine implements Engine {
  readonly name = 'gpu';
  /** For logs and records: "GPU, NVIDIA H200 (vulkan), WebGPU". */
  readonly description: string;
  /** Undefined where neither the device nor the user says: WebGPU does not report memory. */
  readonly memoryLimitBytes: number | undefined;
  /** Peak bytes of each verb, from the limits alone: the pipeline plans with them before it runs. */
  readonly bytesOf: VerbBytes;
  /** Owned: destroyed by `dispose`. */
  readonly gpu: GpuDevice;
  /** Between volumes and tiles; made by the first job that needs it. */
  private copy: Promise<TileCopy> | undefined;
  /** For the expected time only; no result depends on it. */
  private readonly operationsPerSecond: number;
  /** Live volumes, so that a use after release throws instead of reading freed memory. */
  private readonly volumes = new Set<GpuVolume>();

  constructor(gpu: GpuDevice, options: GpuEngineOptions) {
    this.gpu = gpu;
    this.bytesOf = gpuBytes(gpu.limits);
    this.operationsPerSecond = OPERATIONS_PER_SECOND[options.kind ?? 'hardware'];
    this.description = `GPU, ${gpu.name}, WebGPU`;
    const { totalBytes } = gpu.limits;
    this.memoryLimitBytes = Number.isFinite(totalBytes) ? totalBytes : undefined;
  }

  /** Plain memory: WebGPU copies from any array, and none is shared with threads. */
  allocateHost(voxels: number): Float32Array {
    return new Float32Array(voxels);
  }

  /** Throws 'out-of-memory' before anything is copied. */
  async upload(data: Float32Array, shape: Shape): Promise<Volume> {
    requireVoxels(data, shape);
    const volume = this.adopt(await allocateVolume(this.gpu, 'volume', shape));
    writeVolume(this.gpu, volume, data);
    return volume;
  }

  /** Waits for all submitted work, and throws what it failed with. */
  async download(volume: Volume): Promise<Float32Array> {
    return readVolume(this.gpu, this.own(volume), new Float32Array(voxelCount(volume.shape)));
  }

  /** The collector's. */
  freeHost(): void {}

  /** Voxels live in GPU memory: `body` sees a copy, and its changes are lost. */
  async inspect<T>(volume: Volume, body: (voxels: Float32Array) => T | Promise<T>): Promise<T> {
    return body(await this.download(volume));
  }

  /** Releasing a volume twice is harmless: callers clean up in any order. */
  release(...volumes: Volume[]): void {
    for (const volume of volumes) {
      const own = volume as GpuVolume;
      if (this.volumes.delete(own)) destroyVolume(this.gpu, own);
    }
  }

  /** Compiles while the files are read. */
  expectHalfMaps(shape: Shape): void {
    const { gpu } = this;
    const compiling = [getKernel(gpu, 'statistics'), compileShellSpectra(gpu, shape)];
    // What fails does so again when it is used.
    for (const work of compiling) work.catch(() => undefined);
  }

  /** (a + b) / 2 per voxel. */
  async average(a: Volume, b: Volume): Promise<Volume> {
    requireSameShape(a, b);
    return this.made(() => average(this.gpu, this.own(a), this.own(b)));
  }

  /** Workgroups leave moments of 4096 voxels each, which the host merges in float64. */
  async statistics(volume: Volume, where?: { mask: Volume; inside: boolean }): Promise<VolumeStatistics> {
    if (!where) return this.verb(() => statistics(this.gpu, this.own(volume)));
    requireSameShape(volume, where.mask);
    const { inside } = where;
    return this.verb(() => statistics(this.gpu, this.own(volume), { mask: this.own(where.mask), inside }));
  }

  /** 1 where the value is at least `threshold`, else 0, also for NaN; `voxels` counts the ones. */
  async binarise(volume: Volume, threshold: number): Promise<{ mask: Volume; voxels: number }> {
    const { mask, voxels } = await this.verb(() => binarise(this.gpu, this.own(volume), threshold));
    return { mask: this.adopt(mask), voxels };
  }

  /** New phases depend on index and seed alone: both engines give the same map. */
  async randomisePhases(volume: Volume, phases: RandomPhases): Promise<Volume> {
    return this.made(() => randomisePhases(this.gpu, this.own(volume), phases));
  }

  /** Multiplies the spectrum by a function of |k|. */
  async radialFilter(volume: Volume, transfer: RadialTransfer): Promise<Volume> {
    return this.made(() => radialFilter(this.gpu, this.own(volume), transfer));
  }

  /** By whole or fractional voxels, as a phase ramp; periodic at the faces of the box. */
  async translate(volume: Volume, shift: readonly [z: number, y: number, x: number]): Promise<Volume> {
    return this.made(() => translate(this.gpu, this.own(volume), shift));
  }

  /** Crops or pads the spectrum; an exact copy where the shape is the same. */
  async resample(volume: Volume, shape: Shape): Promise<Volume> {
    const own = this.own(volume);
    return composed.resample(this, own, shape, () => this.made(() => resample(this.gpu, own, shape)));
  }

  /** Sums Gaussians on a finer grid, then removes the extra blur in Fourier space. */
  simulateMap(atoms: AtomSet, grid: Grid, options: ModelMapOptions = {}): Promise<Volume> {
    const splat = (plan: SplatPlan) => this.made(() => splatAtoms(this.gpu, plan));
    return composed.simulateMap(this, atoms, grid, options, splat);
  }

  /** Mean over the operators; exact where they map the grid onto itself, else interpolated. */
  async symmetrise(
    volume: Volume,
    operators: readonly Operator[],
    options: SymmetriseOptions = {},
  ): Promise<Volume> {
    const own = this.own(volume);
    return this.made(() => symmetrise(this.gpu, own, planSymmetrise(volume.shape, operators, options)));
  }

  /** Cross and power sums per shell of both spectra: FSC and amplitudes follow from them. */
  async shellSpectra(a: Volume, b: Volume, rule?: ShellRule): Promise<ShellSpectra> {
    requireSameShape(a, b);
    return this.verb(() => shellSpectra(this.gpu, this.own(a), this.own(b), rule));
  }

  /** Mean and variance over boxes that hold no molecule. */
  async noiseStatistics(volume: Volume, boxes: readonly NoiseBox[]): Promise<BoxStatistics> {
    return this.verb(() => noiseStatistics(this.gpu, this.own(volume), boxes));
  }

  /** 1 - q per voxel, q from the false discovery rate; only the undecided voxels are sorted on the host. */
  async confidenceMap(volume: Volume, noise: { mean: number; variance: number }): Promise<Volume> {
    return this.made(() => confidenceMap(this.gpu, this.own(volume), noise));
  }

  /** Plans tiles to fit the memory left now; buffers are allocated when the run starts. */
  async openLocalScaling(settings: LocalScalingSettings): Promise<OpenedScaling> {
    return openScaling(settings, await this.jobTools());
  }

  /** As for local scaling. */
  async openLocalResolution(settings: ResolutionSettings): Promise<OpenedResolution> {
    return openResolution(settings, await this.jobTools());
  }

  /** Not in tiles: its spectra span the box, in slabs where one buffer is too small. */
  openBandScaling(settings: BandScalingSettings): Promise<OpenedBandScaling> {
    return openBands(settings, {
      gpu: this.gpu,
      operationsPerSecond: this.operationsPerSecond,
      own: (volume) => this.own(volume),
      adopt: (volume) => this.adopt(volume),
      release: (...volumes) => this.release(...volumes),
    });
  }

  /** One radial filter per bin of cutoffs, each added only where its bin applies. */
  localFilter(volume: Volume, cutoffs: Volume, bins: readonly FilterBin[]): Promise<Volume> {
    const { gpu } = this;
    return composed.localFilter(this, volume, cutoffs, bins, {
      make: () => this.made(() => allocateVolume(gpu, 'local-filter', volume.shape)),
      add: (filtered, bin, out) => addFiltered(gpu, this.own(filtered), this.own(cutoffs), bin, out),
    });
  }

  /** What jobs of tiles need of the engine. */
  private async jobTools(): Promise<ScalingTools> {
    const { gpu, operationsPerSecond } = this;
    // Compiled by the first job that copies tiles.
    this.copy ??= createTileCopy(gpu);
    const copy = await this.copy;
    const { totalBytes } = gpu.limits;
    return {
      gpu,
      copy,
      operationsPerSecond,
      jobBudget: (results, shape) =>
        Number.isFinite(totalBytes)
          ? totalBytes - gpu.allocatedBytes - results * 4 * voxelCount(shape)
          : DEFAULT_JOB_BYTES,
      own: (volume) => this.own(volume),
      make: async (label, shape) => this.adopt(await allocateVolume(gpu, label, shape)),
      release: (...volumes) => this.release(...volumes),
    };
  }

  /** After a lack of memory the device is cleared of what followed, so that it serves smaller work. */
  private verb<T>(work: () => Promise<T>): Promise<T> {
    return withRecovery(this.gpu, work);
  }

  /** A verb that returns a new volume. */
  private async made(work: () => Promise<GpuVolume>): Promise<GpuVolume> {
    return this.adopt(await this.verb(work));
  }

  /** From now on a volume of this engine. */
  private adopt(volume: GpuVolume): GpuVolume {
    this.volumes.add(volume);
    return volume;
  }

  /** Throws 'internal' for volumes that were released or belong to another engine. */
  private own(volume: Volume): GpuVolume {
    if (!this.volumes.has(volume as GpuVolume)) {
      throw new LocScaleError('internal', 'This volume was released, or belongs to another engine.');
    }
    return volume as GpuVolume;
  }

  /** Volumes still live are freed with the device. */
  async dispose(): Promise<void> {
    (await this.copy?.catch(() => undefined))?.destroy();
    this.volumes.clear();
    this.gpu.destroy();
  }
}
