/**
 * Converts result volumes to maps on the input's grid. They inherit the input's whole header, so that ORIGIN,
 * NSTART, cell and axis order survive; formats/ encodes it, and the caller (command line, browser page)
 * stores the bytes.
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
