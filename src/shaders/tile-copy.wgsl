// Copies a box of voxels from a slab of a volume to a tile; `pad` outside the volume.
//   volume   (z, y, x) planes of one slab, x fastest
//   tile     (z, y, x) of the tile's own size, rows tightly packed
// One thread = one voxel of the tile planes that belong to this slab. Values travel as bits, so that
// NaN payloads and denormals stay what they were.

struct Parameters {
  // First plane of the tile that this dispatch copies, and the number of voxels copied.
  tile_plane: u32,
  voxels: u32,
  // Tile edges.
  size_y: u32,
  size_x: u32,
  // Tile plane 0 in planes of the slab; first row and column of the tile in the volume.
  slab_z: i32,
  start_y: i32,
  start_x: i32,
  // Planes of the slab, rows and columns of the volume.
  planes: i32,
  ny: i32,
  nx: i32,
  pad: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> volume: array<u32>;
@group(0) @binding(2) var<storage, read_write> tile: array<u32>;

struct Place {
  // Index in the tile.
  tile: u32,
  // Index in the slab, -1 outside the volume.
  slab: i32,
}

fn place(i: u32) -> Place {
  let n = i + parameters.tile_plane * parameters.size_y * parameters.size_x;
  let row = n / parameters.size_x;
  let x = parameters.start_x + i32(n % parameters.size_x);
  let y = parameters.start_y + i32(row % parameters.size_y);
  let z = parameters.slab_z + i32(row / parameters.size_y);
  let inside = z >= 0 && z < parameters.planes && y >= 0 && y < parameters.ny && x >= 0 && x < parameters.nx;
  return Place(n, select(-1, (z * parameters.ny + y) * parameters.nx + x, inside));
}

@compute @workgroup_size(256)
fn gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + local;
  if (i >= parameters.voxels) { return; }
  let p = place(i);
  if (p.slab >= 0) {
    tile[p.tile] = volume[p.slab];
  } else {
    tile[p.tile] = bitcast<u32>(parameters.pad);
  }
}
