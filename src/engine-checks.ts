/** What every engine asks of its arguments before it works. Breaches are mistakes of the caller, not of the user. */
import type {
  LocalResolutionJob,
  LocalScalingEstimate,
  LocalScalingJob,
  LocalScalingPart,
  Volume,
} from './engine.ts';
import { LocScaleError } from './errors.ts';
import { describeShape, type Shape, sameShape } from './math/grid.ts';
import { SMALLEST_RESOLUTION_WINDOW } from './math/local-resolution.ts';

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

export function checkScalingJob({
  map,
  mask,
  reference,
  differenceMask,
  windowVoxels,
  rule,
}: LocalScalingJob): void {
  for (const other of [mask, reference, differenceMask]) if (other) requireSameShape(map, other);
  if (windowVoxels < 4 || windowVoxels % 2 !== 0) {
    throw new LocScaleError(
      'usage',
      `The window must be an even number of at least 4 voxels, not ${windowVoxels}.`,
    );
  }
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

/** The tiles of a plan that belong to the part, in the plan's order; all without one. */
export function chooseTiles<T extends { readonly start: Shape }>(
  tiles: readonly T[],
  part: LocalScalingPart | undefined,
): readonly T[] {
  if (part === undefined) return tiles;
  const wanted = new Set(part.starts.map(String));
  const chosen = tiles.filter(({ start }) => wanted.has(String(start)));
  if (chosen.length === wanted.size) return chosen;
  throw new LocScaleError('internal', 'The tiles asked for are not those of the job.', {
    expected: `${wanted.size} tiles of ${describeShape(part.tileSize)} voxels`,
    found: `${chosen.length} of them`,
  });
}

export function checkResolutionJob({
  half1,
  half2,
  mask,
  windowVoxels,
  correlationShells = [],
}: LocalResolutionJob): void {
  for (const other of [half2, mask]) requireSameShape(half1, other);
  if (windowVoxels < SMALLEST_RESOLUTION_WINDOW || windowVoxels % 2 !== 0) {
    throw new LocScaleError(
      'usage',
      `The window must be an even number of at least ${SMALLEST_RESOLUTION_WINDOW} voxels, not ${windowVoxels}.`,
    );
  }
  if (correlationShells.some((r) => !Number.isInteger(r) || r < 0 || r > windowVoxels / 2))
    throw new LocScaleError('internal', `A window of ${windowVoxels} voxels has no such shell.`);
}
