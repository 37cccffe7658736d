/** Options of mask, scaling, output and the run itself. */
import { defaultParameters, defaultSeed, NETWORK_FDR_FILTER } from '../pipeline/parameters.ts';
import {
  badValue,
  choice,
  commandNames,
  define,
  flag,
  hasReport,
  hasSteps,
  integer,
  makesMasks,
  measuresEngines,
  noted,
  number,
  parseNumber,
  runsJobs,
  scaleOnly,
  text,
  usesEngine,
} from './definition.ts';
import {
  maskIsGiven,
  maskOfAnotherKind,
  noAutoMask,
  noProfile,
  noReport,
  noSoftScaling,
  nothingRandom,
  onlySoftScaling,
} from './effects.ts';

function parseBoxStart(value: string | undefined, name: string): readonly [number, number, number] {
  const parts = (value ?? '').split(',');
  if (parts.length !== 3) throw badValue(name, value, 'three whole numbers z,y,x');
  const [z, y, x] = parts.map((part) => parseNumber(part, name, { min: 0 }, true));
  return [z, y, x];
}

const MASK_WEIGHT = 'Molecular weight in the box: the mask is compared with it.';

export const runOptions = {
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
        help: 'Mask, 0 to 1 and best with soft edges: also measure the FSC within it, corrected for the mask by random phases.',
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
      help: 'Molecular weight in the box: a mask made here is compared with it, and the number of pseudo-atoms follows from it.',
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
    parameter: 'scaling',
    own: true,
    help: 'Scheme: soft frequency bands, weighted by the local agreement of the half maps, or window by window like LocScale.',
    defaultText: 'soft with a profile, locscale with any other reference',
  }),
  also: choice('--also', ['locscale', 'soft', 'global'], {
    group: 'Scaling',
    commands: scaleOnly,
    parameter: 'also',
    own: true,
    help: 'Also write the map scaled in another way (global: one B factor), for comparison, as <outfile stem>_<way>.mrc.',
    defaultText: 'no second map',
  }),
  locality: number(
    '--locality',
    'Q',
    { min: 0, max: 1 },
    {
      group: 'Scaling',
      commands: scaleOnly,
      own: true,
      idle: [noProfile, noSoftScaling],
      help: 'Soft scaling to a profile: 1 gives every region the decay of the profile, 0 the same gains everywhere.',
      defaultText: '0.5',
    },
  ),
  fadeOutput: flag('--fade_output', {
    group: 'Scaling',
    commands: scaleOnly,
    own: true,
    parameter: 'fadeOutput',
    help: "Low-pass the result at its resolution: for half maps in LocScale's scheme the one within the mask, otherwise -res. Soft scaling of a single map always does.",
  }),
  radialProfile: choice('--radial_profile', ['octant', 'sphere'], {
    group: 'Scaling',
    parameter: 'profileKind',
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
    help: "Weights of LocScale's windows for their profiles. Hard edges leak low frequencies to high ones, which leaves blurred maps too weak there; Hann weights avoid that.",
    defaultText: 'none, as LocScale',
  }),
  unexplained: flag('--unexplained', {
    group: 'Scaling',
    parameter: 'unexplained',
    commands: scaleOnly,
    own: true,
    belongsTo: { ways: ['map', 'model', 'pseudo-model', 'network'], needs: 'a model or a reference map' },
    help: 'Also look for density that the reference does not explain (ligands, glycans, lipids, a micelle): <outfile stem>_unexplained.mrc, and a list of blobs.',
  }),
  measureBfactors: flag('--measure_bfactors', {
    group: 'Scaling',
    parameter: 'measureBFactors',
    commands: scaleOnly,
    help: 'Also write <outfile stem>_bfactor.mrc and <outfile stem>_quality.mrc.',
  }),

  // Output
  outfile: text('-o --outfile', 'FILE', {
    group: 'Output',
    commands: [
      'scale',
      'feature_enhance',
      'fsc',
      'mask',
      'locres',
      'postprocess',
      'assess',
      'resample',
      'symmetrise',
      'demo',
      'bench',
    ],
    help: 'Scaled map; a relative name goes to the working directory. <stem>.json next to it records the run.',
    defaultText: 'locscale_output.mrc',
    perCommand: {
      feature_enhance: { help: 'Enhanced map.', defaultText: 'feature_enhanced_output.mrc' },
      fsc: {
        help: 'Curve as .json or .xml; with a mask also as .star.',
        defaultText: 'none is written',
      },
      postprocess: {
        help: 'Sharpened map; <stem>_masked.mrc, <stem>.star, <stem>.cxc and <stem>.json are written next to it.',
        defaultText: 'postprocess.mrc',
      },
      assess: {
        placeholder: 'FILE.csv|FOLDER',
        help: 'Scores per residue; the other files are written next to it (FOLDER: as assess.csv).',
        defaultText: 'assess.csv',
      },
      mask: {
        help: 'Mask; <stem>_confidence.mrc and <stem>.json are written next to it.',
        defaultText: 'mask.mrc',
      },
      locres: {
        help: 'Local resolution, angstrom; <stem>_filtered.mrc, <stem>.cxc and <stem>.json are written next to it.',
        defaultText: 'localres.mrc',
      },
      resample: { help: 'Map on the new grid.', defaultText: 'resampled.mrc' },
      symmetrise: { help: 'Averaged map.', defaultText: 'symmetrised.mrc' },
      demo: {
        placeholder: 'FOLDER',
        help: 'Folder for maps, picture and record.',
        defaultText: 'demo-output',
      },
      bench: { help: 'What was measured, as JSON.', defaultText: 'none is written' },
    },
  }),
  outputProcessingFiles: text('-op --output_processing_files', 'FOLDER', {
    group: 'Output',
    help: 'Also write mask, confidence map and FSC curve into this folder (made if absent); scaling also the reference it made and the radial profiles of 1 % of the voxels.',
  }),
  verbose: flag('-v --verbose', {
    group: 'Output',
    commands: commandNames,
    help: 'Print details of each step.',
  }),
  printReport: flag('--print_report', {
    commands: hasReport,
    group: 'Output',
    help: 'Also write <outfile stem>_report.html, one page that shows what was done to the map, and its figures as PNGs in <outfile stem>_report_figures.',
  }),
  reportFilename: text('--report_filename', 'NAME', {
    commands: hasReport,
    group: 'Output',
    idle: [noReport],
    help: 'Name of the report, an HTML page (X and X.pdf become X.html); without a folder it is written next to the output.',
    defaultText: '<outfile stem>_report.html',
  }),

  // Run
  processes: integer(
    '-np --number_processes',
    'N',
    { min: 1, max: 1024 },
    {
      group: 'Run',
      commands: measuresEngines,
      called: 'threads',
      help: 'Threads of the CPU engine (LocScale itself defaults to 1 process).',
      defaultText: 'all cores',
    },
  ),
  engine: choice('--engine', ['auto', 'gpu', 'cpu'], {
    group: 'Run',
    commands: usesEngine,
    own: true,
    called: 'engine',
    help: 'Where to compute; auto takes a hardware GPU, else the CPU, also where the GPU fails.',
    defaultText: 'auto',
  }),
  gpuIds: define<readonly string[]>(
    '-gpus --gpu_ids',
    'many',
    'ID ...',
    {
      group: 'Run',
      commands: measuresEngines,
      called: 'gpuIds',
      help: 'GPUs to use, by number or part of the name as listed by "locscale-gpu devices". Several share scaling and prediction, with one process each; other commands use the first. If one is missing the run ends with exit code 4; called as locscale (see --shim) it continues on the CPU with a warning.',
      defaultText: 'the first hardware GPU',
      perCommand: {
        bench: {
          help: 'GPUs to measure, by their number or a part of their name in the list of the command devices.',
          defaultText: 'all hardware GPUs',
        },
      },
    },
    (values, name) =>
      values.map((value) => {
        if (value === '') throw badValue(name, value, 'numbers or names of GPUs');
        return value;
      }),
  ),
  allowSoftwareGpu: flag('--allow_software_gpu --allow-software-gpu', {
    group: 'Run',
    own: true,
    commands: measuresEngines,
    called: 'allowSoftwareGpu',
    help: 'Also take a GPU driver that computes on the CPU (slow: for trying things out).',
  }),
  memory: number(
    '--memory',
    'GIB',
    { above: 0 },
    {
      group: 'Run',
      commands: usesEngine,
      own: true,
      called: 'memoryLimitBytes',
      help: 'Memory the engine may use, GiB: RAM on the CPU, GPU memory on a GPU.',
      defaultText: '60 % of RAM; on a GPU all that is available',
    },
  ),
  seed: integer(
    '--seed',
    'N',
    { min: 0 },
    {
      group: 'Run',
      commands: ['scale', 'feature_enhance', 'fsc', 'postprocess', 'demo'],
      own: true,
      idle: [nothingRandom],
      help: "Seed of everything random: the dropout of feature_enhance, the demo's structure and noise. Scaling is not random.",
      defaultText: String(defaultSeed),
      perCommand: Object.fromEntries(
        ['fsc', 'postprocess'].map((command) => [
          command,
          { help: 'Seed of the random phases.', defaultText: String(defaultSeed) },
        ]),
      ),
    },
  ),
  dryRun: flag('--dry_run --dry-run', {
    group: 'Run',
    own: true,
    commands: runsJobs,
    help: 'Print the plan (mode, voxels, window, memory, expected time, files) and stop.',
    perCommand: Object.fromEntries(
      ['mask', 'fsc', 'locres', 'postprocess', 'assess', 'resample', 'symmetrise'].map((command) => [
        command,
        { help: 'Read and check the inputs, print the plan (mode, voxels, files) and stop.' },
      ]),
    ),
  }),
  port: integer(
    '--port',
    'N',
    { min: 0, max: 65535 },
    {
      group: 'Run',
      commands: ['page'],
      own: true,
      called: 'port',
      help: 'Port of the page, which is reachable from this machine only.',
      defaultText: 'a free one',
    },
  ),
  json: flag('--json', {
    group: 'Output',
    own: true,
    commands: ['devices', 'models'],
    help: 'Print the list as JSON.',
  }),
  debug: flag('--debug', {
    group: 'Run',
    own: true,
    commands: commandNames,
    help: 'Print the stack with an error.',
  }),
  help: flag('-h --help', { group: 'Run', commands: commandNames, help: 'Print this help.' }),
  version: flag('--version', { group: 'Run', own: true, commands: commandNames, help: 'Print the version.' }),
  mpi: flag('-mpi --mpi', {
    group: 'Run',
    commands: ['scale', 'feature_enhance'],
    called: 'mpi',
    help: 'Share the work among the processes started by mpirun or srun; without them a single process does it all.',
  }),
  resume: flag('--resume', {
    group: 'Output',
    own: true,
    commands: hasSteps,
    help: 'Store finished steps in the folder of -op (without it: processing_files next to the output), and reuse those of an earlier run of the same job.',
    defaultText: 'on with -op',
    perCommand: Object.fromEntries(
      ['mask', 'locres', 'postprocess'].map((command) => [
        command,
        {
          help: 'Store finished steps in processing_files next to the output, and reuse those of an earlier run of the same job.',
          defaultText: undefined,
        },
      ]),
    ),
  }),
  noResume: flag('--no_resume --no-resume', {
    group: 'Output',
    own: true,
    commands: hasSteps,
    help: 'Recompute everything, and store nothing for later runs.',
  }),
  chunk: integer(
    '-chunk --chunk',
    'N',
    { min: 1 },
    {
      group: 'Run',
      commands: scaleOnly,
      help: 'Accepted; work is divided so that it fits the memory.',
      state: noted('has no effect: work is divided so that it fits the memory (--memory)'),
    },
  ),
  devMode: flag('--dev_mode', {
    group: 'Run',
    commands: scaleOnly,
    help: 'Accepted; inputs are always checked.',
    state: noted('has no effect: inputs are always checked'),
  }),
} as const;
