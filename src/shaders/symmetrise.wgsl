// Averages a map over symmetry operators (math/symmetry/rotation-plan.ts). All volumes are slabs, (z, y, x),
// x fastest; a voxel gathers from one slab of its source at a time and adds to `out`, which the caller
// dispatches slab by slab.
//   tables   per operator that maps the grid onto itself: indices along z, y, x, which sum to the linear
//            index of the source; negative: outside
//   copies   gather: 12 vectors (z, y, x, 0) a copy: coarse and fine parts of start, byZ, byY, byX
//   weights  gather: (1026, 8) weights of six neighbours; prefilter: gains along z, y, x, one after the other
//   spectrum prefilter: a strip of the fine half spectrum, complex, (kz, ky - first row, kx)
// One thread = one voxel of `out`, or one number of the strip.
// Hazards: float32 holds a position of 500 to 3e-5 only. Coarse parts are multiples of 2^-12, so that their
// products with voxel indices and their sums are exact; the fraction is taken from them before the fine parts
// are added.

struct Symmetrise {
  // Of the result's slab, from first_plane on.
  planes: u32,
  ny: u32,
  nx: u32,
  nz: u32,
  first_plane: u32,
  // Of the slab that is read.
  source_first: u32,
  source_planes: u32,
  fine_z: u32,
  fine_y: u32,
  fine_x: u32,
  count: u32,
  planar: u32,
  // The last pass over slabs divides by the number of copies that are inside.
  finish: u32,
  // Operators in `tables`.
  maps: u32,
  // Positions between these are inside.
  first_z: f32,
  first_y: f32,
  first_x: f32,
  last_z: f32,
  last_y: f32,
  last_x: f32,
  // Workgroup that the dispatch begins with.
  first_group: u32,
}

struct Strip {
  planes: u32,
  rows: u32,
  first_row: u32,
  pitch: u32,
  fine_y: u32,
  nz: u32,
  ny: u32,
  nx: u32,
  planar: u32,
}

@group(0) @binding(0) var<uniform> parameters: Symmetrise;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> tables: array<i32>;
@group(0) @binding(4) var<storage, read> copies: array<vec4f>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
@group(0) @binding(6) var<uniform> strip: Strip;
@group(0) @binding(7) var<storage, read_write> spectrum: array<vec2f>;

@compute @workgroup_size(256)
fn move_voxels(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (parameters.first_group + group.y * groups.x + group.x) * 256u + local;
  let plane = parameters.ny * parameters.nx;
  if (i >= parameters.planes * plane) { return; }
  let z = parameters.first_plane + i / plane;
  let y = (i / parameters.nx) % parameters.ny;
  let x = i % parameters.nx;
  let each = parameters.nz + parameters.ny + parameters.nx;
  let first = i32(parameters.source_first * plane);
  let end = first + i32(parameters.source_planes * plane);
  var sum = out[i];
  var inside = 0.0;
  for (var k = 0u; k < parameters.maps; k++) {
    let begin = k * each;
    let row = tables[begin + z] + tables[begin + parameters.nz + y];
    let column = tables[begin + parameters.nz + parameters.ny + x];
    // Two axes outside would leave the range of i32.
    if (row < 0 || column < 0) { continue; }
    let at = row + column;
    inside += 1.0;
    if (at >= first && at < end) {
      sum += source[at - first];
    }
  }
  out[i] = select(sum, sum / inside, parameters.finish == 1u);
}

// Six weights of a fraction, linear between rows of the table.
fn weights_of(fraction: f32) -> array<f32, 6> {
  let t = fraction * 1024.0;
  let step = min(u32(t), 1024u);
  let part = t - f32(step);
  var result: array<f32, 6>;
  for (var k = 0u; k < 6u; k++) {
    let low = weights[step * 8u + k];
    result[k] = low + part * (weights[step * 8u + 8u + k] - low);
  }
  return result;
}

// Least index of the voxels that the operators in `tables` take a voxel to: all of them get what that one
// has.
fn first_of_orbit(own: u32) -> u32 {
  let each = parameters.nz + parameters.ny + parameters.nx;
  let z = own / (parameters.ny * parameters.nx);
  let y = (own / parameters.nx) % parameters.ny;
  let x = own % parameters.nx;
  var least = own;
  for (var k = 0u; k < parameters.maps; k++) {
    let begin = k * each;
    let at = tables[begin + z] + tables[begin + parameters.nz + y]
      + tables[begin + parameters.nz + parameters.ny + x];
    // In gather every image is in the box.
    least = min(least, u32(at));
  }
  return least;
}

fn wrap(k: i32, n: u32) -> u32 {
  let m = i32(n);
  return u32(((k % m) + m) % m);
}

@compute @workgroup_size(256)
fn gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (parameters.first_group + group.y * groups.x + group.x) * 256u + local;
  let plane = parameters.ny * parameters.nx;
  if (i >= parameters.planes * plane) { return; }
  let own = first_of_orbit(i + parameters.first_plane * plane);
  let z = f32(own / plane);
  let y = f32((own / parameters.nx) % parameters.ny);
  let x = f32(own % parameters.nx);
  let least = vec3f(parameters.first_z, parameters.first_y, parameters.first_x);
  let last = vec3f(parameters.last_z, parameters.last_y, parameters.last_x);
  var sum = out[i];
  var inside = 0.0;
  for (var k = 0u; k < parameters.count; k++) {
    let at = k * 8u;
    let coarse = copies[at].xyz + z * copies[at + 1u].xyz + y * copies[at + 2u].xyz + x * copies[at + 3u].xyz;
    let fine = copies[at + 4u].xyz + z * copies[at + 5u].xyz + y * copies[at + 6u].xyz
      + x * copies[at + 7u].xyz;
    let position = coarse + fine;
    if (any(position < least) || any(position > last)) { continue; }
    inside += 1.0;
    var whole = floor(coarse);
    var fraction = (coarse - whole) + fine;
    let carry = floor(fraction);
    whole += carry;
    fraction -= carry;
    let corner = vec3i(whole);
    var across: array<f32, 6>;
    var first = 0;
    var layers = 6u;
    if (parameters.planar == 1u) {
      first = corner.x + select(0, 1, fraction.x >= 0.5);
      layers = 1u;
      across[0] = 1.0;
    } else {
      first = corner.x - 2;
      across = weights_of(fraction.x);
    }
    let down = weights_of(fraction.y);
    let along = weights_of(fraction.z);
    var columns: array<u32, 6>;
    for (var t = 0; t < 6; t++) { columns[t] = wrap(corner.z - 2 + t, parameters.fine_x); }
    for (var p = 0u; p < layers; p++) {
      let fine_plane = wrap(first + i32(p), parameters.fine_z);
      let end = parameters.source_first + parameters.source_planes;
      if (fine_plane < parameters.source_first || fine_plane >= end) { continue; }
      var layer = 0.0;
      for (var r = 0; r < 6; r++) {
        let rows = (fine_plane - parameters.source_first) * parameters.fine_y;
        let row = (rows + wrap(corner.y - 2 + r, parameters.fine_y)) * parameters.fine_x;
        var line = 0.0;
        for (var t = 0; t < 6; t++) { line += along[t] * source[row + columns[t]]; }
        layer += down[r] * line;
      }
      sum += across[p] * layer;
    }
  }
  out[i] = select(sum, sum / max(inside, 1.0), parameters.finish == 1u);
}

// Square of a frequency, cycles per voxel of the map.
fn squared(k: u32, fine: u32, n: u32) -> f32 {
  let signed = select(i32(k), i32(k) - i32(fine), 2u * k > fine);
  let f = f32(signed) / f32(n);
  return f * f;
}

@compute @workgroup_size(256)
fn prefilter(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + local;
  let row = i / strip.pitch;
  if (row >= strip.planes * strip.rows) { return; }
  let kx = i - row * strip.pitch;
  let kz = row / strip.rows;
  let ky = strip.first_row + row % strip.rows;
  var square = squared(ky, strip.fine_y, strip.ny);
  if (strip.planar == 0u) { square += squared(kz, strip.planes, strip.nz); }
  let fx = f32(kx) / f32(strip.nx);
  var factor = 0.0;
  // Frequencies on the sphere itself are ratios of whole numbers; the margin takes their rounding.
  if (square + fx * fx < 0.2499999) {
    factor = weights[kz] * weights[strip.planes + ky] * weights[strip.planes + strip.fine_y + kx];
  }
  spectrum[i] *= factor;
}
