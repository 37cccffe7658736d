/**
 * How a voxel's scale factors follow from the radial profiles of its window (method 4 and 5).
 * Plain data, so that it can be sent to worker threads and turned into shader uniforms.
 */

export interface ReferenceProfileRule {
  readonly kind: 'reference-profile';
  readonly voxelSize: number;
  /** Cut-offs (angstrom) of the B factor fit, only used when B factors are measured. LocScale: 10 and the FSC cut-off. */
  readonly wilsonCutoff: number;
  readonly fscCutoff: number;
}

export interface TheoreticalProfileRule {
  readonly kind: 'theoretical-profile';
  readonly voxelSize: number;
  readonly wilsonCutoff: number;
  readonly fscCutoff: number;
  /** "nyquist" of method 3, angstrom. */
  readonly nyquistCutoff: number;
  /** boost_secondary_structure. */
  readonly boost: number;
  /** Average secondary-structure profile T, already resampled to windowVoxels / 2 + 1 points on [0, 1/(2 voxelSize)]. */
  readonly theoreticalProfile: readonly number[];
}

export interface NoReferenceRule {
  readonly kind: 'no-reference';
  readonly voxelSize: number;
  readonly wilsonCutoff: number;
  readonly fscCutoff: number;
  readonly setLocalBFactor: number;
}

export interface HybridRule {
  readonly kind: 'hybrid';
  /** Where the centre voxel lies in the difference mask. */
  readonly inside: TheoreticalProfileRule;
  readonly outside: ReferenceProfileRule;
}

export type ScalingRule = ReferenceProfileRule | TheoreticalProfileRule | NoReferenceRule | HybridRule;

/**
 * Scale factors of one voxel.
 * `mapProfile`, `referenceProfile`: shellCount values; `scaleFactors`: shellCount values, written;
 * `fit`: [local B factor (A^2), fit quality R^2], written.
 */
export type ScaleFactorFunction = (
  mapProfile: Float64Array,
  referenceProfile: Float64Array,
  inDifferenceMask: boolean,
  scaleFactors: Float64Array,
  fit: Float64Array,
) => void;
