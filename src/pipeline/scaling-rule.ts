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

/** Below 6 voxels a window has fewer than 4 shells: no fall-off can be fitted. */
const SMALLEST_WINDOW_VOXELS = 6;
/** LocScale warns below this edge, A. */
const SMALL_WINDOW_ANGSTROM = 10;
/** LocScale measures the B factor of a reference profile from this resolution (A) to the FSC cut-off. */
const REFERENCE_FIT_START = 10;

/**
 * Edge of the window: the user's (odd sizes become the next even one), or what suits the resolution (A):
 * 25 A, and more for data coarser than 6 A.
 */
export function chooseWindow(
  parameters: LocScaleParameters,
  shape: Shape,
  voxelSize: number,
  resolution: number,
  run: Pick<Run, 'warn'>,
): number {
  const asked = parameters.windowVoxels;
  const suited = scalingWindowFor(voxelSize, resolution, Math.min(...shape));
  const windowVoxels = asked === undefined ? suited : asked + (asked % 2);
  if (asked !== undefined && windowVoxels !== asked)
    run.warn(`The window must have an even number of voxels: ${asked} becomes ${windowVoxels}.`);
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
      hint: asked === undefined ? 'Check the voxel size.' : `Leave ${named('windowVoxels')} out: ${suits}.`,
    });
  }
  if (windowVoxels * voxelSize < SMALL_WINDOW_ANGSTROM)
    run.warn(`${described} is narrower than ${SMALL_WINDOW_ANGSTROM} A: ${suits}.`);
  return windowVoxels;
}

/** What a rule is chosen from. Cut-offs in angstrom. */
export interface RuleInputs {
  readonly parameters: LocScaleParameters;
  readonly windowVoxels: number;
  readonly voxelSize: number;
  readonly wilsonCutoff: number;
  readonly fscCutoff: number;
}

/** The rule of a run, and the fit that it makes. */
export interface ChosenRule {
  readonly rule: ScalingRule;
  /** From where to where lines are fitted, A, and how many shells of the window that are. */
  readonly fit: FitRange;
  /** Windows are scaled to the fitted line itself: without one they are not sharpened. */
  readonly scalesToFit: boolean;
}

export interface FitRange {
  readonly start: number;
  readonly end: number;
  readonly shells: number;
}

/** Windows get one B factor. */
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

/** Windows get the profile of the reference. */
export function plainRule(inputs: RuleInputs): ChosenRule {
  const { rule, fit } = plainRuleOf(inputs);
  return { rule, fit, scalesToFit: false };
}

/** Windows get a theoretical profile beyond the Wilson cut-off, where the data shows secondary structure. */
export function theoreticalRule(inputs: RuleInputs): ChosenRule {
  const theory = theoreticalRuleOf(inputs);
  return theory === undefined ? plainRule(inputs) : { ...theory, scalesToFit: false };
}

/** The theoretical profile inside the difference mask, that of the reference elsewhere. */
export function hybridRule(inputs: RuleInputs): ChosenRule {
  const theory = theoreticalRuleOf(inputs);
  if (theory === undefined) return plainRule(inputs);
  const { rule, fit } = plainRuleOf(inputs);
  return { rule: { kind: 'hybrid', inside: theory.rule, outside: rule }, fit, scalesToFit: false };
}

/** Fits begin where LocScale's do, or at lower resolution where that leaves the window too few shells. */
function fitFrom(
  usual: number,
  { windowVoxels, voxelSize, fscCutoff }: RuleInputs,
  end = fscCutoff,
): FitRange {
  return { ...chooseFitStart(windowVoxels, voxelSize, usual, end), end };
}

function plainRuleOf(inputs: RuleInputs): { rule: ReferenceProfileRule; fit: FitRange } {
  const { voxelSize, fscCutoff } = inputs;
  const fit = fitFrom(REFERENCE_FIT_START, inputs);
  return {
    rule: { kind: 'reference-profile', voxelSize, wilsonCutoff: fit.start, fscCutoff },
    fit,
  };
}

/**
 * Undefined where secondary structure does not show: it does between the Wilson cut-off and the resolution.
 */
function theoreticalRuleOf(inputs: RuleInputs): { rule: TheoreticalProfileRule; fit: FitRange } | undefined {
  const { parameters, windowVoxels, voxelSize, wilsonCutoff, fscCutoff } = inputs;
  const nyquistCutoff = nyquistCutoffOf(voxelSize);
  const { shells, start } = fitFrom(wilsonCutoff, inputs, nyquistCutoff);
  // Voxels that are too large for it show none either.
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
 * Whether B factors can be measured; says so where they are wanted and cannot be, or say little.
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
      `Only 2 shells of ${window} lie between ${range}: B factors are uncertain, and their quality is always 1. Use a larger window (${named('windowVoxels')}).`,
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
