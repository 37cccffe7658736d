/** Statistics of a volume from those of its parts. */

/** Moments of a part of a volume, mergeable with others. */
export interface PartialStatistics {
  /** Finite voxels. */
  count: number;
  mean: number;
  /** Sum of squared deviations from the mean. */
  squares: number;
  min: number;
  max: number;
  zeros: number;
  nonFinite: number;
}

/** Of no voxels: the start of a sum of parts. */
export const NO_VOXELS: Readonly<PartialStatistics> = {
  count: 0,
  mean: 0,
  squares: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  zeros: 0,
  nonFinite: 0,
};

/** Chan's pairwise merge of moments. */
export function mergeStatistics(a: PartialStatistics, b: PartialStatistics): PartialStatistics {
  const count = a.count + b.count;
  const difference = b.mean - a.mean;
  return {
    count,
    mean: count > 0 ? a.mean + (difference * b.count) / count : 0,
    squares: a.squares + b.squares + (count > 0 ? (difference * difference * a.count * b.count) / count : 0),
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    zeros: a.zeros + b.zeros,
    nonFinite: a.nonFinite + b.nonFinite,
  };
}

/** The squares as a population standard deviation (divided by N). */
export function finishStatistics(
  total: PartialStatistics,
): Omit<PartialStatistics, 'squares'> & { sd: number } {
  const { squares, ...sums } = total;
  return { ...sums, sd: sums.count > 0 ? Math.sqrt(squares / sums.count) : 0 };
}
