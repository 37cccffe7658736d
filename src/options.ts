/**
 * Every option of the command line, once: its spellings, unit, default, value check, help text, the
 * commands it belongs to, and whether it works, is refused (with the reason) or is accepted with a
 * note. The parser (cli/parse-argv.ts), the help text and the manifest read this table.
 *
 * Spellings are LocScale's own (single-dash long names included) so that existing command lines run
 * unchanged; options marked `own` are additions of this program.
 */
import { LocScaleError } from './errors.ts';

export const commandNames = [
  'scale', 'feature_enhance', 'fsc', 'mask', 'validate', 'demo', 'version',
] as const;
export type CommandName = (typeof commandNames)[number];

export type OptionState =
  | { readonly kind: 'works' }
  /** The run stops with exit code 2 and this reason. */
  | { readonly kind: 'refused'; readonly reason: string; readonly hint: string }
  /** The run goes on; this note is printed once. */
  | { readonly kind: 'noted'; readonly note: string };

export interface OptionDefinition<T = unknown> {
  /** All spellings with their dashes, short ones first. Dashes and underscores inside a name are equal. */
  readonly names: readonly string[];
  /** Values taken: none, exactly n, or one and more. */
  readonly values: 0 | 1 | 2 | 'many';
  /** How the values are called in the help text. */
  readonly placeholder: string;
  readonly help: string;
  /** In words, for the help text. */
  readonly defaultText?: string;
  /** Where a command means something of its own by the option. */
  readonly perCommand?: Partial<Record<CommandName, { readonly placeholder?: string; readonly help: string; readonly defaultText: string }>>;
  readonly commands: readonly CommandName[];
  readonly group: OptionGroup;
  /** An addition of this program, not an option of LocScale. */
  readonly own: boolean;
  readonly repeatable: boolean;
  readonly parse: (texts: readonly string[], name: string, previous: T | undefined) => T;
  readonly state: (value: T) => OptionState;
}

export const optionGroups = [
  'Map input', 'Reference', 'Mask', 'Scaling', 'Output', 'Run', 'Network', 'Pseudo-model and refinement',
] as const;
export type OptionGroup = (typeof optionGroups)[number];

const works: OptionState = { kind: 'works' };

interface Common<T> {
  help: string;
  group: OptionGroup;
  commands?: readonly CommandName[];
  defaultText?: string;
  perCommand?: OptionDefinition['perCommand'];
  own?: boolean;
  state?: OptionState | ((value: T) => OptionState);
}

function define<T>(
  names: string,
  values: OptionDefinition['values'],
  placeholder: string,
  common: Common<T>,
  parse: OptionDefinition<T>['parse'],
  repeatable = false,
): OptionDefinition<T> {
  const { state = works } = common;
  return {
    names: names.split(' '),
    values,
    placeholder,
    help: common.help,
    ...(common.defaultText === undefined ? {} : { defaultText: common.defaultText }),
    ...(common.perCommand === undefined ? {} : { perCommand: common.perCommand }),
    commands: common.commands ?? ['scale', 'feature_enhance'],
    group: common.group,
    own: common.own ?? false,
    repeatable,
    parse,
    state: typeof state === 'function' ? state : () => state,
  };
}

function flag(names: string, common: Common<true>): OptionDefinition<true> {
  return define(names, 0, '', common, () => true);
}

function text(names: string, placeholder: string, common: Common<string>): OptionDefinition<string> {
  return define(names, 1, placeholder, common, ([value], name) => {
    if (value === '') throw badValue(name, value, 'a non-empty text');
    return value;
  });
}

interface Range {
  /** Smallest value allowed; `above` excludes it. */
  min?: number;
  above?: number;
  max?: number;
  below?: number;
}

function number(names: string, placeholder: string, range: Range, common: Common<number>, integer = false) {
  return define<number>(names, 1, placeholder, common, ([value], name) => parseNumber(value, name, range, integer));
}

function integer(names: string, placeholder: string, range: Range, common: Common<number>) {
  return number(names, placeholder, range, common, true);
}

function choice<T extends string>(names: string, choices: readonly T[], common: Common<T>): OptionDefinition<T> {
  return define<T>(names, 1, choices.join('|'), common, ([value], name) => {
    const found = choices.find((candidate) => candidate === value);
    if (found === undefined) throw badValue(name, value, `one of ${choices.join(', ')}`);
    return found;
  });
}

function badValue(name: string, value: string | undefined, expected: string): LocScaleError {
  return new LocScaleError('usage', `Option ${name} needs ${expected}, not "${value ?? ''}".`, {
    where: name, expected, found: value ?? '', hint: `Run "locscale-gpu --help" for what ${name} means.`,
  });
}

/** Plain decimal numbers only: "0x10", "", " 5" and "Infinity" are not what a user meant. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function parseNumber(value: string | undefined, name: string, range: Range, wantInteger: boolean): number {
  const kind = wantInteger ? 'a whole number' : 'a number';
  const parsed = value !== undefined && decimal.test(value) ? Number(value) : Number.NaN;
  if (!Number.isFinite(parsed) || (wantInteger && !Number.isSafeInteger(parsed))) throw badValue(name, value, kind);
  if (range.min !== undefined && parsed < range.min) throw badValue(name, value, `${kind} of at least ${range.min}`);
  if (range.above !== undefined && parsed <= range.above) throw badValue(name, value, `${kind} above ${range.above}`);
  if (range.max !== undefined && parsed > range.max) throw badValue(name, value, `${kind} of at most ${range.max}`);
  if (range.below !== undefined && parsed >= range.below) throw badValue(name, value, `${kind} below ${range.below}`);
  return parsed;
}

function parseBoxStart(value: string | undefined, name: string): readonly [number, number, number] {
  const parts = (value ?? '').split(',');
  if (parts.length !== 3) throw badValue(name, value, 'three whole numbers z,y,x');
  const [z, y, x] = parts.map((part) => parseNumber(part, name, { min: 0 }, true));
  return [z as number, y as number, x as number];
}

function refused(reason: string, hint: string): OptionState {
  return { kind: 'refused', reason, hint };
}

function noted(note: string): OptionState {
  return { kind: 'noted', note };
}

const giveReferenceMap = 'Give the reference as a map with -mm, or run with --no_reference.';
const notTheNetwork = noted('is only used by the network reference, which this run does not use');
const notThePseudoModel = noted('is only used when a pseudo-model is built, which this run does not do');
const notRefinement = noted('is only used when an atomic model is refined, which this run does not do');
const scaleOnly = ['scale'] as const;
const maps = ['scale', 'feature_enhance', 'mask', 'fsc'] as const;
const maskMakers = ['scale', 'feature_enhance', 'mask'] as const;
const enhanceOnly = ['feature_enhance'] as const;
const engineUsers = ['scale', 'feature_enhance', 'mask', 'fsc', 'demo'] as const;
const all = commandNames;

export const options = {
  // Map input
  emmapPath: text('-em --emmap_path', 'MAP', {
    group: 'Map input', commands: maskMakers, help: 'Unsharpened map (MRC/CCP4, also .gz and .bz2).',
  }),
  halfmapPaths: define<readonly [string, string]>('-hm --halfmap_paths', 2, 'HALF1 HALF2', {
    group: 'Map input', commands: maps, help: 'The two half maps; their mean is scaled and their FSC gives the resolution.',
  }, ([first, second]) => [first as string, second as string]),
  apix: number('-p --apix', 'A', { above: 0 }, {
    group: 'Map input', commands: maps, help: 'Voxel size in angstrom, instead of the one in the file.',
  }),
  resolution: number('-res --ref_resolution', 'A', { above: 0 }, {
    group: 'Map input', help: 'Resolution in angstrom, instead of the half-map FSC.', defaultText: 'FSC = 0.143, without half maps Nyquist + 1 A',
  }),
  filterInput: flag('-filter_input --filter_input', {
    group: 'Map input', help: 'Low-pass the map at its resolution before scaling (LocScale accepts this and does nothing).',
  }),
  applyFscFilter: flag('-apply_fsc_filter --apply_fsc_filter', {
    group: 'Map input', help: 'Weight the map by sqrt(2 FSC / (1 + FSC)) before scaling; needs half maps.',
  }),

  // Reference
  modelMap: text('-mm --model_map', 'MAP', {
    group: 'Reference', commands: scaleOnly, help: 'Reference map on the same grid.',
  }),
  modelResolution: number('-mres --model_resolution', 'A', { above: 0 }, {
    group: 'Reference', commands: scaleOnly, help: 'Low-pass the reference map at this resolution, angstrom.',
  }),
  noReference: flag('--no_reference', {
    group: 'Reference', commands: scaleOnly, help: 'Scale every window to a constant B factor instead of to a reference.',
  }),
  setLocalBfactor: number('--set_local_bfactor', 'B', {}, {
    group: 'Reference', commands: scaleOnly, help: 'That constant B factor, A^2.', defaultText: '20',
  }),
  activatePseudomodel: flag('--activate_pseudomodel', {
    group: 'Reference', commands: scaleOnly,
    help: 'With -mm: treat the reference as simulated from a pseudo-model (theoretical-profile rule).',
  }),
  theoreticalProfile: text('--theoretical_profile', 'JSON', {
    group: 'Reference', commands: scaleOnly, own: true,
    help: 'Average secondary-structure profile for that rule: {"frequency": [1/A ...], "amplitude": [...]}.',
  }),
  differenceMask: text('--difference_mask', 'MAP', {
    group: 'Reference', commands: scaleOnly, own: true,
    help: 'With -mm: theoretical-profile rule inside this mask, plain rule outside (hybrid).',
  }),
  boostSecondaryStructure: number('--boost_secondary_structure', 'FACTOR', { min: 0 }, {
    group: 'Reference', commands: scaleOnly, help: 'Weight of the secondary-structure signal in that rule.', defaultText: '1.5',
  }),
  symmetry: text('-sym --symmetry', 'GROUP', {
    group: 'Reference', help: 'Point group imposed on the reference.', defaultText: 'C1',
    state: (value) => value.toUpperCase() === 'C1' ? works
      : refused(`Symmetry ${value} cannot be imposed yet.`, 'Leave -sym out, or give a reference map that is already symmetrised with -mm.'),
  }),
  modelCoordinates: text('-mc --model_coordinates', 'MODEL', {
    group: 'Reference', commands: scaleOnly, help: 'Atomic model (PDB or mmCIF).',
    state: refused('A reference cannot be simulated from an atomic model (-mc) yet.', giveReferenceMap),
  }),
  completeModel: flag('--complete_model', {
    group: 'Reference', commands: scaleOnly, help: 'Complete a partial model with pseudo-atoms.',
    state: refused('A partial model cannot be completed with pseudo-atoms (--complete_model) yet.', giveReferenceMap),
  }),
  buildUsingPseudomodel: flag('--build_using_pseudomodel', {
    group: 'Reference', commands: scaleOnly, help: 'Build a pseudo-model as reference.',
    state: refused('A pseudo-model cannot be built (--build_using_pseudomodel) yet.', giveReferenceMap),
  }),

  // Mask
  mask: text('-ma --mask', 'MAP', {
    group: 'Mask', help: 'Mask; voxels of at least 0.5 are scaled.', defaultText: 'FDR confidence mask',
  }),
  fdrThreshold: number('-fdr --fdr_threshold', 'RATE', { above: 0, below: 1 }, {
    group: 'Mask', commands: maskMakers, help: 'False-discovery rate of the mask made when none is given.', defaultText: '0.01',
  }),
  fdrWindow: integer('-fdr_w --fdr_window_size', 'VOXELS', { min: 2 }, {
    group: 'Mask', commands: maskMakers, help: 'Edge of the noise boxes in voxels.', defaultText: '10 % of the box',
  }),
  fdrFilter: number('-fdr_f --fdr_filter', 'A', { above: 0 }, {
    group: 'Mask', commands: maskMakers, help: 'Low-pass before the mask is made, angstrom.', defaultText: 'none with -mm or --no_reference',
  }),
  noiseBox: define<readonly (readonly [number, number, number])[]>('--noise_box', 1, 'Z,Y,X', {
    group: 'Mask', commands: maskMakers, own: true,
    help: 'First voxel of a noise box (repeat for several), instead of the four default boxes.',
  }, ([value], name, previous) => [...(previous ?? []), parseBoxStart(value, name)], true),
  maskThreshold: number('-th --mask_threshold', 'CONFIDENCE', { above: 0, max: 1 }, {
    group: 'Mask', help: 'Mask value from which a voxel counts for the molecular volume.', defaultText: '0.99',
  }),
  averagingFilter: integer('-avg_filter --averaging_filter_size', 'VOXELS', {}, {
    group: 'Mask', commands: maskMakers, help: 'Accepted; LocScale 2.3 does not average the mask either.',
    state: noted('has no effect: LocScale 2.3 does not average the mask either'),
  }),
  molecularWeight: number('-mw --molecular_weight', 'kDa', { above: 0 }, {
    group: 'Mask', commands: scaleOnly, help: 'Molecular weight, for the number of pseudo-atoms.', defaultText: 'from the mask volume',
  }),

  // Scaling
  windowSize: integer('-wn --window_size', 'VOXELS', { min: 1 }, {
    group: 'Scaling', help: 'Edge of the scaling window in voxels; odd sizes become the next even one.', defaultText: '25 A',
  }),
  radialProfile: choice('--radial_profile', ['octant', 'sphere'], {
    group: 'Scaling', own: true, help: "Shells of LocScale's octant, or of the full sphere (the better estimate).", defaultText: 'octant',
  }),
  measureBfactors: flag('--measure_bfactors', {
    group: 'Scaling', commands: scaleOnly, help: 'Also write <outfile stem>_bfactor.mrc and <outfile stem>_quality.mrc.',
  }),

  // Output
  outfile: text('-o --outfile', 'FILE', {
    group: 'Output', commands: ['scale', 'feature_enhance', 'fsc', 'mask', 'demo'],
    help: 'Scaled map; a relative name goes to the working directory. <stem>.json beside it records the run.',
    defaultText: 'locscale_output.mrc',
    perCommand: {
      feature_enhance: { help: 'Enhanced map.', defaultText: 'feature_enhanced_output.mrc' },
      fsc: { help: 'Curve as .json or .xml.', defaultText: 'none is written' },
      mask: { help: 'Mask; <stem>_confidence.mrc and <stem>.json are written beside it.', defaultText: 'mask.mrc' },
      demo: { placeholder: 'FOLDER', help: 'Folder for maps, picture and record.', defaultText: 'demo-output' },
    },
  }),
  outputProcessingFiles: text('-op --output_processing_files', 'FOLDER', {
    group: 'Output', help: 'Also write mask, confidence map and FSC curve into this folder (made if absent).',
  }),
  verbose: flag('-v --verbose', { group: 'Output', commands: all, help: 'Say more about each step.' }),
  printReport: flag('--print_report', {
    group: 'Output', help: 'Write a report.',
    state: refused('A report (--print_report) cannot be written yet.', 'Leave it out: <outfile stem>.json records the parameters, numbers and timings.'),
  }),
  reportFilename: text('--report_filename', 'NAME', {
    group: 'Output', help: 'Name of the report.', state: noted('has no effect without --print_report'),
  }),

  // Run
  processes: integer('-np --number_processes', 'N', { min: 1, max: 1024 }, {
    group: 'Run', commands: engineUsers, help: 'Threads of the CPU engine (LocScale itself starts 1 process unless told).', defaultText: 'all cores',
  }),
  engine: choice('--engine', ['auto', 'gpu', 'cpu'], {
    group: 'Run', commands: engineUsers, own: true, help: 'Where to compute; auto takes the GPU if there is one.', defaultText: 'auto',
  }),
  memory: number('--memory', 'GIB', { above: 0 }, {
    group: 'Run', commands: engineUsers, own: true, help: 'Memory the engine may use, GiB.', defaultText: '60 % of RAM',
  }),
  seed: integer('--seed', 'N', { min: 0 }, {
    group: 'Run', commands: ['scale', 'feature_enhance', 'demo'], own: true,
    help: 'Seed of everything random (the demo structure and its noise); scaling with -mm or --no_reference is not random.',
    defaultText: '1',
  }),
  dryRun: flag('--dry_run --dry-run', {
    group: 'Run', own: true, commands: scaleOnly, help: 'Print the plan (mode, voxels, window, memory, expected time) and stop.',
  }),
  debug: flag('--debug', { group: 'Run', own: true, commands: all, help: 'Print the stack with an error.' }),
  help: flag('-h --help', { group: 'Run', commands: all, help: 'Print this help.' }),
  version: flag('--version', { group: 'Run', own: true, commands: all, help: 'Print the version.' }),
  mpi: flag('-mpi --mpi', {
    group: 'Run', help: 'Run under MPI.',
    state: refused('Runs over several machines (-mpi) are not possible yet.', 'Leave -mpi out: -np N uses N cores of this machine.'),
  }),
  devMode: flag('--dev_mode', {
    group: 'Run', commands: scaleOnly, help: 'Accepted; inputs are always checked.', state: noted('has no effect: inputs are always checked'),
  }),

  // Network
  modelPath: text('-model_path --model_path', 'FILE', { group: 'Network', help: 'Trained network.', state: notTheNetwork }),
  lowContextModel: flag('--use_low_context_model', { group: 'Network', help: 'Network trained on low-context data.', state: notTheNetwork }),
  batchSize: integer('-bs --batch_size', 'N', { min: 1 }, { group: 'Network', help: 'Cubes per batch.', defaultText: '8', state: notTheNetwork }),
  gpuIds: define<readonly number[]>('-gpus --gpu_ids', 'many', 'ID ...', {
    group: 'Network', help: 'GPUs for the network.', state: notTheNetwork,
  }, (values, name) => values.map((value) => parseNumber(value, name, { min: 0 }, true))),
  cubeSize: integer('-cube_size --cube_size', 'VOXELS', { min: 1 }, { group: 'Network', help: 'Edge of a cube.', defaultText: '32', state: notTheNetwork }),
  stride: integer('-s --stride', 'VOXELS', { min: 1 }, { group: 'Network', help: 'Step between cubes.', defaultText: '16', state: notTheNetwork }),
  noMonteCarlo: flag('-no_mc --no_monte_carlo', { group: 'Network', commands: enhanceOnly, help: 'One pass without dropout.' }),
  monteCarloIterations: integer('-mc_it --monte_carlo_iterations', 'N', { min: 1 }, {
    group: 'Network', commands: enhanceOnly, help: 'Passes with dropout.', defaultText: '15',
  }),
  physicsBased: flag('-pb --physics_based', { group: 'Network', commands: enhanceOnly, help: 'Physics-based network.' }),
  download: flag('-download --download', { group: 'Network', commands: enhanceOnly, help: 'Download the weights.' }),

  // Pseudo-model and refinement
  pseudomodelMethod: text('-pm --pseudomodel_method', 'METHOD', {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'gradient or kick.', defaultText: 'gradient', state: notThePseudoModel,
  }),
  totalIterations: integer('-pm_it --total_iterations', 'N', { min: 1 }, {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Iterations.', defaultText: '50', state: notThePseudoModel,
  }),
  distance: number('-dst --distance', 'A', { above: 0 }, {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Distance between atoms.', defaultText: '1.2', state: notThePseudoModel,
  }),
  averagingWindow: integer('-avg_w --averaging_window', 'VOXELS', { min: 1 }, {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Smoothing of the difference mask.', defaultText: '3', state: notThePseudoModel,
  }),
  smoothFactor: number('-smooth --smooth_factor', 'FACTOR', { min: 0 }, {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Accepted; profiles are merged without it.', defaultText: '0.3',
    state: noted('has no effect: the theoretical-profile rule merges profiles without it'),
  }),
  refmacIterations: integer('-ref_it --refmac_iterations', 'N', { min: 0 }, {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Cycles of refinement.', defaultText: '10', state: notRefinement,
  }),
  addBlur: number('--add_blur', 'B', {}, {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Blur of the refinement target.', defaultText: '20', state: notRefinement,
  }),
  skipRefine: flag('--skip_refine', {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Do not refine.', state: noted('has no effect: nothing is refined in this run'),
  }),
  cifInfo: text('-cif_info --cif_info', 'FILE', {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Restraints for refinement.', state: notRefinement,
  }),
  refmac5Path: text('--refmac5_path', 'FILE', {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Accepted; refmac5 is never called.', state: noted('has no effect: refmac5 is never called'),
  }),
  crefPickle: text('--cref_pickle', 'FILE', {
    group: 'Pseudo-model and refinement', commands: scaleOnly, help: 'Accepted; refmac5 is never called.', state: noted('has no effect: refmac5 is never called'),
  }),
} as const;

export type OptionId = keyof typeof options;
type ValueOf<D> = D extends OptionDefinition<infer T> ? T : never;
/** What a command line said; an absent option is absent. */
export type OptionValues = { [K in OptionId]?: ValueOf<(typeof options)[K]> };

export const optionIds = Object.keys(options) as OptionId[];

export function definitionOf(id: OptionId): OptionDefinition {
  return options[id] as OptionDefinition;
}
