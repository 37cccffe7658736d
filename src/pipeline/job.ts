/** The inputs of a run. */

import type { MapImage } from '../formats/map-image.ts';
import type { MapInput } from './map-input.ts';
import type { LocScaleParameters } from './parameters.ts';
import type { ReferenceChoice } from './references/choice.ts';
import type { SymmetryRequest } from './symmetrise.ts';

/** What to scale, and to what. Maps in memory are read at once, `MapSource` ones when their step starts. */
export interface LocScaleJob {
  readonly input:
    | { readonly kind: 'map'; readonly map: MapImage }
    | { readonly kind: 'half-maps'; readonly half1: MapImage; readonly half2: MapImage };
  readonly mask?: MapInput;
  readonly reference: ReferenceChoice;
  /** Imposed on the reference, and with `symmetriseOutput` on the scaled map. */
  readonly symmetry?: SymmetryRequest;
  readonly symmetriseOutput?: boolean;
  /** Omitted parameters have their defaults for this kind of reference (`completeParameters`). */
  readonly parameters?: Partial<LocScaleParameters>;
}
