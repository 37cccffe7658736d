/** The method's defaults, LocScale's where it has them; everything not listed is derived from the maps. */
import type { LocScaleParameters, PseudoAtomSettings } from './types.ts';

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
 * Low-pass before the FDR mask in runs of a network, A: LocScale's default there, since their masks are to follow
 * the molecule, not the voxels that stand out from the noise.
 */
export const NETWORK_FDR_FILTER = 5;

/** All parameters of a run: those given, else the defaults, of which one depends on whether a network takes part. */
export function completeParameters(
  given: Partial<LocScaleParameters>,
  usesNetwork: boolean,
): LocScaleParameters {
  return { ...defaultParameters, ...(usesNetwork ? { fdrFilter: NETWORK_FDR_FILTER } : {}), ...given };
}

/** Of everything random: pseudo-atoms, Monte-Carlo passes, the voxels of the profiles audit. */
export const defaultSeed = 1;

export const defaultPseudoAtoms: Readonly<PseudoAtomSettings> = {
  method: 'gradient',
  iterations: 50,
  distanceAngstrom: 1.2,
  seed: defaultSeed,
};

/** Cycles of B-factor refinement. */
export const defaultRefinementCycles = 10;

/** Window that smooths the mask of what a model leaves out, voxels. */
export const defaultAveragingWindow = 3;

/** Passes with dropout of feature enhancement. */
export const defaultMonteCarloPasses = 15;
