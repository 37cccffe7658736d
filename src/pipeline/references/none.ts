/** No reference: every window is scaled to one B factor. */

import { noReferenceRule } from '../scaling-rule.ts';
import type { ReferenceChoice } from './choice.ts';
import type { ReferenceKind } from './source.ts';

const traits = {
  usesNetwork: false,
  isSimulated: false,
  placesPseudoAtoms: false,
  makesDifferenceMask: false,
} as const;

/** No reference: every window is scaled to one B factor. */
export const noReference: ReferenceKind<Extract<ReferenceChoice, { kind: 'none' }>> = {
  traits,
  open: () => ({
    traits,
    describe: ({ setLocalBFactor }) => `no reference, constant local B factor ${setLocalBFactor} A^2`,
    maps: [],
    isMap: false,
    usesHalfMaps: false,
    waitsForHalfMaps: false,
    softTarget: 'decay',
    rule: noReferenceRule,
    plan: async () => ({ bytes: 0, resultBytes: 0, make: async () => ({}) }),
  }),
};
