/** Options of atomic models, pseudo-models and their refinement. */
import {
  defaultAveragingWindow,
  defaultPseudoAtoms,
  defaultRefinementCycles,
} from '../pipeline/parameters.ts';
import { choice, flag, integer, noted, number, scaleOnly, text } from './definition.ts';
import { noCompletedModel, noModel, noPseudoAtoms, noRefinement } from './effects.ts';

/** Heading of the help for what follows a model or builds one. */
const group = 'Pseudo-model and refinement';

/**
 * Options that LocScale hands to refmac5 or servalcat are accepted and do nothing: B factors are refined
 * here, against the half maps, and coordinates stay as they are.
 */
export const atomicModelOptions = {
  modelCoordinates: text('-mc --model_coordinates', 'MODEL', {
    group: 'Reference',
    commands: ['scale', 'mask', 'assess'],
    called: 'reference: atomic-model',
    perCommand: {
      assess: { help: 'Atomic model (PDB or mmCIF, also .gz) that the maps are compared with.' },
      mask: { help: 'Make the mask around an atomic model (PDB or mmCIF, also .gz).' },
    },
    help:
      'Atomic model (PDB or mmCIF, also .gz): its B factors are refined, and the reference is ' +
      'simulated from it.',
  }),
  completeModel: flag('--complete_model', {
    group: 'Reference',
    commands: scaleOnly,
    called: 'reference: hybrid-model',
    belongsTo: { ways: ['model'], needs: '-mc' },
    help: 'With -mc: fill the unmodelled part of the mask with pseudo-atoms (hybrid).',
  }),
  buildUsingPseudomodel: flag('--build_using_pseudomodel', {
    group: 'Reference',
    commands: scaleOnly,
    help: 'Build a pseudo-model of the map and simulate the reference from it (as --reference pseudomodel).',
  }),
  // Both place the same number of atoms (method 8); 'gradient' is LocScale's default.
  pseudomodelMethod: choice('-pm --pseudomodel_method', ['gradient', 'kick'], {
    group,
    commands: scaleOnly,
    idle: [noPseudoAtoms],
    help: 'Solver that places the pseudo-atoms.',
    defaultText: defaultPseudoAtoms.method,
  }),
  totalIterations: integer(
    '-pm_it --total_iterations',
    'N',
    { min: 1, max: 100000 },
    {
      group,
      commands: scaleOnly,
      idle: [noPseudoAtoms],
      help: 'Iterations of the pseudo-atom solver.',
      defaultText: String(defaultPseudoAtoms.iterations),
    },
  ),
  distance: number(
    '-dst --distance',
    'A',
    { above: 0 },
    {
      group,
      commands: scaleOnly,
      idle: [noPseudoAtoms],
      help: 'Minimum distance between pseudo-atoms, angstrom.',
      defaultText: String(defaultPseudoAtoms.distanceAngstrom),
    },
  ),
  averagingWindow: integer(
    '-avg_w --averaging_window',
    'VOXELS',
    { min: 1 },
    {
      group,
      commands: scaleOnly,
      idle: [noCompletedModel],
      help: 'With --complete_model: window that smooths the mask of unmodelled density, voxels.',
      defaultText: String(defaultAveragingWindow),
    },
  ),
  smoothFactor: number(
    '-smooth --smooth_factor',
    'FACTOR',
    { min: 0 },
    {
      group,
      commands: scaleOnly,
      help: 'Accepted; profiles are merged without it.',
      defaultText: '0.3',
      state: noted('has no effect: the theoretical-profile rule merges profiles without it'),
    },
  ),
  // 0 leaves the B factors of the file, or of the solver, as they are.
  refmacIterations: integer(
    '-ref_it --refmac_iterations',
    'N',
    { min: 0, max: 1000 },
    {
      group,
      commands: scaleOnly,
      idle: [noRefinement],
      help: 'Cycles of B-factor refinement.',
      defaultText: String(defaultRefinementCycles),
    },
  ),
  addBlur: number(
    '--add_blur',
    'B',
    {},
    {
      group,
      commands: scaleOnly,
      help: 'Accepted; no blur is needed to refine B factors here.',
      defaultText: '20',
      state: noted('has no effect: B factors are refined against the half maps as they are'),
    },
  ),
  // Allowed with -mm, where it changes nothing, because command lines of LocScale have it there.
  skipRefine: flag('--skip_refine', {
    group,
    commands: scaleOnly,
    called: 'refinementCycles: undefined',
    belongsTo: { ways: ['map', 'model'], needs: '-mc' },
    idle: [noModel],
    help: 'With -mc: simulate the reference with the B factors of the file.',
  }),
  cifInfo: text('-cif_info --cif_info', 'FILE', {
    group,
    commands: scaleOnly,
    help: 'Accepted; only B factors are refined, which needs no restraints.',
    state: noted('has no effect: only B factors are refined, which needs no restraints'),
  }),
  refmac5Path: text('--refmac5_path', 'FILE', {
    group,
    commands: scaleOnly,
    help: 'Accepted; refmac5 is never called.',
    state: noted('has no effect: refmac5 is never called'),
  }),
  crefPickle: text('--cref_pickle', 'FILE', {
    group,
    commands: scaleOnly,
    help: 'Accepted; refmac5 is never called.',
    state: noted('has no effect: refmac5 is never called'),
  }),
} as const;
