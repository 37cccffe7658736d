/**
 * No map: soft bands are scaled to the amplitudes of an average protein, or to a profile given by the caller.
 */
import type { ReferenceChoice } from './choice.ts';
import type { ReferenceKind, ReferenceTraits } from './source.ts';

const traits: ReferenceTraits = {
  usesNetwork: false,
  softOnly: true,
  isSimulated: false,
  placesPseudoAtoms: false,
  makesDifferenceMask: false,
};

/** The average protein, which soft bands alone can be scaled to: windows need a profile of their own. */
export const profileReference: ReferenceKind<Extract<ReferenceChoice, { kind: 'profile' }>> = {
  traits,
  open: () => ({
    traits,
    describe: ({ soft }) =>
      `no reference map, amplitudes of ${soft?.profile ? 'a given profile' : 'an average protein'}`,
    maps: [],
    isMap: false,
    usesHalfMaps: false,
    waitsForHalfMaps: false,
    softTarget: 'profile',
    plan: async () => ({ bytes: 0, resultBytes: 0, make: async () => ({}) }),
  }),
};
