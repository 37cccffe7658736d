/** Options of the network that predicts a reference, and of feature enhancement. */

import { providerNames } from '../network/run/provider-names.ts';
import { defaultMonteCarloPasses } from '../pipeline/parameters.ts';
import { badValue, choice, define, flag, integer, noted, refused, text } from './definition.ts';
import { noNetwork, noSampling } from './effects.ts';

/** Options of feature enhancement alone. */
const enhanceOnly = ['feature_enhance'] as const;

/**
 * Settings of the network have effect only where one predicts the reference; a note says so otherwise
 * (noNetwork).
 */
export const networkOptions = {
  reference: choice('--reference', ['network', 'pseudomodel', 'profile', 'none'], {
    group: 'Reference',
    commands: ['scale'],
    own: true,
    called: 'reference',
    help:
      'Source of the reference if no file is given: predicted from the map by a network, simulated ' +
      'from a pseudo-model (as --build_using_pseudomodel), only the amplitudes of an average ' +
      'protein (soft scaling), or none (as --no_reference).',
    defaultText: 'network if EMmerNet is imported, else profile',
  }),
  modelPath: text('-model_path --model_path', 'MODEL', {
    group: 'Network',
    called: 'modelPath',
    idle: [noNetwork],
    help:
      'Trained network: the name of an imported one, its folder, or a file (.hdf5, .pt, .tar.gz, ' +
      'or .onnx with its manifest).',
    defaultText: 'EMmerNet if imported, else the bundled network',
  }),
  lowContextModel: flag('--use_low_context_model', {
    group: 'Network',
    called: 'lowContext',
    idle: [noNetwork],
    help: 'EMmerNet trained on low-context data (import it with "locscale-gpu models").',
  }),
  provider: choice('--provider', ['auto', ...providerNames], {
    group: 'Network',
    commands: ['scale', 'feature_enhance', 'demo'],
    own: true,
    called: 'provider',
    idle: [noNetwork],
    help: 'Execution provider of the network; auto uses the first that computes a trial cube correctly.',
    defaultText: 'auto; cpu with --engine cpu',
  }),
  // Halved on failure, not only limited: the memory of a batch is known to the provider alone.
  batchSize: integer(
    '-bs --batch_size',
    'N',
    { min: 1, max: 4096 },
    {
      group: 'Network',
      idle: [noNetwork],
      help: 'Cubes per batch of the network; halved when memory runs out.',
      defaultText: '8; 1 on the CPU',
    },
  ),
  cubeSize: integer(
    // Networks are convolutional, so that cubes of other sizes work; EMmerNet was trained on 32.
    '-cube_size --cube_size',
    'VOXELS',
    { min: 8, max: 512 },
    {
      group: 'Network',
      called: 'cubeSize',
      idle: [noNetwork],
      help: 'Edge of a cube, in voxels of 1 A.',
      defaultText: "the network's (EMmerNet: 32)",
    },
  ),
  // Cubes overlap by edge minus step, and are averaged where they do.
  stride: integer(
    '-s --stride',
    'VOXELS',
    { min: 1, max: 512 },
    {
      group: 'Network',
      called: 'stride',
      idle: [noNetwork],
      help: 'Step between the cubes of the network, in voxels of 1 A.',
      defaultText: "the network's (EMmerNet: 16)",
    },
  ),
  noMonteCarlo: flag('-no_mc --no_monte_carlo', {
    group: 'Network',
    commands: enhanceOnly,
    called: 'monteCarlo: false',
    help: 'One pass without dropout: no variance, no pVDDT.',
  }),
  monteCarloIterations: integer(
    '-mc_it --monte_carlo_iterations',
    'N',
    { min: 2, max: 10000 },
    // A variance needs at least two passes.
    {
      group: 'Network',
      commands: enhanceOnly,
      idle: [noSampling],
      help: 'Monte-Carlo passes with dropout.',
      defaultText: String(defaultMonteCarloPasses),
    },
  ),
  baselineSuffix: define<string>(
    '--baseline_suffix',
    1,
    'SUFFIX',
    {
      group: 'Output',
      commands: enhanceOnly,
      own: true,
      help: 'Suffix of the baseline map, after the stem of the output.',
      defaultText: 'that of --output_names',
    },
    ([value], name) => {
      // Suffixes of the other outputs, which a baseline of the same name would overwrite.
      const taken = ['_variance', '_pVDDT', '_locres', '_locres_filtered', '_mask', '_confidence'];
      if (value === undefined || !/^_[\w-]+$/.test(value) || taken.includes(value))
        throw badValue(name, value, 'an underscore and letters that end no other output');
      return value;
    },
  ),
  outputNames: choice('--output_names', ['2.2.3', '2.3', '2.4'], {
    group: 'Output',
    commands: enhanceOnly,
    own: true,
    help:
      'Names of the maps as in this version of LocScale. Up to 2.3 the baseline ends with ' +
      '_locscale_output and pVDDT is pVDDT.mrc; up to 2.2.7 the enhanced map ends with ' +
      '_feature_enhanced_output.',
    defaultText: '2.4',
  }),
  trainedModel: text('-trained_model --trained_model', 'NAME', {
    group: 'Network',
    commands: enhanceOnly,
    help: 'Accepted; the networks of LocScale 2.1 were replaced in 2.2.',
    state: noted('has no effect: the networks of LocScale 2.1 were replaced in 2.2 (see -model_path)'),
  }),
  physicsBased: flag('-pb --physics_based', {
    // Known, so that the refusal names the reason instead of "unknown option".
    group: 'Network',
    commands: enhanceOnly,
    help: 'Physics-based network.',
    state: refused(
      'The physics-based network (-pb) cannot be run: its weights were never published.',
      'Leave -pb out.',
    ),
  }),
  download: flag('-download --download', {
    group: 'Network',
    commands: enhanceOnly,
    help:
      "Download EMmerNet's weights first, unless they are imported already; without maps, do " +
      'nothing else.',
  }),
} as const;
