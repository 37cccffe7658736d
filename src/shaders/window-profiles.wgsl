//#include lib/units.wgsl
// Radial amplitude profiles of the w^3 window around the voxels of a tile, by sliding DFTs (method 4).
//
//   F_v(a,b,c) = sum over u in [v - h, v + h) of x(u) exp(-2 pi i (a u_z + b u_y + c u_x) / w)
//
// with absolute phases: the window is one period long, so sliding by one voxel adds
// (x(u + w) - x(u)) exp(-2 pi i k u / w), and nothing is ever rotated; only |F| is used.
//
// slide_x   x_sums[c][z][y][x]: one thread per output, a direct sum of w terms.
// slide_y   y_sums[pair][y][z][x] of the pairs (b, c) of one batch: one thread marches along y.
// slide_z   a workgroup serves one unit: `lanes` voxels along x, RUN along z, one y. Threads are
//           (x, a); each marches along z for every pair and keeps RUN sums of |F| in registers. Pairs
//           come in ascending order of b^2 + c^2, so that the shell of a thread only ever grows:
//           sums go to memory when it changes, to a slot of their own per (a, shell) - no atomics.
// reduce    profiles[r][voxel] = norm[r] * sum over a of the slots (a, r).
//
// With taper = 1 the window has Hann weights (1 - cos(2 pi (u - p) / w)) / 2, p its first voxel: directly along x;
// along y and z they mix neighbouring frequencies, with e = exp(2 pi i p / w)
//
//   H(k) = F(k) / 2 - (conj(e) F(k - 1) + e F(k + 1)) / 4
//
// Inputs are (z, y, x) with x fastest; input voxel `first` is the first voxel of the window of the
// tile's voxel (0,0,0). Unit voxels are ordered (unit, z, x).
// Hazards: sums are re-seeded at every unit, so that float32 rounding does not build up.

override window_voxels: u32 = 24u;
override shell_count: u32 = 13u; // window_voxels / 2 + 1, and the number of a of a workgroup

override taper: u32 = 0u;

const NONE: u32 = 0xffffffffu;

struct Parameters {
  tile_z: u32,
  tile_y: u32,
  tile_x: u32,
  row_pitch: u32,   // floats between rows of the input
  plane_pitch: u32, // floats between planes of the input
  first_pair: u32,  // of the batch
  pair_count: u32,  // in the batch
  unit_count: u32,
  first: u32,      // input voxel
  sphere: u32,     // 1: frequencies a and -a, else a >= 0 only
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> tile: array<f32>;
@group(0) @binding(2) var<storage, read> twiddles: array<vec2f>; // {cos, sin} of 2 pi k / w, k < w
@group(0) @binding(3) var<storage, read_write> x_sums: array<vec2f>;
@group(0) @binding(4) var<storage, read> pairs: array<vec4u>; // b mod w, c, b^2 + c^2, weight
@group(0) @binding(5) var<storage, read_write> y_sums: array<vec2f>;
@group(0) @binding(6) var<storage, read> units: array<vec4u>; // first z, y, first x of each unit
@group(0) @binding(7) var<storage, read> shell_of: array<u32>; // floor(sqrt(n)), n < shell_count^2
@group(0) @binding(8) var<storage, read_write> slots: array<f32>;
@group(0) @binding(9) var<storage, read> norms: array<f32>; // 1 / (count[r] w^{3/2})
@group(0) @binding(10) var<storage, read_write> profiles: array<f32>;

// v exp(-i phase), twiddle = {cos phase, sin phase}
fn mul_conj(v: vec2f, twiddle: vec2f) -> vec2f {
  return vec2f(v.x * twiddle.x + v.y * twiddle.y, v.y * twiddle.x - v.x * twiddle.y);
}

// F(k - 1), F(k), F(k + 1) of a window that begins where the phase of k = 1 is `turn`
fn tapered(before: vec2f, here: vec2f, after: vec2f, turn: vec2f) -> vec2f {
  return 0.5 * here - 0.25 * (mul_conj(before, turn) + mul_conj(after, vec2f(turn.x, -turn.y)));
}

fn advance(index: u32, step: u32) -> u32 {
  let next = index + step;
  return select(next, next - window_voxels, next >= window_voxels);
}

@compute @workgroup_size(64)
fn slide_x(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  if (x >= parameters.tile_x) {
    return;
  }
  let rows = parameters.tile_y + window_voxels - 1u;
  let planes = parameters.tile_z + window_voxels - 1u;
  let row = parameters.first + id.z * parameters.plane_pitch + id.y * parameters.row_pitch + x;
  for (var c = 0u; c < shell_count; c++) {
    var index = (c * x) % window_voxels;
    var sum = vec2f(0.0);
    for (var u = 0u; u < window_voxels; u++) {
      var value = tile[row + u];
      if (taper == 1u) {
        value *= 0.5 - 0.5 * twiddles[u].x;
      }
      let twiddle = twiddles[index];
      sum += vec2f(value * twiddle.x, -value * twiddle.y);
      index = advance(index, c);
    }
    x_sums[((c * planes + id.z) * rows + id.y) * parameters.tile_x + x] = sum;
  }
}

@compute @workgroup_size(64)
fn slide_y(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  if (x >= parameters.tile_x) {
    return;
  }
  let rows = parameters.tile_y + window_voxels - 1u;
  let planes = parameters.tile_z + window_voxels - 1u;
  let pair = pairs[parameters.first_pair + id.z];
  let b = pair.x;
  let pitch = parameters.tile_x;
  let source = (pair.y * planes + id.y) * rows * pitch + x;
  let b_before = advance(b, window_voxels - 1u);
  let b_after = advance(b, 1u);
  var index = 0u;
  var index_before = 0u;
  var index_after = 0u;
  var sum = vec2f(0.0);
  var before = vec2f(0.0);
  var after = vec2f(0.0);
  for (var u = 0u; u < window_voxels; u++) {
    let value = x_sums[source + u * pitch];
    sum += mul_conj(value, twiddles[index]);
    index = advance(index, b);
    if (taper == 1u) {
      before += mul_conj(value, twiddles[index_before]);
      after += mul_conj(value, twiddles[index_after]);
      index_before = advance(index_before, b_before);
      index_after = advance(index_after, b_after);
    }
  }
  // After w steps the phase is back where it began.
  let destination = id.z * parameters.tile_y * planes * pitch + id.y * pitch + x;
  let stride = planes * pitch;
  y_sums[destination] = sum;
  if (taper == 1u) {
    y_sums[destination] = tapered(before, sum, after, twiddles[0]);
  }
  for (var y = 1u; y < parameters.tile_y; y++) {
    let leaving = source + (y - 1u) * pitch;
    let change = x_sums[leaving + window_voxels * pitch] - x_sums[leaving];
    sum += mul_conj(change, twiddles[index]);
    index = advance(index, b);
    y_sums[destination + y * stride] = sum;
    if (taper == 1u) {
      before += mul_conj(change, twiddles[index_before]);
      after += mul_conj(change, twiddles[index_after]);
      index_before = advance(index_before, b_before);
      index_after = advance(index_after, b_after);
      y_sums[destination + y * stride] = tapered(before, sum, after, twiddles[y % window_voxels]);
    }
  }
}

// Slots of (a, r), r = a ... h, follow each other; those of smaller a come first.
fn slot_of(a: u32, r: u32) -> u32 {
  return a * shell_count - (a * (max(a, 1u) - 1u)) / 2u + r - a;
}

var<workgroup> column: array<vec2f, (RUN + window_voxels - 1u) * lanes>;
var<workgroup> workgroup_twiddles: array<vec2f, window_voxels>;

@compute @workgroup_size(lanes, shell_count)
fn slide_z(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  let unit = units[group.x];
  let x = local.x;
  let a = local.y;
  let threads = lanes * shell_count;
  let planes = parameters.tile_z + window_voxels - 1u;
  for (var i = local_index; i < window_voxels; i += threads) {
    workgroup_twiddles[i] = twiddles[i];
  }
  let signs = select(1u, 2u, parameters.sphere == 1u && a > 0u && a + 1u < shell_count);
  let voxels = parameters.unit_count * lanes * RUN;
  let out = group.x * lanes * RUN + x;
  var sums: array<f32, RUN>;
  for (var k = 0u; k < RUN; k++) {
    sums[k] = 0.0;
  }
  var shell = NONE;

  for (var p = 0u; p < parameters.pair_count; p++) {
    let pair = pairs[parameters.first_pair + p];
    let source = ((p * parameters.tile_y + unit.y) * planes + unit.x) * parameters.tile_x + unit.z;
    workgroupBarrier();
    for (var i = local_index; i < (RUN + window_voxels - 1u) * lanes; i += threads) {
      column[i] = y_sums[source + (i / lanes) * parameters.tile_x + i % lanes];
    }
    workgroupBarrier();

    let square = a * a + pair.z;
    if (square < shell_count * shell_count) {
      let new_shell = shell_of[square];
      if (new_shell != shell) {
        if (shell != NONE) {
          let slot = slot_of(a, shell) * voxels + out;
          for (var k = 0u; k < RUN; k++) {
            slots[slot + k * lanes] += sums[k];
            sums[k] = 0.0;
          }
        }
        shell = new_shell;
      }
      let weight = f32(pair.w);
      for (var sign = 0u; sign < signs; sign++) {
        let step = select(a, window_voxels - a, sign == 1u);
        let step_before = advance(step, window_voxels - 1u);
        let step_after = advance(step, 1u);
        var index = (step * unit.x) % window_voxels;
        var index_before = (step_before * unit.x) % window_voxels;
        var index_after = (step_after * unit.x) % window_voxels;
        var sum = vec2f(0.0);
        var before = vec2f(0.0);
        var after = vec2f(0.0);
        for (var u = 0u; u < window_voxels; u++) {
          let value = column[u * lanes + x];
          sum += mul_conj(value, workgroup_twiddles[index]);
          index = advance(index, step);
          if (taper == 1u) {
            before += mul_conj(value, workgroup_twiddles[index_before]);
            after += mul_conj(value, workgroup_twiddles[index_after]);
            index_before = advance(index_before, step_before);
            index_after = advance(index_after, step_after);
          }
        }
        var coefficient = sum;
        if (taper == 1u) {
          coefficient = tapered(before, sum, after, workgroup_twiddles[unit.x % window_voxels]);
        }
        sums[0] += weight * sqrt(dot(coefficient, coefficient));
        for (var k = 1u; k < RUN; k++) {
          let leaving = (k - 1u) * lanes + x;
          let change = column[leaving + window_voxels * lanes] - column[leaving];
          sum += mul_conj(change, workgroup_twiddles[index]);
          index = advance(index, step);
          coefficient = sum;
          if (taper == 1u) {
            before += mul_conj(change, workgroup_twiddles[index_before]);
            after += mul_conj(change, workgroup_twiddles[index_after]);
            index_before = advance(index_before, step_before);
            index_after = advance(index_after, step_after);
            coefficient = tapered(before, sum, after, workgroup_twiddles[(unit.x + k) % window_voxels]);
          }
          sums[k] += weight * sqrt(dot(coefficient, coefficient));
        }
      }
    }
  }
  if (shell != NONE) {
    let slot = slot_of(a, shell) * voxels + out;
    for (var k = 0u; k < RUN; k++) {
      slots[slot + k * lanes] += sums[k];
    }
  }
}

@compute @workgroup_size(64)
fn reduce(@builtin(global_invocation_id) id: vec3u) {
  let voxels = parameters.unit_count * lanes * RUN;
  let i = id.x;
  if (i >= voxels) {
    return;
  }
  for (var r = 0u; r < shell_count; r++) {
    var sum = 0.0;
    for (var a = 0u; a <= r; a++) {
      sum += slots[slot_of(a, r) * voxels + i];
    }
    profiles[r * voxels + i] = sum * norms[r];
  }
}
