/** The reference without what lies beyond a resolution: that of -mres, or where the map ends. */
import type { Engine, Volume } from '../../engine/engine.ts';
import { tanhLowPass } from '../../math/fourier/radial-transfer.ts';
import type { Grid } from '../../math/grid.ts';
import type { Run } from '../run.ts';

/** Takes the place of `reference`. */
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

/** Bytes that it takes beside the reference. */
export function lowPassBytes(resolution: number | undefined, { shape }: Grid, { bytesOf }: Engine): number {
  return resolution === undefined ? 0 : bytesOf.radialFilter(shape);
}
