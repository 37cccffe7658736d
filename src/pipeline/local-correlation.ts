/**
 * How far two maps agree around every voxel: Pearson's correlation in Gaussian windows,
 *
 *   CC = (<ab> - <a><b>) / sqrt((<a^2> - <a>^2) (<b^2> - <b>^2)),  < > weighted by exp(-r^2 / (2 sigma^2))
 *
 * Scale, offset and units of the maps do not matter.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import { inspectAll } from '../engine/jobs.ts';
import { tabulateTransfer } from '../math/fourier/radial-transfer.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import { multiplyVolumes } from './map-measures.ts';

/** Windows with less variance, as a share of that of the box, are flat but for rounding. */
const FLAT = 1e-4;

/**
 * A map of the local correlation of two maps, -1 to 1; (z, y, x). 0 where either map is flat. `sigma`: of the
 * windows, A. Voxels are cubes of `voxelSize` (A), the box is periodic.
 */
export async function measureLocalCorrelation(
  engine: Engine,
  a: Volume,
  b: Volume,
  voxelSize: number,
  sigma: number,
): Promise<Volume> {
  const transfer = tabulateTransfer((f) => Math.exp(-2 * (Math.PI * (sigma / voxelSize) * f) ** 2));
  const live = new Set<Volume>();
  const own = (volume: Volume): Volume => {
    live.add(volume);
    return volume;
  };
  const release = (...volumes: Volume[]): void => {
    for (const volume of volumes) live.delete(volume);
    engine.release(...volumes);
  };
  /** <product of both> - <one> <other>. */
  const covariance = async (one: Volume, other: Volume, means: readonly Volume[]): Promise<Volume> => {
    const product = own(await multiplyVolumes(engine, one, other));
    const mean = own(await engine.radialFilter(product, transfer));
    release(product);
    const difference = await combine(engine, [mean, means[0], means[1]], (m, x, y) => m - x * y);
    release(mean);
    return own(difference);
  };
  try {
    // About the mean and in units of the spread: in float32 the difference of large numbers would be noise.
    const [x, y] = [own(await standardise(engine, a)), own(await standardise(engine, b))];
    const meanX = own(await engine.radialFilter(x, transfer));
    const meanY = own(await engine.radialFilter(y, transfer));
    const xy = await covariance(x, y, [meanX, meanY]);
    const xx = await covariance(x, x, [meanX, meanX]);
    release(x, meanX);
    const yy = await covariance(y, y, [meanY, meanY]);
    release(y, meanY);
    return await combine(engine, [xy, xx, yy], (c, v, w) =>
      v > FLAT && w > FLAT ? Math.min(1, Math.max(-1, c / Math.sqrt(v * w))) : 0,
    );
  } finally {
    engine.release(...live);
  }
}

/** Peak bytes, including the result but not the two maps. */
export function bytesOfLocalCorrelation(engine: Pick<Engine, 'bytesOf'>, shape: Shape): number {
  // Both maps standardised, their means and two (co)variances, while a product is filtered.
  return 7 * 4 * voxelCount(shape) + engine.bytesOf.radialFilter(shape);
}

/** Mean 0, standard deviation 1; a flat map becomes 0. Correlations do not change, float32 sums lose less. */
async function standardise(engine: Engine, volume: Volume): Promise<Volume> {
  const { mean, sd } = await engine.statistics(volume);
  const scale = sd > 0 ? 1 / sd : 0;
  return combine(engine, [volume], (v) => (v - mean) * scale);
}

/** A volume of values that are each a function of those of other volumes. */
async function combine(
  engine: Engine,
  volumes: readonly Volume[],
  value: (...values: number[]) => number,
): Promise<Volume> {
  const { shape } = volumes[0];
  const out = engine.allocateHost(voxelCount(shape));
  await inspectAll(engine, volumes, (one, two = one, three = one) => {
    for (let i = 0; i < out.length; i++) out[i] = value(one[i], two[i], three[i]);
  });
  return engine.upload(out, shape);
}
