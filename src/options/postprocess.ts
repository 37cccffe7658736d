/**
 * Options of global post-processing, and of the FSC within a mask; spellings are RELION's where it has the
 * option.
 */
import { GUINIER_START } from '../pipeline/parameters.ts';
import { flag, number } from './definition.ts';
import { noThreshold, thresholdOfGivenMask } from './effects.ts';

/** Options of `postprocess` alone. */
const commands = ['postprocess'] as const;

/** In commands that make a mask: the result is low-passed by other options. */
const beforeThreshold = {
  help: 'Low-pass the map before its density is compared with --threshold, angstrom.',
  defaultText: 'none',
} as const;

export const postprocessOptions = {
  autoMask: flag('--auto_mask', {
    group: 'Mask',
    commands: ['fsc'],
    own: true,
    help:
      'Also measure the FSC within a mask of the program: the FDR confidence mask with a soft edge ' +
      'of 6 A.',
  }),
  bFactor: number(
    '--bfactor --adhoc_bfac',
    'B',
    // Far beyond any map: -50 to -300 A^2 is common.
    { min: -2000, max: 2000 },
    {
      group: 'Scaling',
      commands,
      own: true,
      called: 'bFactor',
      help: 'B factor added to the map, A^2: negative ones sharpen.',
      defaultText: 'from the Guinier plot',
    },
  ),
  fitFrom: number(
    '--autob_lowres',
    'A',
    { above: 0 },
    {
      group: 'Scaling',
      commands,
      own: true,
      help: 'Low-resolution end of the Guinier plot, angstrom.',
      defaultText: String(GUINIER_START),
    },
  ),
  fitTo: number(
    '--autob_highres',
    'A',
    { above: 0 },
    {
      group: 'Scaling',
      commands,
      own: true,
      help: 'High-resolution end of the Guinier plot, angstrom.',
      defaultText: 'the resolution within the mask',
    },
  ),
  lowPass: number(
    '--low_pass',
    'A',
    { above: 0 },
    {
      group: 'Scaling',
      commands: ['postprocess', 'mask', 'scale', 'feature_enhance'],
      own: true,
      idle: [noThreshold, thresholdOfGivenMask],
      help: 'Resolution at which the map is low-passed, angstrom.',
      defaultText: 'the resolution within the mask',
      perCommand: { mask: beforeThreshold, scale: beforeThreshold, feature_enhance: beforeThreshold },
    },
  ),
  skipFscWeighting: flag('--skip_fsc_weighting', {
    group: 'Scaling',
    commands,
    own: true,
    help: 'Leave the map unweighted: without it amplitudes are multiplied by sqrt(2 FSC / (1 + FSC)).',
  }),
} as const;
