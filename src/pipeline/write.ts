/**
 * Result volumes become maps on the input's grid. The header of the input goes along whole,
 * so that ORIGIN, NSTART, cell and axis order survive; formats/ encodes it, and the caller (command
 * line, browser page) puts the bytes where they belong.
 */

import type { Engine, Volume } from '../engine/engine.ts';
import type { MapImage } from '../formats/map-image.ts';
import type { LocScaleResult } from './run-locscale.ts';

/** One volume of the result. `name` is its file name or label. */
export async function imageOf(
  engine: Engine,
  volume: Volume,
  name: string,
  from: Pick<LocScaleResult, 'header' | 'grid'>,
): Promise<MapImage> {
  return { name, header: from.header, grid: from.grid, data: await engine.download(volume) };
}
