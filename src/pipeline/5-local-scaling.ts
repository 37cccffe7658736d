/**
 * Step 5: window size, padding value and scaling rule (method 3 to 5) make one job for the engine.
 *
 * Windows that reach beyond the box see the mean of the map outside the mask, as if the map had been
 * padded. LocScale pads only if some window needs it; where none does the value is never read, so it is
 * always given. (One corner differs: without padding LocScale leaves out mask voxels that lie exactly
 * half a window from the last face, although their window still fits; they are scaled here.)
 */
import type { Engine, LocalScalingMaps, Volume } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import { describeShape, type Shape } from '../math/grid.ts';
import { nyquistCutoffOf } from '../math/molecular-numbers.ts';
import {
  type ReferenceProfileRule,
  resampleTheoreticalProfile,
  type ScalingRule,
  type TheoreticalProfileRule,
} from '../math/scaling-rules.ts';
import { shellCountOf, windowVoxelsFor } from '../math/windows.ts';
import { helixProfile } from '../reference/average-profile/helix-profile.ts';
import type { Run } from './run.ts';
import type { LocScaleJob, LocScaleParameters } from './types.ts';

/** Below 6 voxels a window has fewer than 4 shells: no fall-off can be fitted. */
const SMALLEST_WINDOW_VOXELS = 6;
/** LocScale warns below this edge, A. */
const SMALL_WINDOW_ANGSTROM = 10;
/** LocScale measures the B factor of a reference profile from this resolution (A) to the FSC cut-off. */
const REFERENCE_FIT_START = 10;

/** Edge of the window: the user's (odd sizes become the next even one) or 25 A. */
export function chooseWindow(
  parameters: LocScaleParameters,
  shape: Shape,
  voxelSize: number,
  run: Pick<Run, 'warn'>,
): number {
  const asked = parameters.windowVoxels;
  const windowVoxels = asked === undefined ? windowVoxelsFor(voxelSize) : asked + (asked % 2);
  if (asked !== undefined && windowVoxels !== asked)
    run.warn(`The window must have an even number of voxels: ${asked} becomes ${windowVoxels}.`);
  const angstrom = `${(windowVoxels * voxelSize).toFixed(1)} A`;
  if (windowVoxels > Math.min(...shape)) {
    throw new LocScaleError(
      'bad-input',
      `The window of ${windowVoxels} voxels (${angstrom}) is larger than the map (${describeShape(shape)}).`,
      {
        expected: `at most ${Math.min(...shape)} voxels`,
        found: String(windowVoxels),
        hint: 'Choose a smaller window with -wn, or pad the map.',
      },
    );
  }
  if (windowVoxels < SMALLEST_WINDOW_VOXELS) {
    throw new LocScaleError('bad-input', `The window of ${windowVoxels} voxels (${angstrom}) is too small.`, {
      expected: `at least ${SMALLEST_WINDOW_VOXELS} voxels`,
      found: String(windowVoxels),
      hint: 'Choose a larger window with -wn; 25 A is usual.',
    });
  }
  if (windowVoxels * voxelSize < SMALL_WINDOW_ANGSTROM) {
    run.warn(`The window of ${windowVoxels} voxels is only ${angstrom} wide; 25 A is usual.`);
  }
  return windowVoxels;
}

/** How scale factors follow from the profiles in this run's mode. Cut-offs in angstrom. */
export function chooseRule(
  job: LocScaleJob,
  windowVoxels: number,
  voxelSize: number,
  cutoffs: { readonly wilson: number; readonly fsc: number },
): ScalingRule {
  const { parameters, reference } = job;
  const plain: ReferenceProfileRule = {
    kind: 'reference-profile',
    voxelSize,
    wilsonCutoff: REFERENCE_FIT_START,
    fscCutoff: cutoffs.fsc,
  };
  switch (reference.kind) {
    case 'model-map':
    case 'network':
      return plain;
    case 'none':
      return {
        kind: 'no-reference',
        voxelSize,
        wilsonCutoff: cutoffs.wilson,
        fscCutoff: cutoffs.fsc,
        setLocalBFactor: parameters.setLocalBFactor,
      };
    case 'atomic-model':
      return reference.theoreticalProfile
        ? theoreticalRule(parameters, windowVoxels, voxelSize, cutoffs)
        : plain;
    case 'pseudo-model-map':
    case 'pseudo-model':
      return theoreticalRule(parameters, windowVoxels, voxelSize, cutoffs);
    case 'hybrid-map':
    case 'hybrid-model':
      return {
        kind: 'hybrid',
        inside: theoreticalRule(parameters, windowVoxels, voxelSize, cutoffs),
        outside: plain,
      };
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
