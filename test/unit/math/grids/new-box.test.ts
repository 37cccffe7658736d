/** Grids of boxes that are cut from maps. */
import { describe, expect, it } from 'vitest';
import type { Grid } from '../../../../src/math/grid.ts';
import { newGrid, regionOfMask } from '../../../../src/math/grids/new-box.ts';

const map: Grid = { shape: [40, 50, 60], voxelSize: [2, 2, 2], origin: [0, 10, 20] };

describe('newGrid', () => {
  it('keeps the middle voxel where it is', () => {
    const { shape, origin } = newGrid(map, { shape: [21, 50, 80] });
    expect(shape).toEqual([21, 50, 80]);
    // Voxel 10 of 21 lies at voxel 20 of 40, voxel 40 of 80 at voxel 30 of 60.
    expect(origin).toEqual([20, 10, 0]);
  });

  it('holds all of the map on other voxels, and stays even', () => {
    expect(newGrid(map, { voxelSize: 1.5 })).toEqual({
      shape: [54, 68, 80],
      voxelSize: [1.5, 1.5, 1.5],
      origin: map.origin,
    });
    expect(newGrid(map, { voxelSize: 4 }).shape).toEqual([20, 26, 30]);
  });

  it('takes the voxel nearest to the centre, and an origin as it is', () => {
    const at = newGrid(map, { shape: [10, 10, 10], centre: [40.9, 59, 80] });
    expect(at.origin).toEqual([30, 48 + 2, 70]);
    expect(newGrid(map, { origin: [1.3, 2, 3] })).toEqual({ ...map, origin: [1.3, 2, 3] });
  });

  it('crops to the voxels of a mask, with even edges', () => {
    const mask = new Float32Array(40 * 50 * 60);
    for (const [z, y, x] of [
      [10, 20, 30],
      [14, 20, 33],
    ])
      mask[(z * 50 + y) * 60 + x] = 1;
    expect(regionOfMask(mask, map.shape, [0, 0, 0])).toEqual({ first: [10, 20, 30], end: [16, 22, 34] });
    const region = regionOfMask(mask, map.shape, [12, 3, 100]);
    expect(region).toEqual({ first: [0, 17, 0], end: [28, 25, 60] });
    expect(newGrid(map, {}, region)).toEqual({
      shape: [28, 8, 60],
      voxelSize: [2, 2, 2],
      origin: [0, 44, 20],
    });
    expect(regionOfMask(new Float32Array(mask.length), map.shape, [0, 0, 0])).toBeUndefined();
  });
});
