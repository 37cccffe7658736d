// Place in a slab of a volume of voxel i of the units (lib/units.wgsl); -1 outside the slab, the box or the mask.
fn slabIndex(i: u32) -> i32 {
  let unit = units[i / (lanes * RUN)];
  let z = parameters.startZ + i32(unit.x + (i / lanes) % RUN) - parameters.slabFirst;
  let y = parameters.startY + i32(unit.y);
  let x = parameters.startX + i32(unit.z + i % lanes);
  if (z < 0 || z >= parameters.slabPlanes || y >= parameters.volumeY || x >= parameters.volumeX) {
    return -1;
  }
  let at = (z * parameters.volumeY + y) * parameters.volumeX + x;
  return select(-1, at, mask[at] > 0.5);
}
