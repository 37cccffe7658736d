/**
 * Parameters of sliding DFTs for the kernels: a struct of 32-bit words with these fields in order
 * (assembly/window-profiles.ts, assembly/local-resolution.ts). Tables, cells and lists are addresses; pitches
 * are in bytes.
 */
import type { Kernels } from './kernels.ts';

/**
 * Fields of a parameter block, 32-bit words in this order; assembly/ declares the same (a test compares
 * them).
 */
export const slidingFields = [
  'windowVoxels',
  'planes',
  'rows',
  'rowPitch',
  'planePitch',
  'xTable',
  'xTablePitch',
  'xState',
  'xCells',
] as const;

/** The same for window profiles. */
export const profileFields = [
  'yTable',
  'yTablePitch',
  'zTable',
  'zTablePitch',
  'yCells',
  'delta',
  'folded',
  'sums',
  'pairs',
] as const;

/** The same for local resolution. */
export const correlationFields = [
  'windowVoxels',
  'planes',
  'rows',
  'soft',
  'amplitudes',
  'xCells',
  'yCells',
  'delta',
  'column',
  'folded',
  'series',
  'sums',
  'yTable',
  'yTablePitch',
  'zTable',
  'xTable',
  'xTablePitch',
  'list',
  'listedPlanes',
] as const;

/** Writes the struct to kernel memory and returns its address. */
export function putParameters<Field extends string>(
  kernels: Kernels,
  fields: readonly Field[],
  values: Readonly<Record<Field, number>>,
): number {
  return kernels.putWords(fields.map((field) => values[field]));
}
