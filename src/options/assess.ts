/** Options of the comparison of maps with a model and with each other. */
import { define, number } from './definition.ts';
import { nothingToCompare } from './effects.ts';

/** None of these options exists in LocScale, which compares no maps. */
const own = { commands: ['assess'], own: true } as const;

/** With -mc, which is among the options of atomic models, and the maps of maps.ts. */
export const assessOptions = {
  against: define<readonly string[]>(
    '--against',
    'many',
    'MAP ...',
    {
      ...own,
      group: 'Map input',
      help: 'Further maps on the same grid, side by side with the first.',
    },
    (values) => values,
  ),
  labels: define<readonly string[]>(
    '--labels',
    'many',
    'LABEL ...',
    {
      ...own,
      group: 'Map input',
      called: 'labels',
      help: 'What the maps are called in tables and plots, in their order.',
      defaultText: 'by their files',
    },
    (values) => values,
  ),
  // Width of the windows of the local correlation, not of scaling: few voxels make a correlation of noise.
  localWindow: number(
    '--local_window',
    'A',
    { above: 0, max: 100 },
    {
      ...own,
      group: 'Scaling',
      idle: [nothingToCompare],
      help:
        'Standard deviation of the Gaussian windows in which maps are correlated with the first, ' +
        'angstrom.',
      defaultText: '3, or the resolution if that is more',
    },
  ),
} as const;
