/** Options of masks: what they are made from, and operations on them. Runs that scale have some of them. */
import { DEFAULT_MODEL_RADIUS } from '../pipeline/parameters.ts';
import { flag, integer, number, text } from './definition.ts';
import { notAroundModel } from './effects.ts';

/** Also for the mask of runs that scale. */
const commands = ['mask', 'scale', 'feature_enhance'] as const;

/** LocScale has no command for masks. */
const own = { group: 'Mask', commands: ['mask'], own: true } as const;

/** A mask that is given may count from another value than a mask's. */
const thresholdOfRuns = {
  help:
    'Make the mask of all voxels with at least this density, instead of by false-discovery rate; with -ma: ' +
    'of all voxels of that mask with at least this value.',
  defaultText: 'by false-discovery rate; 0.5 with -ma',
} as const;

/** Runs use a mask as 0 and 1. */
const softEdgeOfRuns = {
  help:
    'Width of a soft edge outside the mask, from 1 to 0 along a cosine, angstrom; scaled is where the mask is ' +
    'at least 0.5, as with -ma.',
  defaultText: '0',
} as const;

/** Sources come first, then operations in the order in which they are applied (pipeline/make-mask.ts). */
export const maskOptions = {
  threshold: number(
    '--threshold',
    'DENSITY',
    {},
    {
      ...own,
      commands,
      called: 'threshold',
      help: 'Make the mask of all voxels with at least this density, instead of by false-discovery rate.',
      perCommand: { scale: thresholdOfRuns, feature_enhance: thresholdOfRuns },
    },
  ),
  nonZero: flag('--non_zero', {
    ...own,
    help: 'Make the mask of the non-zero region of an already masked map.',
  }),
  radius: number(
    '--radius',
    'A',
    { above: 0, max: 50 },
    {
      ...own,
      commands: ['mask', 'assess'],
      idle: [notAroundModel],
      help: 'Distance from the atoms of -mc, angstrom.',
      defaultText: String(DEFAULT_MODEL_RADIUS),
      perCommand: {
        assess: {
          help:
            'Distance from the atoms within which the correlation of a residue or chain is taken, ' +
            'angstrom.',
          defaultText: '2, or half the resolution if that is more',
        },
      },
    },
  ),
  // These three masks may be on another grid with --match_grid.
  unite: text('--unite', 'MASK', { ...own, help: 'Unite the mask with another (values from 0.5 on).' }),
  intersect: text('--intersect', 'MASK', { ...own, help: 'Intersect the mask with another.' }),
  subtract: text('--subtract', 'MASK', { ...own, help: 'Subtract another mask.' }),
  fillHoles: flag('--fill_holes', { ...own, commands, help: 'Fill enclosed holes of the mask.' }),
  keepPieces: integer(
    '--keep',
    'N',
    { min: 1 },
    { ...own, commands, help: 'Keep the N largest connected pieces.', defaultText: 'all' },
  ),
  extend: number(
    '--extend',
    'A',
    // Euclidean distances in A, not steps in voxels.
    { min: -200, max: 200 },
    {
      ...own,
      commands,
      called: 'extendAngstrom',
      help: 'Extend the mask by a distance, angstrom; a negative one makes it smaller.',
      defaultText: '0',
    },
  ),
  softEdge: number(
    '--soft_edge',
    'A',
    { min: 0, max: 200 },
    {
      ...own,
      commands,
      help: 'Width of a soft edge outside the mask, from 1 to 0 along a cosine, angstrom.',
      defaultText: '0',
      perCommand: { scale: softEdgeOfRuns, feature_enhance: softEdgeOfRuns },
    },
  ),
  invert: flag('--invert', { ...own, help: 'Write 1 minus the mask.' }),
} as const;
