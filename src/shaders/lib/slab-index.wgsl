// Place in a slab of a volume of voxel i of the units (lib/units.wgsl); -1 outside the slab, the box or the
// mask.
fn slab_index(i: u32) -> i32 {
  let unit = units[i / (lanes * RUN)];
  let z = parameters.start_z + i32(unit.x + (i / lanes) % RUN) - parameters.slab_first;
  let y = parameters.start_y + i32(unit.y);
  let x = parameters.start_x + i32(unit.z + i % lanes);
  if (z < 0 || z >= parameters.slab_planes || y >= parameters.volume_y || x >= parameters.volume_x) {
    return -1;
  }
  let at = (z * parameters.volume_y + y) * parameters.volume_x + x;
  return select(-1, at, mask[at] > 0.5);
}
