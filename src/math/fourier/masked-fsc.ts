/**
 * FSC of masked half maps, corrected for the mask (Chen et al. 2013, Ultramicroscopy 135, 24-35): a mask
 * common to both maps correlates their shells. The effect is measured on half maps with random phases and
 * unchanged amplitudes from shell r_0 on: with FSC_t of the masked maps and FSC_n of the masked maps with
 * random phases,
 *
 *   FSC = (FSC_t - FSC_n) / (1 - FSC_n)   from shell r_0 + 2 on, FSC_t before
 *
 * r_0 is the first shell at which the unmasked FSC falls below 0.8; the two shells of the transition are not
 * corrected. A shell has the coefficients whose radius rounds to its own. All as in RELION's post-processing
 * and servalcat's command fsc, except that the resolution is interpolated between shells.
 */
import { FSC_THRESHOLD, firstCrossing, firstFallenShell, type ShellSums } from './fsc.ts';

const RANDOMISED_BELOW = 0.8;
const TRANSITION_SHELLS = 2;

export interface MaskedFsc {
  /** Frequency of the shells, whose radii are whole numbers: r / edge, 1/A. */
  readonly frequency: readonly number[];
  readonly unmasked: readonly number[];
  readonly masked: readonly number[];
  /**
   * FSC of the masked maps with random phases from `randomisedFrom` on; undefined if the unmasked FSC does
   * not fall below 0.8.
   */
  readonly randomised: readonly number[] | undefined;
  readonly corrected: readonly number[];
  /** 1/A. */
  readonly randomisedFrom: number | undefined;
  /** Resolution in A at which the corrected curve falls below 0.143; undefined if it never does. */
  readonly resolution: number | undefined;
  /** The same for the other two curves. */
  readonly unmaskedResolution: number | undefined;
  readonly maskedResolution: number | undefined;
  /**
   * A: the last shell before the corrected curve first falls below 0.143, which RELION and servalcat report.
   */
  readonly shellResolution: number | undefined;
}

/** FSC per shell, 0 if a map has no power. */
export function shellCorrelation({ cross, powerA, powerB }: ShellSums): number[] {
  return Array.from(cross, (value, r) => {
    const power = powerA[r] * powerB[r];
    return power > 0 ? value / Math.sqrt(power) : 0;
  });
}

/**
 * Frequencies, 1/A, of the shells around whole radii; `edge`: shortest edge of the box in voxels, whose size
 * is in A.
 */
export function shellCentres(count: number, edgeVoxels: number, voxelSize: number): number[] {
  return Array.from({ length: count }, (_, r) => r / (edgeVoxels * voxelSize));
}

/** r_0. */
export function firstRandomisedShell(unmasked: readonly number[]): number | undefined {
  return firstFallenShell(unmasked, RANDOMISED_BELOW);
}

export function correctForMask(
  frequency: readonly number[],
  unmasked: readonly number[],
  masked: readonly number[],
  randomised?: readonly number[],
): MaskedFsc {
  const first = randomised && firstRandomisedShell(unmasked);
  const corrected = masked.map((value, r) => {
    if (!randomised || first === undefined || r < first + TRANSITION_SHELLS) return value;
    const noise = randomised[r];
    return noise < 1 ? (value - noise) / (1 - noise) : 0;
  });
  return {
    frequency,
    unmasked,
    masked,
    randomised,
    corrected,
    randomisedFrom: first === undefined ? undefined : frequency[first],
    resolution: firstCrossing(frequency, corrected, FSC_THRESHOLD),
    unmaskedResolution: firstCrossing(frequency, unmasked, FSC_THRESHOLD),
    maskedResolution: firstCrossing(frequency, masked, FSC_THRESHOLD),
    shellResolution: lastShellAbove(frequency, corrected),
  };
}

/** Resolution in A: Nyquist for a curve that never falls; undefined without common signal. */
export function endOfSignal(
  { corrected, resolution }: Pick<MaskedFsc, 'corrected' | 'resolution'>,
  voxelSize: number,
): number | undefined {
  return resolution ?? ((corrected.at(-1) ?? 0) >= FSC_THRESHOLD ? 2 * voxelSize : undefined);
}

function lastShellAbove(frequency: readonly number[], curve: readonly number[]): number | undefined {
  const fallen = curve.findIndex((value, r) => r > 0 && value < FSC_THRESHOLD);
  return fallen > 1 ? 1 / frequency[fallen - 1] : undefined;
}
