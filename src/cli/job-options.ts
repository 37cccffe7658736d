/**
 * Converts option values to a job: files, mode, and LocScale's rules on combinations of options. Reads no
 * files.
 */
import { extname } from 'node:path';
import type { LocScaleParameters, MaskShape } from '../index.ts';
import { type ReferenceFiles, type RunChosen, usesTheoreticalProfile, type Way } from '../options/effects.ts';
import {
  type CommandName,
  definitionOf,
  type OptionId,
  type OptionValues,
  optionIds,
} from '../options/index.ts';
import { checkFilters } from '../pipeline/fsc.ts';
import { checkHalfMaps } from '../pipeline/local-resolution.ts';
import { completeParameters } from '../pipeline/parameters.ts';
import { referenceTraitsOf } from '../pipeline/references/index.ts';
import { localResolutionSettings } from './local-resolution.ts';
import type { ParsedCommandLine } from './parse-argv.ts';
import { reportNameNote } from './report.ts';
import { exclude, usage } from './usage.ts';

/** Paths of the input maps. */
export type InputFiles =
  | { readonly kind: 'map'; readonly map: string }
  | { readonly kind: 'half-maps'; readonly half1: string; readonly half2: string };

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

/** The half maps of a command without other inputs: with -hm, or as positional arguments. */
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
 * The kinds of reference exclude each other; options of one kind are refused with another, so that nothing is
 * ignored silently.
 */
export function chooseReference(values: OptionValues): ReferenceFiles {
  const ways = waysGiven(values);
  const [way, other] = ways;
  if (other !== undefined) throw exclude(`${way?.name}`, other.name);
  const kind = way?.kind ?? 'network';
  refuseForeign(values, kind, way?.name);
  const reference = referenceOf(values, kind);
  if (values.theoreticalProfile !== undefined && !usesTheoreticalProfile(reference))
    throw usage(
      '--theoretical_profile belongs to the theoretical-profile rule, which this run does not use.',
      '--theoretical_profile',
      'Add --activate_pseudomodel, --difference_mask, --complete_model or --build_using_pseudomodel, ' +
        'or leave it out.',
    );
  return reference;
}

/** The files of a kind of reference. */
function referenceOf(values: OptionValues, kind: Way): ReferenceFiles {
  const { modelMap, modelCoordinates, differenceMask, completeModel } = values;
  const activated = values.activatePseudomodel === true;
  // LocScale reads -mm with --activate_pseudomodel as a simulated (pseudo-)model map.
  switch (kind) {
    case 'map': {
      const map = modelMap as string;
      if (activated && differenceMask !== undefined)
        throw usage(
          '--activate_pseudomodel and --difference_mask exclude each other.',
          '--difference_mask',
          'With a difference mask the rule holds inside it, without one everywhere.',
        );
      if (differenceMask !== undefined) return { kind: 'hybrid-map', map, differenceMask };
      return { kind: activated ? 'pseudo-model-map' : 'model-map', map };
    }
    case 'model': {
      const model = modelCoordinates as string;
      if (completeModel !== true) return { kind: 'atomic-model', model, theoreticalProfile: activated };
      for (const id of ['skipRefine', 'activatePseudomodel'] as const)
        if (values[id] === true) throw exclude('--complete_model', shortNameOf(id));
      return { kind: 'hybrid-model', model };
    }
    default:
      return { kind };
  }
}

/** All kinds of reference that the options name, with the option for messages; more than one is an error. */
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

/** Options that belong to other kinds of reference. */
function refuseForeign(values: OptionValues, kind: Way, way: string | undefined): void {
  for (const id of optionIds) {
    const { belongsTo } = definitionOf(id);
    if (belongsTo === undefined || values[id] === undefined || belongsTo.ways.includes(kind)) continue;
    const name = shortNameOf(id);
    const { needs } = belongsTo;
    throw way === undefined
      ? usage(`${name} needs ${needs}.`, name, `Add ${needs}, or leave ${name} out.`)
      : exclude(way, name);
  }
}

/**
 * All parameters in use: the options given, else the pipeline's defaults. `smoothsMask`: the default of the
 * low-pass before the FDR mask is then 5 A instead of none, as in runs of a network and in soft scaling.
 */
export function parametersOf(values: OptionValues, smoothsMask = false): LocScaleParameters {
  const given = optionIds
    .filter((id) => definitionOf(id).parameter !== undefined && values[id] !== undefined)
    .map((id) => [definitionOf(id).parameter, values[id]]);
  const localResolution = values.localResolution === true ? localResolutionSettings(values) : undefined;
  return completeParameters({ ...Object.fromEntries(given), localResolution }, smoothsMask);
}

/** What a run that scales does to its mask; undefined: nothing. The command mask has settings of its own. */
export function maskShapeOf(values: OptionValues): MaskShape | undefined {
  const { threshold, lowPass, fillHoles, keepPieces, extend, softEdge } = values;
  const shape = {
    threshold,
    lowPass,
    fillHoles,
    keepPieces,
    extendAngstrom: extend,
    softEdgeAngstrom: softEdge,
  };
  return Object.values(shape).every((value) => value === undefined) ? undefined : shape;
}

/** Default names of the main outputs. */
const defaultOutfiles = {
  scale: 'locscale_output.mrc',
  feature_enhance: 'feature_enhanced_output.mrc',
  mask: 'mask.mrc',
  locres: 'localres.mrc',
  postprocess: 'postprocess.mrc',
  resample: 'resampled.mrc',
  symmetrise: 'symmetrised.mrc',
} as const;

/** The output map. Refuses compressed output and names of the files next to it. */
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

/** Early checks of what the pipeline would refuse, before any file is opened. */
export function checkCombinations(values: OptionValues, input: InputFiles): void {
  const parameters = parametersOf(values);
  checkFilters(input.kind, parameters);
  checkHalfMaps(input.kind, parameters.localResolution);
}

/** Valid options without effect in this run, one line each, so that nothing is ignored silently. */
export function ineffectiveOptions(
  values: OptionValues,
  reference: ReferenceFiles,
  { command = 'scale', scaling = 'locscale' }: { command?: CommandName; scaling?: 'locscale' | 'soft' } = {},
): string[] {
  const traits = referenceTraitsOf(reference.kind);
  const run: RunChosen = { values, reference, traits, command, soft: scaling === 'soft' };
  // An option may be idle for several reasons; all are listed.
  const notes = optionIds
    .filter((id) => values[id] !== undefined)
    .flatMap((id) => {
      const reasons = (definitionOf(id).idle ?? []).filter(({ when }) => when(run));
      return reasons.map(({ because }) => `${longNameOf(id)} has no effect: ${because}.`);
    });
  const reportName = reportNameNote(values);
  return reportName === undefined ? notes : [...notes, reportName];
}

/** First spelling, for hints. */
function shortNameOf(id: OptionId): string {
  return definitionOf(id).names[0] as string;
}

/** Last spelling, for notes. */
function longNameOf(id: OptionId): string {
  return definitionOf(id).names.at(-1) as string;
}

/** Unexpected positional arguments are errors, with the likely reason. */
export function refusePositionals(
  positionals: readonly string[],
  most: number,
  hint = 'Maps are given with options: -em MAP or -hm HALF1 HALF2; run --help for the list.',
): void {
  const extra = positionals[most];
  if (extra !== undefined) throw usage(`Unexpected argument "${extra}".`, extra, hint);
}
