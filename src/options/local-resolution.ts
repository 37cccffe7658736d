/** Options of the local resolution of half maps. */
import { choice, flag, number } from './definition.ts';
import { noLocalResolution } from './effects.ts';

/** Heading of the help. */
const group = 'Local resolution';
/** Commands with these settings; `locres` always measures, the others with the flag. */
const commands = ['scale', 'feature_enhance', 'locres'] as const;

export const localResolutionOptions = {
  localResolution: flag('--local_resolution', {
    group,
    commands: ['scale', 'feature_enhance'],
    own: true,
    called: 'localResolution',
    help:
      'Also write <outfile stem>_locres.mrc, the local resolution of the half maps (angstrom), and ' +
      '<outfile stem>_locres_filtered.mrc, their mean low-passed at it.',
  }),
  locresWindow: number(
    '--locres_window',
    'A',
    { above: 0 },
    {
      group,
      commands,
      own: true,
      called: 'windowAngstrom',
      idle: [noLocalResolution],
      help: 'Edge of the sliding window, angstrom; rounded to the nearest even number of voxels.',
      defaultText: '50; 26 for a box; more for data coarser than 6 A',
    },
  ),
  locresShape: choice('--locres_shape', ['hann', 'box'], {
    group,
    commands,
    own: true,
    idle: [noLocalResolution],
    help: 'Weights of the window: decreasing smoothly to its edge (hann), or none (box).',
    defaultText: 'hann',
  }),
  // Of the half maps' FSC, as for the whole map; 0.5 is common for maps whose noise is not independent.
  locresThreshold: number(
    '--locres_threshold',
    'FSC',
    { above: 0, below: 1 },
    {
      group,
      commands,
      own: true,
      idle: [noLocalResolution],
      help: 'FSC threshold of the local resolution.',
      defaultText: '0.143',
    },
  ),
} as const;
