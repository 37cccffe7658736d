// Steps of the scaling in soft frequency bands (math/soft-scaling/) besides the transforms.
//
// combine      out = (a - centre_a) factor_a + (b - centre_b) factor_b; one thread = one voxel
// pack         bits of the voxels whose mask is above 0.5, 32 to a word; one thread = one word
// powers       blocks += sums of squares of a band's voxels over blocks; one thread = one block. Parts:
//              sums of a workgroup's squares in the mask (of all without one), and of all
// subtract     signal = power - noise, in place of the noise; one thread = one block
// window       out = sum_t weights[t + reach] field[t along an axis], 0 outside; one workgroup = a stretch of
//              neighbouring lines along the axis, which it reads once
// add_level    out += max(S, 0); one thread = one block
// gains        from the powers of the windows; one thread = one block. Parts: sums of a workgroup's T, and
//              of P gain^2
// rescale      out = itself, powers of a band, times the squares of its gains; one thread = one block
// refine       gains corrected by the powers of the windows over these; one thread = one block.
//              Parts as of `gains`
// accumulate   out += band gain, linear between the centres of blocks; one workgroup = a stretch of a row,
//              for which it blends the gains of the four rows of blocks around it first; one thread = one
//              voxel
// clear        out = 0 where the mask is not above 0.5; one thread = one voxel
//
// Volumes are one slab each, (z, y, x), x fastest; blocks are (z, y, x) likewise and never in slabs. A block
// whose planes lie in two slabs is added to by both dispatches. Hazards: no float32 sum has more terms than a
// block, a workgroup or a window; the host adds up parts in float64. Powers are of a normalised map, so that
// squares neither overflow nor vanish. Positions between blocks are fractions of whole numbers, exact.

struct Parameters {
  count: u32,         // voxels of the slab, or blocks
  height: u32,        // of the volume
  width: u32,
  first_plane: u32,   // of the slab
  planes: u32,
  factor_z: u32,      // voxels per block
  factor_y: u32,
  factor_x: u32,
  blocks_z: u32,
  blocks_y: u32,
  blocks_x: u32,
  first_block: u32,   // first plane of blocks that the slab adds to
  has_mask: u32,
  first_part: u32,
  stride: u32,        // of an axis, in blocks
  length: u32,
  reach: u32,
  target_kind: u32,      // 0: reference, 1: profile, 2: their geometric mean, 3: each in its share
  centre_a: f32,
  factor_a: f32,
  centre_b: f32,
  factor_b: f32,
  evenly: f32,
  level_factor: f32,
  locality: f32,
  reference_factor: f32,
  floor: f32,
  output_scale: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@group(0) @binding(4) var<storage, read> mask: array<f32>;
@group(0) @binding(11) var<storage, read_write> bits: array<u32>;
@group(0) @binding(12) var<storage, read> inside: array<u32>;
@group(0) @binding(5) var<storage, read_write> parts: array<vec2f>;
@group(0) @binding(6) var<storage, read> weights: array<f32>;
@group(0) @binding(7) var<storage, read> power: array<f32>;
@group(0) @binding(8) var<storage, read> signal: array<f32>;
@group(0) @binding(9) var<storage, read> reference: array<f32>;
@group(0) @binding(10) var<storage, read> level: array<f32>;
@group(0) @binding(13) var<storage, read> share: array<f32>;

// (E (a L / (E S))^q)^(1/2) without bounds would overflow where S is rounding.
const LARGEST_RATIO = 1e30;

// Lines of one workgroup of `window`, blocks of each that it makes, and room for those it reads: a window
// reaches 7 of its standard deviations, which are at most 6 blocks, to both sides (bands.ts).
const WINDOW_LINES = 8u;
const STRETCH = 128u;
const LONGEST_REACH = 42u;
const WINDOW_SPAN = STRETCH + 2u * LONGEST_REACH + 1u;
// Voxels of one workgroup of `accumulate`.
const ROW_STRETCH = 256u;

var<workgroup> field: array<f32, WINDOW_LINES * WINDOW_SPAN>;
var<workgroup> taps: array<f32, 2u * LONGEST_REACH + 1u>;
var<workgroup> row_gains: array<f32, ROW_STRETCH + 2u>;
var<workgroup> squares: array<vec2f, 64>;
var<workgroup> amplitudes: array<vec2f, 256>;

fn linear(group: vec3u, groups: vec3u, local: u32) -> u32 {
  return (group.y * groups.x + group.x) * 256u + local;
}

@compute @workgroup_size(256)
fn combine(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  if (i >= parameters.count) { return; }
  out[i] = (a[i] - parameters.centre_a) * parameters.factor_a
    + (b[i] - parameters.centre_b) * parameters.factor_b;
}

@compute @workgroup_size(256)
fn pack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let word = linear(group, groups, local);
  let first = 32u * word;
  if (first >= parameters.count) { return; }
  var packed = 0u;
  for (var i = first; i < min(first + 32u, parameters.count); i++) {
    if (mask[i] > 0.5) { packed |= 1u << (i - first); }
  }
  bits[word] = packed;
}

@compute @workgroup_size(64)
fn powers(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = group.y * groups.x + group.x;
  let i = index * 64u + local;
  var sums = vec2f();
  if (i < parameters.count) {
    let x = i % parameters.blocks_x * parameters.factor_x;
    let row = i / parameters.blocks_x;
    let y = row % parameters.blocks_y * parameters.factor_y;
    let z = (parameters.first_block + row / parameters.blocks_y) * parameters.factor_z;
    let last = vec3u(
      min(z + parameters.factor_z, parameters.first_plane + parameters.planes),
      min(y + parameters.factor_y, parameters.height),
      min(x + parameters.factor_x, parameters.width),
    );
    // Mask bits of 32 voxels, fetched where a row or a word begins.
    var word = 0u;
    for (var k = max(z, parameters.first_plane); k < last.x; k++) {
      for (var j = y; j < last.y; j++) {
        let at = ((k - parameters.first_plane) * parameters.height + j) * parameters.width;
        for (var l = x; l < last.z; l++) {
          let v = a[at + l];
          sums.y += v * v;
          if (parameters.has_mask != 0u) {
            let bit = (at + l) % 32u;
            if (l == x || bit == 0u) { word = inside[(at + l) / 32u]; }
            sums.x += v * v * f32((word >> bit) & 1u);
          }
        }
      }
    }
    out[parameters.first_block * parameters.blocks_y * parameters.blocks_x + i] += sums.y;
    if (parameters.has_mask == 0u) { sums.x = sums.y; }
  }
  squares[local] = sums;
  workgroupBarrier();
  if (local == 0u) {
    var total = vec2f();
    for (var t = 0u; t < 64u; t++) { total += squares[t]; }
    parts[parameters.first_part + index] = total;
  }
}

@compute @workgroup_size(256)
fn subtract(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  if (i >= parameters.count) { return; }
  out[i] = a[i] - out[i];
}

@compute @workgroup_size(256)
fn window(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let stretches = (parameters.length + STRETCH - 1u) / STRETCH;
  let index = group.y * groups.x + group.x;
  let start = index % stretches * STRETCH;
  let first_line = index / stretches * WINDOW_LINES;
  let count = parameters.count / parameters.length;
  if (first_line >= count) { return; }
  let lines = min(WINDOW_LINES, count - first_line);
  let reach = parameters.reach;
  let first = max(start, reach) - reach;
  let end = min(start + STRETCH, parameters.length);
  let span = min(end + reach, parameters.length) - first;
  for (var t = local; t <= 2u * reach; t += 256u) { taps[t] = weights[t]; }
  for (var t = local; t < span * lines; t += 256u) {
    let place = place_in_lines(t, span, lines);
    field[place.x * WINDOW_SPAN + place.y] = a[block_of(first_line + place.x, first + place.y)];
  }
  workgroupBarrier();
  for (var t = local; t < (end - start) * lines; t += 256u) {
    let place = place_in_lines(t, end - start, lines);
    let at = start + place.y;
    let low = max(at, reach) - reach;
    let high = min(at + reach, parameters.length - 1u);
    var source = place.x * WINDOW_SPAN + low - first;
    var sum = 0.0;
    for (var u = low; u <= high; u++) {
      sum += taps[u + reach - at] * field[source];
      source += 1u;
    }
    out[block_of(first_line + place.x, at)] = sum;
  }
}

// Line and place in it of the t-th of so many values: neighbouring threads get neighbours in memory.
fn place_in_lines(t: u32, span: u32, lines: u32) -> vec2u {
  if (parameters.stride == 1u) { return vec2u(t / span, t % span); }
  return vec2u(t % lines, t / lines);
}

fn block_of(line: u32, at: u32) -> u32 {
  return line / parameters.stride * (parameters.length * parameters.stride) + at * parameters.stride +
    line % parameters.stride;
}

@compute @workgroup_size(256)
fn add_level(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  if (i >= parameters.count) { return; }
  out[i] += max(signal[i], 0.0);
}

// sqrt(T_profile) of a block with signal s.
fn profile_amplitude(s: f32, i: u32) -> f32 {
  if (s <= 0.0 || parameters.evenly <= 0.0) { return 0.0; }
  var raised = 1.0;
  if (parameters.locality > 0.0) {
    // Neither 0 / 0 nor a division by what underflows.
    let ratio = min(parameters.level_factor * level[i] / max(parameters.evenly * s, 1e-37), LARGEST_RATIO);
    // Square roots are exact to the last digits; powers are not.
    if (parameters.locality == 0.5) {
      raised = sqrt(sqrt(ratio));
    } else if (parameters.locality == 1.0) {
      raised = sqrt(ratio);
    } else {
      raised = pow(ratio, 0.5 * parameters.locality);
    }
  }
  return sqrt(parameters.evenly) * sqrt(s) * raised;
}

// sqrt(T).
fn target_amplitude(s: f32, i: u32) -> f32 {
  if (parameters.target_kind == 1u) { return profile_amplitude(s, i); }
  let r = max(reference[i], 0.0);
  if (parameters.target_kind == 0u) { return sqrt(r); }
  let profile = profile_amplitude(s, i);
  if (parameters.target_kind == 2u) { return sqrt(sqrt(r) * profile); }
  return sqrt(share[i] * profile * profile + (1.0 - share[i]) * parameters.reference_factor * r);
}

// Sums of amplitudes over the workgroup, one part per group.
fn add_amplitudes(sums: vec2f, group: vec3u, groups: vec3u, local: u32) {
  amplitudes[local] = sums;
  workgroupBarrier();
  // A tree: the order of the sum does not depend on timing.
  for (var half = 128u; half > 0u; half /= 2u) {
    if (local < half) { amplitudes[local] += amplitudes[local + half]; }
    workgroupBarrier();
  }
  if (local == 0u) { parts[parameters.first_part + group.y * groups.x + group.x] = amplitudes[0]; }
}

@compute @workgroup_size(256)
fn gains(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  var sums = vec2f();
  if (i < parameters.count) {
    let s = signal[i];
    let amplitude = target_amplitude(s, i);
    var gain = 0.0;
    if (s > 0.0) { gain = amplitude * (sqrt(s) / max(power[i], parameters.floor)); }
    out[i] = parameters.output_scale * gain;
    sums = vec2f(amplitude * amplitude, gain * gain * power[i]);
  }
  add_amplitudes(sums, group, groups, local);
}

// Where squares of scaled bands would leave float32.
const MOST_ROOT = 1e18;

// Powers under the square of a gain, limited on the way so that no factor overflows.
fn rescaled(value: f32, gain: f32) -> f32 {
  return min(gain * value, MOST_ROOT) * min(gain, MOST_ROOT);
}

@compute @workgroup_size(256)
fn rescale(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  if (i >= parameters.count) { return; }
  out[i] = rescaled(out[i], b[i] / parameters.output_scale);
}

@compute @workgroup_size(256)
fn refine(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  var sums = vec2f();
  if (i < parameters.count) {
    let s = signal[i];
    let gain = out[i];
    let amplitude = sqrt(max(reference[i], 0.0));
    let least = max(power[i], rescaled(parameters.floor, gain / parameters.output_scale));
    var correction = 0.0;
    if (s > 0.0 && least > 0.0) { correction = amplitude * sqrt(s) / least; }
    out[i] = gain * correction;
    sums = vec2f(amplitude * amplitude, correction * correction * power[i]);
  }
  add_amplitudes(sums, group, groups, local);
}

// Neighbouring blocks of a voxel of an axis, and the second one's share.
fn between(i: u32, factor: u32, blocks: u32) -> vec3f {
  // In half voxels from the centre of the first block: centres of even blocks lie between voxels.
  let place = min(max(2u * i, factor - 1u) - (factor - 1u), 2u * factor * (blocks - 1u));
  let lower = place / (2u * factor);
  let share = f32(place - lower * 2u * factor) / f32(2u * factor);
  return vec3f(f32(lower), f32(min(lower + 1u, blocks - 1u)), share);
}

@compute @workgroup_size(256)
fn accumulate(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let stretches = (parameters.width + ROW_STRETCH - 1u) / ROW_STRETCH;
  let index = group.y * groups.x + group.x;
  let row = index / stretches;
  if (row * parameters.width >= parameters.count) { return; }
  let start = index % stretches * ROW_STRETCH;
  let end = min(start + ROW_STRETCH, parameters.width);
  let z = between(parameters.first_plane + row / parameters.height, parameters.factor_z, parameters.blocks_z);
  let y = between(row % parameters.height, parameters.factor_y, parameters.blocks_y);
  let first = u32(between(start, parameters.factor_x, parameters.blocks_x).x);
  let last = u32(between(end - 1u, parameters.factor_x, parameters.blocks_x).y);
  for (var block = first + local; block <= last; block += 256u) {
    let near = mix(gain_of(z.x, y.x, block), gain_of(z.y, y.x, block), z.z);
    let far = mix(gain_of(z.x, y.y, block), gain_of(z.y, y.y, block), z.z);
    row_gains[block - first] = mix(near, far, y.z);
  }
  workgroupBarrier();
  let i = start + local;
  if (i >= end) { return; }
  let x = between(i, parameters.factor_x, parameters.blocks_x);
  let gain = mix(row_gains[u32(x.x) - first], row_gains[u32(x.y) - first], x.z);
  out[row * parameters.width + i] += a[row * parameters.width + i] * gain;
}

// Gain of a block; whole numbers as floats come from `between`.
fn gain_of(z: f32, y: f32, block: u32) -> f32 {
  return b[(u32(z) * parameters.blocks_y + u32(y)) * parameters.blocks_x + block];
}

@compute @workgroup_size(256)
fn clear(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  if (i >= parameters.count) { return; }
  if (!(mask[i] > 0.5)) { out[i] = 0.0; }
}
