/** The network's input scale: (v - mean) / (10 sd) over the whole resampled map (method 6). */
import type { VolumeStatistics } from '../../engine/engine.ts';
import { LocScaleError, named } from '../../errors.ts';

/** (v - mean) factor. */
export interface Standardisation {
  readonly mean: number;
  /** 1 / (10 sd). */
  readonly factor: number;
}

/** EMmerNet's convention. */
const SD_MULTIPLE = 10;

/** Throws if the map is flat or not finite. */
export function standardisationOf({
  mean,
  sd,
  nonFinite,
}: Pick<VolumeStatistics, 'mean' | 'sd' | 'nonFinite'>): Standardisation {
  if (nonFinite > 0) {
    throw new LocScaleError('bad-input', 'The map has voxels that are not numbers; no network can use it.', {
      where: 'standardisation of the map',
      found: `${nonFinite} voxels that are NaN or infinite`,
      hint: `Repair the map, or choose another reference with ${named('reference')}.`,
    });
  }
  const factor = 1 / (SD_MULTIPLE * sd);
  if (!(sd > 0) || !Number.isFinite(factor) || !Number.isFinite(mean)) {
    throw new LocScaleError('bad-input', 'The map is flat: all its voxels have the same value.', {
      where: 'standardisation of the map',
      hint: 'Check that this is the right file.',
    });
  }
  return { mean, factor };
}
