//#include lib/units.wgsl
//#include lib/slab-index.wgsl
// out(v) = sum_r s_r(v) (map * K_r)(v) at the unit voxels of a tile (method 4), shell by shell.
//
// multiply    product = spectrum of the tile times spectrum of K_r; one thread = one coefficient.
// accumulate  scaled[voxel] += s_r[voxel] B_r[voxel]; one thread = one unit voxel. B_r is the FFT box
//             (z, y, x), in which the tile's voxel (0,0,0) lies `margin` voxels from every face.
// place       results to the voxels of the mask in one slab of the volume; one thread = one unit voxel.


struct Parameters {
  unit_count: u32,
  shell: u32,
  margin: u32,        // voxels of the box before the tile
  box_y: u32,
  box_x: u32,
  coefficients: u32, // of a spectrum
  start_z: i32,       // of the tile in the volume
  start_y: i32,
  start_x: i32,
  slab_first: i32,    // first plane of the slab
  slab_planes: i32,
  volume_y: i32,
  volume_x: i32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> map_spectrum: array<vec2f>;
@group(0) @binding(2) var<storage, read> kernel_spectrum: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> product: array<vec2f>;
@group(0) @binding(4) var<storage, read> units: array<vec4u>;
@group(0) @binding(5) var<storage, read> factors: array<f32>;
@group(0) @binding(6) var<storage, read> shell_map: array<f32>;
@group(0) @binding(7) var<storage, read_write> scaled: array<f32>;
@group(0) @binding(8) var<storage, read> mask: array<f32>;
@group(0) @binding(9) var<storage, read_write> volume: array<f32>;
@group(0) @binding(10) var<storage, read_write> b_factor: array<f32>;
@group(0) @binding(11) var<storage, read_write> quality: array<f32>;
@group(0) @binding(12) var<storage, read> fits: array<vec2f>;

@compute @workgroup_size(256)
fn multiply(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 256u + id.x;
  if (i >= parameters.coefficients) {
    return;
  }
  let a = map_spectrum[i];
  let b = kernel_spectrum[i];
  product[i] = vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

@compute @workgroup_size(64)
fn accumulate(@builtin(global_invocation_id) id: vec3u) {
  let voxels = parameters.unit_count * lanes * RUN;
  let i = id.x;
  if (i >= voxels) {
    return;
  }
  let unit = units[i / (lanes * RUN)];
  let h = parameters.margin;
  let z = unit.x + (i / lanes) % RUN + h;
  let at = (z * parameters.box_y + unit.y + h) * parameters.box_x + unit.z + i % lanes + h;
  let term = factors[parameters.shell * voxels + i] * shell_map[at];
  scaled[i] = select(scaled[i] + term, term, parameters.shell == 0u);
}

@compute @workgroup_size(64)
fn place(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= parameters.unit_count * lanes * RUN) {
    return;
  }
  let at = slab_index(id.x);
  if (at >= 0) {
    volume[at] = scaled[id.x];
  }
}

@compute @workgroup_size(64)
fn place_fits(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= parameters.unit_count * lanes * RUN) {
    return;
  }
  let at = slab_index(id.x);
  if (at >= 0) {
    b_factor[at] = fits[id.x].x;
    quality[at] = fits[id.x].y;
  }
}
