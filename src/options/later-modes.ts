/** Options of modes that this version does not have: known, so that LocScale command lines are understood. */
import { flag, integer, noted, number, scaleOnly, text } from './definition.ts';

const notThePseudoModel = noted('is only used when a pseudo-model is built, which this run does not do');
const notRefinement = noted('is only used when an atomic model is refined, which this run does not do');

export const laterModeOptions = {
  // Pseudo-model and refinement
  pseudomodelMethod: text('-pm --pseudomodel_method', 'METHOD', {
    group: 'Pseudo-model and refinement',
    commands: scaleOnly,
    help: 'gradient or kick.',
    defaultText: 'gradient',
    state: notThePseudoModel,
  }),
  totalIterations: integer(
    '-pm_it --total_iterations',
    'N',
    { min: 1 },
    {
      group: 'Pseudo-model and refinement',
      commands: scaleOnly,
      help: 'Iterations.',
      defaultText: '50',
      state: notThePseudoModel,
    },
  ),
  distance: number(
    '-dst --distance',
    'A',
    { above: 0 },
    {
      group: 'Pseudo-model and refinement',
      commands: scaleOnly,
      help: 'Distance between atoms.',
      defaultText: '1.2',
      state: notThePseudoModel,
    },
  ),
  averagingWindow: integer(
    '-avg_w --averaging_window',
    'VOXELS',
    { min: 1 },
    {
      group: 'Pseudo-model and refinement',
      commands: scaleOnly,
      help: 'Smoothing of the difference mask.',
      defaultText: '3',
      state: notThePseudoModel,
    },
  ),
  smoothFactor: number(
    '-smooth --smooth_factor',
    'FACTOR',
    { min: 0 },
    {
      group: 'Pseudo-model and refinement',
      commands: scaleOnly,
      help: 'Accepted; profiles are merged without it.',
      defaultText: '0.3',
      state: noted('has no effect: the theoretical-profile rule merges profiles without it'),
    },
  ),
  refmacIterations: integer(
    '-ref_it --refmac_iterations',
    'N',
    { min: 0 },
    {
      group: 'Pseudo-model and refinement',
      commands: scaleOnly,
      help: 'Cycles of refinement.',
      defaultText: '10',
      state: notRefinement,
    },
  ),
  addBlur: number(
    '--add_blur',
    'B',
    {},
    {
      group: 'Pseudo-model and refinement',
      commands: scaleOnly,
      help: 'Blur of the refinement target.',
      defaultText: '20',
      state: notRefinement,
    },
  ),
  skipRefine: flag('--skip_refine', {
    group: 'Pseudo-model and refinement',
    commands: scaleOnly,
    help: 'Do not refine.',
    state: noted('has no effect: nothing is refined in this run'),
  }),
  cifInfo: text('-cif_info --cif_info', 'FILE', {
    group: 'Pseudo-model and refinement',
    commands: scaleOnly,
    help: 'Restraints for refinement.',
    state: notRefinement,
  }),
  refmac5Path: text('--refmac5_path', 'FILE', {
    group: 'Pseudo-model and refinement',
    commands: scaleOnly,
    help: 'Accepted; refmac5 is never called.',
    state: noted('has no effect: refmac5 is never called'),
  }),
  crefPickle: text('--cref_pickle', 'FILE', {
    group: 'Pseudo-model and refinement',
    commands: scaleOnly,
    help: 'Accepted; refmac5 is never called.',
    state: noted('has no effect: refmac5 is never called'),
  }),
} as const;
