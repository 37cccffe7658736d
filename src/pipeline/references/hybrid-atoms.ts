/**
 * A reference simulated from an atomic model, completed with pseudo-atoms in the unmodelled part of the mask,
 * where the theoretical-profile rule applies.
 */

import { modelForMask } from '../judge-mask.ts';
import { completePseudoAtoms, defaultAveragingWindow, defaultRefinementCycles } from '../parameters.ts';
import { hybridRule } from '../scaling-rule.ts';
import type { ReferenceChoice } from './choice.ts';
import { placeUserModel } from './given-model.ts';
import { reportPseudoModel } from './pseudo-atoms.ts';
import type { Simulation } from './simulate.ts';
import type { ReferenceKind, ReferenceTraits } from './source.ts';

const traits: ReferenceTraits = {
  usesNetwork: false,
  isSimulated: true,
  placesPseudoAtoms: true,
  makesDifferenceMask: true,
};

/** The user's model, and pseudo-atoms where the mask has none. */
export const hybridAtomsReference: ReferenceKind<Extract<ReferenceChoice, { kind: 'hybrid-model' }>> = {
  traits,
  open({
    structure,
    refinementCycles = defaultRefinementCycles,
    averagingWindow = defaultAveragingWindow,
    pseudoAtoms: settings,
  }) {
    const pseudoAtoms = completePseudoAtoms(settings);
    const simulation: Simulation = {
      message: 'Completing the atomic model, finding its B factors, simulating the reference',
      structure,
      cycles: refinementCycles,
      theoryEverywhere: false,
      fills: true,
      makesDifferenceMask: true,
      async gather(data, hooks, run) {
        const { molecularWeightKiloDalton } = data.parameters;
        const given = await placeUserModel(structure, data, run);
        const { completeWithPseudoAtoms } = await import('../../atoms/model-reference.ts');
        const completed = await completeWithPseudoAtoms(
          data,
          given.atoms,
          { ...pseudoAtoms, molecularWeightKiloDalton, averagingWindow },
          hooks,
        );
        const { atoms, pseudoModel: pseudo, unmodelledVoxels } = completed;
        const differenceMask = await data.engine.upload(completed.differenceMask, data.grid.shape);
        run.info(
          `${unmodelledVoxels} voxels of the mask are not modelled: ${pseudo.atoms.count} pseudo-atoms ` +
            'added.',
        );
        reportPseudoModel(pseudo, pseudoAtoms.distanceAngstrom, run);
        return { atoms, given, pseudo, differenceMask };
      },
    };
    return {
      traits,
      describe: () =>
        `hybrid: reference simulated from ${structure.id || 'the atomic model'} completed with ` +
        'pseudo-atoms, theoretical profile where it has none',
      maps: [],
      isMap: true,
      usesHalfMaps: true,
      waitsForHalfMaps: false,
      softTarget: 'hybrid',
      atomsForMask: (grid, cutoff) => modelForMask(structure, false, grid, cutoff),
      rule: hybridRule,
      plan: async (data, run) => (await import('./simulate.ts')).planSimulation(simulation, data, run),
    };
  },
};
