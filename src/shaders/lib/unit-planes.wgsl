// Units of a tile: `lanes` voxels along x by ROWS along y at one z, listed as (z, y, x, 0) of their first
// voxel. Voxels of all units are numbered (unit, y, x). ROWS is UNIT_ROWS of gpu/tile-units.ts.

override lanes: u32 = 16u;
const ROWS: u32 = 16u;
const UNIT_LENGTH: u32 = ROWS; // rows of `lanes` voxels

// Place in the tile (z, y, x) of voxel i of the units, a voxel of `unit`.
fn place_of_voxel(unit: vec4u, i: u32) -> vec3u {
  return vec3u(unit.x, unit.y + (i / lanes) % ROWS, unit.z + i % lanes);
}
