/**
 * Density that a reference does not explain. In Gaussian windows of standard deviation sigma, with a and b
 * the half maps and t the reference, all low-passed at d:
 *   S = <a b>,  N = <(a - b)^2> / 2,  T = <t^2>.
 * S is the power of the signal, N that of the noise of a half map. A voxel is unexplained where S stands out
 * from its noise, is no mere trace of the molecule's signal, and T is a small part of it.
 */
import { type Grid, type Shape, voxelCount } from '../grid.ts';
import { pieceAt } from './pieces.ts';

/** sigma / d. */
export const WINDOW_PER_RESOLUTION = 0.5;
/**
 * Independent numbers in a window: its volume (4 pi sigma^2)^(3/2) times the 4 pi / (3 d^3) coefficients of a
 * low-passed map per A^3.
 */
export const WINDOW_SAMPLES = (4 * Math.PI * WINDOW_PER_RESOLUTION ** 2) ** 1.5 * ((4 * Math.PI) / 3);
/** Standard deviations of what chance makes of S; products of noise have long tails. */
const SIGNIFICANCE = 8;
/** Least part of the signal of the molecule: the rim of the density ends there, whatever its B factors. */
const LEAST_SIGNAL = 0.05;
/** T / S up to which the reference says nothing. It is above 0.6 where it does, at 8 times the noise. */
const EXPLAINED = 0.2;

export interface LocalPowers {
  readonly signal: Float32Array;
  /** Of a half map; or a constant, that of the solvent in a single map. */
  readonly noise: Float32Array | number;
  /** Brought to the scale of the signal by `referenceScale`. */
  readonly reference: Float32Array;
}

/** Levels of the molecule that the reference explains. */
export interface ExplainedLevels {
  /** Median S / T. */
  readonly referenceScale: number;
  /** Median S. */
  readonly signal: number;
}

/** Share of the molecule's voxels that hold its strongest reference density: surely molecule. */
const STRONGEST = 0.5;
/** Values that medians are taken of. */
const SAMPLES = 50_000;

/** Over the voxels of the mask where the reference is strongest; undefined where it has nothing. */
export function explainedLevels(
  { signal, reference }: LocalPowers,
  mask: ArrayLike<number>,
): ExplainedLevels | undefined {
  const inside: number[] = [];
  const step = Math.max(1, Math.floor(signal.length / (20 * SAMPLES)));
  for (let i = 0; i < signal.length; i += step) if (mask[i] > 0.5 && reference[i] > 0) inside.push(i);
  inside.sort((a, b) => reference[b] - reference[a]);
  const strong = inside.slice(0, Math.ceil(STRONGEST * inside.length));
  if (strong.length === 0) return undefined;
  const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const levels = {
    referenceScale: median(strong.map((i) => signal[i] / reference[i])),
    signal: median(strong.map((i) => signal[i])),
  };
  return levels.signal > 0 && levels.referenceScale > 0 ? levels : undefined;
}

/** 1 where the reference does not explain the signal. `shareOfNoise`: sd of S by chance, in units of N. */
export function unexplainedRegion(
  { signal, noise, reference }: LocalPowers,
  levels: ExplainedLevels | undefined,
  shareOfNoise: number,
): Uint8Array {
  const region = new Uint8Array(signal.length);
  const typical = typeof noise === 'number' ? noise : medianOf(noise);
  const scale = levels?.referenceScale ?? 0;
  const least = LEAST_SIGNAL * (levels?.signal ?? 0);
  const significant = SIGNIFICANCE * shareOfNoise;
  for (let i = 0; i < region.length; i++) {
    const s = signal[i];
    // Windows measure their own noise by chance, too.
    const n = typeof noise === 'number' ? noise : Math.max(noise[i], typical);
    if (s > significant * n && s > least && scale * reference[i] < EXPLAINED * s) region[i] = 1;
  }
  return region;
}

/** Without zeros: maps may be masked. */
function medianOf(values: Float32Array): number {
  const step = Math.max(1, Math.floor(values.length / SAMPLES));
  const sample = new Float32Array(Math.ceil(values.length / step));
  let count = 0;
  for (let i = 0; i < values.length; i += step) if (values[i] > 0) sample[count++] = values[i];
  return count === 0 ? 0 : sample.subarray(0, count).sort()[Math.floor(count / 2)];
}

/** One connected piece of unexplained density. */
export interface Blob {
  /** Of its unexplained signal: x, y, z in A, in the coordinates of the map and of its models. */
  readonly position: readonly [x: number, y: number, z: number];
  /** A^3, where the signal has at least half its highest RMS density: windows make all of it wider. */
  readonly volume: number;
  /** Mean of S / (S + N): correlation of the half maps there. A single map has none. */
  readonly meanFsc?: number;
  /** Mean of S / N; absent where the solvent of a single map was masked away. */
  readonly signalToNoise?: number;
  /** Mean of T / S: what the reference explains of it. */
  readonly explained: number;
}

/** Pieces of at least `leastVolume` (A^3), the largest first; smaller ones are taken out of the region. */
export function blobsOf(
  region: Uint8Array,
  grid: Grid,
  powers: LocalPowers,
  { leastVolume, referenceScale }: { readonly leastVolume: number; readonly referenceScale: number },
): Blob[] {
  const left = region.slice();
  const blobs: Blob[] = [];
  const voxelVolume = grid.voxelSize.reduce((product, size) => product * size, 1);
  for (let seed = 0; seed < left.length; seed++) {
    if (left[seed] === 0) continue;
    const voxels = pieceAt(left, grid.shape, seed);
    if (voxels.length * voxelVolume < leastVolume) for (const voxel of voxels) region[voxel] = 0;
    else blobs.push(measureBlob(voxels, grid, powers, referenceScale));
  }
  return blobs.sort((a, b) => b.volume - a.volume);
}

function measureBlob(
  voxels: Int32Array,
  { shape, voxelSize, origin }: Grid,
  { signal, noise, reference }: LocalPowers,
  referenceScale: number,
): Blob {
  const [, ny, nx] = shape as Shape;
  let weights = 0;
  const highest = voxels.reduce((most, i) => Math.max(most, signal[i]), 0);
  let strong = 0;
  const sums = { z: 0, y: 0, x: 0, fsc: 0, ratio: 0, explained: 0 };
  for (const i of voxels) {
    const s = signal[i];
    const n = typeof noise === 'number' ? noise : noise[i];
    const weight = s - referenceScale * reference[i];
    weights += weight;
    if (s >= HALF_RMS * highest) strong++;
    sums.z += weight * Math.floor(i / (ny * nx));
    sums.y += weight * (Math.floor(i / nx) % ny);
    sums.x += weight * (i % nx);
    sums.fsc += s / (s + n);
    sums.ratio += s / n;
    sums.explained += (referenceScale * reference[i]) / s;
  }
  const at = (axis: 0 | 1 | 2, sum: number): number => origin[axis] + (sum / weights) * voxelSize[axis];
  return {
    position: [at(2, sums.x), at(1, sums.y), at(0, sums.z)],
    volume: strong * voxelSize[0] * voxelSize[1] * voxelSize[2],
    meanFsc: typeof noise === 'number' ? undefined : sums.fsc / voxels.length,
    signalToNoise: sums.ratio < MOST_RATIO * voxels.length ? sums.ratio / voxels.length : undefined,
    explained: sums.explained / voxels.length,
  };
}

/** Power of half the RMS density. */
const HALF_RMS = 0.25;
/** Of signal to noise, where both were measured. */
const MOST_RATIO = 1e5;

/**
 * Bytes of the host that finding takes in addition to the powers: the region, what is left of it, a stack.
 */
export function unexplainedBytes(shape: Shape): number {
  return 3 * voxelCount(shape);
}
