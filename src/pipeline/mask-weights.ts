/**
 * Voxel weights for the FSC within a mask and for post-processing: the user's mask unchanged, from 0 to 1, or
 * the program's own with a soft edge.
 */
import type { Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import type { MapInput } from './map-input.ts';
import { softenMask } from './map-measures.ts';
import { type MaskOrigin, prepareMask } from './mask.ts';
import type { LocScaleParameters } from './parameters.ts';
import { checkFinite, type InputMaps } from './read-maps.ts';
import type { Run } from './run.ts';

/** Tolerance: interpolated masks may have values slightly outside 0 ... 1. */
const TOLERANCE = 0.01;
/** A mask with a smaller fraction of its volume between 0.05 and 0.95 has hard edges. */
const LEAST_SOFT_SHARE = 0.02;

/** A mask that is multiplied, as FSCs within masks need it. */
export interface MaskWeights {
  /** 0 to 1. */
  readonly weights: Volume;
  /** Sum of the weights, in voxels. */
  readonly voxels: number;
  readonly origin: MaskOrigin;
}

/** The step. `map`: source of the program's own mask. */
export async function prepareWeights(
  given: MapInput | undefined,
  map: Volume,
  maps: InputMaps,
  parameters: LocScaleParameters,
  run: Run,
): Promise<MaskWeights> {
  if (given !== undefined)
    return run.step('mask', `Preparing the mask ${given.name}`, () => weightsOf(given, run));
  const { mask, confidence, origin } = await prepareMask({ userMask: undefined, map, maps, parameters }, run);
  const weights = await softenMask(run.engine, mask, maps.voxelSize);
  run.release(mask, confidence);
  const { mean, count } = await run.engine.statistics(weights);
  return { weights, voxels: mean * count, origin };
}

/**
 * The user's mask as weights. Throws 'bad-input' for values outside 0 to 1; a mask without a soft edge is
 * warned about.
 */
async function weightsOf(given: MapInput, run: Run): Promise<MaskWeights> {
  const { engine } = run;
  const weights = await run.upload(given);
  const statistics = await engine.statistics(weights);
  checkFinite(given.name, statistics);
  const { min, max, mean, count } = statistics;
  if (min < -TOLERANCE || max > 1 + TOLERANCE || max <= 0)
    throw new LocScaleError('bad-input', `The values of the mask ${given.name} are not weights.`, {
      where: given.name,
      expected: 'values from 0 to 1',
      found: `values from ${min.toPrecision(3)} to ${max.toPrecision(3)}`,
      hint: 'Check that this is a mask; scale its values to 0 ... 1.',
    });
  const { soft, inside } = await engine.inspect(weights, (values) => {
    let [soft, inside] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      if (values[i] > 0.05) inside++;
      if (values[i] > 0.05 && values[i] < 0.95) soft++;
    }
    return { soft, inside };
  });
  if (soft < LEAST_SOFT_SHARE * inside)
    run.warn(
      `The mask ${given.name} has hard edges, which correlate the half maps at high resolution; ` +
        'random phases show how much. Masks with soft edges give the better measurement.',
    );
  return { weights, voxels: mean * count, origin: { source: 'user' } };
}
