/**
 * Option values to a job: which files are needed, in which mode the run is, and LocScale's rules on
 * what may be given together. Nothing is read here.
 */
import { extname } from 'node:path';
import { LocScaleError } from '../errors.ts';
import type { LocScaleParameters } from '../index.ts';
import { type CommandName, definitionOf, type OptionValues, optionIds } from '../options.ts';
import { completeParameters } from '../pipeline/parameters.ts';
import { referenceTraitsOf } from '../pipeline/references/index.ts';
import { localResolutionSettings } from './local-resolution.ts';
import type { ParsedCommandLine } from './parse-argv.ts';
import { reportNameNote } from './report.ts';

export type ReferenceFiles =
  | { readonly kind: 'model-map'; readonly map: string }
  | { readonly kind: 'pseudo-model-map'; readonly map: string }
  | { readonly kind: 'hybrid-map'; readonly map: string; readonly differenceMask: string }
  /** Simulated from an atomic model; with `theoreticalProfile` by the rule for pseudo-models. */
  | { readonly kind: 'atomic-model'; readonly model: string; readonly theoreticalProfile: boolean }
  | { readonly kind: 'hybrid-model'; readonly model: string }
  | { readonly kind: 'pseudo-model' }
  | { readonly kind: 'network' }
  /** No map: amplitudes of an average protein; soft scaling only. */
  | { readonly kind: 'profile' }
  | { readonly kind: 'none' };

export type InputFiles =
  | { readonly kind: 'map'; readonly map: string }
  | { readonly kind: 'half-maps'; readonly half1: string; readonly half2: string };

function usage(message: string, where: string, hint: string): LocScaleError {
  return new LocScaleError('usage', message, { where, hint });
}

/** -em or -hm, and not both. `positional`: a map named without an option (command mask). */
export function chooseInput(values: OptionValues, positional?: string): InputFiles {
  const { emmapPath, halfmapPaths } = values;
  const map = emmapPath ?? positional;
  if (emmapPath !== undefined && positional !== undefined)
    throw usage('Two maps are given.', '-em', 'Name the map once.');
  if (map !== undefined && halfmapPaths !== undefined)
    throw usage(
      'Both a map (-em) and half maps (-hm) are given.',
      '-em',
      'Give one of them; half maps are the better choice.',
    );
  if (halfmapPaths !== undefined)
    return { kind: 'half-maps', half1: halfmapPaths[0], half2: halfmapPaths[1] };
  if (map !== undefined) return { kind: 'map', map };
  throw usage('No map is given.', '-em', 'Give two half maps with -hm HALF1 HALF2, or one map with -em MAP.');
}

/** The half maps of a command that takes nothing else: with -hm, or as words. */
export function chooseHalfMaps(
  { values, positionals }: ParsedCommandLine,
  command: 'fsc' | 'locres',
): Extract<InputFiles, { kind: 'half-maps' }> {
  const { halfmapPaths } = values;
  refusePositionals(positionals, halfmapPaths === undefined ? 2 : 0);
  const [half1, half2] = halfmapPaths ?? positionals;
  if (half2 !== undefined) return { kind: 'half-maps', half1, half2 };
  const words = command === 'fsc' ? 'HALF1 HALF2' : '-hm HALF1 HALF2';
  throw usage(
    `The command ${command} needs two half maps.`,
    command,
    `Write locscale-gpu ${command} ${words}.`,
  );
}

/**
 * Each way to a reference excludes the others; what belongs to one way only is refused with another, so
 * that nothing is ignored silently.
 */
export function chooseReference(values: OptionValues): ReferenceFiles {
  const ways = waysGiven(values);
  const [way, other] = ways;
  if (other !== undefined)
    throw usage(`${way?.name} and ${other.name} exclude each other.`, other.name, 'Leave one of them out.');
  const kind = way?.kind ?? 'network';
  refuseStrangers(values, kind, way?.name);
  const { modelMap, modelCoordinates, activatePseudomodel, differenceMask } = values;
  switch (kind) {
    case 'map': {
      const map = modelMap as string;
      if (activatePseudomodel === true && differenceMask !== undefined)
        throw usage(
          '--activate_pseudomodel and --difference_mask exclude each other.',
          '--difference_mask',
          'With a difference mask the rule holds inside it, without one everywhere.',
        );
      if (differenceMask !== undefined) return { kind: 'hybrid-map', map, differenceMask };
      return { kind: activatePseudomodel === true ? 'pseudo-model-map' : 'model-map', map };
    }
    case 'model': {
      const model = modelCoordinates as string;
      if (values.completeModel !== true)
        return { kind: 'atomic-model', model, theoreticalProfile: activatePseudomodel === true };
      for (const [given, name] of [
        [values.skipRefine, '--skip_refine'],
        [activatePseudomodel, '--activate_pseudomodel'],
      ] as const)
        if (given === true)
          throw usage(`--complete_model and ${name} exclude each other.`, name, 'Leave one of them out.');
      return { kind: 'hybrid-model', model };
    }
    case 'pseudo-model':
    case 'network':
    case 'profile':
    case 'none':
      return { kind };
  }
}

type Way = 'map' | 'model' | 'pseudo-model' | 'network' | 'profile' | 'none';

function waysGiven(values: OptionValues): { kind: Way; name: string }[] {
  const { noReference, reference, modelMap, modelCoordinates, buildUsingPseudomodel } = values;
  const ways: { kind: Way; name: string }[] = [];
  if (noReference === true) ways.push({ kind: 'none', name: '--no_reference' });
  else if (reference === 'none') ways.push({ kind: 'none', name: '--reference none' });
  if (reference === 'profile') ways.push({ kind: 'profile', name: '--reference profile' });
  if (reference === 'network') ways.push({ kind: 'network', name: '--reference network' });
  if (buildUsingPseudomodel === true) ways.push({ kind: 'pseudo-model', name: '--build_using_pseudomodel' });
  else if (reference === 'pseudomodel') ways.push({ kind: 'pseudo-model', name: '--reference pseudomodel' });
  if (modelMap !== undefined) ways.push({ kind: 'map', name: '-mm' });
  if (modelCoordinates !== undefined) ways.push({ kind: 'model', name: '-mc' });
  return ways;
}

/** Options that belong to some ways to a reference only. */
const companions: readonly {
  readonly id: keyof OptionValues;
  readonly name: string;
  readonly with: readonly Way[];
  readonly needs: string;
}[] = [
  {
    id: 'modelResolution',
    name: '-mres',
    with: ['map', 'model', 'pseudo-model', 'network'],
    needs: 'a reference map',
  },
  { id: 'activatePseudomodel', name: '--activate_pseudomodel', with: ['map', 'model'], needs: '-mm or -mc' },
  { id: 'differenceMask', name: '--difference_mask', with: ['map'], needs: '-mm' },
  { id: 'completeModel', name: '--complete_model', with: ['model'], needs: '-mc' },
  { id: 'skipRefine', name: '--skip_refine', with: ['map', 'model'], needs: '-mc' },
];

function refuseStrangers(values: OptionValues, kind: Way, way: string | undefined): void {
  for (const { id, name, with: ways, needs } of companions) {
    if (values[id] === undefined || ways.includes(kind)) continue;
    throw way === undefined
      ? usage(`${name} needs ${needs}.`, name, `Add ${needs}, or leave ${name} out.`)
      : usage(`${way} and ${name} exclude each other.`, name, 'Leave one of them out.');
  }
  const rule =
    kind === 'pseudo-model' ||
    (kind === 'model' && (values.activatePseudomodel === true || values.completeModel === true)) ||
    (kind === 'map' && (values.activatePseudomodel === true || values.differenceMask !== undefined));
  if (values.theoreticalProfile !== undefined && !rule)
    throw usage(
      '--theoretical_profile belongs to the theoretical-profile rule, which this run does not use.',
      '--theoretical_profile',
      'Add --activate_pseudomodel, --difference_mask, --complete_model or --build_using_pseudomodel, or leave it out.',
    );
}

/** All parameters in use: the options given, else the pipeline's defaults. */
export function parametersOf(values: OptionValues, smoothsMask = false): LocScaleParameters {
  const given = optionIds
    .filter((id) => definitionOf(id).parameter !== undefined && values[id] !== undefined)
    .map((id) => [definitionOf(id).parameter, values[id]]);
  const localResolution = values.localResolution === true ? localResolutionSettings(values) : undefined;
  return completeParameters({ ...Object.fromEntries(given), localResolution }, smoothsMask);
}

/** Names of the main outputs, where -o gives none. */
export const defaultOutfiles = {
  scale: 'locscale_output.mrc',
  feature_enhance: 'feature_enhanced_output.mrc',
  mask: 'mask.mrc',
  locres: 'localres.mrc',
  symmetrise: 'symmetrised.mrc',
} as const;

/** The output map. Compressed output and names of the files beside it are refused. */
export function chooseOutfile(values: OptionValues, command: keyof typeof defaultOutfiles): string {
  const outfile = values.outfile ?? defaultOutfiles[command];
  const extension = extname(outfile).toLowerCase();
  if (['.gz', '.bz2', '.json', '.xml', '.cxc'].includes(extension)) {
    throw usage(
      `The output map cannot be written as ${extension}.`,
      '-o',
      'Give a name that ends in .mrc or .map.',
    );
  }
  return outfile;
}

/** Options that only make sense together, before any file is opened. */
export function checkCombinations(values: OptionValues, input: InputFiles): void {
  if (values.applyFscFilter === true && input.kind === 'map') {
    throw usage(
      'Weighting by the FSC (-apply_fsc_filter) needs half maps.',
      '-apply_fsc_filter',
      'Give the half maps with -hm.',
    );
  }
  if (values.localResolution === true && input.kind === 'map') {
    throw usage(
      'The local resolution (--local_resolution) needs half maps.',
      '--local_resolution',
      'Give the half maps with -hm.',
    );
  }
  if (values.filterInput === true && input.kind === 'map' && values.resolution === undefined) {
    throw usage(
      'Filtering the input (-filter_input) needs a resolution.',
      '-filter_input',
      'Give it with -res, or give half maps with -hm.',
    );
  }
}

/** Options that are fine but change nothing in this run: one line each, nothing is ignored silently. */
export function ineffectiveOptions(
  values: OptionValues,
  reference: ReferenceFiles,
  { command = 'scale', scaling = 'locscale' }: { command?: CommandName; scaling?: 'locscale' | 'soft' } = {},
): string[] {
  const notes = ineffectiveMaskOptions(values);
  const note = noteInto(notes);
  if (values.localResolution !== true) {
    const reason = 'it belongs to --local_resolution';
    note(values.locresWindow, '--locres_window', reason);
    note(values.locresShape, '--locres_shape', reason);
    note(values.locresThreshold, '--locres_threshold', reason);
  }
  if (reference.kind !== 'none')
    note(values.setLocalBfactor, '--set_local_bfactor', 'it belongs to --no_reference');
  const traits = referenceTraitsOf(reference.kind);
  if (!traits.usesNetwork) {
    const reason = 'this run uses no network';
    note(values.modelPath, '-model_path', reason);
    note(values.lowContextModel, '--use_low_context_model', reason);
    note(values.provider, '--provider', reason);
    note(values.batchSize, '--batch_size', reason);
    note(values.cubeSize, '--cube_size', reason);
    note(values.stride, '--stride', reason);
  }
  const { kind } = reference;
  const usesProfile =
    kind === 'pseudo-model-map' ||
    kind === 'hybrid-map' ||
    kind === 'pseudo-model' ||
    kind === 'hybrid-model' ||
    (kind === 'atomic-model' && reference.theoreticalProfile);
  if (scaling === 'soft') {
    const reason = "it belongs to LocScale's scheme (--scaling locscale)";
    note(values.boostSecondaryStructure, '--boost_secondary_structure', reason);
    note(values.theoreticalProfile, '--theoretical_profile', reason);
    if (kind !== 'profile') note(values.locality, '--locality', 'it belongs to a profile');
  } else {
    const reason = 'it belongs to soft scaling (--scaling soft)';
    note(values.locality, '--locality', reason);
    note(values.fadeOutput, '--fade_output', reason);
  }
  if (!usesProfile && scaling === 'locscale')
    note(
      values.boostSecondaryStructure,
      '--boost_secondary_structure',
      'it belongs to the theoretical-profile rule',
    );
  const places = traits.placesPseudoAtoms;
  if (!places) {
    note(values.pseudomodelMethod, '--pseudomodel_method', 'no pseudo-atoms are placed');
    note(values.totalIterations, '--total_iterations', 'no pseudo-atoms are placed');
    note(values.distance, '--distance', 'no pseudo-atoms are placed');
  }
  if (!traits.makesDifferenceMask)
    note(values.averagingWindow, '--averaging_window', 'it belongs to --complete_model');
  const refines = places || (kind === 'atomic-model' && values.skipRefine !== true);
  if (kind !== 'atomic-model') note(values.skipRefine, '--skip_refine', 'there is no model to refine');
  if (!refines) note(values.refmacIterations, '--refmac_iterations', 'no B factors are refined');
  if (values.printReport !== true)
    note(values.reportFilename, '--report_filename', 'no report is written without --print_report');
  const reportName = reportNameNote(values);
  if (reportName !== undefined) notes.push(reportName);
  if (values.download !== true) note(values.downloadFrom, '--from', 'it belongs to --download');
  if (values.noMonteCarlo === true) {
    note(
      values.monteCarloIterations,
      '--monte_carlo_iterations',
      'there is no Monte-Carlo sampling (-no_mc)',
    );
  }
  const random = places || (command === 'feature_enhance' && values.noMonteCarlo !== true);
  if (!random) note(values.seed, '--seed', 'nothing in this run is random');
  return notes;
}

/** With a mask none is made. */
export function ineffectiveMaskOptions(values: OptionValues): string[] {
  const notes: string[] = [];
  if (values.mask === undefined) return notes;
  const note = noteInto(notes);
  const reason = 'a mask is given';
  note(values.fdrThreshold, '--fdr_threshold', reason);
  note(values.fdrFilter, '--fdr_filter', reason);
  note(values.fdrWindow, '--fdr_window_size', reason);
  note(values.noiseBox, '--noise_box', reason);
  return notes;
}

function noteInto(notes: string[]) {
  return (given: unknown, name: string, reason: string): void => {
    if (given !== undefined) notes.push(`${name} has no effect: ${reason}.`);
  };
}

/** Unexpected words are errors, with the likely reason. */
export function refusePositionals(
  positionals: readonly string[],
  most: number,
  hint = 'Maps are given with options: -em MAP or -hm HALF1 HALF2; run --help for the list.',
): void {
  const extra = positionals[most];
  if (extra !== undefined) throw usage(`Unexpected argument "${extra}".`, extra, hint);
}
