/**
 * FSC of masked half maps, corrected for the mask: a mask common to both maps correlates their shells. What it does
 * shows on half maps whose shells from r_0 on are replaced by independent noise of the same power (Chen et al. 2013,
 * Ultramicroscopy 135, 24-35): with FSC_t of the masked maps and FSC_n of the masked maps so changed,
 *
 *   FSC = (FSC_t - FSC_n) / (1 - FSC_n)   from shell r_0 + 2 on, FSC_t before
 *
 * r_0 is the first shell at which the unmasked FSC falls below 0.8; the two shells of the transition are left as they
 * are.
 */
import { FSC_THRESHOLD, firstCrossing, firstFallenShell, type ShellSums } from './fsc.ts';
import { type RadialTransfer, tabulateTransfer } from './radial-transfer.ts';

const REPLACED_BELOW = 0.8;
const TRANSITION_SHELLS = 2;

export interface MaskedFsc {
  /** Centres of the shells, 1/A. */
  readonly frequency: readonly number[];
  readonly unmasked: readonly number[];
  readonly masked: readonly number[];
  /** Of the masked maps with noise from `replacedFrom` on; absent where the unmasked FSC does not fall below 0.8. */
  readonly replaced: readonly number[] | undefined;
  readonly corrected: readonly number[];
  /** 1/A. */
  readonly replacedFrom: number | undefined;
  /** A, where the corrected curve falls below 0.143; undefined if it never does. */
  readonly resolution: number | undefined;
}

/** FSC per shell, 0 where a map has no power. */
export function shellCorrelation({ cross, powerA, powerB }: ShellSums): number[] {
  return Array.from(cross, (value, r) => {
    const power = powerA[r] * powerB[r];
    return power > 0 ? value / Math.sqrt(power) : 0;
  });
}

/** Centres of the shells of a box whose shortest edge has so many voxels (A each), 1/A. */
export function shellCentres(count: number, edgeVoxels: number, voxelSize: number): number[] {
  return Array.from({ length: count }, (_, r) => (r + 0.5) / (edgeVoxels * voxelSize));
}

/** r_0. */
export function firstReplacedShell(unmasked: readonly number[]): number | undefined {
  return firstFallenShell(unmasked, REPLACED_BELOW);
}

export function correctForMask(
  frequency: readonly number[],
  unmasked: readonly number[],
  masked: readonly number[],
  replaced?: readonly number[],
): MaskedFsc {
  const first = replaced && firstReplacedShell(unmasked);
  const corrected = masked.map((value, r) => {
    if (!replaced || first === undefined || r < first + TRANSITION_SHELLS) return value;
    const noise = replaced[r];
    return noise < 1 ? (value - noise) / (1 - noise) : 0;
  });
  return {
    frequency,
    unmasked,
    masked,
    replaced,
    corrected,
    replacedFrom: first === undefined ? undefined : frequency[first],
    resolution: firstCrossing(frequency, corrected, FSC_THRESHOLD),
  };
}

/** 1 in the shells before `first`, 0 from it on. */
export function keepShells(first: number, edgeVoxels: number): RadialTransfer {
  return tabulateTransfer((f) => (shellOf(f, edgeVoxels) < first ? 1 : 0));
}

/**
 * Gives white noise of variance 1 the power of a map in the shells from `first` on, and nothing before. `power`: sums
 * per shell, of `counts` coefficients; frequencies beyond the last shell take that one's power.
 */
export function noiseShells(
  power: ArrayLike<number>,
  counts: ArrayLike<number>,
  first: number,
  edgeVoxels: number,
  voxels: number,
): RadialTransfer {
  return tabulateTransfer((f) => {
    const r = Math.min(shellOf(f, edgeVoxels), power.length - 1);
    return r < first || counts[r] === 0 ? 0 : Math.sqrt(power[r] / counts[r] / voxels);
  });
}

/** A step lies a little below its shell, where there is no coefficient (radial-transfer.ts). */
function shellOf(cyclesPerVoxel: number, edgeVoxels: number): number {
  const radius = cyclesPerVoxel * edgeVoxels;
  const next = Math.ceil(radius);
  return next > 0 && radius > next - 1 / (4 * next) ? next : Math.floor(radius);
}
