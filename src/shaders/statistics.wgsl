//#include lib/float-order.wgsl
// Moments of the chosen voxels of one slab, 4096 at a time; the host merges the parts in float64.
//   volume, mask   one slab each, (z, y, x), x fastest (bind the volume again where there is no mask)
//   parts          9 words per workgroup: finite voxels, zeros, not finite, order keys of the smallest and
//                  the largest value, biased exponent of the scale s = 2^(biased - 127), then three floats
//                  of the scaled values u = s v: pivot m, sum of (u - m), sum of (u - m)^2
// One workgroup = 4096 voxels, 64 per thread, read three times (from the cache after the first). Partial
// results of the 64 threads are added up by every thread that needs the total, in the same order: one
// barrier instead of a tree of them.
// Hazards: the scale brings the largest |v| of the part into [1, 2), so that squares neither overflow nor
// vanish; the pivot is close to the mean and its error is repaired by the sum of deviations, so that a
// mean far above the standard deviation costs no digits; NaN and infinity are recognised by their bits.

struct Parameters {
  voxels: u32,
  // 0: all voxels; 1: those inside the mask; 2: those outside.
  choice: u32,
  // First part of this slab.
  first_part: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> volume: array<u32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> parts: array<u32>;

const THREADS = 64u;
const VOXELS_PER_THREAD = 64u;

// Finite voxels + zeros * 2^16, not finite, smallest and largest key: at most 4096 fit 16 bits.
var<workgroup> tallies: array<vec4u, 64>;
var<workgroup> sums: array<f32, 64>;
// Sums of deviations and of their squares.
var<workgroup> deviations: array<vec2f, 64>;

fn chosen(i: u32) -> bool {
  if (i >= parameters.voxels) { return false; }
  if (parameters.choice == 0u) { return true; }
  return in_mask(mask[i]) == (parameters.choice == 1u);
}

fn merge(a: vec4u, b: vec4u) -> vec4u {
  return vec4u(a.x + b.x, a.y + b.y, min(a.z, b.z), max(a.w, b.w));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group_id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let group = group_id.y * groups.x + group_id.x;
  let first = group * (THREADS * VOXELS_PER_THREAD) + local;

  var tally = vec4u(0u, 0u, 0xffffffffu, 0u);
  for (var k = 0u; k < VOXELS_PER_THREAD; k++) {
    let i = first + k * THREADS;
    if (chosen(i)) {
      let bits = volume[i];
      if (is_finite(bits)) {
        let key = order_key(bits);
        let zero = select(0u, 0x10000u, (bits & 0x7fffffffu) == 0u);
        tally = merge(tally, vec4u(1u + zero, 0u, key, key));
      } else {
        tally.y += 1u;
      }
    }
  }
  tallies[local] = tally;
  workgroupBarrier();
  var total = tallies[0];
  for (var t = 1u; t < THREADS; t++) { total = merge(total, tallies[t]); }
  let count = total.x & 0xffffu;

  // Keys back to magnitudes: a key with its high bit is a positive value's bits, else the complement.
  let low = select(~total.z, total.z, total.z >= 0x80000000u) & 0x7fffffffu;
  let high = select(~total.w, total.w, total.w >= 0x80000000u) & 0x7fffffffu;
  let exponent = select(127u, max(low, high) >> 23u, count > 0u);
  let biased = clamp(254u - exponent, 1u, 253u);
  let scale = bitcast<f32>(biased << 23u);

  var sum = 0.0;
  for (var k = 0u; k < VOXELS_PER_THREAD; k++) {
    let i = first + k * THREADS;
    if (chosen(i)) {
      let bits = volume[i];
      if (is_finite(bits)) { sum += bitcast<f32>(bits) * scale; }
    }
  }
  sums[local] = sum;
  workgroupBarrier();
  var pivot = sums[0];
  for (var t = 1u; t < THREADS; t++) { pivot += sums[t]; }
  pivot = pivot / f32(max(count, 1u));

  var own = vec2f(0.0, 0.0);
  for (var k = 0u; k < VOXELS_PER_THREAD; k++) {
    let i = first + k * THREADS;
    if (chosen(i)) {
      let bits = volume[i];
      if (is_finite(bits)) {
        let d = bitcast<f32>(bits) * scale - pivot;
        own += vec2f(d, d * d);
      }
    }
  }
  deviations[local] = own;
  workgroupBarrier();

  if (local == 0u) {
    for (var t = 1u; t < THREADS; t++) { own += deviations[t]; }
    let at = 9u * (parameters.first_part + group);
    parts[at] = count;
    parts[at + 1u] = total.x >> 16u;
    parts[at + 2u] = total.y;
    parts[at + 3u] = total.z;
    parts[at + 4u] = total.w;
    parts[at + 5u] = biased;
    parts[at + 6u] = bitcast<u32>(pivot);
    parts[at + 7u] = bitcast<u32>(own.x);
    parts[at + 8u] = bitcast<u32>(own.y);
  }
}
