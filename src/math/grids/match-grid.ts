/**
 * How a map on one grid is put on another whose place is known. With voxel sizes a and b and origins along an
 * axis, voxel i of the map lies at (i a + origin - origin') / b of the other grid. Where a = b and that is
 * whole, voxels are copied. Else the box of n voxels is padded to n' >= n, for which n' a = m b with whole m,
 * resampled to m voxels by its Fourier transform (math/fourier/resample-plan.ts), and moved by what is left
 * of a voxel (math/fourier/translation.ts).
 */
import type { Grid, Shape } from '../grid.ts';

type Triple = readonly [z: number, y: number, x: number];

export interface GridMatch {
  readonly from: Grid;
  readonly to: Grid;
  /** Boxes before and after resampling; both the shape of the map where it is copied. */
  readonly padded: Shape;
  readonly resampled: Shape;
  /** Voxels of the other grid, at most 0.5. */
  readonly translation: Triple;
  /** Where voxel (0, 0, 0) then lies on the other grid. */
  readonly start: Triple;
  /** Number of voxels from there that hold the map; padding follows. */
  readonly covered: Shape;
}

/** Voxel sizes that differ by less are equal: headers carry them rounded to 3-4 digits. */
export const VOXEL_SIZE_TOLERANCE = 1e-3;
/** Voxels: origins come in float32, and rounded. */
export const WHOLE_VOXEL_TOLERANCE = 0.01;
/**
 * How far n' a and m b should be apart at most, voxels; less than rounded voxel sizes leave open. Where no
 * pair is that near (voxel sizes that differ by a few thousandths) the nearest is taken.
 */
const DRIFT_TOLERANCE = 0.01;
/** Differences of a length that rounding of the voxel size explains; no padding can better it. */
const EXACT = 1e-3;
/** How far a box is padded in search of such a pair. */
const MOST_PADDING = 0.5;
const LEAST_SEARCH = 64;

export function planGridMatch(from: Grid, to: Grid): GridMatch {
  const axes = ([0, 1, 2] as const).map((axis) => {
    const [a, b] = [from.voxelSize[axis], to.voxelSize[axis]];
    const n = from.shape[axis];
    const alike = Math.abs(a / b - 1) <= VOXEL_SIZE_TOLERANCE;
    const [padded, resampled] = alike ? [n, n] : boxesOf(n, a / b);
    const shift = alike ? 0 : drift(n, a, b, padded, resampled);
    const offset = (from.origin[axis] - to.origin[axis]) / b + shift;
    const start = Math.round(offset);
    const rest = offset - start;
    const translation = Math.abs(rest) <= WHOLE_VOXEL_TOLERANCE ? 0 : rest;
    const covered = padded === n ? resampled : Math.min(resampled, Math.ceil((n * a) / b));
    return { padded, resampled, translation, start, covered };
  });
  const along = (key: keyof (typeof axes)[number]) => axes.map((axis) => axis[key]) as unknown as Triple;
  return {
    from,
    to,
    padded: along('padded'),
    resampled: along('resampled'),
    translation: along('translation'),
    start: along('start'),
    covered: along('covered'),
  };
}

/**
 * Shift in voxels of the middle of the map that results because its new voxels are n' a / m, not b: moved by
 * that, the middle lies right, and the faces are off by half the difference.
 */
function drift(n: number, a: number, b: number, padded: number, resampled: number): number {
  return ((n * a) / 2) * (1 / b - resampled / (padded * a));
}

/** n' and m with n' / m = 1 / ratio: that of n where it fits, else lengths that are fast to transform. */
function boxesOf(n: number, ratio: number): [padded: number, resampled: number] {
  const apart = (length: number): number => Math.abs(Math.round(length * ratio) - length * ratio);
  if (apart(n) <= EXACT * Math.max(1, ratio) && Math.round(n * ratio) > 0) return [n, Math.round(n * ratio)];
  const most = n + Math.max(LEAST_SEARCH, Math.ceil(MOST_PADDING * n));
  let best: { length: number; cost: number } | undefined;
  let nearest = n;
  for (let length = n; length <= most; length++) {
    const resampled = Math.round(length * ratio);
    if (resampled === 0) continue;
    if (apart(length) < apart(nearest)) nearest = length;
    if (apart(length) > DRIFT_TOLERANCE) continue;
    const cost = length * (isFast(length) ? 1 : SLOW) * (isFast(resampled) ? 1 : SLOW);
    if (best === undefined || cost < best.cost) best = { length, cost };
  }
  const length = best?.length ?? nearest;
  return [length, Math.max(1, Math.round(length * ratio))];
}

/** Cost of a length with large prime factors, relative to its neighbours. */
const SLOW = 1.5;

function isFast(length: number): boolean {
  let rest = length;
  for (const prime of [2, 3, 5, 7]) while (rest % prime === 0) rest /= prime;
  return rest === 1;
}

/** Voxels are copied as they are. */
export function copiesVoxels({ from, padded, resampled, translation }: GridMatch): boolean {
  return [0, 1, 2].every(
    (axis) =>
      from.shape[axis] === padded[axis] && padded[axis] === resampled[axis] && translation[axis] === 0,
  );
}

/** Share of the other box that the map does not reach. */
export function shareOutside({ to, start, covered }: GridMatch): number {
  return (
    1 -
    [0, 1, 2].reduce((share, axis) => {
      const n = to.shape[axis];
      const [first, end] = [Math.max(0, start[axis]), Math.min(n, start[axis] + covered[axis])];
      return (share * Math.max(0, end - first)) / n;
    }, 1)
  );
}
