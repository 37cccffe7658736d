/** Statistics of the shells of two half maps: their content, and which part of the FSC is significant. */
import type { FourierShellCorrelation, ShellSums } from '../fourier/fsc.ts';

export interface HalfMapSpectra extends ShellSums {
  readonly counts: ArrayLike<number>;
}

export interface ShellEvidence {
  readonly index: number;
  readonly frequency: number;
  readonly correlation: number;
  readonly cross: number;
  readonly powerA: number;
  readonly powerB: number;
  /** Approximate number of independent real numbers in the shell. */
  readonly size: number;
}

/** Power of a shell relative to the mean of all below which it is rounding error. */
const ROUNDING_POWER = 1e-11;
/** Significance of common signal, and of a rise, in standard deviations. */
const SIGNIFICANT = 4.5;

/** Shells above rounding errors, without the mean of the maps (shell 0). */
export function shellsOf(
  { frequency, correlation }: FourierShellCorrelation,
  spectra: HalfMapSpectra,
): ShellEvidence[] {
  const { cross, powerA, powerB, counts } = spectra;
  const total = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, v) => sum + v, 0);
  const size = Math.max(1, total(counts));
  const floorA = (ROUNDING_POWER * total(powerA)) / size;
  const floorB = (ROUNDING_POWER * total(powerB)) / size;
  const shells: ShellEvidence[] = [];
  for (let r = 1; r < cross.length; r++) {
    const count = counts[r];
    if (!(powerA[r] > floorA * count && powerB[r] > floorB * count)) continue;
    shells.push({
      index: r,
      frequency: frequency[r],
      correlation: correlation[r],
      cross: cross[r],
      powerA: powerA[r],
      powerB: powerB[r],
      size: 2 * count,
    });
  }
  return shells;
}

export function weightedMean(shells: readonly ShellEvidence[]): number {
  let sum = 0;
  let weight = 0;
  for (const { correlation, size } of shells) {
    sum += size * correlation;
    weight += size;
  }
  return weight === 0 ? 0 : sum / weight;
}

/** Standard deviation of the FSC of `size` independent numbers. */
function errorOf({ correlation, size }: ShellEvidence): number {
  return Math.max(1e-3, 1 - correlation ** 2) / Math.sqrt(size);
}

/**
 * Scatter of the FSC relative to that of noise without symmetry in a full box: masks and symmetry reduce the
 * number of independent values. Measured by second differences, which vanish for a smooth curve.
 */
export function noiseInflation(shells: readonly ShellEvidence[]): number {
  const part = shells.slice(Math.floor(shells.length / 3));
  const scatter: number[] = [];
  for (let i = 1; i + 1 < part.length; i++) {
    const bend = part[i - 1].correlation - 2 * part[i].correlation + part[i + 1].correlation;
    scatter.push(Math.abs(bend) / (Math.sqrt(6) * errorOf(part[i])));
  }
  if (scatter.length < 4) return 1;
  scatter.sort((one, other) => one - other);
  // The median of |x| is 0.6745 standard deviations.
  return Math.min(8, Math.max(1, scatter[Math.floor(scatter.length / 2)] / 0.6745));
}

/** Consecutive shells beyond the threshold on the side of `sign`. */
export function runsBeyond(
  shells: readonly ShellEvidence[],
  threshold: number,
  sign: 1 | -1,
): ShellEvidence[][] {
  const runs: ShellEvidence[][] = [];
  let last: ShellEvidence | undefined;
  for (const shell of shells) {
    if (sign * shell.correlation < threshold) continue;
    if (last === undefined || last.index + 1 !== shell.index) runs.push([]);
    (runs.at(-1) as ShellEvidence[]).push(shell);
    last = shell;
  }
  return runs;
}

export function isSignificant(run: readonly ShellEvidence[], above: number, inflation: number): boolean {
  const size = run.reduce((sum, shell) => sum + shell.size, 0);
  const mean = Math.abs(weightedMean(run));
  const deviations = (mean - above) * Math.sqrt(size);
  // The scatter of a few shells is unreliable if the signal is strong.
  return deviations >= SIGNIFICANT * (mean >= 0.5 ? 1 : inflation);
}
