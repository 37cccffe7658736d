/** Checks the user's resolutions against the sampling and size of the map. */

import { LocScaleError, named } from '../errors.ts';
import { type Grid, isotropicVoxelSize } from '../math/grid.ts';
import { type LocScaleParameters, NETWORK_FDR_FILTER } from './parameters.ts';
import type { Run } from './run.ts';

/**
 * Scripts round to 0.1 A: a resolution finer than Nyquist by up to this counts as Nyquist without a warning.
 */
const ROUNDING = 0.05;

/** The parameters with usable resolutions; prints what was changed. */
export function usableResolutions(
  parameters: LocScaleParameters,
  grid: Grid,
  run: Pick<Run, 'warn' | 'info'>,
): LocScaleParameters {
  const { resolution, referenceResolution, fdrFilter } = parameters;
  const nyquist = 2 * isotropicVoxelSize(grid);
  for (const [value, parameter] of [
    [resolution, 'resolution'],
    [referenceResolution, 'referenceResolution'],
    [fdrFilter, 'fdrFilter'],
  ] as const)
    if (value !== undefined) refuseBeyondBox(value, parameter, grid);
  // A filter beyond Nyquist has no effect; the default of the network mode may be there.
  if (fdrFilter !== undefined && fdrFilter < nyquist - ROUNDING)
    run[fdrFilter === NETWORK_FDR_FILTER ? 'info' : 'warn'](
      `The low-pass for the mask at ${fdrFilter.toFixed(2)} A (${named('fdrFilter')}) has no ` +
        `effect: Nyquist is ${nyquist.toFixed(2)} A.`,
    );
  return {
    ...parameters,
    resolution: notBeyondNyquist(resolution, 'resolution', nyquist, run),
    referenceResolution: notBeyondNyquist(referenceResolution, 'referenceResolution', nyquist, run),
  };
}

function notBeyondNyquist(
  value: number | undefined,
  parameter: string,
  nyquist: number,
  run: Pick<Run, 'warn' | 'info'>,
): number | undefined {
  if (value === undefined || value >= nyquist) return value;
  const sentence =
    `The resolution of ${value.toFixed(2)} A (${named(parameter)}) is finer than the voxels ` +
    `allow: ${nyquist.toFixed(2)} A is used, Nyquist (twice the voxel size).`;
  if (value < nyquist - ROUNDING) run.warn(sentence);
  else run.info(sentence);
  return nyquist;
}

function refuseBeyondBox(value: number, parameter: string, { shape, voxelSize }: Grid): void {
  const longest = Math.max(...shape.map((n, axis) => n * voxelSize[axis]));
  if (value <= longest) return;
  throw new LocScaleError(
    'bad-input',
    `The resolution of ${value} A (${named(parameter)}) is coarser than the map is wide ` +
      `(${longest.toFixed(1)} A).`,
    {
      parameter,
      expected: `at most ${longest.toFixed(1)} A`,
      found: `${value} A`,
      hint: 'Resolutions are in angstrom; check the number, and the voxel size of the map.',
    },
  );
}
