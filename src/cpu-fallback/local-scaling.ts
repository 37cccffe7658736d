/**
 * Local scaling of one tile on one thread: profiles of the map and of the reference, the scaling rule
 * per voxel, the shell convolutions, the results written at the mask voxels.
 */

import { shellKernelVoxels } from '../math/fourier/shell-kernels.ts';
import type { Shape } from '../math/grid.ts';
import {
  compileScalingRule,
  type ScaleFactorFunction,
  type ScalingRule,
} from '../math/scaling/scaling-rules.ts';
import { type RadialProfileKind, shellCountOf, type WindowTaper } from '../math/scaling/windows.ts';
import type { Kernels } from './kernels/kernels.ts';
import { ShellConvolver } from './shell-convolutions.ts';
import { TaperedProfiler } from './tapered-profiles.ts';
import { gatherTile, gatherTileMask, makeTileShape, type TileMask, type TileShape } from './tile.ts';
import { WindowProfiler } from './window-profiles.ts';

/** A job as shared by the threads; volumes are float32 (z, y, x) in shared memory. */
export interface TileJob {
  /** Of the volumes (z, y, x). */
  readonly shape: Shape;
  /** w, even. */
  readonly windowVoxels: number;
  /** Which coefficients of a window make up a shell. */
  readonly profileKind: RadialProfileKind;
  /** Undefined for LocScale's own windows, which have no weights. */
  readonly windowTaper: WindowTaper | undefined;
  /** From profiles to scale factors. */
  readonly rule: ScalingRule;
  /** Fits a line to the logarithm of the profile, per voxel. */
  readonly measureBFactors: boolean;
  /** What lies outside the box, per map. */
  readonly padValues: { readonly map: number; readonly reference: number };
  /** Voxels (z, y, x) that a task scales. */
  readonly tileSize: Shape;
  /** FFT box of a tile with its margins, of lengths that factorise well. */
  readonly fftShape: Shape;
  /** Unsharpened input. */
  readonly map: Float32Array;
  /** Undefined where the rule needs none. */
  readonly reference: Float32Array | undefined;
  /** Only its voxels, above 0.5, are scaled. */
  readonly mask: Float32Array;
  /** For the hybrid rule: voxels above 0.5 follow the theoretical profile. */
  readonly differenceMask: Float32Array | undefined;
  /** Output; untouched outside the mask. */
  readonly scaled: Float32Array;
  /** Output, A^2, where it was requested. */
  readonly bFactor: Float32Array | undefined;
  /** Output: R^2 of the fit of the B factor. */
  readonly quality: Float32Array | undefined;
}

/** Seconds per stage of a tile, for benchmarks and logs. */
export interface TileTimings {
  /** Of the windows of both maps. */
  profiles: number;
  /** Scale factors, in float64. */
  rule: number;
  /** Filtered maps of all shells. */
  convolutions: number;
  /** Copies from the volumes. */
  gather: number;
}

/** Scales tiles on one thread: profiles of the windows, scale factors, then the filtered centre voxels. */
export class TileScaler {
  /** Sums over the tiles of this thread. */
  readonly timings: TileTimings = { profiles: 0, rule: 0, convolutions: 0, gather: 0 };
  /** Of this thread; memory that it allocates outlives the tile. */
  private readonly kernels: Kernels;
  /** The same for all threads. */
  private readonly job: TileJob;
  /** Shape of all tiles; those at the faces compute more than they write. */
  private readonly tile: TileShape;
  /** Undefined for windows with weights. */
  private readonly profiler: WindowProfiler | undefined;
  /** Used instead for windows with weights. */
  private readonly tapered: TaperedProfiler | undefined;
  /** Spectra of the shells' kernels, computed once per thread. */
  private readonly convolver: ShellConvolver;
  /** The rule, with its tables. */
  private readonly scaleFactors: ScaleFactorFunction;
  /** Voxels of the tile with its margin, of either map in turn. */
  private readonly input: number;
  /** One bit per voxel of the tile: whether it is in the mask. */
  private readonly lanes: number;

  constructor(kernels: Kernels, job: TileJob) {
    this.kernels = kernels;
    this.job = job;
    const { windowVoxels, tileSize, profileKind, windowTaper } = job;
    // Kernels of tapered windows are wider than the window, and so is what a tile must read.
    const margin = shellKernelVoxels(windowVoxels, windowTaper) / 2;
    this.tile = makeTileShape(windowVoxels, tileSize, job.fftShape, margin);
    if (windowTaper === undefined) this.profiler = new WindowProfiler(kernels, this.tile, profileKind);
    else this.tapered = new TaperedProfiler(kernels, windowVoxels, tileSize, profileKind);
    this.convolver = new ShellConvolver(kernels, this.tile, windowTaper);
    this.scaleFactors = compileScalingRule(job.rule, shellCountOf(job.windowVoxels), job.measureBFactors);
    this.input = kernels.allocate(4 * this.tile.inputFloats);
    this.lanes = kernels.allocate((job.tileSize[0] * job.tileSize[1] * job.tileSize[2]) / 8);
  }

  /** Scales the mask voxels of the tile whose first voxel is `start`; returns their number. */
  run(start: Shape): number {
    const { kernels, job, tile } = this;
    const memory = kernels.mark();
    try {
      let clock = performance.now();
      const lap = (part: keyof TileTimings): void => {
        const now = performance.now();
        this.timings[part] += (now - clock) / 1000;
        clock = now;
      };
      const mask = gatherTileMask(kernels, tile, job.mask, job.shape, start, this.lanes);
      lap('gather');
      if (mask.count === 0) return 0;
      const profileBytes = 4 * mask.count * shellCountOf(job.windowVoxels);
      const mapProfiles = kernels.allocate(profileBytes);
      // Rules without a reference never read the second profile.
      const referenceProfiles = job.reference ? kernels.allocate(profileBytes) : mapProfiles;
      const inTile = kernels.putWords(mask.inTile);
      const out = kernels.allocate(4 * mask.count);
      // The reference first: the input buffer then holds the map, which the convolution needs.
      if (job.reference && this.profiler) {
        gatherTile(kernels, tile, job.reference, job.shape, start, job.padValues.reference, this.input);
        lap('gather');
        this.profiler.run(this.input, mask, referenceProfiles);
        lap('profiles');
      }
      gatherTile(kernels, tile, job.map, job.shape, start, job.padValues.map, this.input);
      lap('gather');
      this.profiler?.run(this.input, mask, mapProfiles);
      this.runTapered(start, mask, mapProfiles, referenceProfiles);
      lap('profiles');
      this.applyRule(mask, mapProfiles, referenceProfiles);
      lap('rule');
      this.convolver.run(this.input, mask, mapProfiles, inTile, out);
      const values = kernels.floats(out, mask.count);
      for (let i = 0; i < mask.count; i++) job.scaled[mask.voxels[i]] = values[i];
      lap('convolutions');
      return mask.count;
    } finally {
      kernels.release(memory);
    }
  }

  /** Profiles of windows with weights. Without a reference the map is passed twice. */
  private runTapered(start: Shape, mask: TileMask, mapProfiles: number, referenceProfiles: number): void {
    const { map, reference, shape, padValues } = this.job;
    const maps = [map, reference ?? map] as const;
    const values = [padValues.map, reference ? padValues.reference : padValues.map] as const;
    this.tapered?.run(start, shape, mask, maps, values, [mapProfiles, referenceProfiles]);
  }

  /** Replaces every map profile by the scale factors of its voxel. */
  private applyRule(mask: TileMask, mapAddress: number, referenceAddress: number): void {
    const shells = shellCountOf(this.job.windowVoxels);
    const { differenceMask, bFactor, quality } = this.job;
    const map = this.kernels.floats(mapAddress, mask.count * shells);
    const reference = this.kernels.floats(referenceAddress, mask.count * shells);
    // Rules compute in float64, profiles are stored in float32.
    const mapProfile = new Float64Array(shells);
    const referenceProfile = new Float64Array(shells);
    const factors = new Float64Array(shells);
    const fit = new Float64Array(2);
    for (let i = 0, at = 0; i < mask.count; i++, at += shells) {
      for (let r = 0; r < shells; r++) {
        mapProfile[r] = map[at + r];
        referenceProfile[r] = reference[at + r];
      }
      const voxel = mask.voxels[i];
      const inside = differenceMask !== undefined && differenceMask[voxel] > 0.5;
      this.scaleFactors(mapProfile, referenceProfile, inside, factors, fit);
      // Factors replace the profile, so that the convolver reads them in its place.
      for (let r = 0; r < shells; r++) map[at + r] = factors[r];
      if (bFactor) bFactor[voxel] = fit[0];
      if (quality) quality[voxel] = fit[1];
    }
  }
}
