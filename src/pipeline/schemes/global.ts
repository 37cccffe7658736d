/**
 * One B factor for the whole map (Guinier; math/scaling/guinier.ts), for comparison. Half maps are weighted
 * by their FSC within the mask; a single map is cut at its resolution, which must be given.
 */
import { voxelCount } from '../../math/grid.ts';
import { sharpenGlobally } from '../map-measures.ts';
import { planSignalEnd } from '../masked-resolution.ts';
import type { ScalingScheme } from './scheme.ts';

/**
 * Sharpening by one B factor, for --also: weighted by the FSC within the mask, up to the resolution there.
 */
export const globalScheme: ScalingScheme = {
  describe: () => 'one B factor for the whole map',
  usesHalfMaps: () => true,
  smoothsMask: false,
  trustsZeros: false,
  parametersFor: (parameters) => parameters,
  async plan({ grid, mask, voxelSize, resolved, parameters }, run) {
    const requested = parameters.resolution;
    const how = { run, weights: true };
    const end = planSignalEnd('Global sharpening', resolved, mask, voxelSize, requested, how);
    return {
      workingBytes: 0,
      resultBytes: 4 * voxelCount(grid.shape),
      checkBytes: Math.max(end.bytes, run.engine.bytesOf.radialFilter(grid.shape)),
      seconds: 0,
      usesHalfMaps: end.usesHalfMaps,
      run: ({ map }) =>
        run.step('scaling', 'Sharpening by one B factor', async () => {
          const { resolution, fsc } = await end.find(run);
          const settings = { resolution, correlation: fsc?.corrected };
          const { sharpened, bFactor, fit } = await sharpenGlobally(run.engine, map, voxelSize, settings);
          if (fit === undefined)
            run.warn(
              `No B factor could be fitted between 10 A and the resolution (${resolution.toFixed(2)} A): ` +
                'the globally sharpened map is only low-passed.',
            );
          return { scaled: sharpened, global: { bFactor, resolution, quality: fit?.quality } };
        }),
    };
  },
};
