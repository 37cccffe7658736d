/** Options of point-group and helical symmetry. `-sym` itself is among the maps' (maps.ts). */
import { badValue, define, flag, integer, number, parseNumber } from './definition.ts';

/** Commands that average maps. */
const averages = ['scale', 'feature_enhance', 'symmetrise'] as const;

export const symmetryOptions = {
  symmetryCentre: define<readonly [z: number, y: number, x: number]>(
    '--sym_center --symmetry_center',
    1,
    'Z,Y,X',
    {
      group: 'Map input',
      commands: [...averages, 'symmetry'],
      own: true,
      called: 'centre',
      help: 'Centre of symmetry in voxels; may lie between voxels.',
      defaultText: 'voxel n/2 on each axis',
      perCommand: {
        symmetry: { help: 'Search for symmetry only about this point, in voxels.', defaultText: 'searched' },
      },
    },
    ([value], name) => {
      const parts = (value ?? '').split(',');
      // Voxels in the order of arrays, z first; neither A nor x,y,z.
      if (parts.length !== 3) throw badValue(name, value, 'three numbers z,y,x');
      const [z, y, x] = parts.map((part) => parseNumber(part.trim(), name, { min: 0 }, false));
      return [z, y, x] as const;
    },
  ),
  helicalTwist: number(
    '-twist --twist --helical_twist',
    'DEGREES',
    // More than a turn is a mistake: it describes the same helix as the remainder.
    { min: -360, max: 360 },
    {
      group: 'Map input',
      commands: averages,
      called: 'twistDegrees',
      help:
        'Helix along z: rotation from one subunit to the next, degrees; negative for a left-handed ' +
        'helix.',
    },
  ),
  helicalRise: number(
    '-rise --rise --helical_rise',
    'ANGSTROM',
    { above: 0 },
    {
      group: 'Map input',
      commands: averages,
      called: 'riseAngstrom',
      help: 'Helix along z: shift from one subunit to the next, angstrom.',
    },
  ),
  helicalSteps: integer(
    '-n_steps --n_steps',
    'N',
    { min: 1, max: 10000 },
    {
      group: 'Map input',
      commands: averages,
      called: 'steps',
      help: 'Helical steps to average over, to each side.',
      defaultText: 'as many as half the box holds, at most 200',
    },
  ),
  symmetriseOutput: flag('--symmetrise_output', {
    group: 'Output',
    commands: ['scale', 'feature_enhance'],
    own: true,
    called: 'symmetriseOutput',
    help: 'Average the final map over the symmetry (-sym), too.',
  }),
} as const;
