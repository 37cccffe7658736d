/**
 * Soft frequency bands of a map and the windows in which their power is measured (docs/method.md, soft
 * scaling).
 *
 *   hat_i(f) = max(0, 1 - |f / d - i|),  i = 0 ... n,  d = fN / n,  n = ceil(fN / 0.05)
 *
 * f: radial frequency in 1/A; fN: Nyquist frequency of the coarsest axis. The bands sum to 1 up to fN and
 * fall to 0 at fN + d. The window is a Gaussian of 10 A, with a reference of 5 A, sampled on blocks of voxels
 * of at most 3.3 A (BLOCKS_PER_SIGMA).
 */
import type { Grid, Shape } from '../grid.ts';

/** Distance between the centres of neighbouring bands, 1/A: at most. */
export const BAND_SPACING = 0.05;
/** Standard deviation of the Gaussian window, A: 0.4 of the edge of LocScale's window of 25 A. */
export const WINDOW_SIGMA = 10;
/**
 * The same where a reference gives the power wanted at every place, so that noise in the measured one is all
 * that wider windows could help. A box of 25 A has 7.2 A, a Hann window of that edge 3.5 A.
 */
export const REFERENCE_SIGMA = 5;
/**
 * Blocks per standard deviation: three where the window is wide, down to one and a half in narrower ones,
 * where blocks stay those of a window of 10 A.
 */
const BLOCKS_PER_SIGMA = [1.5, 3] as const;
/** exp(-7^2 / 2) = 2e-11 of the maximum: contributions beyond vanish in float32. */
const REACH_SIGMAS = 7;

type Triple = readonly [z: number, y: number, x: number];

export interface BandPlan {
  readonly shape: Shape;
  /** A. */
  readonly voxelSize: Triple;
  /** n + 1. */
  readonly count: number;
  /** d, 1/A. */
  readonly spacing: number;
  readonly windows: WindowPlan;
}

export interface WindowPlan {
  /** Voxels per block along each axis. */
  readonly factor: Triple;
  /** Blocks along each axis; the last ones may reach beyond the box. */
  readonly blocks: Shape;
  /** Standard deviation of the window in blocks. */
  readonly sigma: Triple;
}

/** `windowSigma`: standard deviation of the window, A. */
export function planBands(
  { shape, voxelSize }: Pick<Grid, 'shape' | 'voxelSize'>,
  windowSigma = WINDOW_SIGMA,
): BandPlan {
  const nyquist = 0.5 / Math.max(...voxelSize);
  // If the Nyquist frequency is a whole number of spacings, rounding must not add a band.
  const last = Math.max(1, Math.ceil(nyquist / BAND_SPACING - 1e-6));
  return {
    shape,
    voxelSize,
    count: last + 1,
    spacing: nyquist / last,
    windows: planWindows(shape, voxelSize, windowSigma),
  };
}

function planWindows(shape: Shape, voxelSize: Triple, windowSigma: number): WindowPlan {
  const [fewest, most] = BLOCKS_PER_SIGMA;
  const widest = Math.max(windowSigma / most, Math.min(windowSigma / fewest, WINDOW_SIGMA / most));
  const factor = voxelSize.map((v) => Math.max(1, Math.floor(widest / v)));
  return {
    factor: triple(factor),
    blocks: triple(shape.map((n, axis) => Math.ceil(n / factor[axis]))),
    sigma: triple(voxelSize.map((v, axis) => windowSigma / v / factor[axis])),
  };
}

function triple(values: readonly number[]): Triple {
  return values as unknown as Triple;
}

export function bandWeight(frequency: number, band: number, spacing: number): number {
  return Math.max(0, 1 - Math.abs(frequency / spacing - band));
}

/** Squared frequencies of an axis in units of the band spacing: (k / (n v d))^2, k signed. */
export function squaredBandFrequencies(plan: BandPlan, axis: 0 | 1 | 2, count: number): Float32Array {
  const n = plan.shape[axis];
  const unit = 1 / (n * plan.voxelSize[axis] * plan.spacing);
  return Float32Array.from({ length: count }, (_, k) => ((2 * k < n ? k : k - n) * unit) ** 2);
}

/** Largest |k| along an axis below the upper end of a band, limited to the axis; the weight is 0 beyond. */
export function highestIndex(plan: BandPlan, axis: 0 | 1 | 2, band: number): number {
  const n = plan.shape[axis];
  const end = (band + 1) * plan.spacing * n * plan.voxelSize[axis];
  return Math.min(Math.floor(n / 2), Math.ceil(end));
}

/**
 * Weights of the window along one axis, for the blocks -r ... r around its own. Their sum is 1 except outside
 * the box, which counts as 0: a loss common to all powers that cancels in their ratios.
 */
export function windowWeights(plan: WindowPlan, axis: 0 | 1 | 2): Float32Array {
  const sigma = plan.sigma[axis];
  const reach = Math.min(plan.blocks[axis] - 1, Math.ceil(REACH_SIGMAS * sigma));
  const norm = 1 / (Math.sqrt(2 * Math.PI) * sigma);
  return Float32Array.from(
    { length: 2 * reach + 1 },
    (_, i) => norm * Math.exp(-(((i - reach) / sigma) ** 2) / 2),
  );
}

/** Positions of an axis' voxels between the centres of its blocks, clamped to the first and last centre. */
export interface Interpolation {
  readonly lower: Uint32Array;
  /** Weight of the next block; 0 for the last one. */
  readonly share: Float32Array;
}

export function planInterpolation(plan: BandPlan, axis: 0 | 1 | 2): Interpolation {
  const [n, k, blocks] = [plan.shape[axis], plan.windows.factor[axis], plan.windows.blocks[axis]];
  const at = Float64Array.from({ length: n }, (_, i) =>
    Math.min(Math.max((i - (k - 1) / 2) / k, 0), blocks - 1),
  );
  return {
    lower: Uint32Array.from(at, Math.floor),
    share: Float32Array.from(at, (x) => x - Math.floor(x)),
  };
}

/**
 * Number of independent terms of a sum over a band in a region of `voxels` voxels: the volume of the band in
 * Fourier space, the integral of hat_i, times the volume of the region.
 */
export function independentTerms({ spacing, voxelSize }: BandPlan, band: number, voxels: number): number {
  const shell = 4 * Math.PI * spacing ** 3 * (band === 0 ? 1 / 12 : band ** 2 + 1 / 6);
  return shell * voxels * voxelSize[0] * voxelSize[1] * voxelSize[2];
}
