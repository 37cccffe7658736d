/** Options of output and of the run itself. */
import { defaultSeed } from '../pipeline/parameters.ts';
import {
  badValue,
  choice,
  commandNames,
  define,
  flag,
  hasReport,
  hasSteps,
  integer,
  measuresEngines,
  noted,
  number,
  runsJobs,
  scaleOnly,
  text,
  usesEngine,
} from './definition.ts';
import { noReport, nothingRandom } from './effects.ts';
/** Files that are written, and where and how a run computes. */
export const runOptions = {
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
    help:
      'Scaled map; a relative name goes to the working directory. <stem>.json next to it records ' +
      'the run.',
    defaultText: 'locscale_output.mrc',
    perCommand: {
      feature_enhance: { help: 'Enhanced map.', defaultText: 'feature_enhanced_output.mrc' },
      fsc: {
        help: 'Curve as .json or .xml; with a mask also as .star.',
        defaultText: 'none is written',
      },
      postprocess: {
        help:
          'Sharpened map; <stem>_masked.mrc, <stem>.star, <stem>.cxc and <stem>.json are written next ' +
          'to it.',
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
        help:
          'Local resolution, angstrom; <stem>_filtered.mrc, <stem>.cxc and <stem>.json are written ' +
          'next to it.',
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
    help:
      'Also write mask, confidence map and FSC curve into this folder (made if absent); scaling ' +
      'also the reference it made and the radial profiles of 1 % of the voxels.',
  }),
  verbose: flag('-v --verbose', {
    // Looked for in the arguments before they are parsed, too: the output of libraries may be withheld from
    // the start.
    group: 'Output',
    commands: commandNames,
    help: 'Print details of each step.',
  }),
  printReport: flag('--print_report', {
    commands: hasReport,
    group: 'Output',
    help:
      'Also write <outfile stem>_report.html, one page that shows what was done to the map, and ' +
      'its figures as PNGs in <outfile stem>_report_figures.',
  }),
  reportFilename: text('--report_filename', 'NAME', {
    commands: hasReport,
    group: 'Output',
    idle: [noReport],
    help:
      'Name of the report, an HTML page (X and X.pdf become X.html); without a folder it is ' +
      'written next to the output.',
    defaultText: '<outfile stem>_report.html',
  }),

  // Run
  processes: integer(
    '-np --number_processes',
    'N',
    { min: 1, max: 1024 },
    {
      group: 'Run',
      commands: [...measuresEngines, 'app'],
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
      commands: [...measuresEngines, 'app'],
      called: 'gpuIds',
      help:
        'GPUs to use, by number or part of the name as listed by "locscale-gpu devices". Several ' +
        'share scaling and prediction, with one process each; other commands use the first. If one ' +
        'is missing the run ends with exit code 4; called as locscale (see --shim) it continues on ' +
        'the CPU with a warning.',
      defaultText: 'the first hardware GPU',
      perCommand: {
        bench: {
          help:
            'GPUs to measure, by their number or a part of their name in the list of the command ' +
            'devices.',
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
    // Also limits what --dry_run finds possible; the plan warns where it is exceeded.
    { above: 0 },
    {
      group: 'Run',
      commands: [...usesEngine, 'app'],
      own: true,
      called: 'memoryLimitBytes',
      help: 'Memory the engine may use, GiB: RAM on the CPU, GPU memory on a GPU.',
      defaultText:
        '60 % of RAM, or of the share that a container or batch job has; on a GPU all that is available',
    },
  ),
  seed: integer(
    '--seed',
    'N',
    { min: 0 },
    // Seeds are whole numbers that float64 holds exactly.
    {
      group: 'Run',
      commands: ['scale', 'feature_enhance', 'fsc', 'postprocess', 'demo'],
      own: true,
      idle: [nothingRandom],
      help:
        "Seed of everything random: the dropout of feature_enhance, the demo's structure and noise. " +
        'Scaling is not random.',
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
    // 0: a free port, chosen by the system.
    'N',
    { min: 0, max: 65535 },
    {
      group: 'Run',
      commands: ['page', 'app'],
      own: true,
      called: 'port',
      help: 'Port of the page, which is reachable from this machine only.',
      defaultText: 'a free one',
    },
  ),
  root: text('--root', 'FOLDER', {
    group: 'Run',
    commands: ['app'],
    own: true,
    called: 'root',
    help: 'Folder below which the app reads and writes files; nothing outside it can be reached.',
    defaultText: 'the working folder',
  }),
  open: flag('--open', {
    group: 'Run',
    commands: ['app'],
    own: true,
    help: 'Open the address in the browser of this machine.',
  }),
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
    // Not read from the environment alone: a single process inside a job of mpirun may be meant.
    called: 'mpi',
    help:
      'Share the work among the processes started by mpirun or srun; without them a single process ' +
      'does it all.',
  }),
  resume: flag('--resume', {
    group: 'Output',
    own: true,
    commands: hasSteps,
    help:
      'Store finished steps in the folder of -op (without it: processing_files next to the ' +
      'output), and reuse those of an earlier run of the same job.',
    defaultText: 'on with -op',
    perCommand: Object.fromEntries(
      ['mask', 'locres', 'postprocess'].map((command) => [
        command,
        {
          help:
            'Store finished steps in processing_files next to the output, and reuse those of an earlier ' +
            'run of the same job.',
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
