/**
 * Chooses the grid for B-factor refinement: a coarser one if the map is strongly oversampled. Frequencies
 * beyond the resolution have no weight, and every cycle transforms the whole box.
 */
import type { Engine, Volume } from '../../engine/engine.ts';
import { nextFastLength } from '../../math/fourier/fft-plan.ts';
import { type Grid, isotropicVoxelSize } from '../../math/grid.ts';

/**
 * Sufficient voxel size relative to the resolution: weights end 10 % beyond it, simulated maps at 90 % of
 * Nyquist.
 */
const VOXELS_PER_RESOLUTION = 0.4;
/** Smaller reductions of the edges are not worthwhile. */
const WORTHWHILE = 0.9;

/** Undefined if nothing is gained. Non-cubic boxes keep their grid, because voxels must remain cubic. */
export function coarserGrid({ shape, voxelSize, origin }: Grid, resolution: number): Grid | undefined {
  const [n] = shape;
  const step = isotropicVoxelSize({ shape, voxelSize, origin });
  if (shape.some((other) => other !== n)) return undefined;
  const edge = nextFastLength(Math.ceil((n * step) / (VOXELS_PER_RESOLUTION * resolution)));
  if (edge > WORTHWHILE * n) return undefined;
  const [sz, sy, sx] = voxelSize.map((size) => (size * n) / edge);
  return { shape: [edge, edge, edge], voxelSize: [sz, sy, sx], origin };
}

export interface RefinementMaps {
  readonly grid: Grid;
  readonly map: Volume;
  readonly halves: readonly [Volume, Volume] | undefined;
}

/** Calls `body` with the maps on the coarser grid, if there is one. */
export async function onCoarserGrid<T>(
  engine: Engine,
  maps: RefinementMaps,
  resolution: number,
  body: (maps: RefinementMaps) => Promise<T>,
): Promise<T> {
  const grid = coarserGrid(maps.grid, resolution);
  if (grid === undefined) return body(maps);
  const made: Volume[] = [];
  const resample = async (volume: Volume): Promise<Volume> => {
    const coarse = await engine.resample(volume, grid.shape);
    made.push(coarse);
    return coarse;
  };
  try {
    const map = await resample(maps.map);
    const halves = maps.halves && ([await resample(maps.halves[0]), await resample(maps.halves[1])] as const);
    return await body({ grid, map, halves });
  } finally {
    engine.release(...made);
  }
}
