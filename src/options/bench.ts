/** Options of the command bench. */
import { flag, integer, text } from './definition.ts';

/** These options belong to one command; LocScale has none like it. */
const bench = ['bench'] as const;

export const benchOptions = {
  quick: flag('--quick', {
    group: 'Run',
    commands: bench,
    own: true,
    help: 'In half a minute: a small box, few runs.',
  }),
  size: integer(
    '--size',
    'VOXELS',
    { min: 32, max: 512 },
    {
      group: 'Run',
      commands: bench,
      own: true,
      help: 'Voxels per edge of the box that is generated.',
      defaultText: '256, or 128 with --quick; on the CPU alone 256 or 96, on a software GPU 96 or 32',
    },
  ),
  compare: text('--compare', 'FILE', {
    group: 'Output',
    commands: bench,
    own: true,
    help:
      'Show the result of another run, on this or another machine, next to this one, which then ' +
      'has the same box.',
  }),
} as const;
