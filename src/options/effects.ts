/**
 * Dependencies between options. Rows of the tables name what they belong to (`belongsTo`: without it they are
 * refused) and when they have no effect (`idle`: a note states why, so that nothing is ignored silently).
 */

import type { ReferenceTraits } from '../pipeline/references/source.ts';
import type { CommandName } from './definition.ts';
import type { OptionValues } from './index.ts';

/** The kinds of reference, by the files that the options name. Files are read by cli/scale-reference.ts. */
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

/** Kinds of reference; a run has exactly one. */
export type Way = 'map' | 'model' | 'pseudo-model' | 'network' | 'profile' | 'none';

/** What an option depends on. */
export interface Belonging {
  readonly ways: readonly Way[];
  /** The missing option, for the message that refuses this one. */
  readonly needs: string;
}

/** What decides whether an option has an effect: the command line, and what follows from the reference. */
export interface RunChosen {
  readonly values: OptionValues;
  readonly reference: ReferenceFiles;
  readonly traits: ReferenceTraits;
  readonly command: CommandName;
  readonly soft: boolean;
}

/**
 * A condition under which an option does nothing, and the end of the note that says so: "--x has no effect: a
 * mask is given."
 */
export interface Idle {
  readonly because: string;
  readonly when: (run: RunChosen) => boolean;
}

/** By the theoretical-profile rule of pseudo-models, in all of the map or in a part of it. */
export function usesTheoreticalProfile(reference: ReferenceFiles): boolean {
  const { kind } = reference;
  return kind === 'atomic-model'
    ? reference.theoreticalProfile
    : ['pseudo-model-map', 'hybrid-map', 'pseudo-model', 'hybrid-model'].includes(kind);
}

/** For options of the FDR mask. */
export const maskIsGiven: Idle = {
  because: 'a mask is given',
  when: ({ values }) => values.mask !== undefined,
};
/** For --match_grid: nothing can be on another grid. `fsc` and `locres` may have two positional maps. */
export const oneMapOnly: Idle = {
  because: 'only one map is read',
  when: ({ values, command }) =>
    !['fsc', 'locres'].includes(command) &&
    [
      values.halfmapPaths,
      values.against,
      values.mask,
      values.modelMap,
      values.unite,
      values.intersect,
      values.subtract,
      values.cropToMask,
      values.like,
    ].every((given) => given === undefined),
};
/** For the padding of a box that follows a mask. */
export const noCropToMask: Idle = {
  because: 'it belongs to --crop_to_mask',
  when: ({ values }) => values.cropToMask === undefined,
};
/** Masks that are not made by false-discovery rate; exactly one source may be given (cli/mask.ts). */
const otherMask = ({ threshold, nonZero, modelCoordinates }: OptionValues): boolean =>
  threshold !== undefined || nonZero === true || modelCoordinates !== undefined;

/** Commands in which --threshold makes the mask, unless one is given. */
const scales = (command: CommandName): boolean => command === 'scale' || command === 'feature_enhance';

/** For options of the FDR mask where the mask is made from something else. */
export const maskOfAnotherKind: Idle = {
  because: 'the mask is not made by false-discovery rate',
  when: ({ values, command }) =>
    command === 'mask'
      ? otherMask(values)
      : scales(command) && values.mask === undefined && values.threshold !== undefined,
};
/** For the radius around atoms. */
export const notAroundModel: Idle = {
  because: 'it belongs to -mc',
  when: ({ values }) => values.modelCoordinates === undefined,
};
/** For windows of the correlation between maps. */
export const nothingToCompare: Idle = {
  because: 'it belongs to --against',
  when: ({ values }) => values.against === undefined,
};
/**
 * For the low-pass before a density threshold; in other commands that option is the low-pass of the result.
 */
export const noThreshold: Idle = {
  because: 'it belongs to --threshold',
  when: ({ values, command }) => (command === 'mask' || scales(command)) && values.threshold === undefined,
};
/** The same where --threshold is that of a given mask. */
export const thresholdOfGivenMask: Idle = {
  because: 'a mask is given',
  when: ({ values, command }) =>
    scales(command) && values.threshold !== undefined && values.mask !== undefined,
};
/** For options of the FDR mask in the command fsc, which makes none unless requested. */
export const noAutoMask: Idle = {
  because: 'it belongs to --auto_mask',
  when: ({ values, command }) => command === 'fsc' && values.mask === undefined && values.autoMask !== true,
};
/** For settings of local resolution, which `locres` always measures. */
export const noLocalResolution: Idle = {
  because: 'it belongs to --local_resolution',
  when: ({ values, command }) => command !== 'locres' && values.localResolution !== true,
};
/** For the B factor that windows get without a reference. */
export const anyReference: Idle = {
  because: 'it belongs to --no_reference',
  when: ({ reference }) => reference.kind !== 'none',
};
/** For choices of network, provider and cubes. */
export const noNetwork: Idle = {
  because: 'this run uses no network',
  when: ({ traits }) => !traits.usesNetwork,
};
/** For options of LocScale's windows in soft runs. */
export const softScaling: Idle = {
  because: "it belongs to LocScale's scheme (--scaling locscale)",
  when: ({ soft }) => soft,
};
/** The same, where --also may scale the map by LocScale's scheme as a second way. */
export const onlySoftScaling: Idle = {
  because: softScaling.because,
  when: ({ soft, values }) => soft && values.also !== 'locscale',
};
/** For the weight of the secondary-structure signal; soft runs have `softScaling` for it. */
export const noTheoreticalProfile: Idle = {
  because: 'it belongs to the theoretical-profile rule',
  when: ({ reference, soft }) => !soft && !usesTheoreticalProfile(reference),
};
/** For the share of local differences: a reference map has its own. */
export const noProfile: Idle = {
  because: 'it belongs to a profile',
  when: ({ soft, reference }) => soft && reference.kind !== 'profile',
};
/** The same in LocScale's scheme, unless --also scales softly. */
export const noSoftScaling: Idle = {
  because: 'it belongs to soft scaling (--scaling soft)',
  when: ({ soft, values }) => !soft && values.also !== 'soft',
};
/** For settings of the pseudo-atom solver. */
export const noPseudoAtoms: Idle = {
  because: 'no pseudo-atoms are placed',
  when: ({ traits }) => !traits.placesPseudoAtoms,
};
/** For the window that smooths the difference mask. */
export const noCompletedModel: Idle = {
  because: 'it belongs to --complete_model',
  when: ({ traits }) => !traits.makesDifferenceMask,
};
/** For -skip_refine, which pseudo-models do not have. */
export const noModel: Idle = {
  because: 'there is no model to refine',
  when: ({ reference }) => reference.kind !== 'atomic-model',
};
/** For the number of refinement cycles. */
export const noRefinement: Idle = {
  because: 'no B factors are refined',
  when: ({ traits, values }) => !traits.isSimulated || values.skipRefine === true,
};
/** For the name of the report. */
export const noReport: Idle = {
  because: 'no report is written without --print_report',
  when: ({ values }) => values.printReport !== true,
};
/** For the server of the download. */
export const noDownload: Idle = {
  because: 'it belongs to --download',
  when: ({ values }) => values.download !== true,
};
/** For the number of passes. */
export const noSampling: Idle = {
  because: 'there is no Monte-Carlo sampling (-no_mc)',
  when: ({ values }) => values.noMonteCarlo === true,
};
/**
 * For --seed. The random phases of masked FSCs, the dropout and the pseudo-atom solver use it; scaling does
 * not.
 */
export const nothingRandom: Idle = {
  because: 'nothing in this run is random',
  when: ({ values, traits, command }) => {
    if (command === 'postprocess') return false;
    if (command === 'fsc') return values.mask === undefined && values.autoMask !== true;
    return !traits.placesPseudoAtoms && !(command === 'feature_enhance' && values.noMonteCarlo !== true);
  },
};
