/**
 * The interface both engines implement (cpu-fallback/ and gpu/): its verbs on volumes.
 * A volume is an opaque handle owned by its engine; voxels cross between host and engine only in
 * `upload` and `download`. All volumes are float32, ordered (z, y, x) with x fastest.
 */

import type { AtomSet } from '../math/atoms/atom-set.ts';
import type { ShellRule } from '../math/fourier/fsc.ts';
import type { FilterBin } from '../math/fourier/local-filter.ts';
import type { RadialTransfer } from '../math/fourier/radial-transfer.ts';
import type { RandomPhases } from '../math/fourier/random-phases.ts';
import type { Grid, Shape } from '../math/grid.ts';
import type { WindowWeights } from '../math/scaling/local-resolution.ts';
import type { ScalingRule } from '../math/scaling/scaling-rules.ts';
import type { RadialProfileKind, WindowTaper } from '../math/scaling/windows.ts';
import type { BandSummary, SoftTarget } from '../math/soft-scaling/targets.ts';
import type { NoiseBox } from '../math/statistics/confidence.ts';
import type { Operator } from '../math/symmetry/point-group.ts';
import type { SymmetriseOptions } from '../math/symmetry/rotation-plan.ts';

export interface Volume {
  readonly shape: Shape;
}

export interface VolumeStatistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Population standard deviation (divided by N). */
  readonly sd: number;
  readonly count: number;
  /** Voxels that are exactly 0. */
  readonly zeros: number;
  /** Voxels that are NaN or infinite. */
  readonly nonFinite: number;
}

/**
 * Sums over shells r = floor(|f| edge), f in cycles per voxel, edge = min(shape), r = 0 ... floor(edge/2) -
 * 1: in a cubic box the shells of integer radius of method 1. As in the original every coefficient of the
 * half spectrum (0 <= kx <= nx/2) counts once.
 */
export interface ShellSpectra {
  /** Sum of Re(A conj B). */
  readonly cross: Float64Array;
  /** Sum of |A|^2. */
  readonly powerA: Float64Array;
  /** Sum of |B|^2. */
  readonly powerB: Float64Array;
  /** Coefficients of the half spectrum in the shell. */
  readonly counts: Float64Array;
}

/** Settings of a local scaling known before its maps exist, sufficient for planning. */
export interface LocalScalingSettings {
  /** Voxels > 0.5 are scaled; the result is 0 elsewhere. */
  readonly mask: Volume;
  /** Window edge in voxels, even. */
  readonly windowVoxels: number;
  readonly profileKind: RadialProfileKind;
  /** Weights of the window before its profile is taken; default none, as LocScale. */
  readonly windowTaper?: WindowTaper;
  /** All rules but 'no-reference' need a reference map; 'hybrid' needs a difference mask as well. */
  readonly rule: ScalingRule;
  /** Also return the local B factor and the fit quality. */
  readonly measureBFactors: boolean;
}

/** The maps of a local scaling, of the mask's shape. */
export interface LocalScalingMaps {
  /** Map to be scaled. */
  readonly map: Volume;
  /** Reference map; absent only for the rule 'no-reference'. */
  readonly reference?: Volume | undefined;
  /** For the rule 'hybrid': voxels > 0.5 use the theoretical-profile rule. */
  readonly differenceMask?: Volume | undefined;
  /**
   * Value that voxels outside the box take when a window reaches beyond it (method 4: mean outside
   * the mask), for map and reference. The engine never materialises a padded copy.
   */
  readonly padValues: { readonly map: number; readonly reference: number };
}

export interface LocalScalingJob extends LocalScalingSettings, LocalScalingMaps {}

export interface LocalScalingResult {
  readonly scaled: Volume;
  readonly bFactor?: Volume;
  readonly quality?: Volume;
}

/** A planned local scaling: mask occupancy and tiles are computed once, when it is opened. */
export interface OpenedScaling {
  readonly estimate: LocalScalingEstimate;
  /** It will be started: what can be made ready before its maps exist may be, while others work. */
  prepare?(): void;
  /**
   * Allocates the working memory and the result volumes. If a GPU has less memory than reported, the tiles
   * shrink, unless `tileSize` fixes them (for a run shared by processes).
   */
  start(maps: LocalScalingMaps, tileSize?: Shape): Promise<ScalingRun>;
}

/**
 * A local scaling with its working memory. The result of a tile depends only on the job and on the tile size,
 * so a job may be split in any way and over any processes without changing its voxels.
 */
export interface ScalingRun {
  readonly tileSize: Shape;
  readonly tiles: readonly ScalingTile[];
  /** Filled tile by tile, 0 elsewhere; the caller releases it. */
  readonly result: LocalScalingResult;
  /** Scales the tiles that start at these voxels; default all. */
  run(hooks?: TileHooks, starts?: readonly Shape[]): Promise<void>;
  /** Frees the working memory. */
  close(): Promise<void>;
}

/** Settings of a local resolution known before its half maps exist, sufficient for planning. */
export interface ResolutionSettings {
  /** Voxels > 0.5 are resolved; the result is 0 elsewhere. */
  readonly mask: Volume;
  /** Window edge in voxels, even. */
  readonly windowVoxels: number;
  readonly weights: WindowWeights;
  /** Angstrom. */
  readonly voxelSize: number;
  /** FSC at which the resolution is read. */
  readonly threshold: number;
  /** Shells whose FSC is returned as well. */
  readonly correlationShells?: readonly number[];
}

export interface ResolutionHalves {
  readonly half1: Volume;
  readonly half2: Volume;
  /** Values of the half maps outside the box. */
  readonly padValues: readonly [number, number];
}

/** Local FSC of two half maps (math/scaling/local-resolution.ts). */
export interface LocalResolutionJob extends ResolutionSettings, ResolutionHalves {}

export interface LocalResolutionResult {
  /** Angstrom, between twice the voxel size and the window's edge; 0 outside the mask. */
  readonly resolution: Volume;
  /** FSC of the requested shells, in their order; 0 outside the mask. */
  readonly correlations: readonly Volume[];
}

/** A planned local resolution. */
export interface OpenedResolution {
  readonly estimate: LocalResolutionEstimate;
  run(halves: ResolutionHalves, hooks?: OperationHooks): Promise<LocalResolutionResult>;
}

/** Estimated cost of a local-scaling job. */
export interface LocalScalingEstimate {
  readonly maskVoxels: number;
  /** Working memory in bytes beyond the volumes themselves. */
  readonly workingBytes: number;
  /** Expected wall time, seconds, on this engine. */
  readonly seconds: number;
  /** Tile size that the engine would choose, in voxels, and the number of tiles with mask voxels. */
  readonly tileSize: Shape;
  readonly tiles: readonly ScalingTile[];
}

/** Settings of a soft scaling (math/soft-scaling/) known before its maps exist. */
export interface BandScalingSettings {
  readonly shape: Shape;
  /** A, along z, y, x. */
  readonly voxelSize: Grid['voxelSize'];
  /** Two half maps; false: a single map, whose power is taken for signal. */
  readonly halfMaps: boolean;
  /** Target of the amplitudes. */
  readonly target: SoftTarget;
  /** A: standard deviation of the Gaussian window. Default 10, with the target `reference` 5. */
  readonly windowSigma?: number;
  /**
   * With the target `reference`: gains as they are measured first, of bands that are not tilted, in windows
   * of 10 A, as docs/method.md defines them for all other targets.
   */
  readonly unrefined?: boolean;
  /** A: logistic low-pass of the result, half at this resolution. A single map must have it. */
  readonly fadeResolution?: number;
  /** The result is 0 where the mask is not above 0.5. */
  readonly zeroOutside?: boolean;
  /** Also return the local measures of every voxel (math/soft-scaling/local-measures.ts). */
  readonly measureLocal?: boolean;
}

/** The maps of a scaling in bands, of its shape. */
export interface BandScalingMaps {
  /** A half map, or the single map. */
  readonly half1: Volume;
  readonly half2?: Volume;
  /** For all targets but the profile. */
  readonly reference?: Volume;
  /** For the hybrid target: voxels > 0.5 follow the profile, the others the reference. */
  readonly differenceMask?: Volume;
  /**
   * Voxels > 0.5 decide which bands hold signal and how strong it is; without, or where none is, all voxels
   * do.
   */
  readonly mask?: Volume;
}

/**
 * Settings and maps of a soft scaling that runs as a whole, without the settings that follow from the maps.
 */
export interface BandScalingJob extends Omit<BandScalingSettings, 'shape' | 'halfMaps'>, BandScalingMaps {}

/** Local measures of every voxel, from the bands; 0 outside the mask. */
export interface LocalBandMaps {
  /**
   * B factor of the signal, A^2; 0 where it cannot be measured, undefined if fewer than two bands are
   * available.
   */
  readonly bFactor?: Volume;
  /** Resolution at which the half maps stop agreeing, A; undefined for a single map. */
  readonly resolution?: Volume;
  /** RMS density of the signal. */
  readonly signal: Volume;
}

export interface BandScalingResult {
  readonly scaled: Volume;
  readonly bands: readonly BandSummary[];
  readonly local?: LocalBandMaps;
}

/** Estimated cost of a soft scaling. */
export interface BandScalingEstimate {
  /** Number of frequency bands, the units of work that ranks share. */
  readonly bands: number;
  /** Working memory in bytes beyond the volumes themselves, maps and results. */
  readonly workingBytes: number;
  /** Expected wall time, seconds, on this engine. */
  readonly seconds: number;
}

/** A planned scaling in soft bands. */
export interface OpenedBandScaling {
  readonly estimate: BandScalingEstimate;
  /** As for `OpenedScaling`. */
  prepare?(): void;
  /**
   * Allocates the working memory and transforms the maps, which (except the mask) may then be released. If a
   * GPU has less memory than reported, the plan shrinks.
   */
  start(maps: BandScalingMaps): Promise<BandScalingRun>;
}

/**
 * A soft scaling with its working memory. The result of a band depends only on the job and its index, and
 * bands are added in ascending order, so that the sum has the same bits wherever they were scaled.
 */
export interface BandScalingRun {
  /** Scales all bands and adds them. */
  run(hooks?: OperationHooks): Promise<void>;
  /** Scales one band, to be added by this or another process. */
  scaleBand(index: number, signal?: AbortSignal): Promise<ScaledBand>;
  /** Adds a band scaled by another process; each band once, in ascending order. */
  addBand(band: ScaledBand): Promise<void>;
  /** Applies fade and mask after all bands are added. The caller releases the volumes. */
  finish(): Promise<BandScalingResult>;
  /** Frees the working memory and an unfinished result. */
  close(): Promise<void>;
}

/** One band of the map and its gains, as sent between processes. */
export interface ScaledBand {
  readonly index: number;
  readonly summary: BandSummary;
  /** Voxels of the band and gains per block; undefined if the band adds nothing. */
  readonly voxels?: Float32Array;
  readonly gains?: Float32Array;
  /** With `measureLocal`: S and P per block, after the window. */
  readonly signal?: Float32Array;
  readonly power?: Float32Array;
}

/** Estimated cost of a local-resolution job. */
export type LocalResolutionEstimate = Pick<LocalScalingEstimate, 'maskVoxels' | 'workingBytes' | 'seconds'>;

/** Mask voxels that the engine scales together. */
export interface ScalingTile {
  /** First voxel (z, y, x). */
  readonly start: Shape;
  readonly maskVoxels: number;
  /** Expected time, relative to that of the other tiles. */
  readonly cost: number;
}

export interface ModelMapOptions {
  /** Added to every B factor, A^2; sums below 0 count as 0. Default 0. */
  readonly blurBFactor?: number;
}

export interface OperationHooks {
  /** `done` of `total` units of work (mask voxels for local scaling). */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface TileHooks extends OperationHooks {
  /**
   * These tiles are finished: their voxels may be read. A GPU waits for the promise before it gets more work.
   */
  readonly onTiles?: (tiles: readonly ScalingTile[]) => void | Promise<void>;
}

/**
 * Peak memory of each verb in bytes, including its result but not the existing volumes. On a GPU these are
 * device bytes, assuming that all its memory is free.
 */
export interface VerbBytes {
  average(shape: Shape): number;
  binarise(shape: Shape): number;
  radialFilter(shape: Shape): number;
  randomisePhases(shape: Shape): number;
  translate(shape: Shape): number;
  resample(from: Shape, to: Shape): number;
  simulateMap(atoms: number, grid: Grid): number;
  symmetrise(shape: Shape, operators: readonly Operator[], options?: SymmetriseOptions): number;
  /** Of two maps, or of one with itself. */
  shellSpectra(shape: Shape, maps?: 1 | 2): number;
  confidenceMap(shape: Shape): number;
  localFilter(shape: Shape): number;
  /** Host bytes counted: all if the engine works in host memory, none on a device. */
  host(bytes: number): number;
  /**
   * Memory retained until the engine is closed by threads that have worked on volumes of this shape and in a
   * job with this working memory; worker threads never return theirs.
   */
  retained(shape: Shape, workingBytes: number): number;
}

export interface Engine {
  readonly name: 'cpu' | 'gpu';
  /** For the log: "CPU, 8 worker threads, WASM SIMD". */
  readonly description: string;
  /** Limit for volumes and working memory together, bytes; undefined if none was set. */
  readonly memoryLimitBytes: number | undefined;
  /** Memory of each verb, known before it is called; jobs state theirs in the estimate. */
  readonly bytesOf: VerbBytes;

  /** Host memory that `upload` can adopt without a copy (shared memory on the CPU engine). */
  allocateHost(voxels: number): Float32Array;
  /** Frees memory of `allocateHost` that was not uploaded; it must not be used afterwards. */
  freeHost(data: Float32Array): void;
  /** Takes ownership of `data` (the caller must not use it afterwards). */
  upload(data: Float32Array, shape: Shape): Promise<Volume>;
  /**
   * No copy if the engine's memory is host memory: treat the result as read-only. It is then a view of memory
   * shared with other volumes (mind `byteOffset`) and keeps all of it alive: copy what outlives the engine.
   */
  download(volume: Volume): Promise<Float32Array>;
  /**
   * Calls `body` with the voxels, which it must neither change nor retain, and returns its result. Unlike
   * after a download, the volume's memory can be reused once the volume is released.
   */
  inspect<T>(volume: Volume, body: (voxels: Float32Array) => T | Promise<T>): Promise<T>;
  release(...volumes: Volume[]): void;

  /**
   * Two maps of this shape will be uploaded, compared by their shells: what can be made ready
   * before they are read may be.
   */
  expectHalfMaps?(shape: Shape): void;

  /** (a + b) / 2 in float32. */
  average(a: Volume, b: Volume): Promise<Volume>;
  /** Statistics over all voxels, or over those where `where` is above 0.5 (or at most 0.5). */
  statistics(volume: Volume, where?: { mask: Volume; inside: boolean }): Promise<VolumeStatistics>;
  /** 1 where volume >= threshold, else 0. */
  binarise(volume: Volume, threshold: number): Promise<{ mask: Volume; voxels: number }>;
  /** Multiplies the Fourier transform by a function of |f|. */
  radialFilter(volume: Volume, transfer: RadialTransfer): Promise<Volume>;
  /** Randomises the phases of the Fourier transform beyond a frequency (math/fourier/random-phases.ts). */
  randomisePhases(volume: Volume, phases: RandomPhases): Promise<Volume>;
  /**
   * Moves the periodic box by any number of voxels, by the phases of its Fourier transform
   * (math/fourier/translation.ts).
   */
  translate(volume: Volume, shift: readonly [z: number, y: number, x: number]): Promise<Volume>;
  /**
   * Resamples the periodic box to another number of voxels by cropping or padding the Fourier transform.
   * Voxel (0, 0, 0) keeps its position, and a constant map its value.
   */
  resample(volume: Volume, shape: Shape): Promise<Volume>;
  /**
   * Electrostatic potential of a model on a grid, periodic, from electron form factors, B factors and
   * occupancies; without frequencies beyond Nyquist (math/atoms/splat-plan.ts).
   */
  simulateMap(atoms: AtomSet, grid: Grid, options?: ModelMapOptions): Promise<Volume>;
  /**
   * Average of the map over a group of rotations (math/symmetry/point-group.ts) about a voxel, or over
   * rotations with shifts. Exact where all operators map the grid onto itself, else to 1e-4
   * (math/symmetry/rotation-plan.ts).
   */
  symmetrise(volume: Volume, operators: readonly Operator[], options?: SymmetriseOptions): Promise<Volume>;
  /** Cross and power spectra in shells, for the FSC; default 'floor'. */
  shellSpectra(a: Volume, b: Volume, rule?: ShellRule): Promise<ShellSpectra>;
  /** Mean and variance (N) of the voxels in the noise boxes. */
  noiseStatistics(volume: Volume, boxes: readonly NoiseBox[]): Promise<BoxStatistics>;
  /** FDR confidence map (method 2). */
  confidenceMap(volume: Volume, noise: { mean: number; variance: number }): Promise<Volume>;

  /** Plans a local scaling; one may be started at a time. */
  openLocalScaling(settings: LocalScalingSettings): Promise<OpenedScaling>;
  /** Plans the measurement of local resolution around every mask voxel, from the FSC of windows. */
  openLocalResolution(settings: ResolutionSettings): Promise<OpenedResolution>;
  /** Plans a scaling in soft frequency bands, each by its local signal, power and target. */
  openBandScaling(settings: BandScalingSettings): Promise<OpenedBandScaling>;
  /**
   * Low-pass filter with a cut-off (A) per voxel, interpolated between bins (math/fourier/local-filter.ts); 0
   * where the cut-off is 0.
   */
  localFilter(volume: Volume, cutoffs: Volume, bins: readonly FilterBin[]): Promise<Volume>;

  dispose(): Promise<void>;
}

export interface BoxStatistics {
  readonly mean: number;
  readonly variance: number;
  readonly perBox: readonly { readonly mean: number; readonly variance: number }[];
}
