// Place in a slab of a volume of voxel i of the units (lib/units.wgsl or lib/unit-planes.wgsl); -1 outside the
// slab, the box or the mask.
fn slab_index(i: u32) -> i32 {
  let voxel = vec3i(place_of_voxel(units[i / (lanes * UNIT_LENGTH)], i));
  let z = parameters.start_z + voxel.x - parameters.slab_first;
  let y = parameters.start_y + voxel.y;
  let x = parameters.start_x + voxel.z;
  if (z < 0 || z >= parameters.slab_planes || y >= parameters.volume_y || x >= parameters.volume_x) {
    return -1;
  }
  let at = (z * parameters.volume_y + y) * parameters.volume_x + x;
  return select(-1, at, mask[at] > 0.5);
}
