/**
 * Band-limits a prediction for a grid coarser than the network's. A sharp cut-off at the Nyquist frequency N
 * rings from voxel to voxel, so the spectrum ends smoothly:
 *
 *   t(f) = 1                                         f <= s
 *        = 1/2 + 1/2 cos(pi (f - s) / (N - s))       s < f < N
 *        = 0                                         f >= N
 *
 * s is the resolution limit of the data, so that none of it is lost, clamped to 0.5 ... 0.7 N: a narrower
 * transition band would ring itself.
 */
import { type RadialTransfer, tabulateTransfer } from '../../math/fourier/radial-transfer.ts';

/**
 * Voxel size of the map over the network's, up to which no filter is needed because the prediction itself
 * decays early enough: as in the original, whose networks resolve about three of their voxels.
 */
const FINE_RATIO = 1.5;
const START = { least: 0.5, most: 0.7 } as const;

/**
 * The filter on the map's grid; undefined if none is needed. Voxel sizes and `resolution` of the data in A;
 * `resolution` undefined if unknown.
 */
export function bandLimit(
  voxelSize: number,
  networkVoxelSize: number,
  resolution: number | undefined,
): RadialTransfer | undefined {
  if (voxelSize <= FINE_RATIO * networkVoxelSize) return undefined;
  // In cycles per voxel of the map.
  const nyquist = 0.5;
  const dataEnd = resolution === undefined ? nyquist : voxelSize / resolution;
  const start = nyquist * Math.min(START.most, Math.max(START.least, dataEnd / nyquist));
  return tabulateTransfer((f) => {
    if (f <= start) return 1;
    if (f >= nyquist) return 0;
    return 0.5 + 0.5 * Math.cos((Math.PI * (f - start)) / (nyquist - start));
  });
}
