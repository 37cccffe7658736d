/**
 * What worker threads do with the blocks of one band (band-scaling.ts): windows of its powers along the three
 * axes, then its gains. Blocks are much fewer than voxels and lie in shared memory.
 */
import { type BandPlan, windowWeights } from '../math/soft-scaling/bands.ts';
import {
  type AmplitudeSums,
  type GainRule,
  gainCorrection,
  gainWeight,
  rescaledPower,
  targetAmplitude,
} from '../math/soft-scaling/targets.ts';
import type { Kernels } from './kernels/kernels.ts';

/**
 * Sums of squares in blocks, of the mean and of half the difference of the half maps, and of the reference.
 */
export interface BlockFields {
  /** Of the mean, per block (z, y, x). */
  readonly power: Float32Array;
  /** Undefined for a single map. */
  readonly difference: Float32Array | undefined;
  /** Undefined for targets without a reference. */
  readonly reference: Float32Array | undefined;
  /** Signal of the level bands so far. */
  readonly level: Float32Array | undefined;
  /** Share of the window inside the difference mask. */
  readonly share: Float32Array | undefined;
  /** Factor of the band per block. */
  readonly gains: Float32Array;
  /**
   * Sums as they are measured, where their windows are wanted twice: the second time times the gains, in
   * place.
   */
  readonly measured:
    | { readonly power: Float32Array; readonly difference: Float32Array | undefined }
    | undefined;
}

/** Scaled: the band's squares, of which gains were made, times those gains. */
export type SmoothedBand = 'measured' | 'scaled';

/**
 * Planes from <= z < to of blocks: weighted with the window along x and y, in place. The cross power of the
 * half maps takes the place of the power of half their difference.
 */
export function smoothBlockPlanes(
  kernels: Kernels,
  plan: BandPlan,
  fields: BlockFields,
  of: SmoothedBand,
  outputScale: number,
  from: number,
  to: number,
): void {
  const [, by, bx] = plan.windows.blocks;
  const { power, difference } = loadSquares(fields, of, outputScale, from * by * bx, to * by * bx);
  const memory = kernels.mark();
  const alongX = kernels.putFloats(windowWeights(plan.windows, 2));
  const alongY = kernels.putFloats(windowWeights(plan.windows, 1));
  const [tapsY, tapsX] = [1, 2].map((axis) => windowWeights(plan.windows, axis as 1 | 2).length);
  const [reachY, reachX] = [(tapsY - 1) / 2, (tapsX - 1) / 2];
  const pitch = 4 * Math.ceil(bx / 4);
  const row = kernels.allocate(4 * (pitch + 2 * reachX + 4));
  const padded = kernels.allocate(4 * (by + 2 * reachY) * pitch);
  const out = kernels.allocate(4 * by * pitch);
  const line = kernels.floats(row, pitch + 2 * reachX + 4);
  const smooth = kernels.floats(out, by * pitch);
  const run = (field: Float32Array, z: number): void => {
    for (let y = 0; y < by; y++) {
      const at = (z * by + y) * bx;
      line.set(field.subarray(at, at + bx), reachX);
      kernels.exports.convolve(padded + 4 * (reachY + y) * pitch, row, pitch / 4, 4, alongX, tapsX);
    }
    kernels.exports.convolve(out, padded, (by * pitch) / 4, 4 * pitch, alongY, tapsY);
    for (let y = 0; y < by; y++) field.set(smooth.subarray(y * pitch, y * pitch + bx), (z * by + y) * bx);
  };
  const { reference } = fields;
  for (let z = from; z < to; z++) {
    if (difference) {
      for (let i = z * by * bx; i < (z + 1) * by * bx; i++) difference[i] = power[i] - difference[i];
      run(difference, z);
    }
    run(power, z);
    if (reference && of === 'measured') run(reference, z);
  }
  kernels.release(memory);
}

/** The fields whose windows are wanted, blocks from <= i < to of them filled. */
function loadSquares(fields: BlockFields, of: SmoothedBand, outputScale: number, from: number, to: number) {
  const { power, difference, gains, measured } = fields;
  if (!measured) return fields;
  if (of === 'measured') {
    power.set(measured.power.subarray(from, to), from);
    if (measured.difference) difference?.set(measured.difference.subarray(from, to), from);
    return fields;
  }
  for (const field of [measured.power, measured.difference])
    if (field) for (let i = from; i < to; i++) field[i] = rescaledPower(field[i], gains[i] / outputScale);
  return measured;
}

/** Fields in rows from <= y < to of blocks: weighted with the window along z, in place. */
function smoothAlongZ(
  kernels: Kernels,
  plan: BandPlan,
  smoothed: readonly (Float32Array | undefined)[],
  from: number,
  to: number,
): void {
  const [bz, by, bx] = plan.windows.blocks;
  const memory = kernels.mark();
  const weights = windowWeights(plan.windows, 0);
  const alongZ = kernels.putFloats(weights);
  const reach = (weights.length - 1) / 2;
  const count = (to - from) * bx;
  const pitch = 4 * Math.ceil(count / 4);
  const padded = kernels.allocate(4 * (bz + 2 * reach) * pitch);
  const out = kernels.allocate(4 * bz * pitch);
  for (const field of smoothed) {
    if (!field) continue;
    const source = kernels.floats(padded, (bz + 2 * reach) * pitch);
    const result = kernels.floats(out, bz * pitch);
    for (let z = 0; z < bz; z++) {
      const at = (z * by + from) * bx;
      source.set(field.subarray(at, at + count), (reach + z) * pitch);
    }
    kernels.exports.convolve(out, padded, (bz * pitch) / 4, 4 * pitch, alongZ, weights.length);
    for (let z = 0; z < bz; z++)
      field.set(result.subarray(z * pitch, z * pitch + count), (z * by + from) * bx);
  }
  kernels.release(memory);
}

/**
 * Rows from <= y < to of blocks: weighted with the window along z, in place; S is added to the level where
 * the rule says so, and the gains are made, times `outputScale`.
 */
export function blockGains(
  kernels: Kernels,
  plan: BandPlan,
  fields: BlockFields,
  rule: GainRule,
  outputScale: number,
  from: number,
  to: number,
): AmplitudeSums {
  const [bz, by, bx] = plan.windows.blocks;
  const count = (to - from) * bx;
  const { power, difference, reference, level, share, gains } = fields;
  smoothAlongZ(kernels, plan, [power, difference, reference], from, to);
  const signal = difference ?? power;
  const amplitude = targetAmplitude(rule);
  let [wanted, reached] = [0, 0];
  for (let z = 0; z < bz; z++) {
    const first = (z * by + from) * bx;
    for (let i = first; i < first + count; i++) {
      if (level && rule.addsToLevel) level[i] += Math.max(signal[i], 0);
      const root = amplitude(
        signal[i],
        reference ? reference[i] : 0,
        level ? level[i] : 0,
        share ? share[i] : 0,
      );
      const gain = root * gainWeight(signal[i], power[i], rule.floor);
      wanted += root * root;
      reached += gain * gain * power[i];
      gains[i] = outputScale * gain;
    }
  }
  return { wanted, reached };
}

/** The same of the scaled band, whose gains are corrected. */
export function refineBlockGains(
  kernels: Kernels,
  plan: BandPlan,
  fields: BlockFields,
  rule: GainRule,
  outputScale: number,
  from: number,
  to: number,
): AmplitudeSums {
  const [bz, by, bx] = plan.windows.blocks;
  const count = (to - from) * bx;
  const { reference, gains } = fields;
  const { power, difference } = fields.measured ?? fields;
  smoothAlongZ(kernels, plan, [power, difference], from, to);
  const signal = difference ?? power;
  const amplitude = targetAmplitude(rule);
  let [wanted, reached] = [0, 0];
  for (let z = 0; z < bz; z++) {
    const first = (z * by + from) * bx;
    for (let i = first; i < first + count; i++) {
      const root = amplitude(signal[i], reference ? reference[i] : 0, 0, 0);
      const correction = gainCorrection(root, signal[i], power[i], gains[i] / outputScale, rule.floor);
      wanted += root * root;
      reached += correction * correction * power[i];
      gains[i] *= correction;
    }
  }
  return { wanted, reached };
}
