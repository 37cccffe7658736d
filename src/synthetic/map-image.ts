/** Wraps generated data as a map, with the header for its file. */
import type { MapImage } from '../formats/map-image.ts';
import { createMrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';

/** `data` in (z, y, x) order, x fastest; referenced, not copied. */
export function makeMapImage(name: string, grid: Grid, data: Float32Array): MapImage {
  return { name, grid, data, header: createMrcHeader(grid, [`locscale-gpu generated data: ${name}`]) };
}
