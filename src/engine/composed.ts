/**
 * Verbs composed of others, shared by all engines. An engine supplies its own part; intermediate volumes are
 * released as soon as possible, also after a failure.
 */
import type { AtomSet } from '../math/atoms/atom-set.ts';
import { planSplat, type SplatPlan } from '../math/atoms/splat-plan.ts';
import type { FilterBin } from '../math/fourier/local-filter.ts';
import { type Grid, type Shape, sameShape } from '../math/grid.ts';
import { requireSameShape, requireShape } from './checks.ts';
import type { Engine, ModelMapOptions, Volume } from './engine.ts';

/** Fourier resampling; a copy if the grid is the same. `change`: resamples to another shape. */
export async function resample(
  engine: Pick<Engine, 'average'>,
  volume: Volume,
  shape: Shape,
  change: () => Promise<Volume>,
): Promise<Volume> {
  requireShape(shape);
  // The average (a + a) / 2 is an exact copy.
  return sameShape(volume.shape, shape) ? engine.average(volume, volume) : change();
}

/**
 * Atoms are summed with extra blur on a finer grid; cropping to the target grid is followed by deblurring.
 */
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
 * Low-pass filter with a cut-off per voxel: each bin is filtered and added to `out`, which starts as zeros.
 */
export async function localFilter<Own extends Volume>(
  engine: Pick<Engine, 'radialFilter' | 'release'>,
  volume: Volume,
  cutoffs: Volume,
  bins: readonly FilterBin[],
  {
    make,
    add,
  }: { make(): Own | Promise<Own>; add(filtered: Volume, bin: FilterBin, out: Own): Promise<unknown> },
): Promise<Own> {
  requireSameShape(volume, cutoffs);
  const out = await make();
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
