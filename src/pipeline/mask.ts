/**
 * The scaling mask (method 2), and the numbers that follow from it (method 3). A user's mask is binarised at
 * 0.5; otherwise the FDR confidence map decides: confidence >= 1 - rate. An FDR mask of implausible volume is
 * replaced by another source (mask-sources.ts). `maskShape` takes a density in its place, and changes the mask
 * as the command mask does (shape-mask.ts).
 */

import type { Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { IMPLAUSIBLE_FACTOR, judgeMaskVolume } from '../math/inputs/mask-volume.ts';
import { type MolecularNumbers, molecularNumbers } from '../math/scaling/molecular-numbers.ts';
import { type FdrMask, makeFdrMask } from './fdr-mask.ts';
import {
  describeVerdict,
  expectedVolumes,
  judgeFdrMask,
  type MaskJob,
  warnIfMaskInverted,
  warnIfMaskMissesModel,
  warnIfModelIsPartial,
} from './judge-mask.ts';
import type { MapInput } from './map-input.ts';
import { maskOfZeros, otherMask } from './mask-sources.ts';
import type { LocScaleNumbers } from './numbers.ts';
import { checkFinite } from './read-maps.ts';
import type { Run } from './run.ts';
import { hasShaping, MASK_THRESHOLD, type MaskShape, regionOfDensity, shapedMask } from './shape-mask.ts';

/** Origin of the scaling mask. */
export interface MaskOrigin {
  readonly source: 'user' | 'FDR' | 'threshold' | 'model' | 'non-zero region' | 'contour' | 'whole box';
  /** Reason why it is not the default FDR mask, one sentence. */
  readonly reason?: string;
}

/** The mask of a run, with what follows from its volume. */
export interface ScalingMask {
  /** 1 where the map is scaled, 0 elsewhere. */
  readonly mask: Volume;
  /** The mask with its soft edge, from 0 to 1, if one was requested; scaled is where it is at least 0.5. */
  readonly softMask?: Volume;
  readonly maskVoxels: number;
  readonly molecule: MolecularNumbers;
  /** Raw FDR confidence map, if it was made and requested. */
  readonly confidence: Volume | undefined;
  readonly noise: LocScaleNumbers['noise'];
  readonly origin: MaskOrigin;
}

/** The step. */
export function prepareMask(job: MaskJob, run: Run): Promise<ScalingMask> {
  const { userMask } = job;
  const message =
    userMask === undefined ? 'Making the FDR confidence mask' : `Preparing the mask ${userMask.name}`;
  return run.step('mask', message, () => makeOrTakeMask(job, run));
}

/**
 * Makes the mask, or takes the user's, shapes it, and warns where it leaves out atoms of the model or the model a
 * part of it.
 */
async function makeOrTakeMask(job: MaskJob, run: Run): Promise<ScalingMask> {
  const { userMask, parameters } = job;
  const { maskShape = {} } = parameters;
  const unshaped = await (userMask !== undefined
    ? takeMask(job, userMask, run)
    : maskShape.threshold === undefined
      ? makeMask(job, run)
      : maskOfDensity(job, maskShape.threshold, maskShape.lowPass, run));
  const made = hasShaping(maskShape) ? await shapeMask(unshaped, maskShape, job, run) : unshaped;
  await warnIfModelIsPartial(made.mask, made.maskVoxels, job, run);
  return made;
}

/** The user's mask, which is never replaced; warnings only. */
async function takeMask(job: MaskJob, image: MapInput, run: Run): Promise<ScalingMask> {
  const { maps, parameters } = job;
  const raw = await run.upload(image);
  checkFinite(image.name, await run.engine.statistics(raw));
  const { maskThreshold, maskShape = {} } = parameters;
  const { threshold = MASK_THRESHOLD } = maskShape;
  // The volume of a mask that is shaped follows from what it becomes.
  const counted =
    maskThreshold === threshold || hasShaping(maskShape)
      ? undefined
      : await countFrom(raw, maskThreshold, run);
  const { mask, voxels } = await run.engine.binarise(raw, threshold);
  run.release(raw);
  if (voxels === 0) {
    throw new LocScaleError('bad-input', `The mask ${image.name} is empty: no voxel reaches ${threshold}.`, {
      where: image.name,
      expected: `voxels of at least ${threshold}`,
      hint: 'Check that this is the right file and that its values go from 0 to 1.',
    });
  }
  const verdict = judgeMaskVolume(voxels * maps.voxelSize ** 3, expectedVolumes(job));
  if (verdict !== undefined)
    run.warn(`The mask ${image.name} holds ${describeVerdict(voxels * maps.voxelSize ** 3, verdict)}.`);
  await warnIfMaskInverted(image.name, mask, voxels, job, run);
  await warnIfMaskMissesModel(image.name, mask, voxels, job, run);
  return {
    mask,
    maskVoxels: voxels,
    molecule: molecularNumbers(
      volumeVoxels(image.name, { counted, scaled: voxels, threshold }, maskThreshold, run),
      maps.voxelSize,
      parameters.molecularWeightKiloDalton,
    ),
    confidence: undefined,
    noise: undefined,
    origin: { source: 'user' },
  };
}

/** Voxels for the molecular volume: those above -th, unless a soft edge leaves hardly any. */
function volumeVoxels(
  name: string,
  { counted, scaled, threshold }: { counted: number | undefined; scaled: number; threshold: number },
  maskThreshold: number,
  run: Run,
): number {
  if (counted === undefined || counted * IMPLAUSIBLE_FACTOR > scaled) return counted ?? scaled;
  run.warn(
    counted === 0
      ? `No voxel of the mask ${name} reaches ${maskThreshold} (${named('maskThreshold')}); the ` +
          `molecular volume is taken from all ${scaled} voxels of the scaling mask.`
      : `Only ${counted} voxels of the mask ${name} reach ${maskThreshold} (${named('maskThreshold')}), ` +
          `but ${scaled} reach ${threshold}: its edge is soft throughout, and the molecular ` +
          'volume is taken from the latter.',
  );
  return scaled;
}

/** Where the map has a density, as the command mask makes it; its noise and volume are not judged. */
async function maskOfDensity(
  { map, maps: { voxelSize }, parameters }: MaskJob,
  density: number,
  lowPass: number | undefined,
  run: Run,
): Promise<ScalingMask> {
  const { mask, voxels } = await regionOfDensity(map, voxelSize, { density, lowPass }, run);
  return {
    mask,
    maskVoxels: voxels,
    molecule: molecularNumbers(voxels, voxelSize, parameters.molecularWeightKiloDalton),
    ...{ confidence: undefined, noise: undefined, origin: { source: 'threshold' } },
  };
}

/** From here on the run is that of a mask by the command mask, given with -ma. */
async function shapeMask(
  unshaped: ScalingMask,
  shape: MaskShape,
  { maps, parameters }: MaskJob,
  run: Run,
): Promise<ScalingMask> {
  const { maskThreshold, molecularWeightKiloDalton } = parameters;
  const { values } = await shapedMask(unshaped.mask, shape, maps, run);
  const softMask = await run.engine.upload(values, maps.grid.shape);
  const { mask, voxels } = await run.engine.binarise(softMask, MASK_THRESHOLD);
  const counted = await countFrom(softMask, maskThreshold, run);
  const isSoft = (shape.softEdgeAngstrom ?? 0) > 0;
  if (!isSoft) run.release(softMask);
  return {
    ...unshaped,
    mask,
    softMask: isSoft ? softMask : undefined,
    maskVoxels: voxels,
    molecule: molecularNumbers(
      counted * IMPLAUSIBLE_FACTOR > voxels ? counted : voxels,
      maps.voxelSize,
      molecularWeightKiloDalton,
    ),
  };
}

/** From the map: by false-discovery rate, or from another source if that is implausible. */
async function makeMask(job: MaskJob, run: Run): Promise<ScalingMask> {
  const { maps, map, parameters } = job;
  const { voxelSize } = maps;
  const made = await makeFdrMask(map, voxelSize, parameters, run);
  const zeros = await maskOfZeros(job, run);
  if (zeros !== undefined) {
    const reason = `The map is masked already; ${zeros.description}.`;
    run.info(reason);
    run.release(made.mask);
    const origin = { source: zeros.source, reason };
    return finished(zeros.mask, zeros.voxels, zeros.voxels, origin, made, job, run);
  }
  const problem = await judgeFdrMask(job, made, run);
  if (problem === undefined) {
    if (made.complaint !== undefined) run.warn(made.complaint);
    const { mask, voxels: maskVoxels, confidence } = made;
    const { maskThreshold } = parameters;
    const same = maskThreshold === 1 - parameters.fdrThreshold;
    const counted = same ? maskVoxels : await countFrom(confidence as Volume, maskThreshold, run);
    if (counted === 0)
      run.warn(
        `No voxel of the mask reaches ${maskThreshold}; the molecular volume is taken from all ` +
          `${maskVoxels} voxels of the scaling mask.`,
      );
    return finished(mask as Volume, maskVoxels, counted || maskVoxels, { source: 'FDR' }, made, job, run);
  }
  const other = await otherMask(job, made, problem, run);
  if (other === undefined) {
    // Use the implausible mask if it is not empty.
    if (made.voxels === 0) throw problem.error;
    run.warn(
      `${problem.sentence}: give a mask with ${named('mask')}, or set noise boxes outside the ` +
        `particle with ${named('fdrNoiseBoxes')}.`,
    );
    return finished(made.mask as Volume, made.voxels, made.voxels, { source: 'FDR' }, made, job, run);
  }
  const reason = `${problem.sentence}; ${other.description} instead.`;
  run.warn(reason);
  run.release(made.mask);
  return finished(other.mask, other.voxels, other.voxels, { source: other.source, reason }, made, job, run);
}

/**
 * Gathers the result; the confidence is kept on request only. `countedVoxels`: those that give the molecular
 * volume.
 */
function finished(
  mask: Volume,
  maskVoxels: number,
  countedVoxels: number,
  origin: MaskOrigin,
  { confidence, noise }: FdrMask,
  { maps, parameters }: MaskJob,
  run: Run,
): ScalingMask {
  const keep = run.context.keepConfidence === true;
  if (!keep) run.release(confidence);
  return {
    mask,
    maskVoxels,
    molecule: molecularNumbers(countedVoxels, maps.voxelSize, parameters.molecularWeightKiloDalton),
    confidence: keep ? confidence : undefined,
    noise,
    origin,
  };
}

/** Voxels of at least `threshold`. */
async function countFrom(raw: Volume, threshold: number, run: Run): Promise<number> {
  const { mask, voxels } = await run.engine.binarise(raw, threshold);
  run.engine.release(mask);
  return voxels;
}
