/** Options of the mask and of scaling. */
import { defaultParameters, NETWORK_FDR_FILTER } from '../pipeline/parameters.ts';
import {
  badValue,
  choice,
  define,
  flag,
  integer,
  makesMasks,
  noted,
  number,
  parseNumber,
  scaleOnly,
  text,
} from './definition.ts';
import {
  maskIsGiven,
  maskOfAnotherKind,
  noAutoMask,
  noProfile,
  noSoftScaling,
  onlySoftScaling,
} from './effects.ts';

/** First voxel of a noise box, z,y,x from 0. */
function parseBoxStart(value: string | undefined, name: string): readonly [number, number, number] {
  const parts = (value ?? '').split(',');
  if (parts.length !== 3) throw badValue(name, value, 'three whole numbers z,y,x');
  const [z, y, x] = parts.map((part) => parseNumber(part, name, { min: 0 }, true));
  return [z, y, x];
}

/** In commands that place no pseudo-atoms. */
const MASK_WEIGHT = 'Molecular weight in the box: the mask is compared with it.';

/** Parameters of the method, most of them: their defaults are in pipeline/parameters.ts. */
export const scalingOptions = {
  // Mask
  mask: text('-ma --mask', 'MAP', {
    group: 'Mask',
    commands: ['scale', 'feature_enhance', 'locres', 'symmetry', 'fsc', 'postprocess', 'assess'],
    called: 'mask',
    help: 'Mask; voxels of at least 0.5 are scaled.',
    defaultText: 'FDR confidence mask',
    perCommand: {
      assess: {
        help: 'Mask, 0 to 1 and best with soft edges, for FSC and correlations.',
        defaultText: 'around the atoms of the model',
      },
      symmetry: { help: 'Mask that the map is multiplied by first.', defaultText: 'none' },
      locres: { help: 'Mask; voxels of at least 0.5 are resolved.', defaultText: 'FDR confidence mask' },
      fsc: {
        help:
          'Mask, 0 to 1 and best with soft edges: also measure the FSC within it, corrected for the ' +
          'mask by random phases.',
        defaultText: 'none',
      },
      postprocess: {
        help: 'Mask, 0 to 1 and best with soft edges, for the FSC and the masked map.',
        defaultText: 'FDR confidence mask with an edge of 6 A',
      },
    },
  }),
  fdrThreshold: number(
    '-fdr --fdr_threshold',
    'RATE',
    { above: 0, below: 1 },
    // The confidence is 1 - rate at the threshold of the mask.
    {
      group: 'Mask',
      parameter: 'fdrThreshold',
      commands: makesMasks,
      idle: [maskIsGiven, noAutoMask, maskOfAnotherKind],
      help: 'False-discovery rate of the mask made when none is given.',
      defaultText: String(defaultParameters.fdrThreshold),
    },
  ),
  fdrWindow: integer(
    '-fdr_w --fdr_window_size',
    'VOXELS',
    { min: 2 },
    // An edge of 1 voxel has no variance.
    {
      group: 'Mask',
      parameter: 'fdrWindow',
      commands: makesMasks,
      idle: [maskIsGiven, noAutoMask, maskOfAnotherKind],
      help: 'Edge of the noise boxes in voxels.',
      defaultText: '10 % of the box',
    },
  ),
  fdrFilter: number(
    '-fdr_f --fdr_filter',
    'A',
    { above: 0 },
    {
      group: 'Mask',
      parameter: 'fdrFilter',
      commands: makesMasks,
      idle: [maskIsGiven, noAutoMask, maskOfAnotherKind],
      help: 'Low-pass before the mask is made, angstrom.',
      defaultText: `${NETWORK_FDR_FILTER} in soft scaling and where a network predicts the reference, else none`,
      // A run with a network smooths the mask more: LocScale's own filter there.
      perCommand: {
        ...Object.fromEntries(
          ['locres', 'fsc', 'postprocess', 'feature_enhance'].map((command) => [
            command,
            { help: 'Low-pass before the mask is made, angstrom.', defaultText: String(NETWORK_FDR_FILTER) },
          ]),
        ),
        mask: { help: 'Low-pass before the mask is made, angstrom.', defaultText: 'none' },
      },
    },
  ),
  noiseBox: define<readonly (readonly [number, number, number])[]>(
    '--noise_box',
    1,
    'Z,Y,X',
    {
      group: 'Mask',
      parameter: 'fdrNoiseBoxes',
      commands: makesMasks,
      own: true,
      idle: [maskIsGiven, noAutoMask, maskOfAnotherKind],
      help: 'First voxel of a noise box (repeat for several), instead of the four default boxes.',
    },
    ([value], name, previous) => [...(previous ?? []), parseBoxStart(value, name)],
    true,
  ),
  maskThreshold: number(
    '-th --mask_threshold',
    'CONFIDENCE',
    { above: 0, max: 1 },
    {
      group: 'Mask',
      // LocScale's name is kept although the default mask is not a confidence: 1 inside.
      parameter: 'maskThreshold',
      help: 'Mask value from which a voxel counts for the molecular volume.',
      defaultText: String(defaultParameters.maskThreshold),
    },
  ),
  averagingFilter: integer(
    '-avg_filter --averaging_filter_size',
    'VOXELS',
    {},
    {
      group: 'Mask',
      commands: makesMasks,
      help: 'Accepted; LocScale does not average the mask either.',
      state: noted('has no effect: LocScale does not average the mask either'),
    },
  ),
  molecularWeight: number(
    '-mw --molecular_weight',
    'kDa',
    { above: 0 },
    {
      group: 'Mask',
      parameter: 'molecularWeightKiloDalton',
      commands: makesMasks,
      help:
        'Molecular weight in the box: a mask made here is compared with it, and the number of ' +
        'pseudo-atoms follows from it.',
      defaultText: 'from the mask volume',
      perCommand: {
        feature_enhance: { help: MASK_WEIGHT, defaultText: 'not compared' },
        mask: { help: MASK_WEIGHT, defaultText: 'not compared' },
        locres: { help: MASK_WEIGHT, defaultText: 'not compared' },
        fsc: { help: MASK_WEIGHT, defaultText: 'not compared' },
        postprocess: { help: MASK_WEIGHT, defaultText: 'not compared' },
      },
    },
  ),

  // Scaling
  windowSize: integer(
    '-wn --window_size',
    'VOXELS',
    { min: 1 },
    // The even size is taken by the pipeline, which also checks that it fits the box.
    {
      group: 'Scaling',
      parameter: 'windowVoxels',
      help: 'Edge of the scaling window in voxels; odd sizes become the next even one.',
      defaultText: '25 A; more for data coarser than 6 A',
    },
  ),
  scaling: choice('--scaling', ['soft', 'locscale'], {
    group: 'Scaling',
    commands: scaleOnly,
    // With a reference map or a model the default is LocScale's scheme, so that its command lines give its
    // maps.
    parameter: 'scaling',
    own: true,
    help:
      'Scheme: soft frequency bands, weighted by the local agreement of the half maps, or window ' +
      'by window like LocScale.',
    defaultText: 'soft with a profile, locscale with any other reference',
  }),
  also: choice('--also', ['locscale', 'soft', 'global'], {
    group: 'Scaling',
    commands: scaleOnly,
    parameter: 'also',
    own: true,
    help:
      'Also write the map scaled in another way (global: one B factor), for comparison, as ' +
      '<outfile stem>_<way>.mrc.',
    defaultText: 'no second map',
  }),
  locality: number(
    '--locality',
    'Q',
    { min: 0, max: 1 },
    // How much of the local differences in decay is taken away; docs/soft-scaling.md has the equation.
    {
      group: 'Scaling',
      commands: scaleOnly,
      own: true,
      idle: [noProfile, noSoftScaling],
      help:
        'Soft scaling to a profile: 1 gives every region the decay of the profile, 0 the same gains ' +
        'everywhere.',
      defaultText: '0.5',
    },
  ),
  fadeOutput: flag('--fade_output', {
    group: 'Scaling',
    commands: scaleOnly,
    own: true,
    parameter: 'fadeOutput',
    help:
      "Low-pass the result at its resolution: for half maps in LocScale's scheme the one within " +
      'the mask, otherwise -res. Soft scaling of a single map always does.',
  }),
  radialProfile: choice('--radial_profile', ['octant', 'sphere'], {
    group: 'Scaling',
    parameter: 'profileKind',
    // LocScale takes the indices as they come, unfolded; maps equal to its own need the same shells.
    notInSoft: 'soft scaling has no shells of windows',
    own: true,
    help: "Shells of LocScale's octant, or of the full sphere (the better estimate).",
    defaultText: defaultParameters.profileKind,
  }),
  windowTaper: choice('--window_taper --window-taper', ['none', 'hann'], {
    group: 'Scaling',
    commands: scaleOnly,
    own: true,
    idle: [onlySoftScaling],
    // No `parameter`: the default is the absence of the field in job and record.
    help:
      "Weights of LocScale's windows for their profiles. Hard edges leak low frequencies to high " +
      'ones, which leaves blurred maps too weak there; Hann weights avoid that.',
    defaultText: 'none, as LocScale',
  }),
  unexplained: flag('--unexplained', {
    group: 'Scaling',
    parameter: 'unexplained',
    commands: scaleOnly,
    own: true,
    // Without a reference map nothing can be unexplained.
    belongsTo: { ways: ['map', 'model', 'pseudo-model', 'network'], needs: 'a model or a reference map' },
    help:
      'Also look for density that the reference does not explain (ligands, glycans, lipids, a ' +
      'micelle): <outfile stem>_unexplained.mrc, and a list of blobs.',
  }),
  measureBfactors: flag('--measure_bfactors', {
    group: 'Scaling',
    parameter: 'measureBFactors',
    commands: scaleOnly,
    help: 'Also write <outfile stem>_bfactor.mrc and <outfile stem>_quality.mrc.',
  }),
} as const;
