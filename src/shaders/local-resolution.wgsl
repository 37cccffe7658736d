//#include lib/units.wgsl
//#include lib/slab-index.wgsl
// Cross and power spectra of the weighted w^3 windows of two half maps around the voxels of a tile, summed
// over shells of rounded radius, and the resolution read from them (math/scaling/local-resolution.ts).
//
// Axes one after the other, each a direct sum with the window's weights t(d), d = -h ... h - 1 (phases from
// the window's centre). A vec4f holds one coefficient of both maps: (re A, im A, re B, im B).
//
// rows      x_sums[c][z][y][x]; one thread = one output.
// columns   y_sums[column][y][z][x] of the columns (b, c) of one batch; one thread = one output.
// windows   sums[3 shell + (cross, |A|^2, |B|^2)][unit voxel] += those of the batch. A workgroup = one unit
//           (`lanes` voxels along x, RUN along z, one y), a thread = one voxel. With C and S the cosine and
//           sine sums, F(a) = C - iS and F(-a) = C + iS: products of a and -a add up to 2 (C C' + S S').
// resolve   crossing of the curve -> resolution; one thread = one unit voxel, written to one slab.
// shell_correlation      FSC of one shell, likewise.
//
// Inputs are (z, y, x) with x fastest; input voxel (0,0,0) is the first voxel of the window of the tile's
// voxel (0,0,0). Unit voxels are ordered (unit, z, x). Nothing is recursive: rounding does not build up.

override window_voxels: u32 = 24u;
override shell_count: u32 = 13u; // window_voxels / 2 + 1
const NONE: u32 = 0xffffffffu;

struct Parameters {
  tile_z: u32,
  tile_y: u32,
  tile_x: u32,
  row_pitch: u32,    // floats between rows of the input
  plane_pitch: u32,  // floats between planes of the input
  first_column: u32, // of the batch
  column_count: u32, // in the batch
  unit_count: u32,
  shell: u32,       // of shell_correlation
  threshold: f32,
  edge: f32,        // window edge, A
  start_z: i32,      // of the tile in the volume
  start_y: i32,
  start_x: i32,
  slab_first: i32,   // first plane of the slab
  slab_planes: i32,
  volume_y: i32,
  volume_x: i32,
  first: u32,        // plane of rows and columns, unit of windows, that the dispatch begins with
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> half1: array<f32>;
@group(0) @binding(2) var<storage, read> half2: array<f32>;
@group(0) @binding(3) var<storage, read> twiddles: array<vec2f>; // t(d) {cos, sin} of 2 pi k d / w at [k][d + h]
@group(0) @binding(4) var<storage, read_write> x_sums: array<vec4f>;
// b mod w, c, b^2 + c^2, 4 * largest a + multiplicity
@group(0) @binding(5) var<storage, read> column_list: array<vec4u>;
@group(0) @binding(6) var<storage, read_write> y_sums: array<vec4f>;
@group(0) @binding(7) var<storage, read> units: array<vec4u>; // first z, y, first x of each unit
@group(0) @binding(8) var<storage, read> shell_of: array<u32>; // round(sqrt(n))
@group(0) @binding(9) var<storage, read_write> sums: array<f32>;
@group(0) @binding(10) var<storage, read> mask: array<f32>;
@group(0) @binding(11) var<storage, read_write> volume: array<f32>;

@compute @workgroup_size(64)
fn rows(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  if (x >= parameters.tile_x) {
    return;
  }
  let row_count = parameters.tile_y + window_voxels - 1u;
  let planes = parameters.tile_z + window_voxels - 1u;
  let plane = parameters.first + id.z;
  let row = plane * parameters.plane_pitch + id.y * parameters.row_pitch + x;
  for (var c = 0u; c < shell_count; c++) {
    var sum = vec4f(0.0);
    for (var u = 0u; u < window_voxels; u++) {
      let twiddle = twiddles[c * window_voxels + u];
      sum += vec4f(
        half1[row + u] * vec2f(twiddle.x, -twiddle.y),
        half2[row + u] * vec2f(twiddle.x, -twiddle.y),
      );
    }
    x_sums[((c * planes + plane) * row_count + id.y) * parameters.tile_x + x] = sum;
  }
}

@compute @workgroup_size(64)
fn columns(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x % parameters.tile_x;
  let y = id.x / parameters.tile_x;
  if (y >= parameters.tile_y) {
    return;
  }
  let row_count = parameters.tile_y + window_voxels - 1u;
  let planes = parameters.tile_z + window_voxels - 1u;
  let column = column_list[parameters.first_column + id.z];
  let plane = parameters.first + id.y;
  let source = ((column.y * planes + plane) * row_count + y) * parameters.tile_x + x;
  var sum = vec4f(0.0);
  for (var u = 0u; u < window_voxels; u++) {
    let twiddle = twiddles[column.x * window_voxels + u];
    let v = x_sums[source + u * parameters.tile_x];
    // v (cos - i sin)
    sum += v * twiddle.x + vec4f(v.y, -v.x, v.w, -v.z) * twiddle.y;
  }
  y_sums[((id.z * parameters.tile_y + y) * planes + plane) * parameters.tile_x + x] = sum;
}

var<workgroup> line: array<vec4f, (RUN + window_voxels - 1u) * lanes>;

@compute @workgroup_size(lanes, RUN)
fn windows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  let number = parameters.first + group.x;
  let unit = units[number];
  let planes = parameters.tile_z + window_voxels - 1u;
  let h = window_voxels / 2u;
  let voxels = parameters.unit_count * lanes * RUN;
  let out = number * lanes * RUN + local_index;
  let centre = (local.y + h) * lanes + local.x;
  var shell = NONE;
  var shell_sums = vec3f(0.0);

  for (var p = 0u; p < parameters.column_count; p++) {
    let column = column_list[parameters.first_column + p];
    let source = ((p * parameters.tile_y + unit.y) * planes + unit.x) * parameters.tile_x + unit.z;
    workgroupBarrier();
    for (var i = local_index; i < (RUN + window_voxels - 1u) * lanes; i += lanes * RUN) {
      line[i] = y_sums[source + (i / lanes) * parameters.tile_x + i % lanes];
    }
    workgroupBarrier();

    let deepest = column.w / 4u;
    for (var a = 0u; a <= deepest; a++) {
      let new_shell = shell_of[a * a + column.z];
      if (new_shell != shell) {
        if (shell != NONE) {
          let at = 3u * shell * voxels + out;
          sums[at] += shell_sums.x;
          sums[at + voxels] += shell_sums.y;
          sums[at + 2u * voxels] += shell_sums.z;
        }
        shell = new_shell;
        shell_sums = vec3f(0.0);
      }
      let row = a * window_voxels;
      // d = -h has no partner.
      var cosines = line[centre] * twiddles[row + h].x + line[centre - h * lanes] * twiddles[row].x;
      var sines = vec4f(0.0);
      for (var d = 1u; d < h; d++) {
        let above = line[centre + d * lanes];
        let below = line[centre - d * lanes];
        let twiddle = twiddles[row + h + d];
        cosines += (above + below) * twiddle.x;
        sines += (above - below) * twiddle.y;
      }
      let multiplicity = select(2.0, 1.0, a == 0u || a == h) * f32(column.w % 4u);
      shell_sums += multiplicity * vec3f(
        dot(cosines.xy, cosines.zw) + dot(sines.xy, sines.zw),
        dot(cosines.xy, cosines.xy) + dot(sines.xy, sines.xy),
        dot(cosines.zw, cosines.zw) + dot(sines.zw, sines.zw),
      );
    }
  }
  if (shell != NONE) {
    let at = 3u * shell * voxels + out;
    sums[at] += shell_sums.x;
    sums[at + voxels] += shell_sums.y;
    sums[at + 2u * voxels] += shell_sums.z;
  }
}

fn correlation(r: u32, i: u32, voxels: u32) -> f32 {
  let at = 3u * r * voxels + i;
  let one = sums[at + voxels];
  let other = sums[at + 2u * voxels];
  // Roots first: the product of two powers may leave float32's range.
  return select(0.0, sums[at] / max(sqrt(one) * sqrt(other), 1e-37), one > 0.0 && other > 0.0);
}

@compute @workgroup_size(64)
fn resolve(@builtin(global_invocation_id) id: vec3u) {
  let voxels = parameters.unit_count * lanes * RUN;
  if (id.x >= voxels) {
    return;
  }
  let at = slab_index(id.x);
  if (at < 0) {
    return;
  }
  var crossing = f32(shell_count - 1u);
  var above = 0.0;
  for (var r = 1u; r < shell_count; r++) {
    let below = correlation(r, id.x, voxels) - parameters.threshold;
    if (below < 0.0) {
      crossing = select(f32(r) - 1.0 + above / (above - below), 1.0, r == 1u);
      break;
    }
    above = below;
  }
  volume[at] = parameters.edge / crossing;
}

@compute @workgroup_size(64)
fn shell_correlation(@builtin(global_invocation_id) id: vec3u) {
  let voxels = parameters.unit_count * lanes * RUN;
  if (id.x >= voxels) {
    return;
  }
  let at = slab_index(id.x);
  if (at >= 0) {
    volume[at] = correlation(parameters.shell, id.x, voxels);
  }
}
