//#include lib/units.wgsl
//#include lib/slab-index.wgsl
// Cross and power spectra of the weighted w^3 windows of two half maps around the voxels of a tile, summed
// over shells of rounded radius, and the resolution read from them (math/scaling/local-resolution.ts).
//
// Axes one after the other, each a direct sum with the window's weights t(d), d = -h ... h - 1 (phases from
// the window's centre). A vec4f holds one coefficient of both maps: (re A, im A, re B, im B).
//
// rows      xSums[c][z][y][x]; one thread = one output.
// columns   ySums[column][y][z][x] of the columns (b, c) of one batch; one thread = one output.
// windows   sums[3 shell + (cross, |A|^2, |B|^2)][unit voxel] += those of the batch. A workgroup = one unit
//           (`lanes` voxels along x, RUN along z, one y), a thread = one voxel. With C and S the cosine and
//           sine sums, F(a) = C - iS and F(-a) = C + iS: products of a and -a add up to 2 (C C' + S S').
// resolve   crossing of the curve -> resolution; one thread = one unit voxel, written to one slab.
// pick      FSC of one shell, likewise.
//
// Inputs are (z, y, x) with x fastest; input voxel (0,0,0) is the first voxel of the window of the tile's
// voxel (0,0,0). Unit voxels are ordered (unit, z, x). Nothing is recursive: rounding does not build up.

override windowVoxels: u32 = 24u;
override shellCount: u32 = 13u; // windowVoxels / 2 + 1
const NONE: u32 = 0xffffffffu;

struct Parameters {
  tileZ: u32,
  tileY: u32,
  tileX: u32,
  rowPitch: u32,    // floats between rows of the input
  planePitch: u32,  // floats between planes of the input
  firstColumn: u32, // of the batch
  columnCount: u32, // in the batch
  unitCount: u32,
  shell: u32,       // of pick
  threshold: f32,
  edge: f32,        // window edge, A
  startZ: i32,      // of the tile in the volume
  startY: i32,
  startX: i32,
  slabFirst: i32,   // first plane of the slab
  slabPlanes: i32,
  volumeY: i32,
  volumeX: i32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> half1: array<f32>;
@group(0) @binding(2) var<storage, read> half2: array<f32>;
@group(0) @binding(3) var<storage, read> twiddles: array<vec2f>; // t(d) {cos, sin} of 2 pi k d / w at [k][d + h]
@group(0) @binding(4) var<storage, read_write> xSums: array<vec4f>;
@group(0) @binding(5) var<storage, read> columnList: array<vec4u>; // b mod w, c, b^2 + c^2, 4 * largest a + multiplicity
@group(0) @binding(6) var<storage, read_write> ySums: array<vec4f>;
@group(0) @binding(7) var<storage, read> units: array<vec4u>; // first z, y, first x of each unit
@group(0) @binding(8) var<storage, read> shellOf: array<u32>; // round(sqrt(n))
@group(0) @binding(9) var<storage, read_write> sums: array<f32>;
@group(0) @binding(10) var<storage, read> mask: array<f32>;
@group(0) @binding(11) var<storage, read_write> volume: array<f32>;

@compute @workgroup_size(64)
fn rows(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  if (x >= parameters.tileX) {
    return;
  }
  let rowCount = parameters.tileY + windowVoxels - 1u;
  let planes = parameters.tileZ + windowVoxels - 1u;
  let row = id.z * parameters.planePitch + id.y * parameters.rowPitch + x;
  for (var c = 0u; c < shellCount; c++) {
    var sum = vec4f(0.0);
    for (var u = 0u; u < windowVoxels; u++) {
      let turn = twiddles[c * windowVoxels + u];
      sum += vec4f(half1[row + u] * vec2f(turn.x, -turn.y), half2[row + u] * vec2f(turn.x, -turn.y));
    }
    xSums[((c * planes + id.z) * rowCount + id.y) * parameters.tileX + x] = sum;
  }
}

@compute @workgroup_size(64)
fn columns(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x % parameters.tileX;
  let y = id.x / parameters.tileX;
  if (y >= parameters.tileY) {
    return;
  }
  let rowCount = parameters.tileY + windowVoxels - 1u;
  let planes = parameters.tileZ + windowVoxels - 1u;
  let column = columnList[parameters.firstColumn + id.z];
  let source = ((column.y * planes + id.y) * rowCount + y) * parameters.tileX + x;
  var sum = vec4f(0.0);
  for (var u = 0u; u < windowVoxels; u++) {
    let turn = twiddles[column.x * windowVoxels + u];
    let v = xSums[source + u * parameters.tileX];
    // v (cos - i sin)
    sum += v * turn.x + vec4f(v.y, -v.x, v.w, -v.z) * turn.y;
  }
  ySums[((id.z * parameters.tileY + y) * planes + id.y) * parameters.tileX + x] = sum;
}

var<workgroup> line: array<vec4f, (RUN + windowVoxels - 1u) * lanes>;

@compute @workgroup_size(lanes, RUN)
fn windows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) localIndex: u32,
) {
  let unit = units[group.x];
  let planes = parameters.tileZ + windowVoxels - 1u;
  let h = windowVoxels / 2u;
  let voxels = parameters.unitCount * lanes * RUN;
  let out = group.x * lanes * RUN + localIndex;
  let centre = (local.y + h) * lanes + local.x;
  var shell = NONE;
  var found = vec3f(0.0);

  for (var p = 0u; p < parameters.columnCount; p++) {
    let column = columnList[parameters.firstColumn + p];
    let source = ((p * parameters.tileY + unit.y) * planes + unit.x) * parameters.tileX + unit.z;
    workgroupBarrier();
    for (var i = localIndex; i < (RUN + windowVoxels - 1u) * lanes; i += lanes * RUN) {
      line[i] = ySums[source + (i / lanes) * parameters.tileX + i % lanes];
    }
    workgroupBarrier();

    let deepest = column.w / 4u;
    for (var a = 0u; a <= deepest; a++) {
      let newShell = shellOf[a * a + column.z];
      if (newShell != shell) {
        if (shell != NONE) {
          let at = 3u * shell * voxels + out;
          sums[at] += found.x;
          sums[at + voxels] += found.y;
          sums[at + 2u * voxels] += found.z;
        }
        shell = newShell;
        found = vec3f(0.0);
      }
      let row = a * windowVoxels;
      // d = -h has no partner.
      var cosines = line[centre] * twiddles[row + h].x + line[centre - h * lanes] * twiddles[row].x;
      var sines = vec4f(0.0);
      for (var d = 1u; d < h; d++) {
        let above = line[centre + d * lanes];
        let below = line[centre - d * lanes];
        let turn = twiddles[row + h + d];
        cosines += (above + below) * turn.x;
        sines += (above - below) * turn.y;
      }
      let mates = select(2.0, 1.0, a == 0u || a == h) * f32(column.w % 4u);
      found += mates * vec3f(
        dot(cosines.xy, cosines.zw) + dot(sines.xy, sines.zw),
        dot(cosines.xy, cosines.xy) + dot(sines.xy, sines.xy),
        dot(cosines.zw, cosines.zw) + dot(sines.zw, sines.zw),
      );
    }
  }
  if (shell != NONE) {
    let at = 3u * shell * voxels + out;
    sums[at] += found.x;
    sums[at + voxels] += found.y;
    sums[at + 2u * voxels] += found.z;
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
  let voxels = parameters.unitCount * lanes * RUN;
  if (id.x >= voxels) {
    return;
  }
  let at = slabIndex(id.x);
  if (at < 0) {
    return;
  }
  var crossing = f32(shellCount - 1u);
  var above = 0.0;
  for (var r = 1u; r < shellCount; r++) {
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
fn pick(@builtin(global_invocation_id) id: vec3u) {
  let voxels = parameters.unitCount * lanes * RUN;
  if (id.x >= voxels) {
    return;
  }
  let at = slabIndex(id.x);
  if (at >= 0) {
    volume[at] = correlation(parameters.shell, id.x, voxels);
  }
}
