/** Options that name the maps of a run and their preprocessing. */
import { defaultParameters } from '../pipeline/parameters.ts';
import { choice, define, flag, number, readsAnyMap, runsJobs, scaleOnly, text } from './definition.ts';
import { anyReference, noTheoreticalProfile, oneMapOnly, softScaling } from './effects.ts';

/** Names of maps and what is done to them first. Files may be MRC or CCP4, also .gz and .bz2. */
export const mapOptions = {
  // Map input
  emmapPath: text('-em --emmap_path', 'MAP', {
    group: 'Map input',
    commands: [
      'scale',
      'feature_enhance',
      'mask',
      'postprocess',
      'assess',
      'symmetrise',
      'symmetry',
      'resample',
    ],
    called: 'input: map',
    help: 'Unsharpened map (MRC/CCP4, also .gz and .bz2).',
    perCommand: {
      assess: { help: 'The first map (MRC/CCP4, also .gz and .bz2), as if named without an option.' },
    },
  }),
  halfmapPaths: define<readonly [string, string]>(
    '-hm --halfmap_paths',
    2,
    'HALF1 HALF2',
    {
      group: 'Map input',
      commands: readsAnyMap,
      called: 'input: half-maps',
      help: 'The two half maps; their mean is scaled and their FSC gives the resolution.',
      perCommand: {
        assess: {
          help:
            'Two half maps: their FSC within the mask gives the resolution. Without another map their ' +
            'mean is the first one.',
        },
        symmetrise: { help: 'Two half maps; their mean is averaged.' },
        symmetry: { help: 'Two half maps; the symmetry of their mean is found.' },
      },
    },
    ([first, second]) => [first as string, second as string],
  ),
  apix: number(
    '-p --apix',
    'A',
    // Voxel sizes in headers are refused beyond this range, with the advice to use -p.
    { min: 0.05, max: 50 },
    {
      group: 'Map input',
      commands: [...readsAnyMap, 'resample'],
      called: 'voxelSize',
      help: 'Voxel size in angstrom, instead of the one in the file.',
    },
  ),
  matchGrid: flag('--match_grid', {
    group: 'Map input',
    commands: runsJobs,
    own: true,
    called: 'matchGrid',
    idle: [oneMapOnly],
    help:
      'Resample maps on another grid (voxel size, box, origin) to that of the first map, at the ' +
      'positions given by their headers.',
    defaultText: 'they are refused',
  }),
  // Also the end of the B-factor fit, of model maps, and of windows for coarse data (docs/method.md).
  resolution: number(
    '-res --ref_resolution',
    'A',
    { above: 0 },
    {
      group: 'Map input',
      parameter: 'resolution',
      commands: ['scale', 'feature_enhance', 'postprocess', 'assess'],
      perCommand: {
        assess: {
          help:
            'Resolution in angstrom: where the map of the model ends for correlations, and for the ' +
            'expected Q-score.',
          defaultText: 'FSC = 0.143 of the half maps within the mask, else unknown',
        },
        postprocess: {
          help: 'Resolution in angstrom, instead of the FSC within the mask; a single map needs it.',
          defaultText: 'FSC = 0.143 within the mask',
        },
      },
      help: 'Resolution in angstrom, instead of the half-map FSC; finer than Nyquist counts as Nyquist.',
      defaultText: 'FSC = 0.143 or Nyquist, without half maps Nyquist + 1 A',
    },
  ),
  resolutionFrom: choice('--resolution_from', ['unmasked', 'masked'], {
    group: 'Map input',
    parameter: 'resolutionFrom',
    own: true,
    help:
      'FSC of the half maps that gives the resolution: of the whole box, or within the mask and ' +
      'corrected for it by random phases.',
    // Unmasked by default, as in LocScale; docs/resolution.md compares both.
    defaultText: 'unmasked, as LocScale',
  }),
  filterInput: flag('-filter_input --filter_input', {
    group: 'Map input',
    parameter: 'filterInput',
    help: 'Low-pass the map at its resolution before scaling (LocScale accepts this and does nothing).',
  }),
  applyFscFilter: flag('-apply_fsc_filter --apply_fsc_filter', {
    group: 'Map input',
    parameter: 'applyFscFilter',
    notInSoft: 'soft scaling weights by the agreement of the half maps itself',
    help: 'Weight the map by sqrt(2 FSC / (1 + FSC)) before scaling; needs half maps.',
  }),

  // Reference

  // The reference may have any scale: profiles are compared within each window.
  modelMap: text('-mm --model_map', 'MAP', {
    group: 'Reference',
    commands: scaleOnly,
    called: 'reference: model-map',
    help: 'Reference map on the same grid; on another with --match_grid.',
  }),
  modelResolution: number(
    '-mres --model_resolution',
    'A',
    { above: 0 },
    {
      group: 'Reference',
      parameter: 'referenceResolution',
      commands: scaleOnly,
      belongsTo: { ways: ['map', 'model', 'pseudo-model', 'network'], needs: 'a reference map' },
      help:
        'Low-pass the reference map at this resolution, angstrom. References from atomic models are ' +
        'low-passed at the map resolution by default.',
    },
  ),
  noReference: flag('--no_reference', {
    // "None" is a reference map of constant decay, not the absence of scaling.
    group: 'Reference',
    commands: scaleOnly,
    called: 'reference: none',
    help: 'Scale every window to a constant B factor instead of to a reference.',
  }),
  setLocalBfactor: number(
    '--set_local_bfactor',
    'B',
    {},
    {
      group: 'Reference',
      parameter: 'setLocalBFactor',
      commands: scaleOnly,
      idle: [anyReference],
      help: 'Target B factor for --no_reference, A^2.',
      defaultText: String(defaultParameters.setLocalBFactor),
    },
  ),
  activatePseudomodel: flag('--activate_pseudomodel', {
    group: 'Reference',
    commands: scaleOnly,
    notInSoft: 'soft scaling has no theoretical-profile rule',
    belongsTo: { ways: ['map', 'model'], needs: '-mm or -mc' },
    help: 'With -mm or -mc: scale by the theoretical-profile rule, as for a pseudo-model.',
  }),
  theoreticalProfile: text('--theoretical_profile', 'JSON', {
    group: 'Reference',
    commands: scaleOnly,
    own: true,
    idle: [softScaling],
    help:
      'Average secondary-structure profile for the theoretical-profile rule: {"frequency": [1/A ' +
      '...], "amplitude": [...]}.',
    defaultText: 'a helix profile of the program',
  }),
  differenceMask: text('--difference_mask', 'MAP', {
    group: 'Reference',
    commands: scaleOnly,
    own: true,
    belongsTo: { ways: ['map'], needs: '-mm' },
    help: 'With -mm: theoretical-profile rule inside this mask, plain rule outside (hybrid).',
  }),
  boostSecondaryStructure: number(
    '--boost_secondary_structure',
    'FACTOR',
    { min: 0 },
    {
      group: 'Reference',
      parameter: 'boostSecondaryStructure',
      commands: scaleOnly,
      idle: [softScaling, noTheoreticalProfile],
      help: 'Weight of the secondary-structure signal in the theoretical-profile rule.',
      defaultText: String(defaultParameters.boostSecondaryStructure),
    },
  ),
  symmetry: text('-sym --symmetry', 'GROUP', {
    group: 'Reference',
    commands: ['scale', 'feature_enhance', 'symmetrise'],
    called: 'symmetry',
    help:
      "Point group imposed on the reference, in RELION's setting (C<n>, D<n>, T, O, I, I1 ... I4), " +
      'or a file with operators.',
    defaultText: 'C1',
    perCommand: {
      symmetrise: {
        help:
          "Point group in RELION's setting (C<n>, D<n>, T, O, I, I1 ... I4), or a file with operators: " +
          '3x3 or 3x4 matrices, or REMARK 350 BIOMT lines.',
        defaultText: 'none; C1 with a helix',
      },
    },
  }),
} as const;
