//#include lib/units.wgsl
// Radial amplitude profiles of the w^3 window around the voxels of a tile, by sliding DFTs (method 4).
//
//   F_v(a,b,c) = sum over u in [v - h, v + h) of x(u) exp(-2 pi i (a u_z + b u_y + c u_x) / w)
//
// with absolute phases: the window is one period long, so sliding by one voxel adds
// (x(u + w) - x(u)) exp(-2 pi i k u / w), and nothing is ever rotated; only |F| is used.
//
// slide_x   xSums[c][z][y][x]: one thread per output, a direct sum of w terms.
// slide_y   ySums[pair][y][z][x] of the pairs (b, c) of one batch: one thread marches along y.
// slide_z   a workgroup serves one unit: `lanes` voxels along x, RUN along z, one y. Threads are
//           (x, a); each marches along z for every pair and keeps RUN sums of |F| in registers. Pairs
//           come in ascending order of b^2 + c^2, so that the shell of a thread only ever grows:
//           sums go to memory when it changes, to a slot of their own per (a, shell) - no atomics.
// reduce    profiles[r][voxel] = norm[r] * sum over a of the slots (a, r).
//
// Inputs are (z, y, x) with x fastest; input voxel (0,0,0) is the first voxel of the window of the
// tile's voxel (0,0,0). Unit voxels are ordered (unit, z, x).
// Hazards: sums are re-seeded at every unit, so that float32 rounding does not build up.

override windowVoxels: u32 = 24u;
override shellCount: u32 = 13u; // windowVoxels / 2 + 1, and the number of a of a workgroup

const NONE: u32 = 0xffffffffu;

struct Parameters {
  tileZ: u32,
  tileY: u32,
  tileX: u32,
  rowPitch: u32,   // floats between rows of the input
  planePitch: u32, // floats between planes of the input
  firstPair: u32,  // of the batch
  pairCount: u32,  // in the batch
  unitCount: u32,
  sphere: u32,     // 1: frequencies a and -a, else a >= 0 only
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> tile: array<f32>;
@group(0) @binding(2) var<storage, read> phases: array<vec2f>; // {cos, sin} of 2 pi k / w, k < w
@group(0) @binding(3) var<storage, read_write> xSums: array<vec2f>;
@group(0) @binding(4) var<storage, read> pairs: array<vec4u>; // b mod w, c, b^2 + c^2, weight
@group(0) @binding(5) var<storage, read_write> ySums: array<vec2f>;
@group(0) @binding(6) var<storage, read> units: array<vec4u>; // first z, y, first x of each unit
@group(0) @binding(7) var<storage, read> shellOf: array<u32>; // floor(sqrt(n)), n < shellCount^2
@group(0) @binding(8) var<storage, read_write> slots: array<f32>;
@group(0) @binding(9) var<storage, read> norms: array<f32>; // 1 / (count[r] w^{3/2})
@group(0) @binding(10) var<storage, read_write> profiles: array<f32>;

// v exp(-i phase), phase as {cos, sin}
fn mulConj(v: vec2f, phase: vec2f) -> vec2f {
  return vec2f(v.x * phase.x + v.y * phase.y, v.y * phase.x - v.x * phase.y);
}

fn advance(index: u32, step: u32) -> u32 {
  let next = index + step;
  return select(next, next - windowVoxels, next >= windowVoxels);
}

@compute @workgroup_size(64)
fn slide_x(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  if (x >= parameters.tileX) {
    return;
  }
  let rows = parameters.tileY + windowVoxels - 1u;
  let planes = parameters.tileZ + windowVoxels - 1u;
  let row = id.z * parameters.planePitch + id.y * parameters.rowPitch + x;
  for (var c = 0u; c < shellCount; c++) {
    var index = (c * x) % windowVoxels;
    var sum = vec2f(0.0);
    for (var u = 0u; u < windowVoxels; u++) {
      let value = tile[row + u];
      let phase = phases[index];
      sum += vec2f(value * phase.x, -value * phase.y);
      index = advance(index, c);
    }
    xSums[((c * planes + id.z) * rows + id.y) * parameters.tileX + x] = sum;
  }
}

@compute @workgroup_size(64)
fn slide_y(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  if (x >= parameters.tileX) {
    return;
  }
  let rows = parameters.tileY + windowVoxels - 1u;
  let planes = parameters.tileZ + windowVoxels - 1u;
  let pair = pairs[parameters.firstPair + id.z];
  let b = pair.x;
  let pitch = parameters.tileX;
  let source = (pair.y * planes + id.y) * rows * pitch + x;
  var index = 0u;
  var sum = vec2f(0.0);
  for (var u = 0u; u < windowVoxels; u++) {
    sum += mulConj(xSums[source + u * pitch], phases[index]);
    index = advance(index, b);
  }
  // After w steps the phase is back where it began.
  let target_ = id.z * parameters.tileY * planes * pitch + id.y * pitch + x;
  let stride = planes * pitch;
  ySums[target_] = sum;
  for (var y = 1u; y < parameters.tileY; y++) {
    let leaving = source + (y - 1u) * pitch;
    sum += mulConj(xSums[leaving + windowVoxels * pitch] - xSums[leaving], phases[index]);
    index = advance(index, b);
    ySums[target_ + y * stride] = sum;
  }
}

// Slots of (a, r), r = a ... h, follow each other; those of smaller a come first.
fn slotOf(a: u32, r: u32) -> u32 {
  return a * shellCount - (a * (max(a, 1u) - 1u)) / 2u + r - a;
}

var<workgroup> column: array<vec2f, (RUN + windowVoxels - 1u) * lanes>;
var<workgroup> twiddles: array<vec2f, windowVoxels>;

@compute @workgroup_size(lanes, shellCount)
fn slide_z(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) localIndex: u32,
) {
  let unit = units[group.x];
  let x = local.x;
  let a = local.y;
  let threads = lanes * shellCount;
  let planes = parameters.tileZ + windowVoxels - 1u;
  for (var i = localIndex; i < windowVoxels; i += threads) {
    twiddles[i] = phases[i];
  }
  let signs = select(1u, 2u, parameters.sphere == 1u && a > 0u && a + 1u < shellCount);
  let voxels = parameters.unitCount * lanes * RUN;
  let out = group.x * lanes * RUN + x;
  var sums: array<f32, RUN>;
  for (var k = 0u; k < RUN; k++) {
    sums[k] = 0.0;
  }
  var shell = NONE;

  for (var p = 0u; p < parameters.pairCount; p++) {
    let pair = pairs[parameters.firstPair + p];
    let source = ((p * parameters.tileY + unit.y) * planes + unit.x) * parameters.tileX + unit.z;
    workgroupBarrier();
    for (var i = localIndex; i < (RUN + windowVoxels - 1u) * lanes; i += threads) {
      column[i] = ySums[source + (i / lanes) * parameters.tileX + i % lanes];
    }
    workgroupBarrier();

    let square = a * a + pair.z;
    if (square < shellCount * shellCount) {
      let newShell = shellOf[square];
      if (newShell != shell) {
        if (shell != NONE) {
          let slot = slotOf(a, shell) * voxels + out;
          for (var k = 0u; k < RUN; k++) {
            slots[slot + k * lanes] += sums[k];
            sums[k] = 0.0;
          }
        }
        shell = newShell;
      }
      let weight = f32(pair.w);
      for (var sign = 0u; sign < signs; sign++) {
        let step = select(a, windowVoxels - a, sign == 1u);
        var index = (step * unit.x) % windowVoxels;
        var sum = vec2f(0.0);
        for (var u = 0u; u < windowVoxels; u++) {
          sum += mulConj(column[u * lanes + x], twiddles[index]);
          index = advance(index, step);
        }
        sums[0] += weight * sqrt(dot(sum, sum));
        for (var k = 1u; k < RUN; k++) {
          let leaving = (k - 1u) * lanes + x;
          sum += mulConj(column[leaving + windowVoxels * lanes] - column[leaving], twiddles[index]);
          index = advance(index, step);
          sums[k] += weight * sqrt(dot(sum, sum));
        }
      }
    }
  }
  if (shell != NONE) {
    let slot = slotOf(a, shell) * voxels + out;
    for (var k = 0u; k < RUN; k++) {
      slots[slot + k * lanes] += sums[k];
    }
  }
}

@compute @workgroup_size(64)
fn reduce(@builtin(global_invocation_id) id: vec3u) {
  let voxels = parameters.unitCount * lanes * RUN;
  let i = id.x;
  if (i >= voxels) {
    return;
  }
  for (var r = 0u; r < shellCount; r++) {
    var sum = 0.0;
    for (var a = 0u; a <= r; a++) {
      sum += slots[slotOf(a, r) * voxels + i];
    }
    profiles[r * voxels + i] = sum * norms[r];
  }
}
