/** What goes into a run. */

import type { MapImage } from '../formats/map-image.ts';
import type { MapInput } from './map-input.ts';
import type { LocScaleParameters } from './parameters.ts';
import type { ReferenceChoice } from './references/choice.ts';
import type { SymmetryRequest } from './symmetrise.ts';

export interface LocScaleJob {
  readonly input:
    | { readonly kind: 'map'; readonly map: MapImage }
    | { readonly kind: 'half-maps'; readonly half1: MapImage; readonly half2: MapImage };
  readonly mask?: MapInput;
  readonly reference: ReferenceChoice;
  /** Imposed on the reference; with `symmetriseOutput` on the scaled map, too. */
  readonly symmetry?: SymmetryRequest;
  readonly symmetriseOutput?: boolean;
  /** What is left out has its default for this kind of reference (`completeParameters`). */
  readonly parameters?: Partial<LocScaleParameters>;
}
