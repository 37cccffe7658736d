//#include lib/unit-planes.wgsl
// Radial amplitude profiles of the w^3 window around the voxels of a tile, by sliding DFTs (method 4).
//
//   F_v(a,b,c) = sum over u in [0, w) of x(v - h + u) exp(-2 pi i (a u_y + b u_x + c u_z) / w)
//
// Phases are relative to the window's first voxel, so that one step turns by a constant:
//   F(v + 1) = (F(v) + x(v + w) - x(v)) exp(2 pi i k / w), seeded by Horner's rule;
// only |F| is used.
//
// slide_z      z_sums[c][z][y][x] of the planes of the tile, with the voxels around them: one thread per (y, x),
//              ROWS planes and BATCH values of c, marching along z.
// slide_plane  a workgroup serves one unit, ROWS x `lanes` voxels of a plane. Per c it copies the z sums under its
//              windows to `plane`, once; per b it makes their sums along x in `column`, a thread a row; then
//              each thread (x, a) marches along y and keeps ROWS sums of |F| in registers. For given a and c
//              the shell only grows with |b|: sums are added to `amplitudes` when it changes. Threads that
//              leave a shell together take turns - no atomics, one order of additions.
//
// With taper = 1 the window has Hann weights (1 - cos(2 pi u / w)) / 2, u from its first voxel, which mix
// neighbouring frequencies of every axis:
//
//   H(k) = F(k) / 2 - (F(k - 1) + F(k + 1)) / 4
//
// Inputs are (z, y, x) with x fastest; input voxel `first` is the first voxel of the window of the tile's
// voxel (0,0,0).
// Hazards: a variable declared in a loop is not zero in its second round with every compiler: it is given a
// value. Sums are seeded anew after ROWS steps along y and z and `lanes` along x, so that float32 rounding does
// not build up.

override window_voxels: u32 = 24u;
override shell_count: u32 = 13u; // window_voxels / 2 + 1, and the number of a of a workgroup
override taper: u32 = 0u;
// Values of `plane`: (ROWS + window_voxels - 1) * (lanes + window_voxels - 1), or 1: windows are too wide, their
// z sums are read from z_sums for every b.
override plane_values: u32 = 1521u;

const BATCH: u32 = 14u; // all c of a window of 24
const NONE: u32 = 0xffffffffu;

struct Parameters {
  tile_z: u32,
  width: u32,       // of z_sums: tile_x + window_voxels - 1
  height: u32,      // tile_y + window_voxels - 1
  row_pitch: u32,   // floats between rows of the input
  plane_pitch: u32, // floats between planes of the input
  first_run: u32,   // of the workgroups of slide_z: ROWS planes each
  first_unit: u32,  // of the workgroups of slide_plane
  unit_count: u32,  // of the tile
  first: u32,       // input voxel
  sphere: u32,      // 1: frequencies a and -a, b and -b, else >= 0 only
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> tile: array<f32>;
@group(0) @binding(2) var<storage, read> twiddles: array<vec2f>; // {cos, sin} of 2 pi k / w, k < w
@group(0) @binding(3) var<storage, read_write> z_sums: array<vec2f>;
@group(0) @binding(4) var<storage, read> units: array<vec4u>; // first z, y, x of each unit
@group(0) @binding(5) var<storage, read> norms: array<f32>; // 1 / (count[r] w^{3/2})
@group(0) @binding(6) var<storage, read_write> profiles: array<f32>;

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

@compute @workgroup_size(64)
fn slide_z(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let area = parameters.height * parameters.width;
  let i = group.x * 64u + thread;
  if (i >= area) {
    return;
  }
  let z = (parameters.first_run + group.y) * ROWS;
  let first_c = group.z * BATCH;
  let row = parameters.first + (i / parameters.width) * parameters.row_pitch;
  let source = row + z * parameters.plane_pitch + i % parameters.width;
  // Of the frequencies one below the first of the batch to one above the last; the outer two only serve the
  // taper.
  var turns: array<vec2f, BATCH + 2u>;
  var sums: array<vec2f, BATCH + 2u>;
  for (var k = 1u - taper; k < BATCH + 1u + taper; k++) {
    turns[k] = twiddles[(first_c + k + window_voxels - 1u) % window_voxels];
  }
  for (var u = window_voxels; u > 0u; u--) {
    let value = vec2f(tile[source + (u - 1u) * parameters.plane_pitch], 0.0);
    for (var k = 1u - taper; k < BATCH + 1u + taper; k++) {
      sums[k] = value + times_conjugate(sums[k], turns[k]);
    }
  }
  for (var step = 0u; step < ROWS; step++) {
    if (step > 0u) {
      let leaving = source + (step - 1u) * parameters.plane_pitch;
      let change = vec2f(tile[leaving + window_voxels * parameters.plane_pitch] - tile[leaving], 0.0);
      for (var k = 1u - taper; k < BATCH + 1u + taper; k++) {
        sums[k] = times(sums[k] + change, turns[k]);
      }
    }
    for (var k = 0u; k < BATCH; k++) {
      if (first_c + k < shell_count) {
        z_sums[((first_c + k) * parameters.tile_z + z + step) * area + i] =
          tapered(sums[k], sums[k + 1u], sums[k + 2u]);
      }
    }
  }
}

var<workgroup> turn_of: array<vec2f, window_voxels>;
var<workgroup> plane: array<vec2f, plane_values>;
var<workgroup> column: array<vec2f, (ROWS + window_voxels - 1u) * (lanes + 1u)>; // padded: rows in other banks
var<workgroup> amplitudes: array<f32, shell_count * ROWS * lanes>;

// What sums along an axis are made of, at place i from the first voxel of the unit's windows: for seeds the sums and
// the differences of values half a window apart, of which frequencies need those of their parity only; beyond
// the window what enters and leaves a sum in one step. All are first + sign * second.
struct Folded {
  first: u32,
  second: u32,
  sign: f32,
}

fn folded(i: u32) -> Folded {
  let half = window_voxels / 2u;
  if (i < half) {
    return Folded(i, i + half, 1.0);
  }
  return Folded(select(i, i - half, i < window_voxels), select(i - window_voxels, i, i < window_voxels), -1.0);
}

// Folded z sum of a row and column under the unit, weighted.
fn z_sum(source: u32, row: u32, x: u32, weight: f32) -> vec2f {
  if (plane_values > 1u) {
    return plane[row * (lanes + window_voxels - 1u) + x];
  }
  let along_y = folded(row);
  let along_x = folded(x);
  let first = source + along_y.first * parameters.width;
  let second = source + along_y.second * parameters.width;
  let of_first = z_sums[first + along_x.first] + along_x.sign * z_sums[first + along_x.second];
  let of_second = z_sums[second + along_x.first] + along_x.sign * z_sums[second + along_x.second];
  return weight * (of_first + along_y.sign * of_second);
}

// Folds `count` values of `plane`; the last first, so that the values a window before are still there.
fn fold_line(first: u32, pitch: u32, count: u32) {
  for (var i = count - 1u; i >= window_voxels; i--) {
    plane[first + i * pitch] -= plane[first + (i - window_voxels) * pitch];
  }
  let half = window_voxels / 2u;
  for (var i = 0u; i < half; i++) {
    let before = plane[first + i * pitch];
    let after = plane[first + (i + half) * pitch];
    plane[first + i * pitch] = before + after;
    plane[first + (i + half) * pitch] = before - after;
  }
}

fn load_plane(thread: u32, source: u32, weight: f32) {
  let columns = lanes + window_voxels - 1u;
  let rows = ROWS + window_voxels - 1u;
  let threads = lanes * shell_count;
  for (var i = thread; i < rows * columns; i += threads) {
    plane[i] = weight * z_sums[source + (i / columns) * parameters.width + i % columns];
  }
  workgroupBarrier();
  for (var row = thread; row < rows; row += threads) {
    fold_line(row * columns, 1u, columns);
  }
  workgroupBarrier();
  for (var x = thread; x < columns; x += threads) {
    fold_line(x, columns, rows);
  }
  workgroupBarrier();
}

// Sums along x of frequency b, for all rows and the unit's voxels along x.
fn sum_rows(thread: u32, b: u32, source: u32, weight: f32) {
  let turn = turn_of[b];
  let turn_before = turn_of[(b + window_voxels - 1u) % window_voxels];
  let turn_after = turn_of[(b + 1u) % window_voxels];
  let half = window_voxels / 2u;
  let own = (b % 2u) * half;
  for (var row = thread; row < ROWS + window_voxels - 1u; row += lanes * shell_count) {
    var sum = vec2f(0.0);
    var before = vec2f(0.0);
    var after = vec2f(0.0);
    for (var u = 1u; u <= half; u++) {
      let place = own + half - u;
      sum = z_sum(source, row, place, weight) + times_conjugate(sum, turn);
      if (taper == 1u) {
        let other = window_voxels - own - u;
        let value = z_sum(source, row, other, weight);
        before = value + times_conjugate(before, turn_before);
        after = value + times_conjugate(after, turn_after);
      }
    }
    let first = row * (lanes + 1u);
    column[first] = tapered(before, sum, after);
    for (var k = 1u; k < lanes; k++) {
      let place = window_voxels + k - 1u;
      let change = z_sum(source, row, place, weight);
      sum = times(sum + change, turn);
      if (taper == 1u) {
        before = times(before + change, turn_before);
        after = times(after + change, turn_after);
      }
      column[first + k] = tapered(before, sum, after);
    }
  }
}

// Smallest a with a^2 >= n; never the root of a square, so that it is exact.
fn first_from(n: i32) -> u32 {
  return select(0u, u32(sqrt(max(f32(n) - 0.5, 0.0))) + 1u, n > 0);
}

// Shell of a^2 + b^2 + c^2, if there is one.
fn shell_of(square: u32) -> u32 {
  let shell = u32(sqrt(f32(square) + 0.5));
  return select(NONE, shell, shell < shell_count);
}

// No shell holds more values of a than this where b^2 + c^2 = square: as many as the first, whose squares are
// less than `left`, or as fit between the ends of the next, as further ones are narrower.
fn most_in_shell(square: u32) -> u32 {
  let next = u32(sqrt(f32(square) + 0.5)) + 1u;
  let left = next * next - square;
  let width = sqrt(f32(left + 2u * next + 1u)) - sqrt(f32(left));
  return max(first_from(i32(left)), u32(width) + 1u);
}

@compute @workgroup_size(lanes, shell_count)
fn slide_plane(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = parameters.first_unit + group.x;
  let unit = units[number];
  let a = local.y;
  let threads = lanes * shell_count;
  for (var i = thread; i < window_voxels; i += threads) {
    turn_of[i] = twiddles[i];
  }
  for (var i = thread; i < shell_count * ROWS * lanes; i += threads) {
    amplitudes[i] = 0.0;
  }
  workgroupBarrier();
  let turn = turn_of[a];
  let turn_before = turn_of[(a + window_voxels - 1u) % window_voxels];
  let turn_after = turn_of[a + 1u];
  let half = window_voxels / 2u;
  let own = (a % 2u) * half;
  let signs = select(1u, 2u, parameters.sphere == 1u && a > 0u && a + 1u < shell_count);
  var sums: array<f32, ROWS>;

  for (var c = 0u; c < shell_count; c++) {
    let plane_of_c = (c * parameters.tile_z + unit.x) * parameters.height;
    let source = (plane_of_c + unit.y) * parameters.width + unit.z;
    // The planes c and -c of the sphere: the planes 0 and h hold both mates of a pair.
    let weight = select(1.0, 2.0, parameters.sphere == 1u && c > 0u && c + 1u < shell_count);
    if (plane_values > 1u) {
      load_plane(thread, source, weight);
    }
    var shell = NONE;
    for (var b = 0u; ; b++) {
      let square = b * b + c * c;
      let new_shell = shell_of(a * a + square);
      if (b > 0u) {
        let old_square = square + 1u - 2u * b;
        var own_round = NONE;
        if (new_shell != shell) {
          // Those that leave the shell are the last of those in it.
          let lowest = first_from(i32(shell * shell) - i32(old_square));
          own_round = a - max(lowest, first_from(i32((shell + 1u) * (shell + 1u)) - i32(square)));
        }
        let rounds = most_in_shell(old_square);
        for (var round = 0u; round < rounds; round++) {
          workgroupBarrier();
          if (own_round == round) {
            let first = shell * ROWS * lanes + local.x;
            for (var k = 0u; k < ROWS; k++) {
              amplitudes[first + k * lanes] += sums[k];
              sums[k] = 0.0;
            }
          }
        }
      }
      shell = new_shell;
      if (square >= shell_count * shell_count) {
        break;
      }
      let mirrors = select(1u, 2u, parameters.sphere == 1u && b > 0u && b + 1u < shell_count);
      for (var mirror = 0u; mirror < mirrors; mirror++) {
        workgroupBarrier();
        sum_rows(thread, select(b, window_voxels - b, mirror == 1u), source, weight);
        workgroupBarrier();
        if (shell != NONE) {
          for (var sign = 0u; sign < signs; sign++) {
            let conjugate = vec2f(1.0, select(1.0, -1.0, sign == 1u));
            let twiddle = turn * conjugate;
            let twiddle_before = turn_before * conjugate;
            let twiddle_after = turn_after * conjugate;
            var sum = vec2f(0.0);
            var before = vec2f(0.0);
            var after = vec2f(0.0);
            for (var u = 1u; u <= half; u++) {
              sum = column[(own + half - u) * (lanes + 1u) + local.x] + times_conjugate(sum, twiddle);
              if (taper == 1u) {
                let value = column[(window_voxels - own - u) * (lanes + 1u) + local.x];
                before = value + times_conjugate(before, twiddle_before);
                after = value + times_conjugate(after, twiddle_after);
              }
            }
            sums[0] += length_of(tapered(before, sum, after));
            for (var k = 1u; k < ROWS; k++) {
              let change = column[(window_voxels + k - 1u) * (lanes + 1u) + local.x];
              sum = times(sum + change, twiddle);
              if (taper == 1u) {
                before = times(before + change, twiddle_before);
                after = times(after + change, twiddle_after);
              }
              sums[k] += length_of(tapered(before, sum, after));
            }
          }
        }
      }
    }
  }
  workgroupBarrier();
  let voxels = parameters.unit_count * lanes * ROWS;
  for (var i = thread; i < shell_count * ROWS * lanes; i += threads) {
    let r = i / (ROWS * lanes);
    profiles[r * voxels + number * ROWS * lanes + i % (ROWS * lanes)] = amplitudes[i] * norms[r];
  }
}
