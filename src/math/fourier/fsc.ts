/**
 * Fourier shell correlation of half maps (method 1) and the resolution read from it.
 *   FSC(r) = sum Re(A conj B) / sqrt(sum |A|^2 sum |B|^2)  over the coefficients with floor(|k|) = r
 */

/**
 * Sums over shells r = 0 ... floor(min(shape) / 2) - 1.
 * The original sums the half kx = 0 ... nx/2 of Fourier space as a real transform stores it, each
 * coefficient once: those with kx = 0 therefore count twice relative to the others, whose Friedel mates
 * are not stored. Counting all mates gives a curve that differs by up to 3e-3 (TRPV1 half maps, 96^3).
 */
export interface ShellSums {
  readonly cross: ArrayLike<number>;
  readonly powerA: ArrayLike<number>;
  readonly powerB: ArrayLike<number>;
}

/**
 * Shells of Fourier coefficients, |k| their radius in units of 1 / min(shape) cycles per voxel: floor(|k|) as
 * in LocScale, or the nearest integer as in RELION and servalcat.
 */
export type ShellRule = 'floor' | 'nearest';

/** FSC at which the resolution of half maps is read. */
export const FSC_THRESHOLD = 0.143;

export interface FourierShellCorrelation {
  /** 1/A, LocScale's axis: evenly on [0, 1/(2 voxelSize)], both ends included. */
  readonly frequency: readonly number[];
  readonly correlation: readonly number[];
  /** First fall below 0.143, in A; undefined if the curve never falls: see `findFall` for which way. */
  readonly resolution: number | undefined;
  /** First fall below 0.5, in A. */
  readonly resolutionHalf: number | undefined;
}

/**
 * The curve as in the original: its axis puts the last shell on the Nyquist frequency (a shell's true
 * frequencies are r/edge ... (r + 1)/edge cycles per voxel), FSC[0] is clipped to >= 0, a shell without power
 * has FSC 0.
 */
export function fourierShellCorrelation(sums: ShellSums, voxelSize: number): FourierShellCorrelation {
  const shells = sums.cross.length;
  const last = 1 / (2 * voxelSize);
  const frequency = Array.from({ length: shells }, (_, r) => (shells > 1 ? (r * last) / (shells - 1) : 0));
  const correlation = Array.from({ length: shells }, (_, r) => {
    const power = sums.powerA[r] * sums.powerB[r];
    const value = power > 0 ? sums.cross[r] / Math.sqrt(power) : 0;
    return r === 0 ? Math.max(0, value) : value;
  });
  return {
    frequency,
    correlation,
    resolution: firstCrossing(frequency, correlation, FSC_THRESHOLD),
    resolutionHalf: firstCrossing(frequency, correlation, 0.5),
  };
}

/** How a curve ends: where it falls (A), or why it does not. */
export type FscFall =
  | { readonly kind: 'falls'; readonly resolution: number }
  /** Above the threshold up to the last shell. */
  | { readonly kind: 'stays above' }
  /** Below it in all shells, or in the first third of them. */
  | { readonly kind: 'never above' };

/**
 * Maps without a mean have FSC[0] = 0, filtered ones may begin low: a curve counts as above from its
 * first third on.
 */
export function findFall(
  frequency: readonly number[],
  correlation: readonly number[],
  threshold: number,
): FscFall {
  const resolution = firstCrossing(frequency, correlation, threshold);
  if (resolution !== undefined) return { kind: 'falls', resolution };
  const first = correlation.findIndex((value) => value >= threshold);
  const soon = first >= 0 && first <= Math.max(1, Math.floor(correlation.length / 3));
  return { kind: soon ? 'stays above' : 'never above' };
}

/**
 * Resolution (A) at which the curve first falls from >= threshold to below it, interpolated linearly in
 * frequency. Shells before the curve first reaches the threshold are ignored: maps without a mean have FSC[0]
 * = 0.
 */
export function firstCrossing(
  frequency: readonly number[],
  correlation: readonly number[],
  threshold: number,
): number | undefined {
  const r = firstFallenShell(correlation, threshold);
  if (r === undefined) return undefined;
  const above = correlation[r - 1];
  const fraction = (above - threshold) / (above - correlation[r]);
  return 1 / (frequency[r - 1] + fraction * (frequency[r] - frequency[r - 1]));
}

/** The shell below the threshold that first follows one above it. */
export function firstFallenShell(correlation: readonly number[], threshold: number): number | undefined {
  for (let r = 1; r < correlation.length; r++)
    if (correlation[r - 1] >= threshold && correlation[r] < threshold) return r;
  return undefined;
}
