/**
 * Replacements for an implausible FDR mask (judge-mask.ts), in order: the surroundings of the model, the
 * non-zero region of a masked map, noise from the corners of the box, a low-passed map, the contour that
 * encloses the molecular weight, the whole of a box that is full of density.
 */

import { surroundingsOf, surroundingsRadius } from '../atoms/surroundings.ts';
import type { Volume } from '../engine/engine.ts';
import { tanhLowPass } from '../math/fourier/radial-transfer.ts';
import { voxelCount } from '../math/grid.ts';
import { isMasked } from '../math/inputs/input-checks.ts';
import {
  contourOfVolume,
  judgeMaskVolume,
  MASK_PER_MOLECULE,
  SMALLEST_VOLUME,
} from '../math/inputs/mask-volume.ts';
import { cornerNoiseBoxes, defaultNoiseBoxSize } from '../math/statistics/confidence.ts';
import { type FdrMask, makeFdrMask } from './fdr-mask.ts';
import { cubic, expectedVolumes, type MaskJob, type MaskProblem } from './judge-mask.ts';
import type { MaskOrigin } from './mask.ts';
import type { Run } from './run.ts';

/** A mask that stands in for the FDR mask. */
export interface OtherMask {
  readonly source: MaskOrigin['source'];
  /** Held by the run. */
  readonly mask: Volume;
  readonly voxels: number;
  /** Clause for the message: "the surroundings of the model … are the mask". */
  readonly description: string;
}

/** Non-zero region of a single map that is already masked, whose noise cannot be estimated. */
export async function maskOfZeros(job: MaskJob, run: Run): Promise<OtherMask | undefined> {
  const { trustsZeros, maps, map } = job;
  if (trustsZeros !== true || maps.volumes.length !== 1 || !isMasked(maps.zeroShare)) return undefined;
  const found = await nonZeroRegionOf(map, run);
  const volume = cubic(found.voxels * maps.voxelSize ** 3);
  return { ...found, description: found.description.replace('#', volume) };
}

/** The first source with a plausible mask; undefined if there is none. */
export async function otherMask(
  job: MaskJob,
  made: FdrMask,
  problem: MaskProblem,
  run: Run,
): Promise<OtherMask | undefined> {
  // A mask cannot be better than the map it is made from.
  if (job.maps.inverted) throw problem.error;
  const expectations = expectedVolumes(job);
  const sources = [aroundModel, nonZeroRegion, withCornerNoise, lowPassed, contour, wholeBox];
  for (const source of sources) {
    const found = await source(job, made, problem, run);
    if (found === undefined) continue;
    const volume = found.voxels * job.maps.voxelSize ** 3;
    if (found.voxels > 0 && judgeMaskVolume(volume, expectations) === undefined)
      return { ...found, description: found.description.replace('#', cubic(volume)) };
    run.release(found.mask);
  }
  return undefined;
}

/** Tries one source; undefined if it does not apply to this run. */
type Source = (job: MaskJob, made: FdrMask, problem: MaskProblem, run: Run) => Promise<OtherMask | undefined>;

/** A model to be completed does not define the rest. */
const aroundModel: Source = async ({ model, maps, symmetry }, _made, _problem, run) => {
  if (model === undefined || !model.complete) return undefined;
  const around = surroundingsOf(model.atoms, maps.grid, model.resolution);
  let raw = await run.engine.upload(Float32Array.from(around), maps.grid.shape);
  let threshold = 0.5;
  if (symmetry !== undefined) {
    const rotated = await run.engine.symmetrise(raw, symmetry.operators, symmetry.options);
    run.release(raw);
    raw = rotated;
    // One of the copies suffices.
    threshold = 0.5 / symmetry.operators.length;
  }
  const { mask, voxels } = await binarised(raw, threshold, run);
  return {
    source: 'model',
    mask,
    voxels,
    description:
      `the surroundings of the model (within ${surroundingsRadius(model.resolution).toFixed(1)} A ` +
      'of its atoms, #) are the mask',
  };
};

/** Fraction of the largest value: filters leave ripples where a mask left zeros. */
const RIPPLE = 1e-3;

/** The zeros of a map that is masked already. */
const nonZeroRegion: Source = async ({ maps, map }, _made, _problem, run) =>
  isMasked(maps.zeroShare) ? nonZeroRegionOf(map, run) : undefined;

/**
 * Voxels above the ripple that filters leave in a masked background. Neither density nor noise is exactly 0.
 */
export async function nonZeroRegionOf(map: Volume, run: Run): Promise<OtherMask> {
  const { min, max } = await run.engine.statistics(map);
  const least = RIPPLE * Math.max(Math.abs(min), Math.abs(max));
  const inside = await run.engine.inspect(map, (data) =>
    data.map((value) => (Math.abs(value) > least ? 1 : 0)),
  );
  const region = await run.engine.upload(inside, map.shape);
  const { mask, voxels } = await binarised(region, 0.5, run);
  return {
    source: 'non-zero region',
    mask,
    voxels,
    description: 'the non-zero region of the map (#) is the mask',
  };
}

/** Low-pass for masks of maps whose single voxels are not significant, A. */
const MASK_LOW_PASS = 10;
/** Noise has at most this fraction of the map's variance if it is distinguishable from density. */
const NOISE_VARIANCE_SHARE = 0.5;

/** Noise from the corners, where a molecule that fills the default boxes hardly reaches. */
const withCornerNoise: Source = async ({ map, maps, parameters }, _made, _problem, run) => {
  if (parameters.fdrNoiseBoxes !== undefined || isMasked(maps.zeroShare)) return undefined;
  const size = parameters.fdrWindow ?? defaultNoiseBoxSize(map.shape);
  const boxes = cornerNoiseBoxes(map.shape, size);
  const corners = await makeFdrMask(map, maps.voxelSize, parameters, run, boxes);
  return asSource(corners, maps.voxelSize, 'noise from the corners of the box gives the mask (#)', run);
};

/** Density blurred to the shape of the molecule stands out from the noise where single voxels do not. */
const lowPassed: Source = async ({ map, maps, parameters }, _made, _problem, run) => {
  if (isMasked(maps.zeroShare)) return undefined;
  const fdrFilter = Math.max(MASK_LOW_PASS, 3 * maps.voxelSize);
  if ((parameters.fdrFilter ?? 0) >= fdrFilter) return undefined;
  const smooth = await makeFdrMask(map, maps.voxelSize, { ...parameters, fdrFilter }, run);
  const description = `the map low-passed at ${fdrFilter.toFixed(0)} A gives the mask (#)`;
  return asSource(smooth, maps.voxelSize, description, run);
};

/** Used only if the noise boxes hold noise alone; releases the volumes otherwise. */
function asSource(made: FdrMask, voxelSize: number, description: string, run: Run): OtherMask | undefined {
  run.release(made.confidence);
  const clean =
    made.complaint === undefined && made.noise.variance <= NOISE_VARIANCE_SHARE * made.mapVariance;
  if (made.mask !== undefined && clean && made.voxels * voxelSize ** 3 >= SMALLEST_VOLUME)
    return { source: 'FDR', mask: made.mask, voxels: made.voxels, description };
  run.release(made.mask);
  return undefined;
}

/**
 * The contour of the low-passed map that encloses the molecular weight, as large as masks of molecules are.
 */
const contour: Source = async (job, _made, _problem, run) => {
  const { map, maps } = job;
  const expected = expectedVolumes(job).find(({ most }) => Number.isFinite(most));
  if (expected === undefined) return undefined;
  const voxels = Math.round((MASK_PER_MOLECULE * expected.most) / maps.voxelSize ** 3);
  if (voxels >= voxelCount(map.shape)) return undefined;
  const resolution = Math.max(MASK_LOW_PASS, 3 * maps.voxelSize);
  const smooth = await run.engine.radialFilter(map, tanhLowPass(resolution, maps.voxelSize));
  const level = await run.engine.inspect(smooth, (data) => contourOfVolume(data, voxels));
  const inside = await binarised(smooth, level, run);
  return {
    source: 'contour',
    ...inside,
    description:
      `the contour of the map at ${resolution.toFixed(0)} A that encloses ${expected.source} (#) ` +
      'is the mask',
  };
};

/** Only where map and noise boxes are full of density: crystals, tomograms, close-cropped maps. */
const wholeBox: Source = async ({ map }, _made, { full }, run) => {
  if (!full) return undefined;
  const voxels = voxelCount(map.shape);
  const mask = await run.engine.upload(new Float32Array(voxels).fill(1), map.shape);
  return {
    source: 'whole box',
    mask,
    voxels,
    description: 'the box is full of density, and all of it (#) is the mask',
  };
};

/** 1 from the threshold on; releases the input. */
async function binarised(
  raw: Volume,
  threshold: number,
  run: Run,
): Promise<{ mask: Volume; voxels: number }> {
  const { mask, voxels } = await run.engine.binarise(raw, threshold);
  run.release(raw);
  return { mask, voxels };
}
