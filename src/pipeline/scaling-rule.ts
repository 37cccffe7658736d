/**
 * The window of local scaling, and the rule by which scale factors follow from the profiles in it (method 3
 * to 5). Each kind of reference names its rule (references/).
 */

import { helixProfile } from '../atoms/average-profile/helix-profile.ts';
import { LocScaleError, named } from '../errors.ts';
import { describeShape, type Shape } from '../math/grid.ts';
import { chooseFitStart, FEWEST_FIT_SHELLS, scalingWindowFor } from '../math/scaling/follow-resolution.ts';
import { nyquistCutoffOf } from '../math/scaling/molecular-numbers.ts';
import {
  type ReferenceProfileRule,
  resampleTheoreticalProfile,
  type ScalingRule,
  type TheoreticalProfileRule,
} from '../math/scaling/scaling-rules.ts';
import { shellCountOf } from '../math/scaling/windows.ts';
import type { LocScaleParameters } from './parameters.ts';
import type { Run } from './run.ts';

/** Below 6 voxels a window has fewer than 4 shells: no decay can be fitted. */
const SMALLEST_WINDOW_VOXELS = 6;
/** LocScale warns below this edge, A. */
const SMALL_WINDOW_ANGSTROM = 10;
/** LocScale measures the B factor of a reference profile from this resolution (A) to the FSC cut-off. */
const REFERENCE_FIT_START = 10;

/**
 * Edge of the window: the user's (odd sizes are rounded up to even), or 25 A, and more for data coarser than
 * 6 A.
 */
export function chooseWindow(
  parameters: LocScaleParameters,
  shape: Shape,
  voxelSize: number,
  resolution: number,
  run: Pick<Run, 'warn'>,
): number {
  const requested = parameters.windowVoxels;
  const suited = scalingWindowFor(voxelSize, resolution, Math.min(...shape));
  const windowVoxels = requested === undefined ? suited : requested + (requested % 2);
  if (requested !== undefined && windowVoxels !== requested)
    run.warn(`The window must have an even number of voxels: ${requested} becomes ${windowVoxels}.`);
  const angstrom = (voxels: number): string => `${(voxels * voxelSize).toFixed(1)} A`;
  const described = `The window of ${windowVoxels} voxels (${angstrom(windowVoxels)})`;
  if (windowVoxels > Math.min(...shape)) {
    throw new LocScaleError('bad-input', `${described} is larger than the map (${describeShape(shape)}).`, {
      expected: `at most ${Math.min(...shape)} voxels`,
      found: String(windowVoxels),
      hint: `Choose a smaller window with ${named('windowVoxels')}, or pad the map.`,
    });
  }
  const suits = `${suited} voxels (${angstrom(suited)}) suit this map`;
  if (windowVoxels < SMALLEST_WINDOW_VOXELS) {
    throw new LocScaleError('bad-input', `${described} is too small.`, {
      expected: `at least ${SMALLEST_WINDOW_VOXELS} voxels`,
      found: String(windowVoxels),
      hint:
        requested === undefined ? 'Check the voxel size.' : `Leave ${named('windowVoxels')} out: ${suits}.`,
    });
  }
  if (windowVoxels * voxelSize < SMALL_WINDOW_ANGSTROM)
    run.warn(`${described} is narrower than ${SMALL_WINDOW_ANGSTROM} A: ${suits}.`);
  return windowVoxels;
}

/** Inputs for choosing a rule. Cut-offs in angstrom. */
export interface RuleInputs {
  readonly parameters: LocScaleParameters;
  readonly windowVoxels: number;
  readonly voxelSize: number;
  readonly wilsonCutoff: number;
  readonly fscCutoff: number;
}

/** The rule of a run, and its fit. */
export interface ChosenRule {
  readonly rule: ScalingRule;
  /** Range of the line fits, A, and the number of the window's shells in it. */
  readonly fit: FitRange;
  /** Windows are scaled to the fitted line itself; without a line they are not sharpened. */
  readonly scalesToFit: boolean;
}

/** Range of a B-factor fit: resolutions in A, and the shells between. */
export interface FitRange {
  readonly start: number;
  readonly end: number;
  readonly shells: number;
}

/** Windows are scaled to a constant B factor. */
export function noReferenceRule(inputs: RuleInputs): ChosenRule {
  const { parameters, voxelSize, wilsonCutoff, fscCutoff } = inputs;
  const fit = fitFrom(wilsonCutoff, inputs);
  const { setLocalBFactor } = parameters;
  return {
    rule: { kind: 'no-reference', voxelSize, wilsonCutoff: fit.start, fscCutoff, setLocalBFactor },
    fit,
    scalesToFit: true,
  };
}

/** Windows are scaled to the profile of the reference. */
export function plainRule(inputs: RuleInputs): ChosenRule {
  const { rule, fit } = plainRuleOf(inputs);
  return { rule, fit, scalesToFit: false };
}

/**
 * Windows are scaled to a theoretical profile beyond the Wilson cut-off, where the data show secondary
 * structure.
 */
export function theoreticalRule(inputs: RuleInputs): ChosenRule {
  const theory = theoreticalRuleOf(inputs);
  return theory === undefined ? plainRule(inputs) : { ...theory, scalesToFit: false };
}

/** The theoretical profile inside the difference mask, the profile of the reference elsewhere. */
export function hybridRule(inputs: RuleInputs): ChosenRule {
  const theory = theoreticalRuleOf(inputs);
  if (theory === undefined) return plainRule(inputs);
  const { rule, fit } = plainRuleOf(inputs);
  return { rule: { kind: 'hybrid', inside: theory.rule, outside: rule }, fit, scalesToFit: false };
}

/** Fits start like LocScale's, or at lower resolution if the window would have too few shells. */
function fitFrom(
  usual: number,
  { windowVoxels, voxelSize, fscCutoff }: RuleInputs,
  end = fscCutoff,
): FitRange {
  return { ...chooseFitStart(windowVoxels, voxelSize, usual, end), end };
}

/** The rule of a reference profile: window amplitudes become those of the reference. */
function plainRuleOf(inputs: RuleInputs): { rule: ReferenceProfileRule; fit: FitRange } {
  const { voxelSize, fscCutoff } = inputs;
  const fit = fitFrom(REFERENCE_FIT_START, inputs);
  return {
    rule: { kind: 'reference-profile', voxelSize, wilsonCutoff: fit.start, fscCutoff },
    fit,
  };
}

/**
 * Undefined if there is no range for secondary structure, which shows between the Wilson cut-off and the
 * resolution.
 */
function theoreticalRuleOf(inputs: RuleInputs): { rule: TheoreticalProfileRule; fit: FitRange } | undefined {
  const { parameters, windowVoxels, voxelSize, wilsonCutoff, fscCutoff } = inputs;
  const nyquistCutoff = nyquistCutoffOf(voxelSize);
  const { shells, start } = fitFrom(wilsonCutoff, inputs, nyquistCutoff);
  // Voxels that are too coarse do not show it either.
  if (!(fscCutoff < wilsonCutoff && start === wilsonCutoff && shells >= FEWEST_FIT_SHELLS)) return undefined;
  return {
    rule: {
      kind: 'theoretical-profile',
      voxelSize,
      wilsonCutoff,
      fscCutoff,
      nyquistCutoff,
      boost: parameters.boostSecondaryStructure,
      theoreticalProfile: resampleTheoreticalProfile(
        parameters.theoreticalProfile ?? helixProfile(),
        shellCountOf(windowVoxels),
        voxelSize,
      ),
    },
    fit: { start, end: nyquistCutoff, shells },
  };
}

/**
 * Whether B factors can be measured; warns if they are requested but cannot be measured, or are uncertain.
 */
export function checkFit(
  { fit, scalesToFit }: ChosenRule,
  { parameters, windowVoxels, voxelSize }: RuleInputs,
  run: Pick<Run, 'warn'>,
): boolean {
  if (!scalesToFit && !parameters.measureBFactors) return false;
  if (fit.shells >= FEWEST_FIT_SHELLS) return parameters.measureBFactors;
  const window = `windows of ${windowVoxels} voxels (${(windowVoxels * voxelSize).toFixed(1)} A)`;
  const range = `${fit.start.toFixed(1)} and ${fit.end.toFixed(1)} A`;
  if (fit.shells === 2) {
    run.warn(
      `Only 2 shells of ${window} lie between ${range}: B factors are uncertain, and their quality ` +
        `is always 1. Use a larger window (${named('windowVoxels')}).`,
    );
    return parameters.measureBFactors;
  }
  const cannot = `No B factor can be measured: ${window} have no two shells up to ${fit.end.toFixed(1)} A`;
  const consequences = [
    ...(scalesToFit ? ['the map is not sharpened, only low-passed at its resolution'] : []),
    ...(parameters.measureBFactors ? ['no B-factor map is written'] : []),
  ];
  run.warn(`${cannot}; ${consequences.join(', and ')}. Use a larger window (${named('windowVoxels')}).`);
  return false;
}
