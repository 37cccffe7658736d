// Units of a tile: `lanes` voxels along x by RUN along z at one y, listed as (z, y, x, 0) of their first
// voxel. Voxels of all units are numbered (unit, z, x). RUN is that of gpu/tile-units.ts.

override lanes: u32 = 16u;
const RUN: u32 = 32u;
