/**
 * A prediction is as sharp as the network's voxels allow. Cut off at the Nyquist frequency N of a coarser
 * grid it rings from voxel to voxel, as every sharp end of a spectrum does. There it ends smoothly:
 *
 *   t(f) = 1                                         f <= s
 *        = 1/2 + 1/2 cos(pi (f - s) / (N - s))       s < f < N
 *        = 0                                         f >= N
 *
 * s: where the data end, so that nothing of them is lost, but between 0.5 and 0.7 N: a narrower flank rings
 * itself.
 */
import { type RadialTransfer, tabulateTransfer } from '../../math/fourier/radial-transfer.ts';

/**
 * Voxels of the map over those of the network, up to which the prediction's own fall-off ends it: as in the
 * original, whose networks are sharp to about three of their voxels.
 */
const FINE_RATIO = 1.5;
const START = { least: 0.5, most: 0.7 } as const;

/**
 * The filter on the map's grid, undefined where none is needed. Voxels in A; `resolution` of the data, A,
 * undefined if it is not known.
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
