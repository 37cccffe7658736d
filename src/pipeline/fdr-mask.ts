/** The FDR confidence map of a map and the resulting mask (method 2): confidence >= 1 - rate. */

import type { Volume } from '../engine/engine.ts';
import { tanhLowPass } from '../math/fourier/radial-transfer.ts';
import type { Shape } from '../math/grid.ts';
import {
  defaultNoiseBoxes,
  defaultNoiseBoxSize,
  type NoiseBox,
  noiseBoxWarning,
  userNoiseBoxes,
} from '../math/statistics/confidence.ts';
import { cachedVolume, engineIdentity, hashVolume } from './checkpoints.ts';
import type { LocScaleNumbers } from './numbers.ts';
import type { LocScaleParameters } from './parameters.ts';
import type { Run } from './run.ts';

/** Result of the false-discovery test; no mask if the noise boxes hold no noise. */
export interface FdrMask {
  readonly confidence: Volume | undefined;
  readonly mask: Volume | undefined;
  readonly voxels: number;
  readonly noise: NonNullable<LocScaleNumbers['noise']>;
  /** Variance of the map that was tested. */
  readonly mapVariance: number;
  /** Problem of the noise boxes, one sentence. */
  readonly complaint: string | undefined;
}

/**
 * FDR confidence map of `map` (method 2), low-passed first if requested, and the resulting mask; prints the
 * noise boxes used. The run owns the volumes.
 */
export async function makeFdrMask(
  map: Volume,
  voxelSize: number,
  parameters: Pick<LocScaleParameters, 'fdrFilter' | 'fdrWindow' | 'fdrNoiseBoxes' | 'fdrThreshold'>,
  run: Run,
  boxes: readonly NoiseBox[] = chooseNoiseBoxes(map.shape, parameters),
): Promise<FdrMask> {
  const { engine } = run;
  const filtered =
    parameters.fdrFilter === undefined
      ? map
      : await engine.radialFilter(map, tanhLowPass(parameters.fdrFilter, voxelSize));
  try {
    const noise = await engine.noiseStatistics(filtered, boxes);
    const { sd } = await engine.statistics(filtered);
    const reported = boxes.map((box, i) => ({
      start: box.start,
      size: box.size,
      mean: noise.perBox[i].mean,
      sd: Math.sqrt(noise.perBox[i].variance),
    }));
    for (const box of reported) {
      run.info(
        `Noise box from voxel (z, y, x) = ${box.start.join(', ')}, edge ${box.size}: mean ` +
          `${box.mean.toPrecision(3)}, sd ${box.sd.toPrecision(3)}.`,
      );
    }
    const found = {
      noise: { mean: noise.mean, variance: noise.variance, boxes: reported },
      mapVariance: sd ** 2,
      complaint: noiseBoxWarning(noise, sd),
    };
    if (!(noise.variance > 0)) return { ...found, confidence: undefined, mask: undefined, voxels: 0 };
    const confidence = await cachedVolume(
      run,
      'confidence',
      async () => ({ engine: engineIdentity(engine), map: await hashVolume(engine, filtered), noise }),
      map.shape,
      () => engine.confidenceMap(filtered, noise),
    );
    // The mask reuses its memory.
    if (filtered !== map) run.release(filtered);
    const { mask, voxels } = await engine.binarise(confidence, 1 - parameters.fdrThreshold);
    return { ...found, confidence, mask: mask, voxels };
  } finally {
    if (filtered !== map) run.release(filtered);
  }
}

/** The user's boxes, else LocScale's four. */
function chooseNoiseBoxes(
  shape: Shape,
  parameters: Pick<LocScaleParameters, 'fdrWindow' | 'fdrNoiseBoxes'>,
): NoiseBox[] {
  const size = parameters.fdrWindow ?? defaultNoiseBoxSize(shape);
  return parameters.fdrNoiseBoxes === undefined
    ? defaultNoiseBoxes(shape, size)
    : userNoiseBoxes(shape, size, parameters.fdrNoiseBoxes);
}
