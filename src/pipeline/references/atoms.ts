/** A reference simulated from an atomic model, with the file's B factors or with B factors from the data. */

import { modelForMask } from '../judge-mask.ts';
import { plainRule, theoreticalRule } from '../scaling-rule.ts';
import type { ReferenceChoice } from './choice.ts';
import { placeUserModel } from './given-model.ts';
import type { Simulation } from './simulate.ts';
import type { ReferenceKind, ReferenceTraits } from './source.ts';

const traits: ReferenceTraits = {
  usesNetwork: false,
  isSimulated: true,
  placesPseudoAtoms: false,
  makesDifferenceMask: false,
};

/** A map simulated from the user's model, at its own or at refined B factors. */
export const atomsReference: ReferenceKind<Extract<ReferenceChoice, { kind: 'atomic-model' }>> = {
  traits,
  open({ structure, refinementCycles, theoreticalProfile }) {
    const refines = refinementCycles !== undefined;
    const simulation: Simulation = {
      message: refines
        ? 'Finding the B factors of the atomic model, simulating the reference'
        : 'Simulating the reference from the atomic model',
      structure,
      cycles: refinementCycles,
      theoryEverywhere: theoreticalProfile,
      fills: false,
      makesDifferenceMask: false,
      async gather(data, _hooks, run) {
        const given = await placeUserModel(structure, data, run);
        return { atoms: given.atoms, given };
      },
    };
    const bFactors = refines ? `B factors refined (${refinementCycles} cycles)` : 'B factors as in the file';
    return {
      traits,
      describe: () =>
        `reference simulated from ${structure.id || 'the atomic model'}, ` +
        `${bFactors}${theoreticalProfile ? ', theoretical profile' : ''}`,
      maps: [],
      isMap: true,
      usesHalfMaps: true,
      waitsForHalfMaps: false,
      softTarget: 'reference',
      atomsForMask: (grid, cutoff) => modelForMask(structure, true, grid, cutoff),
      rule: theoreticalProfile ? theoreticalRule : plainRule,
      plan: async (data, run) => (await import('./simulate.ts')).planSimulation(simulation, data, run),
    };
  },
};
