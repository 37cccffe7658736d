/** Maps as callers give them: in memory, or in their files until a step needs them. */

import type { MapImage } from '../formats/map-image.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';

/**
 * A map whose voxels stay in their file until the step that needs them: header and grid are known, so
 * that maps that do not fit are found before anything is computed.
 */
export interface MapSource {
  readonly name: string;
  readonly header: MrcHeader;
  readonly grid: Grid;
  load(): Promise<MapImage>;
}

/** A map in memory, or one that is read when it is needed. */
export type MapInput = MapImage | MapSource;
