//#include lib/units.wgsl
//#include lib/slab-index.wgsl
// Cross and power spectra of the weighted w^3 windows of two half maps around the voxels of a tile, summed
// over shells of rounded radius, and the resolution read from them (math/scaling/local-resolution.ts).
//
// Axes one after the other, each a direct sum with the window's weights t(d), d = -h ... h - 1 (phases from
// the window's centre), of lines in workgroup memory that neighbouring windows share. gpu/window-sums-code.ts
// writes `row_sums`, `column_sums`, `window_sums` and `finish_shells` for the window, factors included. A
// vec4f holds one coefficient of both maps: (re A, im A, re B, im B).
//
// rows      x_sums[c][z][y][x]; one thread = one x, all c.
// columns   y_sums[y][column][z][x] of the columns (b, c) for some rows y of the tile: a workgroup serves
//           `lanes` voxels along x and these rows, at one z and c; one thread = all b of a voxel.
// windows   sums[3 shell + (cross, |A|^2, |B|^2)][unit voxel]. A workgroup = one unit (`lanes` voxels along
//           x, RUN along z, one y), a thread = one voxel, which does nothing outside the mask. With C and S
//           the cosine and sine sums, F(a) = C - iS and F(-a) = C + iS: products of a and -a add up to
//           2 (C C' + S S'). Columns come in ascending order of b^2 + c^2, so that the shell of an a only
//           ever grows: its sums stay in registers until it does.
// resolve   crossing of the curve -> resolution; one thread = one unit voxel, written to one slab.
// shell_correlation      FSC of one shell, likewise.
//
// Inputs are (z, y, x) with x fastest; input voxel (0,0,0) is the first voxel of the window of the tile's
// voxel (0,0,0). Unit voxels are ordered (unit, z, x). Nothing is recursive: rounding does not build up.

override window_voxels: u32 = 24u;
override shell_count: u32 = 13u; // window_voxels / 2 + 1
override batch_rows: u32 = 8u;   // of y_sums
const NONE: u32 = 0xffffffffu;

struct Parameters {
  tile_z: u32,
  tile_y: u32,
  tile_x: u32,
  row_pitch: u32,    // floats between rows of the input
  plane_pitch: u32,  // floats between planes of the input
  first_row: u32,    // of the batch, in the tile
  first_x: u32,      // of the workgroups of columns
  column_pitch: u32, // columns of y_sums
  column_count: u32, // of windows: those with frequencies of its range
  unit_count: u32,
  shell: u32,        // of shell_correlation
  threshold: f32,
  edge: f32,         // window edge, A
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
@group(0) @binding(3) var<storage, read_write> x_sums: array<vec4f>;
@group(0) @binding(4) var<storage, read> column_numbers: array<u32>; // [c][b mod w]; NONE: beyond all shells
@group(0) @binding(5) var<storage, read_write> y_sums: array<vec4f>;
@group(0) @binding(6) var<storage, read> units: array<vec4u>; // first z, y, first x of each unit
// Largest a; multiplicity; which a are in another shell than in the column before, a bit each; b^2 + c^2 of
// that column. The last one closes.
@group(0) @binding(7) var<storage, read> column_list: array<vec4u>;
@group(0) @binding(8) var<storage, read> inside: array<f32>; // mask of the tile
@group(0) @binding(9) var<storage, read_write> sums: array<f32>;
@group(0) @binding(10) var<storage, read> mask: array<f32>;
@group(0) @binding(11) var<storage, read_write> volume: array<f32>;

var<workgroup> row: array<vec2f, 63u + window_voxels>;
var<private> row_voxel: u32; // of x_sums, for c = 0

fn row_sum(c: u32, cosines: vec2f, sines: vec2f) {
  let planes = parameters.tile_z + window_voxels - 1u;
  let stride = planes * (parameters.tile_y + window_voxels - 1u) * parameters.tile_x;
  x_sums[c * stride + row_voxel] = vec4f(cosines.x, -sines.x, cosines.y, -sines.y);
}

@compute @workgroup_size(64)
fn rows(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = group.x * 64u;
  let plane = parameters.first + group.z;
  let source = plane * parameters.plane_pitch + group.y * parameters.row_pitch + first;
  for (var i = thread; i < 63u + window_voxels; i += 64u) {
    if (first + i < parameters.row_pitch) {
      row[i] = vec2f(half1[source + i], half2[source + i]);
    }
  }
  workgroupBarrier();
  let x = first + thread;
  if (x >= parameters.tile_x) {
    return;
  }
  row_voxel = (plane * (parameters.tile_y + window_voxels - 1u) + group.y) * parameters.tile_x + x;
  row_sums(thread + window_voxels / 2u, 1u, window_voxels / 2u);
}

var<workgroup> line: array<vec4f, (batch_rows + window_voxels - 1u) * lanes>;
var<private> column_c: u32;
var<private> column_voxel: u32; // of y_sums, for column 0

fn store_column(b: u32, value: vec4f) {
  let number = column_numbers[column_c * window_voxels + b];
  if (number != NONE) {
    let stride = (parameters.tile_z + window_voxels - 1u) * parameters.tile_x;
    y_sums[number * stride + column_voxel] = value;
  }
}

fn column_sum(b: u32, cosines: vec4f, sines: vec4f) {
  // i S
  let rotated = vec4f(-sines.y, sines.x, -sines.w, sines.z);
  store_column(b, cosines - rotated);
  if (b > 0u && 2u * b < window_voxels) {
    store_column(window_voxels - b, cosines + rotated);
  }
}

@compute @workgroup_size(lanes, batch_rows)
fn columns(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let h = window_voxels / 2u;
  let planes = parameters.tile_z + window_voxels - 1u;
  let plane = parameters.first + group.y;
  let x = parameters.first_x + group.x * lanes;
  let box_rows = parameters.tile_y + window_voxels - 1u;
  let source = ((group.z * planes + plane) * box_rows + parameters.first_row) * parameters.tile_x + x;
  for (var i = thread; i < (batch_rows + window_voxels - 1u) * lanes; i += lanes * batch_rows) {
    line[i] = x_sums[source + (i / lanes) * parameters.tile_x + i % lanes];
  }
  workgroupBarrier();
  column_c = group.z;
  column_voxel = (local.y * parameters.column_pitch * planes + plane) * parameters.tile_x + x + local.x;
  // Never the root of a square: exact.
  let deepest = min(h, u32(sqrt(f32(h * h + h - group.z * group.z) + 0.5)));
  column_sums((local.y + h) * lanes + local.x, lanes, deepest);
}

// Two of them in turn: one is filled while the other may still be read.
var<workgroup> lines: array<vec4f, 2u * (RUN + window_voxels - 1u) * lanes>;
var<private> unit_voxel: u32;

// Of a and -a, or once of a coefficient that is its own mate.
fn products(cosines: vec4f, sines: vec4f) -> vec3f {
  return vec3f(
    dot(cosines.xy, cosines.zw) + dot(sines.xy, sines.zw),
    dot(cosines.xy, cosines.xy) + dot(sines.xy, sines.xy),
    dot(cosines.zw, cosines.zw) + dot(sines.zw, sines.zw),
  );
}

// `square`: a^2 + b^2 + c^2 of any of its coefficients.
fn add_to_shell(square: u32, value: vec3f) {
  // (r + 1/2)^2 is never an integer.
  let shell = u32(sqrt(f32(square)) + 0.5);
  let voxels = parameters.unit_count * lanes * RUN;
  let at = 3u * shell * voxels + unit_voxel;
  sums[at] += value.x;
  sums[at + voxels] += value.y;
  sums[at + 2u * voxels] += value.z;
}

@compute @workgroup_size(lanes, RUN)
fn windows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = parameters.first + group.x;
  let unit = units[number];
  let planes = parameters.tile_z + window_voxels - 1u;
  let length = (RUN + window_voxels - 1u) * lanes;
  unit_voxel = number * lanes * RUN + thread;
  let voxel = ((unit.x + local.y) * parameters.tile_y + unit.y) * parameters.tile_x + unit.z + local.x;
  let measured = inside[voxel] > 0.5;
  let centre = (local.y + window_voxels / 2u) * lanes + local.x;
  let first_column = (unit.y - parameters.first_row) * parameters.column_pitch;

  for (var p = 0u; p < parameters.column_count; p++) {
    let begin = (p % 2u) * length;
    let source = ((first_column + p) * planes + unit.x) * parameters.tile_x + unit.z;
    for (var i = thread; i < length; i += lanes * RUN) {
      lines[begin + i] = y_sums[source + (i / lanes) * parameters.tile_x + i % lanes];
    }
    workgroupBarrier();
    if (measured) {
      let column = column_list[p];
      finish_shells(column.z, column.w);
      window_sums(begin + centre, lanes, column.x, f32(column.y));
    }
  }
  if (measured) {
    let last = column_list[parameters.column_count];
    finish_shells(last.z, last.w);
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
