// Units of a tile: `lanes` voxels along x by RUN along z at one y, listed as (z, y, x, 0) of their first
// voxel. Voxels of all units are numbered (unit, z, x). RUN is that of gpu/tile-units.ts.

override lanes: u32 = 16u;
const RUN: u32 = 32u;
const UNIT_LENGTH: u32 = RUN; // rows of `lanes` voxels

// Place in the tile (z, y, x) of voxel i of the units, a voxel of `unit`.
fn place_of_voxel(unit: vec4u, i: u32) -> vec3u {
  return vec3u(unit.x + (i / lanes) % RUN, unit.y, unit.z + i % lanes);
}
