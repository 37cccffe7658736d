/** The kinds of reference that a caller can choose. */

import type { Structure } from '../../formats/structure.ts';
import type { ReferencePredictor } from '../../network/graph/model.ts';
import type { MapInput } from '../map-input.ts';
import type { PseudoAtomSettings } from '../parameters.ts';

/** What the amplitudes are scaled to. */
export type ReferenceChoice =
  | { readonly kind: 'model-map'; readonly map: MapInput }
  /** Theoretical-profile rule with a simulated (pseudo-)model map. */
  | { readonly kind: 'pseudo-model-map'; readonly map: MapInput }
  /** Theoretical-profile rule inside the difference mask, plain rule elsewhere. */
  | { readonly kind: 'hybrid-map'; readonly map: MapInput; readonly differenceMask: MapInput }
  /** Predicted from the map itself by a network (model-free, LocScale's default). */
  | {
      readonly kind: 'network';
      readonly predictor: ReferencePredictor;
      /** Mean over passes with dropout instead of one pass without. */
      readonly monteCarlo?: { readonly passes: number; readonly seed: number };
    }
  /**
   * Simulated from an atomic model. `refinementCycles`: B factors are first refined against the data;
   * undefined: used unchanged. `theoreticalProfile`: by the rule for pseudo-models.
   */
  | {
      readonly kind: 'atomic-model';
      readonly structure: Structure;
      readonly refinementCycles: number | undefined;
      readonly theoreticalProfile: boolean;
    }
  /**
   * The same, completed with pseudo-atoms where the mask has no atoms; the rule for pseudo-models applies
   * there.
   */
  | {
      readonly kind: 'hybrid-model';
      readonly structure: Structure;
      readonly refinementCycles?: number;
      readonly pseudoAtoms?: Partial<PseudoAtomSettings>;
      /** Window that smooths the mask of unmodelled density, voxels. */
      readonly averagingWindow?: number;
    }
  /** Simulated from pseudo-atoms that fill the mask, by the rule for pseudo-models. */
  | {
      readonly kind: 'pseudo-model';
      readonly refinementCycles?: number;
      readonly pseudoAtoms?: Partial<PseudoAtomSettings>;
    }
  /** No map: the average protein's amplitudes (`soft.profile`), which soft bands are scaled to. */
  | { readonly kind: 'profile' }
  | { readonly kind: 'none' };
