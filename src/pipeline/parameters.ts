/** The method's defaults, LocScale's where it has them; everything not listed is derived from the maps. */

import type { RadialProfileKind, WindowTaper } from '../math/scaling/windows.ts';
import type { AmplitudeProfile } from '../math/soft-scaling/profile.ts';
import type { LocalResolutionSettings } from './local-resolution.ts';
import type { MaskShape } from './shape-mask.ts';

/** How pseudo-atoms find their places (method 8). */
export interface PseudoAtomSettings {
  readonly method: 'gradient' | 'kick';
  readonly iterations: number;
  readonly distanceAngstrom: number;
  readonly seed: number;
}

/** Of scaling in soft frequency bands. */
export interface SoftSettings {
  /**
   * Amplitudes of the target, where a profile takes part in it; default: the average protein. With a
   * reference map the target is the geometric mean of both.
   */
  readonly profile?: AmplitudeProfile;
  /**
   * With a profile, from 0 to 1: 1 gives every place the profile's decay, 0 gives all places the same gains.
   * Default 0.5.
   */
  readonly locality?: number;
}

/** Ways to scale a map. */
export type SchemeName = 'locscale' | 'soft' | 'global';

/** Parameters of the method. All are optional in a job (`Partial`), and complete in results and records. */
export interface LocScaleParameters {
  /** How the map is scaled: LocScale's windows (default), or soft frequency bands. */
  scaling?: Exclude<SchemeName, 'global'>;
  soft?: SoftSettings;
  /** Also scale the map in this way, for comparison: `global` is one B factor for the whole map. */
  also?: SchemeName;
  /** Window edge in voxels; default 25 A rounded up to an even number of voxels. */
  windowVoxels?: number;
  /**
   * Resolution in angstrom (-res); finer than Nyquist counts as Nyquist. Default: half-map FSC = 0.143, else
   * the nyquist rule of method 3.
   */
  resolution?: number;
  /**
   * Which FSC of half maps gives the resolution: that of the whole box (default, as LocScale), or that within
   * the scaling mask, corrected for it.
   */
  resolutionFrom?: 'unmasked' | 'masked';
  profileKind: RadialProfileKind;
  /** Weights of LocScale's windows: without (default) their hard edges leak power to high frequencies. */
  windowTaper?: WindowTaper;
  /**
   * Low-pass the result at its resolution: in LocScale's scheme that of the half maps within the mask. In
   * soft bands single maps, and half maps that share noise, always are.
   */
  fadeOutput?: boolean;
  measureBFactors: boolean;
  /**
   * Low-pass the reference map at this resolution, A (-mres); undefined: as it is, or for atoms where the map
   * ends.
   */
  referenceResolution?: number;
  /** Average-profile rule. */
  boostSecondaryStructure: number;
  setLocalBFactor: number;
  /**
   * Average secondary-structure profile for the theoretical-profile rules: samples on [0, 1/(2 voxelSize)].
   */
  theoreticalProfile?: { readonly frequency: readonly number[]; readonly amplitude: readonly number[] };
  /**
   * False-discovery rate (0.01): the scaling mask is where the confidence is at least 1 - rate.
   * `fdrFilter`: low-pass before it, A; left out: 5 A in soft scaling and in runs of a network, else none;
   * undefined: none.
   */
  fdrThreshold: number;
  fdrFilter?: number | undefined;
  /** Edge of the noise boxes in voxels; default 10 % of the box, rounded up to even. */
  fdrWindow?: number;
  /** Noise boxes set by the user (first voxel z, y, x), instead of the four default ones. */
  fdrNoiseBoxes?: readonly (readonly [number, number, number])[];
  /** Confidence (or value of the user's mask) from which a voxel counts for the molecular volume (0.99). */
  maskThreshold: number;
  /** Operations on the mask before it is used, whether made or given; default none. */
  maskShape?: MaskShape;
  /**
   * Low-pass the input at its resolution before scaling (-filter_input), or weight it by the FSC
   * (-apply_fsc_filter).
   */
  filterInput: boolean;
  applyFscFilter: boolean;
  molecularWeightKiloDalton?: number;
  /** Also look for density that the reference does not explain (off by default); in `runLocScale`. */
  unexplained?: boolean;
  /** Also measure the local resolution; needs half maps. */
  localResolution?: LocalResolutionSettings;
}

/**
 * Defaults without a network; `completeParameters` adds what depends on it. Optional parameters are absent.
 */
export const defaultParameters: Readonly<LocScaleParameters> = {
  profileKind: 'octant',
  measureBFactors: false,
  boostSecondaryStructure: 1.5,
  setLocalBFactor: 20,
  fdrThreshold: 0.01,
  maskThreshold: 0.99,
  filterInput: false,
  applyFscFilter: false,
};

/**
 * Low-pass before the FDR mask in runs of a network, A: LocScale's default there, since their masks are to
 * follow the molecule, not the voxels that stand out from the noise.
 */
export const NETWORK_FDR_FILTER = 5;

/**
 * All parameters of a run: those given, else the defaults, of which one depends on whether a network takes
 * part.
 */
export function completeParameters(
  given: Partial<LocScaleParameters>,
  usesNetwork: boolean,
): LocScaleParameters {
  return { ...defaultParameters, ...(usesNetwork ? { fdrFilter: NETWORK_FDR_FILTER } : {}), ...given };
}

/** Of everything random: pseudo-atoms, Monte-Carlo passes, the voxels of the profiles audit. */
export const defaultSeed = 1;

/** LocScale's defaults. */
export const defaultPseudoAtoms: Readonly<PseudoAtomSettings> = {
  method: 'gradient',
  iterations: 50,
  distanceAngstrom: 1.2,
  seed: defaultSeed,
};

/** Settings with their defaults filled in. */
export function completePseudoAtoms({
  method = defaultPseudoAtoms.method,
  iterations = defaultPseudoAtoms.iterations,
  distanceAngstrom = defaultPseudoAtoms.distanceAngstrom,
  seed = defaultPseudoAtoms.seed,
}: Partial<PseudoAtomSettings> = {}): PseudoAtomSettings {
  return { method, iterations, distanceAngstrom, seed };
}

/** Of masks around the atoms of a model, A. */
export const DEFAULT_MODEL_RADIUS = 3;

/** Around the mask that a box is cropped to, A. */
export const DEFAULT_CROP_PADDING = 10;

/** Where Guinier plots begin, A: coarser shells follow the shape of the particle. */
export const GUINIER_START = 10;

/** Cycles of B-factor refinement. */
export const defaultRefinementCycles = 10;

/** Window that smooths the mask of what a model leaves out, voxels. */
export const defaultAveragingWindow = 3;

/** Passes with dropout of feature enhancement. */
export const defaultMonteCarloPasses = 15;
