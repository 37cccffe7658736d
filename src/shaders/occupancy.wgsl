//#include lib/float-order.wgsl
// Mask voxels in blocks of block^3 voxels.
//   mask     one slab, (z, y, x), x fastest
//   counts   (bz, by, bx) over the whole volume; a block that two slabs share gets a part from each
// One workgroup = one block: x and y of the workgroup are bx and by, z counts from the slab's first block.

struct Parameters {
  block: u32,
  // First block of the slab along z.
  first_block: u32,
  // First plane and number of planes of the slab.
  first_plane: u32,
  planes: u32,
  ny: u32,
  nx: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;

var<workgroup> inside: atomic<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let block = parameters.block;
  let bz = parameters.first_block + group.z;
  var own = 0u;
  for (var i = local; i < block * block * block; i += 64u) {
    let x = group.x * block + i % block;
    let y = group.y * block + (i / block) % block;
    // Below the slab's first plane this wraps to a number beyond its last one.
    let z = bz * block + i / (block * block) - parameters.first_plane;
    if (x < parameters.nx && y < parameters.ny && z < parameters.planes) {
      if (in_mask(mask[(z * parameters.ny + y) * parameters.nx + x])) { own += 1u; }
    }
  }
  if (own > 0u) { atomicAdd(&inside, own); }
  workgroupBarrier();
  if (local == 0u) {
    let count = atomicLoad(&inside);
    if (count > 0u) { atomicAdd(&counts[(bz * groups.y + group.y) * groups.x + group.x], count); }
  }
}
