/** LocScale's default parameters; everything not listed is derived from the maps. */
import type { LocScaleParameters } from './types.ts';

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
