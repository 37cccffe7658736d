/**
 * A reference simulated from pseudo-atoms that fill the mask; the theoretical-profile rule applies
 * everywhere.
 */

import type { PseudoModel } from '../../atoms/pseudo-model/build.ts';
import { completePseudoAtoms, defaultRefinementCycles } from '../parameters.ts';
import type { Run } from '../run.ts';
import { theoreticalRule } from '../scaling-rule.ts';
import type { ReferenceChoice } from './choice.ts';
import type { Simulation } from './simulate.ts';
import type { ReferenceKind, ReferenceTraits } from './source.ts';

const traits: ReferenceTraits = {
  usesNetwork: false,
  isSimulated: true,
  placesPseudoAtoms: true,
  makesDifferenceMask: false,
};
/** Fraction of pseudo-atoms at least 80 % of their distance apart, if the mask has room for them. */
const WANTED_SEPARATED_SHARE = 0.95;

/** A map simulated from pseudo-atoms that fill the mask. */
export const pseudoAtomsReference: ReferenceKind<Extract<ReferenceChoice, { kind: 'pseudo-model' }>> = {
  traits,
  open({ refinementCycles = defaultRefinementCycles, pseudoAtoms: settings }) {
    const pseudoAtoms = completePseudoAtoms(settings);
    const simulation: Simulation = {
      message: 'Building a pseudo-model, finding its B factors, simulating the reference',
      cycles: refinementCycles,
      theoryEverywhere: true,
      fills: true,
      makesDifferenceMask: false,
      async gather(data, hooks, run) {
        const { molecularWeightKiloDalton } = data.parameters;
        const { placePseudoAtoms } = await import('../../atoms/model-reference.ts');
        const pseudo = await placePseudoAtoms(data, { ...pseudoAtoms, molecularWeightKiloDalton }, hooks);
        reportPseudoModel(pseudo, pseudoAtoms.distanceAngstrom, run);
        return { atoms: pseudo.atoms, pseudo };
      },
    };
    return {
      traits,
      describe: () => `reference simulated from a pseudo-model (${pseudoAtoms.method}), theoretical profile`,
      maps: [],
      isMap: true,
      usesHalfMaps: true,
      waitsForHalfMaps: false,
      softTarget: 'reference',
      rule: theoreticalRule,
      plan: async (data, run) => (await import('./simulate.ts')).planSimulation(simulation, data, run),
    };
  },
};

/** How well the pseudo-atoms keep their distance; warned about where the mask has too little room. */
export function reportPseudoModel(
  { atoms, iterations, separatedShare }: PseudoModel,
  distanceAngstrom: number,
  run: Run,
): void {
  const percent = 100 * separatedShare;
  run.info(
    `${atoms.count} pseudo-atoms, ${iterations} iterations; ${percent.toFixed(1)} % keep their distance.`,
  );
  if (separatedShare < WANTED_SEPARATED_SHARE)
    run.warn(
      `Only ${percent.toFixed(0)} % of the pseudo-atoms keep 80 % of ${distanceAngstrom} A: the ` +
        `mask is too small for ${atoms.count} atoms.`,
    );
}
