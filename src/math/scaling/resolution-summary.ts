/** Summary statistics of a local-resolution map. */

export interface ResolutionSummary {
  readonly voxels: number;
  /** Angstrom. */
  readonly median: number;
  readonly quantiles: {
    readonly '5%': number;
    readonly '25%': number;
    readonly '75%': number;
    readonly '95%': number;
  };
  /** Share of voxels whose curve never falls below the threshold: Nyquist. */
  readonly atNyquist: number;
  /** Share of voxels whose curve lies below the threshold from the first shell on: no common signal. */
  readonly withoutSignal: number;
  /** Counts between `edges`, A, ascending: the last class includes its upper end. */
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] };
}

const CLASSES = 20;
/** Tolerance for float32 rounding of a resolution. */
const EQUAL = 1e-5;

/**
 * `resolution`: A per voxel, 0 outside the mask. `nyquist` and `window` are the smallest and the largest
 * value it can have. The histogram spans the 1st to the 99th percentile; values beyond count in its end
 * classes.
 */
export function summariseResolution(
  resolution: ArrayLike<number>,
  nyquist: number,
  window: number,
): ResolutionSummary {
  const sorted = Float32Array.from({ length: countOf(resolution) });
  for (let i = 0, k = 0; i < resolution.length; i++) if (resolution[i] > 0) sorted[k++] = resolution[i];
  sorted.sort();
  const voxels = sorted.length;
  const quantile = (share: number): number => {
    const at = share * (voxels - 1);
    const low = Math.floor(at);
    const high = Math.min(voxels - 1, low + 1);
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
  };
  const from = quantile(0.01);
  const step = (quantile(0.99) - from) / CLASSES || 1;
  const counts = new Array<number>(CLASSES).fill(0);
  let atNyquist = 0;
  let withoutSignal = 0;
  for (const value of sorted) {
    counts[Math.min(CLASSES - 1, Math.max(0, Math.floor((value - from) / step)))]++;
    if (value <= nyquist * (1 + EQUAL)) atNyquist++;
    if (value >= window * (1 - EQUAL)) withoutSignal++;
  }
  return {
    voxels,
    median: quantile(0.5),
    quantiles: {
      '5%': quantile(0.05),
      '25%': quantile(0.25),
      '75%': quantile(0.75),
      '95%': quantile(0.95),
    },
    atNyquist: atNyquist / voxels,
    withoutSignal: withoutSignal / voxels,
    histogram: { edges: Array.from({ length: CLASSES + 1 }, (_, i) => from + i * step), counts },
  };
}

function countOf(resolution: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < resolution.length; i++) if (resolution[i] > 0) count++;
  return count;
}
