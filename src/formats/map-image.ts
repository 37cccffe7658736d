/** A density map in memory, as returned by every reader of map files. */
import type { Grid } from '../math/grid.ts';
import type { MrcHeader } from './mrc-header.ts';

/** A map as read: canonical (z, y, x) order, x fastest, with the header of its file. */
export interface MapImage {
  /** File name or label, for messages. */
  readonly name: string;
  readonly header: MrcHeader;
  readonly grid: Grid;
  readonly data: Float32Array;
}
