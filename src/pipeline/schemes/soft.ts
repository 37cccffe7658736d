/**
 * Scaling in soft frequency bands (soft-scaling.ts) as the scheme of a run: the target follows from the
 * reference, and the signal from the half maps if they are independent.
 */
import { LocScaleError } from '../../errors.ts';
import { voxelCount } from '../../math/grid.ts';
import type { LocScaleParameters } from '../parameters.ts';
import type { ReferenceSource } from '../references/source.ts';
import { planSoftScaling, type SoftScalingMaps, softTargetOf } from '../soft-scaling.ts';
import type { ScalingScheme, SchemeInputs } from './scheme.ts';

/** Soft frequency bands (math/soft-scaling/). */
export const softScheme: ScalingScheme = {
  describe: (reference) => `soft scaling, ${reference}`,
  usesHalfMaps: () => true,
  smoothsMask: true,
  trustsZeros: true,
  parametersFor(parameters) {
    if (parameters.applyFscFilter)
      throw new LocScaleError('usage', 'Soft scaling already weights by the FSC, per band and locally.', {
        parameter: 'applyFscFilter',
        hint: 'Leave the weighting by the FSC out.',
      });
    const { fadeOutput, filterInput } = parameters;
    return {
      ...parameters,
      // A filter before the bands would remove the noise that is needed to identify the signal.
      filterInput: false,
      fadeOutput: fadeOutput ?? filterInput,
    };
  },
  async plan(inputs, run) {
    const { source, grid, resolved, mask, maskGiven, parameters } = inputs;
    const { halves, map, cutoff } = resolved;
    const { measureBFactors, fadeOutput } = parameters;
    const input = inputOf(inputs);
    const planned = await planSoftScaling(
      {
        grid,
        input,
        target: targetOf(source, parameters),
        windowAngstrom: windowOf(inputs),
        resolution: parameters.resolution ?? (input === 'single map' ? undefined : cutoff.cutoff),
        fadeOutput,
        // A mask made from the map only locates the signal, unless nothing else suppresses the noise.
        zeroOutside: maskGiven || input === 'single map',
        measureLocal: measureBFactors,
      },
      run,
    );
    const { windowSigma } = planned;
    const { workingBytes, seconds, bands } = planned.estimate;
    const maps: SoftScalingMaps['maps'] = input === 'half maps' && halves !== undefined ? halves : [map];
    return {
      workingBytes,
      // Spectra and bands are arrays of the engine, which later steps reuse.
      threadBytes: 0,
      resultBytes: 4 * voxelCount(grid.shape) * (measureBFactors ? 4 : 1),
      // Local measures are interpolated to voxels after the spectra are released.
      madeBytes: 4 * voxelCount(grid.shape),
      seconds,
      usesHalfMaps: maps === halves,
      readsMapsOnce: true,
      windowSigma,
      prepare: planned.prepare,
      run: ({ reference, differenceMask, spent }) =>
        run.step('scaling', `Scaling ${bands} soft frequency bands`, async () => {
          const all = { maps, mask, reference, differenceMask, spent };
          const { scaled, local, ...made } = await planned.scale(all, run);
          const { bFactor, resolution, signal } = local ?? {};
          return { scaled, bFactor, soft: { ...made, windowSigma, resolution, signal } };
        }),
    };
  },
};

/** What the signal is measured from. */
function inputOf({
  resolved: { halves, fsc },
}: SchemeInputs): 'half maps' | 'dependent half maps' | 'single map' {
  if (halves === undefined) return 'single map';
  return fsc?.verdict.relation === 'independent' ? 'half maps' : 'dependent half maps';
}

/** The target of the bands: a reference map together with a profile becomes their geometric mean. */
function targetOf({ softTarget }: ReferenceSource, { soft, setLocalBFactor }: LocScaleParameters) {
  if (softTarget === 'decay') return softTargetOf({ kind: softTarget, bFactor: setLocalBFactor });
  const kind = softTarget === 'reference' && soft?.profile ? 'geometric-mean' : softTarget;
  return softTargetOf({ kind }, soft);
}

/** A; undefined for the default. */
function windowOf({ parameters, windowVoxels, voxelSize }: SchemeInputs): number | undefined {
  return parameters.windowVoxels === undefined ? undefined : windowVoxels * voxelSize;
}
