/**
 * Option values to a job: which files are needed, in which mode the run is, and LocScale's rules on
 * what may be given together. Nothing is read here.
 */
import { extname } from 'node:path';
import { LocScaleError } from '../errors.ts';
import type { CommandName, OptionValues } from '../options.ts';
import { defaultParameters } from '../pipeline/parameters.ts';
import type { LocScaleParameters } from '../pipeline/types.ts';

export type ReferenceFiles =
  | { readonly kind: 'model-map'; readonly map: string }
  | { readonly kind: 'pseudo-model-map'; readonly map: string; readonly profile: string }
  | {
      readonly kind: 'hybrid-map';
      readonly map: string;
      readonly profile: string;
      readonly differenceMask: string;
    }
  | { readonly kind: 'network' }
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

export function chooseReference(values: OptionValues): ReferenceFiles {
  const { modelMap, activatePseudomodel, theoreticalProfile, differenceMask, modelResolution } = values;
  const { noReference, reference } = values;
  if (reference === 'network' && (noReference === true || modelMap !== undefined))
    throw usage(
      `--reference network and ${noReference === true ? '--no_reference' : '-mm'} exclude each other.`,
      '--reference',
      'Leave one of them out.',
    );
  if (noReference === true || reference === 'none') {
    const name = noReference === true ? '--no_reference' : '--reference none';
    const conflicting =
      modelMap !== undefined
        ? '-mm'
        : modelResolution !== undefined
          ? '-mres'
          : activatePseudomodel === true
            ? '--activate_pseudomodel'
            : theoreticalProfile !== undefined
              ? '--theoretical_profile'
              : differenceMask !== undefined
                ? '--difference_mask'
                : undefined;
    if (conflicting !== undefined)
      throw usage(`${name} and ${conflicting} exclude each other.`, conflicting, 'Leave one of them out.');
    return { kind: 'none' };
  }
  if (modelMap === undefined) {
    const needy =
      activatePseudomodel === true
        ? '--activate_pseudomodel'
        : differenceMask !== undefined
          ? '--difference_mask'
          : theoreticalProfile !== undefined
            ? '--theoretical_profile'
            : undefined;
    if (needy !== undefined) throw usage(`${needy} needs a reference map.`, needy, 'Give it with -mm.');
    return { kind: 'network' };
  }
  if (activatePseudomodel !== true && differenceMask === undefined) {
    if (theoreticalProfile !== undefined)
      throw usage(
        '--theoretical_profile is only used with --activate_pseudomodel or --difference_mask.',
        '--theoretical_profile',
        'Add the rule you mean.',
      );
    return { kind: 'model-map', map: modelMap };
  }
  if (activatePseudomodel === true && differenceMask !== undefined) {
    throw usage(
      '--activate_pseudomodel and --difference_mask exclude each other.',
      '--difference_mask',
      'With a difference mask the rule holds inside it, without one everywhere.',
    );
  }
  if (theoreticalProfile === undefined) {
    throw usage(
      `${differenceMask === undefined ? '--activate_pseudomodel' : '--difference_mask'} needs an average profile.`,
      '--theoretical_profile',
      'Give it with --theoretical_profile FILE.json.',
    );
  }
  return differenceMask === undefined
    ? { kind: 'pseudo-model-map', map: modelMap, profile: theoreticalProfile }
    : { kind: 'hybrid-map', map: modelMap, profile: theoreticalProfile, differenceMask };
}

/** Low-pass before the FDR mask where a network predicts the reference, A (LocScale's default there). */
export const NETWORK_FDR_FILTER = 5;

/** All parameters in use: LocScale's defaults, overridden by the options given. */
export function parametersOf(values: OptionValues, usesNetwork = false): LocScaleParameters {
  const given: Partial<LocScaleParameters> = {};
  const set = <K extends keyof LocScaleParameters>(
    key: K,
    value: LocScaleParameters[K] | undefined,
  ): void => {
    if (value !== undefined) given[key] = value;
  };
  set('windowVoxels', values.windowSize);
  set('resolution', values.resolution);
  set('profileKind', values.radialProfile);
  set('measureBFactors', values.measureBfactors);
  set('referenceResolution', values.modelResolution);
  set('boostSecondaryStructure', values.boostSecondaryStructure);
  set('setLocalBFactor', values.setLocalBfactor);
  set('fdrThreshold', values.fdrThreshold);
  set('fdrFilter', values.fdrFilter ?? (usesNetwork ? NETWORK_FDR_FILTER : undefined));
  set('fdrWindow', values.fdrWindow);
  set('fdrNoiseBoxes', values.noiseBox);
  set('maskThreshold', values.maskThreshold);
  set('filterInput', values.filterInput);
  set('applyFscFilter', values.applyFscFilter);
  set('molecularWeightKiloDalton', values.molecularWeight);
  return { ...defaultParameters, ...given };
}

const defaultOutfiles: Partial<Record<CommandName, string>> = {
  scale: 'locscale_output.mrc',
  feature_enhance: 'feature_enhanced_output.mrc',
  mask: 'mask.mrc',
};

/** The output map. Compressed output and the manifest's own name are refused. */
export function chooseOutfile(values: OptionValues, command: 'scale' | 'feature_enhance' | 'mask'): string {
  const outfile = values.outfile ?? (defaultOutfiles[command] as string);
  const extension = extname(outfile).toLowerCase();
  if (['.gz', '.bz2', '.json', '.xml'].includes(extension)) {
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
  command: CommandName = 'scale',
): string[] {
  const notes: string[] = [];
  const note = (given: unknown, name: string, reason: string): void => {
    if (given !== undefined) notes.push(`${name} has no effect: ${reason}.`);
  };
  if (values.mask !== undefined) {
    note(values.fdrThreshold, '--fdr_threshold', 'a mask is given');
    note(values.fdrFilter, '--fdr_filter', 'a mask is given');
    note(values.fdrWindow, '--fdr_window_size', 'a mask is given');
    note(values.noiseBox, '--noise_box', 'a mask is given');
  }
  if (reference.kind !== 'none')
    note(values.setLocalBfactor, '--set_local_bfactor', 'it belongs to --no_reference');
  if (reference.kind !== 'network') {
    const reason = 'this run uses no network';
    note(values.modelPath, '-model_path', reason);
    note(values.lowContextModel, '--use_low_context_model', reason);
    note(values.provider, '--provider', reason);
    note(values.batchSize, '--batch_size', reason);
    note(values.cubeSize, '--cube_size', reason);
    note(values.stride, '--stride', reason);
  }
  if (reference.kind !== 'pseudo-model-map' && reference.kind !== 'hybrid-map') {
    note(
      values.boostSecondaryStructure,
      '--boost_secondary_structure',
      'it belongs to the theoretical-profile rule',
    );
  }
  if (values.noMonteCarlo === true) {
    note(
      values.monteCarloIterations,
      '--monte_carlo_iterations',
      'there is no Monte-Carlo sampling (-no_mc)',
    );
  }
  const samples = command === 'feature_enhance' && values.noMonteCarlo !== true;
  if (!samples) note(values.seed, '--seed', 'nothing in this run is random');
  return notes;
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
