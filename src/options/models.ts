/** Options of the commands models and setup. */
import { badValue, define, flag, text } from './definition.ts';
import { noDownload } from './effects.ts';

/** Options of `models` alone. */
const modelsOnly = ['models'] as const;

/** Networks are called models in commands and options, as in LocScale. */
export const modelOptions = {
  modelName: text('--name', 'NAME', {
    group: 'Network',
    commands: modelsOnly,
    own: true,
    called: 'name',
    help: 'Name of the imported network, for -model_path.',
    defaultText: 'from the name of the file',
  }),
  calibration: text('--calibration', 'FILE', {
    group: 'Network',
    commands: modelsOnly,
    own: true,
    help:
      'Calibration of standard errors for the imported network: JSON with the lists standardError ' +
      'and calibrated.',
    defaultText: 'none',
  }),
  downloadFrom: define<string>(
    '--from',
    1,
    'ADDRESS',
    {
      group: 'Network',
      commands: ['models', 'feature_enhance'],
      own: true,
      idle: [noDownload],
      help: 'Address to download from, of a server with the paths of Zenodo.',
      defaultText: 'https://zenodo.org',
    },
    // Mirrors have Zenodo's paths, so that only the server can be chosen.
    ([value], name) => {
      if (value === undefined || !/^https?:\/\/[^\s/]+/.test(value))
        throw badValue(name, value, 'an address that starts with http:// or https://');
      return value;
    },
  ),
  cuda: flag('--cuda', {
    group: 'Network',
    commands: ['setup'],
    own: true,
    help: 'Install the CUDA libraries of onnxruntime (Linux on x86-64, some hundred MiB from nuget.org).',
  }),
  shim: text('--shim', 'FOLDER', {
    group: 'Run',
    commands: ['setup'],
    own: true,
    help:
      'Write a program named locscale to this folder, for scripts and programs that call LocScale ' +
      'by name.',
  }),
} as const;
