/**
 * Windows and fit ranges that follow the resolution d of the data (A).
 *
 * LocScale's window of 25 A and its fits from 10 A were chosen for maps finer than 5 A. At 4 A a window is
 * 6.25 d wide and fits reach from 2.5 d to d: four shells of 1 / (6.25 d). Coarser data keep these
 * proportions, because at 6 A the same window leaves two shells to a fit, at 8 A none.
 *
 *   edge(d)  = 25 A                      d <= 6 A
 *            = min(12.5 (d - 4 A), 6.25 d)   beyond: 25 A at 6 A, 6.25 d from 8 A on
 *   start(d) = LocScale's                where that leaves three shells up to d
 *            = 2.5 d                     else
 */
import { shellFrequencies, wilsonRangeBetween } from './wilson-fit.ts';
import { shellCountOf, windowVoxelsFor } from './windows.ts';

/** LocScale's window, A, and the resolution up to which it is used, A. */
const FINE_WINDOW = 25;
const FINE_RESOLUTION = 6;
/** Edge over resolution, and growth of the edge per A until it has this proportion. */
const EDGE_PER_RESOLUTION = 6.25;
const GROWTH = { from: 4, slope: 12.5 } as const;
/** Start of a fit over its end. */
export const START_PER_RESOLUTION = 2.5;
/** Two points always define a line: at least three are needed to judge the fit. */
export const FEWEST_FIT_SHELLS = 3;

/**
 * Factor for limits of B factors chosen for data finer than 6 A: exp(-B f^2 / 4) at the resolution limit is
 * constant for B proportional to d^2.
 */
export function bFactorStretch(resolution: number): number {
  return Math.max(1, (resolution / FINE_RESOLUTION) ** 2);
}

/** Guards against 1 / (1 / f) > f by rounding. */
const ROUNDING = 1e-9;

/** Effective resolution of the data, A: limited by the grid. */
function heldResolution(resolution: number, voxelSize: number): number {
  return Math.max(resolution, 2 * voxelSize);
}

/** Edge of a box window for data of this resolution, A. */
export function windowAngstromFor(resolution: number): number {
  return Math.max(
    FINE_WINDOW,
    Math.min(GROWTH.slope * (resolution - GROWTH.from), EDGE_PER_RESOLUTION * resolution),
  );
}

/** The same in voxels, even; beyond LocScale's window limited by the shortest edge of the box, `most`. */
export function scalingWindowFor(voxelSize: number, resolution: number, most: number): number {
  const least = windowVoxelsFor(voxelSize, FINE_WINDOW);
  const wanted = windowVoxelsFor(voxelSize, windowAngstromFor(heldResolution(resolution, voxelSize)));
  return Math.max(least, Math.min(wanted, 2 * Math.floor(most / 2)));
}

/** Start of a fit, and the number of the window's shells in it. */
export interface FitStart {
  /** A. */
  readonly start: number;
  /** A line needs at least 2 shells, and its quality at least 3. */
  readonly shells: number;
}

/**
 * Start of the fits in windows of `windowVoxels` that end at `end`, A. `usual`: LocScale's start. If neither
 * that nor
 * 2.5 times the resolution leaves three shells, the fit takes the last three; windows that have fewer above
 * shell 0, the mean, the last two.
 */
export function chooseFitStart(
  windowVoxels: number,
  voxelSize: number,
  usual: number,
  end: number,
): FitStart {
  const frequency = shellFrequencies(shellCountOf(windowVoxels), voxelSize);
  const shellsFrom = (start: number): number => {
    const range = wilsonRangeBetween(frequency, start, end);
    return Math.max(0, range.end - range.start);
  };
  const { end: beyond } = wilsonRangeBetween(frequency, usual, end);
  const last = (count: number): number[] =>
    beyond - count < 1 ? [] : [(1 + ROUNDING) / frequency[beyond - count]];
  const candidates = [usual, START_PER_RESOLUTION * heldResolution(end, voxelSize), ...last(3), ...last(2)];
  const start = [FEWEST_FIT_SHELLS, 2]
    .map((fewest) => candidates.find((candidate) => shellsFrom(candidate) >= fewest))
    .find((candidate) => candidate !== undefined);
  return { start: start ?? usual, shells: shellsFrom(start ?? usual) };
}
