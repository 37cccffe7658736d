/**
 * Verbs that are made of others, once for all engines. An engine gives the part that is its own; volumes in
 * between are released when they are no longer needed, also where a part fails.
 */
import type { AtomSet } from '../math/atoms/atom-set.ts';
import { planSplat, type SplatPlan } from '../math/atoms/splat-plan.ts';
import type { FilterBin } from '../math/fourier/local-filter.ts';
import { type Grid, type Shape, sameShape } from '../math/grid.ts';
import { requireSameShape, requireShape } from './checks.ts';
import type { Engine, ModelMapOptions, Volume } from './engine.ts';

/** Fourier resampling; on the same grid a copy. `change`: to another shape. */
export async function resample(
  engine: Pick<Engine, 'average'>,
  volume: Volume,
  shape: Shape,
  change: () => Promise<Volume>,
): Promise<Volume> {
  requireShape(shape);
  // (a + a) / 2 is a copy.
  return sameShape(volume.shape, shape) ? engine.average(volume, volume) : change();
}

/** Atoms are added up on a finer grid, blurred, which is undone behind the cut to the grid. */
export async function simulateMap(
  engine: Pick<Engine, 'resample' | 'radialFilter' | 'release'>,
  atoms: AtomSet,
  grid: Grid,
  { blurBFactor }: ModelMapOptions,
  splat: (plan: SplatPlan) => Promise<Volume>,
): Promise<Volume> {
  requireShape(grid.shape);
  const plan = planSplat(atoms, grid, blurBFactor);
  const sum = await splat(plan);
  const cropped = await engine.resample(sum, grid.shape).finally(() => engine.release(sum));
  return engine.radialFilter(cropped, plan.unblur).finally(() => engine.release(cropped));
}

/**
 * A low-pass that differs from voxel to voxel: bin by bin, filtered and added to `out`, which is 0 at first.
 */
export async function localFilter<Own extends Volume>(
  engine: Pick<Engine, 'radialFilter' | 'release'>,
  volume: Volume,
  cutoffs: Volume,
  bins: readonly FilterBin[],
  { make, add }: { make(): Own; add(filtered: Volume, bin: FilterBin, out: Own): Promise<unknown> },
): Promise<Own> {
  requireSameShape(volume, cutoffs);
  const out = make();
  try {
    for (const bin of bins) {
      const filtered = await engine.radialFilter(volume, bin.transfer);
      await add(filtered, bin, out).finally(() => engine.release(filtered));
    }
    return out;
  } catch (error) {
    engine.release(out);
    throw error;
  }
}
