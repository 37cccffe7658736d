import { correlationInside } from './statistics.ts';

/**
 * Pearson's correlation of two maps, over all voxels or those where a mask is above 0.5; 0 where either is
 * constant.
 */
export function correlationOf(a: ArrayLike<number>, b: ArrayLike<number>, mask?: ArrayLike<number>): number {
  const correlation = correlationInside(a, b, mask);
  return Number.isNaN(correlation) ? 0 : correlation;
}
