//#include lib/unit-planes.wgsl
//#include lib/slab-index.wgsl
// out(v) = sum_r s_r(v) (map * K_r)(v) at the unit voxels of a tile (method 4), a batch of shells at a time.
//
// place_kernels  shell_maps[r] = K_r, mirrored about voxel (0,0,0) of the FFT box: correlation becomes a product of
//                spectra; one thread = one voxel of the box, all shells of the batch.
// multiply       products[r] = spectrum of the tile times spectrum of K_r; one thread = one coefficient.
// accumulate     scaled[voxel] += sum over the batch of s_r[voxel] B_r[voxel]; one thread = one unit voxel. B_r is the
//                FFT box (z, y, x), in which the tile's voxel (0,0,0) lies `margin` voxels from every face.
// place          results to the voxels of the mask in one slab of the volume; one thread = one unit voxel.

struct Parameters {
  unit_count: u32,
  first_shell: u32,  // of the batch
  shells: u32,       // in the batch
  margin: u32,       // voxels of the box before the tile
  box_z: u32,
  box_y: u32,
  box_x: u32,
  coefficients: u32, // of a spectrum
  start_z: i32,      // of the tile in the volume
  start_y: i32,
  start_x: i32,
  slab_first: i32,   // first plane of the slab
  slab_planes: i32,
  volume_y: i32,
  volume_x: i32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> map_spectrum: array<vec2f>;
@group(0) @binding(2) var<storage, read> kernel_spectra: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> products: array<vec2f>;
@group(0) @binding(4) var<storage, read> units: array<vec4u>;
@group(0) @binding(5) var<storage, read> factors: array<f32>;
@group(0) @binding(6) var<storage, read> shell_maps: array<f32>;
@group(0) @binding(7) var<storage, read_write> scaled: array<f32>;
@group(0) @binding(8) var<storage, read> mask: array<f32>;
@group(0) @binding(9) var<storage, read_write> volume: array<f32>;
@group(0) @binding(10) var<storage, read_write> b_factor: array<f32>;
@group(0) @binding(11) var<storage, read_write> quality: array<f32>;
@group(0) @binding(12) var<storage, read> fits: array<vec2f>;
@group(0) @binding(13) var<storage, read> kernels: array<f32>; // K_r(d) at [r][|dz|][|dy|][|dx|], |d| <= h
@group(0) @binding(14) var<storage, read_write> kernel_maps: array<f32>;

// |d| of index i of an axis of n, d = -h ... h - 1 lying at -d modulo n; more than h where there is no d.
fn distance(i: u32, n: u32) -> u32 {
  if (i <= parameters.margin) {
    return i;
  }
  return select(n - i, n, n - i >= parameters.margin);
}

@compute @workgroup_size(256)
fn place_kernels(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 256u + id.x;
  let voxels = parameters.box_z * parameters.box_y * parameters.box_x;
  if (i >= voxels) {
    return;
  }
  let h = parameters.margin;
  let dx = distance(i % parameters.box_x, parameters.box_x);
  let dy = distance((i / parameters.box_x) % parameters.box_y, parameters.box_y);
  let dz = distance(i / (parameters.box_x * parameters.box_y), parameters.box_z);
  let inside = max(dx, max(dy, dz)) <= h;
  let edge = h + 1u;
  for (var r = 0u; r < parameters.shells; r++) {
    var value = 0.0;
    if (inside) {
      value = kernels[(((parameters.first_shell + r) * edge + dz) * edge + dy) * edge + dx];
    }
    kernel_maps[r * voxels + i] = value;
  }
}

@compute @workgroup_size(256)
fn multiply(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 256u + id.x;
  if (i >= parameters.coefficients) {
    return;
  }
  let a = map_spectrum[i];
  for (var r = 0u; r < parameters.shells; r++) {
    let at = r * parameters.coefficients + i;
    let b = kernel_spectra[at];
    products[at] = vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
  }
}

@compute @workgroup_size(64)
fn accumulate(@builtin(global_invocation_id) id: vec3u) {
  let voxels = parameters.unit_count * lanes * ROWS;
  let i = id.x;
  if (i >= voxels) {
    return;
  }
  let voxel = place_of_voxel(units[i / (lanes * ROWS)], i) + parameters.margin;
  let at = (voxel.x * parameters.box_y + voxel.y) * parameters.box_x + voxel.z;
  let box = parameters.box_z * parameters.box_y * parameters.box_x;
  var sum = 0.0;
  if (parameters.first_shell > 0u) {
    sum = scaled[i];
  }
  for (var r = 0u; r < parameters.shells; r++) {
    sum += factors[(parameters.first_shell + r) * voxels + i] * shell_maps[r * box + at];
  }
  scaled[i] = sum;
}

@compute @workgroup_size(64)
fn place(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= parameters.unit_count * lanes * ROWS) {
    return;
  }
  let at = slab_index(id.x);
  if (at >= 0) {
    volume[at] = scaled[id.x];
  }
}

@compute @workgroup_size(64)
fn place_fits(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= parameters.unit_count * lanes * ROWS) {
    return;
  }
  let at = slab_index(id.x);
  if (at >= 0) {
    b_factor[at] = fits[id.x].x;
    quality[at] = fits[id.x].y;
  }
}
