/**
 * Step 5: window size, padding value and scaling rule (method 3 to 5) make one job for the engine.
 *
 * Windows that reach beyond the box see the mean of the map outside the mask, as if the map had been
 * padded. LocScale pads only if some window needs it; where none does the value is never read, so it is
 * always given. (One corner differs: without padding LocScale leaves out mask voxels that lie exactly
 * half a window from the last face, although their window still fits; they are scaled here.)
 */

import { helixProfile } from '../atoms/average-profile/helix-profile.ts';
import type { Engine, LocalScalingMaps, Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
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
import type { Run } from './run.ts';
import type { CompleteJob, LocScaleParameters, ReferenceChoice } from './types.ts';

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
      hint: 'Choose a smaller window with -wn, or pad the map.',
    });
  }
  const suits = `${suited} voxels (${angstrom(suited)}) suit this map`;
  if (windowVoxels < SMALLEST_WINDOW_VOXELS) {
    throw new LocScaleError('bad-input', `${described} is too small.`, {
      expected: `at least ${SMALLEST_WINDOW_VOXELS} voxels`,
      found: String(windowVoxels),
      hint: asked === undefined ? 'Check the voxel size.' : `Leave -wn out: ${suits}.`,
    });
  }
  if (windowVoxels * voxelSize < SMALL_WINDOW_ANGSTROM)
    run.warn(`${described} is narrower than ${SMALL_WINDOW_ANGSTROM} A: ${suits}.`);
  return windowVoxels;
}

/** The rule of a run, and the fit that it makes. */
export interface ChosenRule {
  readonly rule: ScalingRule;
  /** From where to where lines are fitted, A, and how many shells of the window that are. */
  readonly fit: FitRange;
}

export interface FitRange {
  readonly start: number;
  readonly end: number;
  readonly shells: number;
}

/**
 * How scale factors follow from the profiles in this run's mode. Cut-offs in angstrom. Fits begin where LocScale's
 * do, or at lower resolution where that leaves the window too few shells (math/scaling/follow-resolution.ts).
 */
export function chooseRule(
  job: CompleteJob,
  windowVoxels: number,
  voxelSize: number,
  cutoffs: { readonly wilson: number; readonly fsc: number },
): ChosenRule {
  const { parameters, reference } = job;
  const { fsc } = cutoffs;
  const fitFrom = (usual: number, end = fsc): FitRange => ({
    ...chooseFitStart(windowVoxels, voxelSize, usual, end),
    end,
  });
  if (reference.kind === 'none') {
    const fit = fitFrom(cutoffs.wilson);
    const { setLocalBFactor } = parameters;
    return {
      rule: { kind: 'no-reference', voxelSize, wilsonCutoff: fit.start, fscCutoff: fsc, setLocalBFactor },
      fit,
    };
  }
  const fit = fitFrom(REFERENCE_FIT_START);
  const plain: ReferenceProfileRule = {
    kind: 'reference-profile',
    voxelSize,
    wilsonCutoff: fit.start,
    fscCutoff: fsc,
  };
  if (!followsTheory(reference)) return { rule: plain, fit };
  const theoretical = theoreticalRule(parameters, windowVoxels, voxelSize, cutoffs);
  const { shells, start } = fitFrom(cutoffs.wilson, theoretical.nyquistCutoff);
  // Secondary structure shows between the Wilson cut-off and the resolution, on voxels that are fine enough for it.
  const shows = fsc < cutoffs.wilson && start === cutoffs.wilson && shells >= FEWEST_FIT_SHELLS;
  if (!shows) return { rule: plain, fit };
  const hybrid = reference.kind === 'hybrid-map' || reference.kind === 'hybrid-model';
  return {
    rule: hybrid ? { kind: 'hybrid', inside: theoretical, outside: plain } : theoretical,
    fit: hybrid ? fit : { start, end: theoretical.nyquistCutoff, shells },
  };
}

/**
 * Whether B factors can be measured; says so where they are wanted and cannot be, or say little. Without a reference
 * they are what windows are scaled to.
 */
export function checkFit(
  { reference, parameters }: CompleteJob,
  fit: FitRange,
  windowVoxels: number,
  voxelSize: number,
  run: Pick<Run, 'warn'>,
): boolean {
  const needed = reference.kind === 'none';
  if (!needed && !parameters.measureBFactors) return false;
  if (fit.shells >= FEWEST_FIT_SHELLS) return parameters.measureBFactors;
  const window = `windows of ${windowVoxels} voxels (${(windowVoxels * voxelSize).toFixed(1)} A)`;
  const range = `${fit.start.toFixed(1)} and ${fit.end.toFixed(1)} A`;
  if (fit.shells === 2) {
    run.warn(
      `Only 2 shells of ${window} lie between ${range}: B factors are uncertain, and their quality is always 1. Use a larger window (-wn).`,
    );
    return parameters.measureBFactors;
  }
  const cannot = `No B factor can be measured: ${window} have no two shells up to ${fit.end.toFixed(1)} A`;
  const consequences = [
    ...(needed ? ['the map is not sharpened, only low-passed at its resolution'] : []),
    ...(parameters.measureBFactors ? ['no B-factor map is written'] : []),
  ];
  run.warn(`${cannot}; ${consequences.join(', and ')}. Use a larger window (-wn).`);
  return false;
}

/** The theoretical-profile rule is wanted, everywhere or inside a difference mask. */
function followsTheory(reference: ReferenceChoice): boolean {
  switch (reference.kind) {
    case 'model-map':
    case 'network':
    case 'none':
      return false;
    case 'atomic-model':
      return reference.theoreticalProfile;
    case 'pseudo-model-map':
    case 'pseudo-model':
    case 'hybrid-map':
    case 'hybrid-model':
      return true;
  }
}

function theoreticalRule(
  parameters: LocScaleParameters,
  windowVoxels: number,
  voxelSize: number,
  cutoffs: { readonly wilson: number; readonly fsc: number },
): TheoreticalProfileRule {
  return {
    kind: 'theoretical-profile',
    voxelSize,
    wilsonCutoff: cutoffs.wilson,
    fscCutoff: cutoffs.fsc,
    nyquistCutoff: nyquistCutoffOf(voxelSize),
    boost: parameters.boostSecondaryStructure,
    theoreticalProfile: resampleTheoreticalProfile(
      parameters.theoreticalProfile ?? helixProfile(),
      shellCountOf(windowVoxels),
      voxelSize,
    ),
  };
}

/** What windows that reach beyond the box see there. */
export async function padValuesOf(
  engine: Engine,
  { map, reference }: Pick<LocalScalingMaps, 'map' | 'reference'>,
  mask: Volume,
): Promise<LocalScalingMaps['padValues']> {
  return {
    map: await meanOutside(engine, map, mask),
    reference: reference === undefined ? 0 : await meanOutside(engine, reference, mask),
  };
}

/** Mean outside the mask; 0 if the mask fills the box. */
export async function meanOutside(engine: Engine, volume: Volume, mask: Volume): Promise<number> {
  const outside = await engine.statistics(volume, { mask, inside: false });
  return outside.count === 0 ? 0 : outside.mean;
}
