/** Options of the command resample: the grid that a map is put on. */
import { DEFAULT_CROP_PADDING } from '../pipeline/parameters.ts';
import { badValue, define, flag, number, parseNumber, text } from './definition.ts';
import { noCropToMask } from './effects.ts';

/** LocScale resamples nothing by command. */
const own = { group: 'Map input', commands: ['resample'], own: true } as const;
/** A place or box in the program's order, whatever the order on the command line. */
type Place = readonly [z: number, y: number, x: number];

/**
 * An option for a place in space, given as x,y,z in A like coordinates of atoms, and returned as (z, y, x).
 */
function place(names: string, help: string) {
  return define<Place>(names, 1, 'X,Y,Z', { ...own, help }, ([value], name) => {
    const parts = (value ?? '').split(',');
    if (parts.length !== 3) throw badValue(name, value, 'three numbers x,y,z, angstrom');
    const [x, y, z] = parts.map((part) => parseNumber(part.trim(), name, {}, false));
    return [z, y, x] as const;
  });
}

/** Voxels per edge; larger boxes exceed what engines can hold, and are probably lengths in A. */
const LARGEST_BOX = 4096;

export const resampleOptions = {
  newVoxelSize: number(
    '--voxel_size',
    'A',
    { min: 0.05, max: 50 },
    { ...own, called: 'newVoxelSize', help: 'New voxel size, angstrom.', defaultText: 'that of the map' },
  ),
  box: define<Place>(
    '--box',
    1,
    'N|X,Y,Z',
    {
      ...own,
      called: 'box',
      help: 'New box in voxels: one edge, or three; cropped or padded about the middle, or about --center.',
      defaultText: 'what holds the map',
    },
    ([value], name) => {
      const parts = (value ?? '').split(',');
      if (parts.length !== 1 && parts.length !== 3)
        throw badValue(name, value, 'one whole number, or three x,y,z');
      // x,y,z like the places; most boxes are cubes, for which one number is enough.
      const edges = parts.map((part) => parseNumber(part.trim(), name, { min: 1, max: LARGEST_BOX }, true));
      const [x, y, z] = edges.length === 1 ? [edges[0], edges[0], edges[0]] : edges;
      return [z, y, x] as const;
    },
  ),
  center: place(
    '--center --centre',
    'Middle of the new box: the voxel nearest to this place, angstrom, in the coordinates of the ' +
      'map (and of its models).',
  ),
  origin: place('--origin', 'Place of voxel (0, 0, 0) of the new box, angstrom, exactly.'),
  like: text('--like', 'MAP', { ...own, help: 'Put the map on the grid of another.' }),
  cropToMask: text('--crop_to_mask', 'MASK', {
    ...own,
    help: 'Crop to the voxels of a mask (from 0.5 on).',
  }),
  padding: number(
    '--padding',
    'A',
    { min: 0, max: 500 },
    {
      ...own,
      idle: [noCropToMask],
      help: 'Distance left around the mask, angstrom.',
      defaultText: String(DEFAULT_CROP_PADDING),
    },
  ),
  asMask: flag('--as_mask', {
    ...own,
    help: 'The map is a mask: interpolate it linearly, so that it stays between 0 and 1, and fill with 0.',
  }),
} as const;
