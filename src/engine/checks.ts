/** Precondition checks shared by both engines; a violation is a bug in the caller. */

import { LocScaleError } from '../errors.ts';
import { describeShape, type Shape, sameShape, voxelCount } from '../math/grid.ts';
import { SMALLEST_RESOLUTION_WINDOW } from '../math/scaling/local-resolution.ts';
import { DEFAULT_LOCALITY } from '../math/soft-scaling/targets.ts';
import type {
  BandScalingJob,
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

/** The tiles that start at these voxels, in the plan's order; all without `starts`. */
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
      `The window must be an even number of at least ${SMALLEST_RESOLUTION_WINDOW} voxels, not ${windowVoxels}.`,
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

export function checkBandJob(job: BandScalingJob): void {
  const {
    half1,
    half2,
    reference,
    profile,
    locality = DEFAULT_LOCALITY,
    mask,
    voxelSize,
    fadeResolution,
  } = job;
  for (const other of [half2, reference, mask]) if (other) requireSameShape(half1, other);
  if (!reference && !profile)
    throw new LocScaleError('internal', 'Scaling in bands needs a reference map or a profile.');
  if (!voxelSize.every((v) => Number.isFinite(v) && v > 0))
    throw new LocScaleError('internal', `Voxels cannot be ${voxelSize.join(' x ')} A large.`);
  if (!(locality >= 0 && locality <= 1))
    throw new LocScaleError('usage', `The locality must be from 0 to 1, not ${locality}.`);
  if (fadeResolution !== undefined && !(Number.isFinite(fadeResolution) && fadeResolution > 0))
    throw new LocScaleError('usage', `The resolution must be above 0 A, not ${fadeResolution}.`);
  if (!half2 && fadeResolution === undefined)
    throw new LocScaleError('usage', 'A single map can be scaled in bands only up to a resolution.', {
      hint: 'Give the resolution of the map, or its two half maps.',
    });
}

/** Voxels that the means of a band are taken over; an empty mask means all of them, and cannot clear the rest. */
export function bandRegion(
  job: BandScalingJob,
  maskVoxels: number,
): { readonly mask: Volume | undefined; readonly voxels: number } {
  if (job.mask && maskVoxels > 0) return { mask: job.mask, voxels: maskVoxels };
  if (job.zeroOutside === true)
    throw new LocScaleError('bad-input', 'The mask is empty: there is nothing to scale.', {
      expected: 'voxels above 0.5',
      found: 'none',
    });
  return { mask: undefined, voxels: voxelCount(job.half1.shape) };
}
