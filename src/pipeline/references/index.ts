/** The kinds of reference: one row each. */

import { atomsReference } from './atoms.ts';
import type { ReferenceChoice } from './choice.ts';
import { hybridAtomsReference } from './hybrid-atoms.ts';
import { hybridMapReference } from './hybrid-map.ts';
import { mapReference, pseudoModelMapReference } from './map.ts';
import { networkReference } from './network.ts';
import { noReference } from './none.ts';
import { profileReference } from './profile.ts';
import { pseudoAtomsReference } from './pseudo-atoms.ts';
import type { ReferenceKind, ReferenceSource, ReferenceTraits } from './source.ts';

type Kind = ReferenceChoice['kind'];

/** The only place that distinguishes the kinds; the compiler requires a row for each. */
const kinds: { readonly [K in Kind]: ReferenceKind<Extract<ReferenceChoice, { kind: K }>> } = {
  'model-map': mapReference,
  'pseudo-model-map': pseudoModelMapReference,
  'hybrid-map': hybridMapReference,
  network: networkReference,
  'atomic-model': atomsReference,
  'hybrid-model': hybridAtomsReference,
  'pseudo-model': pseudoAtomsReference,
  profile: profileReference,
  none: noReference,
};

/** The source of a choice. */
export function referenceSourceOf(choice: ReferenceChoice): ReferenceSource {
  return (kinds[choice.kind] as ReferenceKind<ReferenceChoice>).open(choice);
}

/** Properties common to all references of a kind. */
export function referenceTraitsOf(kind: Kind): ReferenceTraits {
  return kinds[kind].traits;
}
