/**
 * How much work one dispatch may hold. A GPU that does not answer for two seconds is reset under Windows, and
 * one that draws the screen should not hold it up for long: no dispatch takes more than about 200 ms on a GPU
 * of 1 TFLOP/s.
 */
import type { GpuLimits } from './device.ts';

/** 5e11 multiply-adds a second, of which these kernels reach a quarter, times 0.2 s. */
export const MOST_MULTIPLY_ADDS = 2.5e10;

/** A part of a dispatch that is too long for one. */
export interface WorkRange {
  /** Index of the first item, which the shader adds to that of its thread or workgroup. */
  readonly first: number;
  /** Items of this part; equal in all parts but the last. */
  readonly count: number;
}

/**
 * `count` items of `each` multiply-adds in as few even parts as keep to the bound; an item is never divided.
 */
export function splitWork(
  count: number,
  each: number,
  { dispatchWork = MOST_MULTIPLY_ADDS }: Pick<GpuLimits, 'dispatchWork'> = {},
): WorkRange[] {
  if (count === 0) return [];
  const most = Math.max(1, Math.floor(dispatchWork / Math.max(1, each)));
  const size = Math.ceil(count / Math.ceil(count / most));
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => ({
    first: i * size,
    count: Math.min(size, count - i * size),
  }));
}
