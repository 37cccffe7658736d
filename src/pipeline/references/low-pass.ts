/** Low-passes the reference at -mres, or at the map's resolution. */
import type { Engine, Volume } from '../../engine/engine.ts';
import { tanhLowPass } from '../../math/fourier/radial-transfer.ts';
import type { Grid } from '../../math/grid.ts';
import type { Run } from '../run.ts';

/** Replaces `reference`. */
export async function lowPass(
  reference: Volume,
  resolution: number | undefined,
  voxelSize: number,
  run: Run,
): Promise<Volume> {
  if (resolution === undefined) return reference;
  const filtered = await run.engine.radialFilter(reference, tanhLowPass(resolution, voxelSize));
  run.release(reference);
  run.info(`Reference low-passed at ${Number(resolution.toFixed(2))} A.`);
  return filtered;
}

/** Bytes needed in addition to the reference. */
export function lowPassBytes(resolution: number | undefined, { shape }: Grid, { bytesOf }: Engine): number {
  return resolution === undefined ? 0 : bytesOf.radialFilter(shape);
}
