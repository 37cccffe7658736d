/** Map inputs: in memory, or in files until a step needs them. */

import type { MapImage } from '../formats/map-image.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Grid } from '../math/grid.ts';
import { type Blocks, blocksOf, isOverviewAt, type Overview, overviewOf } from '../math/inputs/contrast.ts';

/**
 * A map whose voxels stay in their file until a step needs them. Header and grid are known, so mismatches are
 * detected before anything is computed.
 */
export interface MapSource {
  readonly name: string;
  readonly header: MrcHeader;
  readonly grid: Grid;
  load(): Promise<MapImage>;
}

/** A map whose reader made its overview, on a thread of its own. */
export interface OverviewedMap extends MapImage {
  /** At the voxel size of `grid`. */
  readonly overview?: Overview;
}

/** The overview at this voxel size: that of the reader, or one made now. */
export function overviewAt(voxelSize: number, map: OverviewedMap): Overview {
  return readOverview(voxelSize, map) ?? overviewOf(map.data, map.grid.shape, voxelSize);
}

/** Of the overview the blocks alone. */
export function blocksAt(voxelSize: number, map: OverviewedMap): Blocks {
  return readOverview(voxelSize, map)?.blocks ?? blocksOf(map.data, map.grid.shape, voxelSize);
}

/** That of the reader, if it is one at this voxel size. */
function readOverview(voxelSize: number, { overview }: OverviewedMap): Overview | undefined {
  return overview !== undefined && isOverviewAt(voxelSize, overview) ? overview : undefined;
}

/** A map in memory, or one that is read when it is needed. */
export type MapInput = MapImage | MapSource;
