/** What every engine asks of its arguments before it works. Breaches are mistakes of the caller, not of the user. */
import type { LocalScalingJob, Volume } from './engine.ts';
import { LocScaleError } from './errors.ts';
import { describeShape, type Shape, sameShape } from './math/grid.ts';

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
