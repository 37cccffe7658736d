/** Precondition checks shared by both engines; a violation is a bug in the caller. */

import { LocScaleError } from '../errors.ts';
import { describeShape, type Shape, sameShape, voxelCount } from '../math/grid.ts';
import { SMALLEST_RESOLUTION_WINDOW } from '../math/scaling/local-resolution.ts';
import type { AmplitudeProfile } from '../math/soft-scaling/profile.ts';
import { DEFAULT_LOCALITY, usesReference } from '../math/soft-scaling/targets.ts';
import type {
  BandScalingMaps,
  BandScalingSettings,
  LocalScalingEstimate,
  LocalScalingMaps,
  LocalScalingSettings,
  ResolutionHalves,
  ResolutionSettings,
  Volume,
} from './engine.ts';

export function requireSameShape(a: Volume, b: Volume): void {
  if (sameShape(a.shape, b.shape)) return;
  throw new LocScaleError('internal', 'Volumes of different shape cannot be combined.', {
    expected: describeShape(a.shape),
    found: describeShape(b.shape),
  });
}

export function requireShape(shape: Shape): void {
  if (shape.every((n) => Number.isInteger(n) && n >= 1)) return;
  throw new LocScaleError('internal', `A volume of ${describeShape(shape)} voxels cannot be made.`);
}

export function requireVoxels({ length }: Float32Array, shape: Shape): void {
  if (length === voxelCount(shape)) return;
  throw new LocScaleError('internal', `A volume of ${describeShape(shape)} cannot have ${length} voxels.`);
}

export function checkScalingSettings({ windowVoxels }: LocalScalingSettings): void {
  if (windowVoxels >= 4 && windowVoxels % 2 === 0) return;
  throw new LocScaleError(
    'usage',
    `The window must be an even number of at least 4 voxels, not ${windowVoxels}.`,
  );
}

export function checkScalingMaps(
  { mask, rule }: LocalScalingSettings,
  { map, reference, differenceMask }: LocalScalingMaps,
): void {
  for (const other of [map, reference, differenceMask]) if (other) requireSameShape(mask, other);
  if (!reference && rule.kind !== 'no-reference') {
    throw new LocScaleError('internal', `The rule '${rule.kind}' needs a reference map.`);
  }
}

export const NOTHING_TO_SCALE: LocalScalingEstimate = {
  maskVoxels: 0,
  workingBytes: 0,
  seconds: 0,
  tileSize: [0, 0, 0],
  tiles: [],
};

/** The tiles that start at these voxels, in the plan's order; all tiles if `starts` is undefined. */
export function chooseTiles<T extends { readonly start: Shape }>(
  tiles: readonly T[],
  starts: readonly Shape[] | undefined,
): readonly T[] {
  if (starts === undefined) return tiles;
  const requested = new Set(starts.map(String));
  const chosen = tiles.filter(({ start }) => requested.has(String(start)));
  if (chosen.length === requested.size) return chosen;
  throw new LocScaleError('internal', 'The requested tiles are not those of the job.', {
    expected: `${requested.size} tiles`,
    found: `${chosen.length} of them`,
  });
}

export function checkResolutionSettings({ windowVoxels, correlationShells = [] }: ResolutionSettings): void {
  if (windowVoxels < SMALLEST_RESOLUTION_WINDOW || windowVoxels % 2 !== 0) {
    throw new LocScaleError(
      'usage',
      `The window must be an even number of at least ${SMALLEST_RESOLUTION_WINDOW} voxels, not ` +
        `${windowVoxels}.`,
    );
  }
  if (correlationShells.some((r) => !Number.isInteger(r) || r < 0 || r > windowVoxels / 2))
    throw new LocScaleError('internal', `A window of ${windowVoxels} voxels has no such shell.`);
}

export function checkResolutionHalves(
  { mask }: ResolutionSettings,
  { half1, half2 }: ResolutionHalves,
): void {
  for (const half of [half1, half2]) requireSameShape(mask, half);
}

export function checkBandSettings({
  shape,
  voxelSize,
  halfMaps,
  target,
  windowSigma,
  fadeResolution,
}: BandScalingSettings): void {
  requireShape(shape);
  if (!voxelSize.every((v) => Number.isFinite(v) && v > 0))
    throw new LocScaleError('internal', `Voxels cannot be ${voxelSize.join(' x ')} A large.`);
  if ('profile' in target) {
    const { profile, locality = DEFAULT_LOCALITY } = target;
    if (!(locality >= 0 && locality <= 1))
      throw new LocScaleError('usage', `The locality must be from 0 to 1, not ${locality}.`);
    checkProfile(profile);
  }
  for (const [what, value] of [
    ['window', windowSigma],
    ['resolution', fadeResolution],
  ] as const)
    if (value !== undefined && !(Number.isFinite(value) && value > 0))
      throw new LocScaleError('usage', `The ${what} must be above 0 A, not ${value}.`);
  if (!halfMaps && fadeResolution === undefined)
    throw new LocScaleError('usage', 'A single map can be scaled in bands only up to a resolution.', {
      hint: 'Give the resolution of the map, or its two half maps.',
    });
}

function checkProfile({ frequency, amplitude }: AmplitudeProfile): void {
  const good =
    frequency.length > 0 &&
    frequency.length === amplitude.length &&
    frequency.every((f, i) => Number.isFinite(f) && (i === 0 || f > frequency[i - 1])) &&
    amplitude.every((a) => Number.isFinite(a) && a >= 0);
  if (good) return;
  throw new LocScaleError('bad-input', 'The amplitude profile is not a table of amplitudes.', {
    expected: 'frequencies in 1/A, ascending, and as many amplitudes of at least 0',
    found: `${frequency.length} frequencies and ${amplitude.length} amplitudes`,
  });
}

export function checkBandMaps(
  { shape, halfMaps, target }: BandScalingSettings,
  { half1, half2, reference, differenceMask, mask }: BandScalingMaps,
): void {
  for (const volume of [half1, half2, reference, differenceMask, mask])
    if (volume) requireSameShape({ shape }, volume);
  const needed = [
    ['second half map', halfMaps, half2],
    ['reference map', usesReference(target), reference],
    ['difference mask', target.kind === 'hybrid', differenceMask],
  ] as const;
  for (const [what, isNeeded, volume] of needed)
    if (isNeeded !== (volume !== undefined))
      throw new LocScaleError(
        'internal',
        `Scaling in bands was planned with${isNeeded ? '' : 'out'} a ${what}, and started ` +
          `with${isNeeded ? 'out' : ''} one.`,
      );
}

/**
 * Number of voxels averaged for a band's means. An empty mask counts as all voxels, but cannot be used to
 * clear the rest.
 */
export function bandRegion(
  { shape, zeroOutside }: BandScalingSettings,
  mask: Volume | undefined,
  maskVoxels: number,
): { readonly mask: Volume | undefined; readonly voxels: number } {
  if (mask && maskVoxels > 0) return { mask, voxels: maskVoxels };
  if (zeroOutside === true)
    throw new LocScaleError('bad-input', 'The mask is empty: there is nothing to scale.', {
      expected: 'voxels above 0.5',
      found: 'none',
    });
  return { mask: undefined, voxels: voxelCount(shape) };
}
