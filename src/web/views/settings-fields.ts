/** The fields of the settings that are typed or ticked: labels, defaults and help, and when they apply. */
import type { Reference } from '../../screens/settings.ts';
import { hasPlaces } from '../inputs.ts';

/** Settings that are typed. */
export type FieldName =
  | 'resolution'
  | 'symmetry'
  | 'symmetryCentre'
  | 'voxelSize'
  | 'window'
  | 'targetBFactor'
  | 'threshold'
  | 'maskFilter'
  | 'fdr'
  | 'noiseBox'
  | 'noiseBoxesAt'
  | 'keepPieces'
  | 'extend'
  | 'softEdge'
  | 'molecularWeight'
  | 'referenceResolution'
  | 'locality'
  | 'helicalTwist'
  | 'helicalRise';

/** Settings that are ticked. */
export type CheckName = keyof typeof CHECKS;

/** What decides which fields apply. */
export interface JobShown {
  readonly reference: Reference;
  /** One map in place of half maps. */
  readonly single: boolean;
  /** A file is the mask. */
  readonly hasMask: boolean;
  /** A density, or a value of the mask, is given. */
  readonly hasThreshold: boolean;
  /** A point group or a helix is given. */
  readonly isSymmetric: boolean;
}

/** Where a field stands: at once, or in a group that is folded inside the settings. */
export type Group = 'settings' | 'mask' | 'more';

/** A text field; its setting is undefined while it is empty. */
export interface Field {
  /** Key of the setting, and part of the ids of its elements. */
  readonly name: FieldName;
  readonly group: Group;
  /** Unit after the comma. */
  readonly label: string;
  /** The default, or where it comes from. */
  readonly placeholder: string | ((job: JobShown) => string);
  /** One sentence, in the place of which an unreadable value shows what is expected. */
  readonly help: string | ((job: JobShown) => string);
  /** A field that does not apply is hidden while it is empty. */
  readonly applies?: (job: JobShown) => boolean;
}

/** The mask is made from the noise of the map. */
const isByFdr = ({ hasMask, hasThreshold }: JobShown): boolean => !hasMask && !hasThreshold;

/** In the order of the form. */
export const FIELDS: readonly Field[] = [
  {
    name: 'resolution',
    group: 'settings',
    label: 'Resolution, Å',
    placeholder: ({ single }) => (single ? 'of this map' : 'from the half maps'),
    help: 'Where the maps end. Default: half-map FSC = 0.143.',
  },
  {
    name: 'symmetry',
    group: 'settings',
    label: 'Symmetry',
    placeholder: 'C1',
    help: 'Point group that the reference is averaged over: C4, D7, T, O, I.',
  },
  {
    name: 'symmetryCentre',
    group: 'settings',
    label: 'Centre of symmetry',
    placeholder: 'the middle of the box',
    help: 'Voxel that the axes meet in: z,y,x.',
    applies: ({ isSymmetric }) => isSymmetric,
  },
  {
    name: 'voxelSize',
    group: 'settings',
    label: 'Voxel size, Å',
    placeholder: 'from the header',
    help: 'If the header is wrong.',
  },
  {
    name: 'window',
    group: 'settings',
    label: 'Window, voxels',
    placeholder: '25 Å, or wider',
    help: 'Edge of the box that is scaled at a time.',
  },
  {
    name: 'targetBFactor',
    group: 'settings',
    label: 'Target B factor, Å²',
    placeholder: '20',
    help: 'That every window is scaled to.',
    applies: ({ reference }) => reference === 'none',
  },
  {
    name: 'threshold',
    group: 'mask',
    label: 'Threshold',
    placeholder: ({ hasMask }) => (hasMask ? '0.5' : 'by false discoveries'),
    help: ({ hasMask }) =>
      hasMask
        ? 'Value from which the voxels of your mask count.'
        : 'Density from which the map is the mask, as a level in ChimeraX.',
  },
  {
    name: 'keepPieces',
    group: 'mask',
    label: 'Keep pieces',
    placeholder: 'all',
    help: 'So many of the largest connected pieces of the mask.',
  },
  {
    name: 'extend',
    group: 'mask',
    label: 'Extend by, Å',
    placeholder: '0',
    help: 'Larger by this distance; smaller with a negative one.',
  },
  {
    name: 'softEdge',
    group: 'mask',
    label: 'Soft edge, Å',
    placeholder: '0',
    help: 'Width outside the mask that is saved. The map is scaled where it is at least 0.5.',
  },
  {
    name: 'maskFilter',
    group: 'mask',
    label: 'Low-pass for the mask, Å',
    placeholder: ({ hasThreshold }) => (hasThreshold ? 'none' : '5 in soft scaling, else none'),
    help: 'Before the mask is made from the map.',
    applies: ({ hasMask }) => !hasMask,
  },
  {
    name: 'fdr',
    group: 'mask',
    label: 'False discoveries',
    placeholder: '0.01',
    help: 'Share of them in the mask.',
    applies: isByFdr,
  },
  {
    name: 'noiseBox',
    group: 'mask',
    label: 'Noise boxes, voxels',
    placeholder: '10 % of the box',
    help: 'Edge of the boxes that the noise for the mask is taken from.',
    applies: isByFdr,
  },
  {
    name: 'noiseBoxesAt',
    group: 'mask',
    label: 'Noise boxes at',
    placeholder: 'four sides of the box',
    help: 'Their first voxels, where there is no particle: z,y,x; z,y,x.',
    applies: isByFdr,
  },
  {
    name: 'molecularWeight',
    group: 'mask',
    label: 'Molecular weight, kDa',
    placeholder: 'not compared',
    help: 'Of all that is in the box: a mask of another size is reported.',
  },
  {
    name: 'referenceResolution',
    group: 'more',
    label: 'Low-pass for the reference, Å',
    placeholder: 'as it is; a model’s map: the resolution',
    help: 'Of a reference map, or of one simulated from atoms.',
    applies: ({ reference }) => hasPlaces(reference),
  },
  {
    name: 'locality',
    group: 'more',
    label: 'Locality',
    placeholder: '0.5',
    help: '1 gives every region the decay of an average protein, 0 the same gains everywhere.',
    applies: ({ reference }) => reference === 'profile',
  },
  {
    name: 'helicalTwist',
    group: 'more',
    label: 'Helical twist, °',
    placeholder: 'no helix',
    help: 'From one subunit to the next about z; negative: left-handed.',
  },
  {
    name: 'helicalRise',
    group: 'more',
    label: 'Helical rise, Å',
    placeholder: 'no helix',
    help: 'From one subunit to the next along z.',
  },
];

/** Labels of the settings that are on or off. */
export const CHECKS = {
  bFactors: 'Local B factors',
  localResolution: 'Local resolution',
  unexplained: 'Unexplained density',
  matchGrid: 'Put all maps on one grid',
  symmetriseOutput: 'Average the result, too',
  refine: 'Refine the model’s B factors',
  fillHoles: 'Fill its holes',
  fadeOutput: 'Low-pass the result at its resolution',
} as const;

/** Summaries of the folded groups. */
export const GROUPS: Readonly<Record<Group, string>> = {
  settings: 'Settings',
  mask: 'Mask',
  more: 'More',
};

/** Settings of each group that count as set in its summary, besides its fields. */
export const CHECKS_OF: Readonly<Record<Exclude<Group, 'settings'>, readonly CheckName[]>> = {
  mask: ['fillHoles'],
  more: ['fadeOutput'],
};
