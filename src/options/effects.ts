/**
 * Dependencies between options. Rows of the tables name what they belong to (`belongsTo`: without it they are
 * refused) and when they have no effect (`idle`: a note states why, so that nothing is ignored silently).
 */

import type { ReferenceTraits } from '../pipeline/references/source.ts';
import type { CommandName } from './definition.ts';
import type { OptionValues } from './index.ts';

/** The kinds of reference, by the files that the options name. */
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

export interface Belonging {
  readonly ways: readonly Way[];
  /** The missing option, for the message that refuses this one. */
  readonly needs: string;
}

/** Facts that decide whether an option has an effect. */
export interface RunChosen {
  readonly values: OptionValues;
  readonly reference: ReferenceFiles;
  readonly traits: ReferenceTraits;
  readonly command: CommandName;
  readonly soft: boolean;
}

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

export const maskIsGiven: Idle = {
  because: 'a mask is given',
  when: ({ values }) => values.mask !== undefined,
};
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
export const noCropToMask: Idle = {
  because: 'it belongs to --crop_to_mask',
  when: ({ values }) => values.cropToMask === undefined,
};
const otherMask = ({ threshold, nonZero, modelCoordinates }: OptionValues): boolean =>
  threshold !== undefined || nonZero === true || modelCoordinates !== undefined;

export const maskOfAnotherKind: Idle = {
  because: 'the mask is not made by false-discovery rate',
  when: ({ values, command }) => command === 'mask' && otherMask(values),
};
export const notAroundModel: Idle = {
  because: 'it belongs to -mc',
  when: ({ values }) => values.modelCoordinates === undefined,
};
export const nothingToCompare: Idle = {
  because: 'it belongs to --against',
  when: ({ values }) => values.against === undefined,
};
export const noThreshold: Idle = {
  because: 'it belongs to --threshold',
  when: ({ values, command }) => command === 'mask' && values.threshold === undefined,
};
export const noAutoMask: Idle = {
  because: 'it belongs to --auto_mask',
  when: ({ values, command }) => command === 'fsc' && values.mask === undefined && values.autoMask !== true,
};
export const noLocalResolution: Idle = {
  because: 'it belongs to --local_resolution',
  when: ({ values, command }) => command !== 'locres' && values.localResolution !== true,
};
export const anyReference: Idle = {
  because: 'it belongs to --no_reference',
  when: ({ reference }) => reference.kind !== 'none',
};
export const noNetwork: Idle = {
  because: 'this run uses no network',
  when: ({ traits }) => !traits.usesNetwork,
};
export const softScaling: Idle = {
  because: "it belongs to LocScale's scheme (--scaling locscale)",
  when: ({ soft }) => soft,
};
export const onlySoftScaling: Idle = {
  because: softScaling.because,
  when: ({ soft, values }) => soft && values.also !== 'locscale',
};
export const noTheoreticalProfile: Idle = {
  because: 'it belongs to the theoretical-profile rule',
  when: ({ reference, soft }) => !soft && !usesTheoreticalProfile(reference),
};
export const noProfile: Idle = {
  because: 'it belongs to a profile',
  when: ({ soft, reference }) => soft && reference.kind !== 'profile',
};
export const noSoftScaling: Idle = {
  because: 'it belongs to soft scaling (--scaling soft)',
  when: ({ soft, values }) => !soft && values.also !== 'soft',
};
export const noPseudoAtoms: Idle = {
  because: 'no pseudo-atoms are placed',
  when: ({ traits }) => !traits.placesPseudoAtoms,
};
export const noCompletedModel: Idle = {
  because: 'it belongs to --complete_model',
  when: ({ traits }) => !traits.makesDifferenceMask,
};
export const noModel: Idle = {
  because: 'there is no model to refine',
  when: ({ reference }) => reference.kind !== 'atomic-model',
};
export const noRefinement: Idle = {
  because: 'no B factors are refined',
  when: ({ traits, values }) => !traits.isSimulated || values.skipRefine === true,
};
export const noReport: Idle = {
  because: 'no report is written without --print_report',
  when: ({ values }) => values.printReport !== true,
};
export const noDownload: Idle = {
  because: 'it belongs to --download',
  when: ({ values }) => values.download !== true,
};
export const noSampling: Idle = {
  because: 'there is no Monte-Carlo sampling (-no_mc)',
  when: ({ values }) => values.noMonteCarlo === true,
};
export const nothingRandom: Idle = {
  because: 'nothing in this run is random',
  when: ({ values, traits, command }) => {
    if (command === 'postprocess') return false;
    if (command === 'fsc') return values.mask === undefined && values.autoMask !== true;
    return !traits.placesPseudoAtoms && !(command === 'feature_enhance' && values.noMonteCarlo !== true);
  },
};
