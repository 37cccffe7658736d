//#include lib/units.wgsl
// Radial amplitude profiles of the w^3 window around the voxels of a tile, by sliding DFTs (method 4).
//
//   F_v(a,b,c) = sum over u in [0, w) of x(v - h + u) exp(-2 pi i (a u_z + b u_y + c u_x) / w)
//
// Phases are relative to the window's first voxel, so that one step turns by a constant:
//   F(v + 1) = (F(v) + x(v + w) - x(v)) exp(2 pi i k / w), seeded by Horner's rule;
// only |F| is used.
//
// slide_x   x_sums[c][z][y][x]: one thread per x, direct sums of w terms for BATCH values of c at a time.
// slide_y   y_sums[pair][y][z][x] of the pairs (b, c) for some rows y: one thread per (x, z) and ROW_BATCH pairs
//           of the same c, marching along y.
// slide_z   a workgroup serves one unit: `lanes` voxels along x, RUN along z, one y. Threads are (x, a, part);
//           each marches along PART of z for every pair and keeps PART sums of |F| in registers. Pairs come in
//           ascending order of b^2 + c^2, so that the shell of a thread only ever grows: sums are added to
//           `amplitudes` when it changes. Threads that add to the same shell before the same pair take
//           turns (`rounds`, made by gpu/window-profiles.ts) - no atomics, one order of additions.
//
// With taper = 1 the window has Hann weights (1 - cos(2 pi u / w)) / 2, u from its first voxel: directly
// along x; along y and z they mix neighbouring frequencies,
//
//   H(k) = F(k) / 2 - (F(k - 1) + F(k + 1)) / 4
//
// Inputs are (z, y, x) with x fastest; input voxel `first` is the first voxel of the window of the
// tile's voxel (0,0,0). Unit voxels are ordered (unit, z, x).
// Hazards: a variable declared in a loop is not zero in its second round with every compiler: it is given a
// value. Sums are re-seeded at every unit and every batch of rows, so that float32 rounding does not build
// up.

override window_voxels: u32 = 24u;
override shell_count: u32 = 13u; // window_voxels / 2 + 1, and the number of a of a workgroup
override taper: u32 = 0u;

const BATCH: u32 = 8u;
const ROW_BATCH: u32 = 14u;
const PART: u32 = 16u; // voxels of a unit along z that a thread serves
const PARTS: u32 = RUN / PART;
const NONE: u32 = 0xffffffffu;

struct Parameters {
  tile_z: u32,
  tile_x: u32,
  row_pitch: u32,   // floats between rows of the input
  plane_pitch: u32, // floats between planes of the input
  box_rows: u32,    // rows of x_sums: of the tile and of the windows
  first_row: u32,   // of the tile, in y_sums
  row_count: u32,   // in y_sums
  pair_count: u32,
  first_plane: u32, // of the workgroups of slide_x and slide_y
  first_unit: u32,  // of the workgroups of slide_z
  unit_count: u32,  // of the tile
  first: u32,       // input voxel
  sphere: u32,      // 1: frequencies a and -a, else a >= 0 only
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> tile: array<f32>;
@group(0) @binding(2) var<storage, read> twiddles: array<vec2f>; // {cos, sin} of 2 pi k / w, k < w
@group(0) @binding(3) var<storage, read_write> x_sums: array<vec2f>;
@group(0) @binding(4) var<storage, read> y_batches: array<vec4u>; // first b mod w, c, number of the pair or NONE
@group(0) @binding(5) var<storage, read_write> y_sums: array<vec2f>;
@group(0) @binding(6) var<storage, read> units: array<vec4u>; // first z, y, first x of each unit
@group(0) @binding(7) var<storage, read> pairs: array<u32>; // b^2 + c^2, 2^16 weight, 2^24 rounds before the pair; the last one closes
@group(0) @binding(8) var<storage, read> rounds: array<u32>; // per (pair, a): the round in which the sums move, if they do
@group(0) @binding(9) var<storage, read> norms: array<f32>; // 1 / (count[r] w^{3/2})
@group(0) @binding(10) var<storage, read_write> profiles: array<f32>;

fn times(v: vec2f, twiddle: vec2f) -> vec2f {
  return vec2f(v.x * twiddle.x - v.y * twiddle.y, v.x * twiddle.y + v.y * twiddle.x);
}

fn times_conjugate(v: vec2f, twiddle: vec2f) -> vec2f {
  return vec2f(v.x * twiddle.x + v.y * twiddle.y, v.y * twiddle.x - v.x * twiddle.y);
}

// H(k) of F(k - 1), F(k), F(k + 1)
fn tapered(before: vec2f, here: vec2f, after: vec2f) -> vec2f {
  if (taper == 1u) {
    return 0.5 * here - 0.25 * (before + after);
  }
  return here;
}

fn length_of(v: vec2f) -> f32 {
  return sqrt(dot(v, v));
}

var<workgroup> row: array<f32, 63u + window_voxels>;

@compute @workgroup_size(64)
fn slide_x(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = group.x * 64u;
  let x = first + thread;
  let plane = parameters.first_plane + group.z;
  let source = parameters.first + plane * parameters.plane_pitch + group.y * parameters.row_pitch + first;
  for (var i = thread; i < 63u + window_voxels; i += 64u) {
    if (first + i < parameters.tile_x + window_voxels - 1u) {
      row[i] = tile[source + i];
    }
  }
  workgroupBarrier();
  if (x >= parameters.tile_x) {
    return;
  }
  let planes = parameters.tile_z + window_voxels - 1u;
  let stride = planes * parameters.box_rows * parameters.tile_x;
  let destination = (plane * parameters.box_rows + group.y) * parameters.tile_x + x;
  for (var c = 0u; c < shell_count; c += BATCH) {
    var turns: array<vec2f, BATCH>;
    var sums = array<vec2f, BATCH>();
    for (var k = 0u; k < BATCH; k++) {
      turns[k] = twiddles[min(c + k, window_voxels - 1u)];
    }
    for (var u = window_voxels; u > 0u; u--) {
      var weight = 1.0;
      if (taper == 1u) {
        weight = 0.5 - 0.5 * twiddles[u - 1u].x;
      }
      let value = vec2f(weight * row[thread + u - 1u], 0.0);
      for (var k = 0u; k < BATCH; k++) {
        sums[k] = value + times_conjugate(sums[k], turns[k]);
      }
    }
    for (var k = 0u; k < BATCH; k++) {
      if (c + k < shell_count) {
        x_sums[(c + k) * stride + destination] = sums[k];
      }
    }
  }
}

@compute @workgroup_size(64)
fn slide_y(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let x = group.x * 64u + thread;
  if (x >= parameters.tile_x) {
    return;
  }
  let pitch = parameters.tile_x;
  let planes = parameters.tile_z + window_voxels - 1u;
  let first = group.z * ROW_BATCH;
  let batch = y_batches[first];
  let plane = parameters.first_plane + group.y;
  let source = ((batch.y * planes + plane) * parameters.box_rows + parameters.first_row) * pitch + x;
  let destination = plane * pitch + x;
  let stride = planes * pitch;
  // Of the frequencies one below the first of the batch to one above the last; the outer two only serve the
  // taper.
  var turns: array<vec2f, ROW_BATCH + 2u>;
  var sums: array<vec2f, ROW_BATCH + 2u>;
  var numbers: array<u32, ROW_BATCH>;
  for (var k = 0u; k < ROW_BATCH; k++) {
    numbers[k] = y_batches[first + k].z;
  }
  for (var k = 1u - taper; k < ROW_BATCH + 1u + taper; k++) {
    turns[k] = twiddles[(batch.x + k + window_voxels - 1u) % window_voxels];
  }
  for (var u = window_voxels; u > 0u; u--) {
    let value = x_sums[source + (u - 1u) * pitch];
    for (var k = 1u - taper; k < ROW_BATCH + 1u + taper; k++) {
      sums[k] = value + times_conjugate(sums[k], turns[k]);
    }
  }
  for (var y = 0u; y < parameters.row_count; y++) {
    if (y > 0u) {
      let leaving = source + (y - 1u) * pitch;
      let change = x_sums[leaving + window_voxels * pitch] - x_sums[leaving];
      for (var k = 1u - taper; k < ROW_BATCH + 1u + taper; k++) {
        sums[k] = times(sums[k] + change, turns[k]);
      }
    }
    for (var k = 0u; k < ROW_BATCH; k++) {
      if (numbers[k] != NONE) {
        y_sums[(numbers[k] * parameters.row_count + y) * stride + destination] =
          tapered(sums[k], sums[k + 1u], sums[k + 2u]);
      }
    }
  }
}

var<workgroup> column: array<vec2f, (RUN + window_voxels - 1u) * lanes>;
var<workgroup> amplitudes: array<f32, shell_count * RUN * lanes>;

@compute @workgroup_size(lanes, shell_count, PARTS)
fn slide_z(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = parameters.first_unit + group.x;
  let unit = units[number];
  let a = local.y;
  let at = local.z * PART * lanes + local.x; // of the thread's first voxel in `column` and in a shell of `amplitudes`
  let threads = lanes * shell_count * PARTS;
  let planes = parameters.tile_z + window_voxels - 1u;
  let turn = twiddles[a];
  let turn_before = twiddles[(a + window_voxels - 1u) % window_voxels];
  let turn_after = twiddles[a + 1u];
  let signs = select(1u, 2u, parameters.sphere == 1u && a > 0u && a + 1u < shell_count);
  for (var i = thread; i < shell_count * RUN * lanes; i += threads) {
    amplitudes[i] = 0.0;
  }
  var sums: array<f32, PART>;
  var shell = NONE;

  for (var p = 0u; p <= parameters.pair_count; p++) {
    let pair = pairs[p];
    let square = a * a + (pair & 0xffffu);
    // Never the root of a square: exact.
    let radius = u32(sqrt(f32(square) + 0.5));
    let new_shell = select(NONE, radius, radius < shell_count);
    workgroupBarrier();
    if (p < parameters.pair_count) {
      let row = p * parameters.row_count + unit.y - parameters.first_row;
      let source = (row * planes + unit.x) * parameters.tile_x + unit.z;
      for (var i = thread; i < (RUN + window_voxels - 1u) * lanes; i += threads) {
        column[i] = y_sums[source + (i / lanes) * parameters.tile_x + i % lanes];
      }
    }
    var own_round = 0u;
    if (new_shell != shell && shell != NONE) {
      own_round = rounds[p * shell_count + a];
    }
    for (var round = 1u; round <= pair >> 24u; round++) {
      if (round > 1u) {
        workgroupBarrier();
      }
      if (own_round == round) {
        let first = shell * RUN * lanes + at;
        for (var k = 0u; k < PART; k++) {
          amplitudes[first + k * lanes] += sums[k];
          sums[k] = 0.0;
        }
      }
    }
    shell = new_shell;
    workgroupBarrier();
    if (shell != NONE) {
      let weight = f32((pair >> 16u) & 0xffu);
      for (var sign = 0u; sign < signs; sign++) {
        let mirror = vec2f(1.0, select(1.0, -1.0, sign == 1u));
        let twiddle = turn * mirror;
        let twiddle_before = turn_before * mirror;
        let twiddle_after = turn_after * mirror;
        var sum = vec2f(0.0);
        var before = vec2f(0.0);
        var after = vec2f(0.0);
        for (var u = window_voxels; u > 0u; u--) {
          let value = column[at + (u - 1u) * lanes];
          sum = value + times_conjugate(sum, twiddle);
          if (taper == 1u) {
            before = value + times_conjugate(before, twiddle_before);
            after = value + times_conjugate(after, twiddle_after);
          }
        }
        sums[0] += weight * length_of(tapered(before, sum, after));
        for (var k = 1u; k < PART; k++) {
          let leaving = at + (k - 1u) * lanes;
          let change = column[leaving + window_voxels * lanes] - column[leaving];
          sum = times(sum + change, twiddle);
          if (taper == 1u) {
            before = times(before + change, twiddle_before);
            after = times(after + change, twiddle_after);
          }
          sums[k] += weight * length_of(tapered(before, sum, after));
        }
      }
    }
  }
  workgroupBarrier();
  let voxels = parameters.unit_count * lanes * RUN;
  for (var i = thread; i < shell_count * RUN * lanes; i += threads) {
    let r = i / (RUN * lanes);
    profiles[r * voxels + number * RUN * lanes + i % (RUN * lanes)] = amplitudes[i] * norms[r];
  }
}
