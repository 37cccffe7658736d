//#include lib/float-order.wgsl
// FDR confidence map (method 2). The confidence is a function of the value alone, found by sorting the
// values that lie inside the sphere and reach the threshold:
//   collect   writes the order keys of those values, in any order, to `keys_out`, and counts those that are
//             certain whatever the others are, which need no place in the order
//   apply     out = confidence of the table entry of the voxel's value, 1 where it is certain; 0 outside and
//             below the threshold
// Buffers:
//   volume, out       one slab each, (z, y, x), x fastest
//   rows              per row (z, y) of the slab: first x inside the sphere + 2^16 * first x beyond
//   keys_out, counts  keys of this slab; per slab how many, and how many values are certain
//   table_keys        distinct keys in ascending order (all, or the part of them that fits a binding)
//   table_values      confidence of each
// collect: one thread = 16 voxels, a workgroup 4096 in a row, which reserves space for its keys once. apply:
// one thread = one voxel. Values are compared by their bits.

struct Parameters {
  voxels: u32,
  nx: u32,
  threshold_key: u32,
  // Values from here on are certain.
  certain_key: u32,
  // collect: the slab's first counter.
  counter: u32,
  // apply: entries of the table, and 1 to write 0 where the voxel is not in it.
  entries: u32,
  clear: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> volume: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> keys_out: array<u32>;
@group(0) @binding(4) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read> table_keys: array<u32>;
@group(0) @binding(6) var<storage, read> table_values: array<f32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

const THREADS = 256u;
const VOXELS_PER_THREAD = 16u;

// Keys that the workgroup collects, values that are certain, and where the keys go.
var<workgroup> key_count: atomic<u32>;
var<workgroup> certain_count: atomic<u32>;
var<workgroup> first_key: u32;

// Key of voxel i, 0 (the key of a NaN, which no number has) where it is not tested.
fn tested_key(i: u32) -> u32 {
  if (i >= parameters.voxels) { return 0u; }
  let row = rows[i / parameters.nx];
  let x = i % parameters.nx;
  if (x < (row & 0xffffu) || x >= (row >> 16u)) { return 0u; }
  let bits = volume[i];
  if (is_nan(bits)) { return 0u; }
  let key = order_key(bits);
  return select(0u, key, key >= parameters.threshold_key);
}

@compute @workgroup_size(256)
fn collect(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.y * groups.x + group.x) * (THREADS * VOXELS_PER_THREAD) + local;
  var own = 0u;
  var certain = 0u;
  for (var k = 0u; k < VOXELS_PER_THREAD; k++) {
    let key = tested_key(first + k * THREADS);
    if (key >= parameters.certain_key) {
      certain += 1u;
    } else if (key != 0u) {
      own += 1u;
    }
  }
  var at = 0u;
  if (own > 0u) { at = atomicAdd(&key_count, own); }
  if (certain > 0u) { atomicAdd(&certain_count, certain); }
  workgroupBarrier();
  if (local == 0u) {
    let count = atomicLoad(&key_count);
    if (count > 0u) { first_key = atomicAdd(&counts[parameters.counter], count); }
    let above = atomicLoad(&certain_count);
    if (above > 0u) { atomicAdd(&counts[parameters.counter + 1u], above); }
  }
  workgroupBarrier();
  if (own == 0u) { return; }
  at += first_key;
  for (var k = 0u; k < VOXELS_PER_THREAD; k++) {
    let key = tested_key(first + k * THREADS);
    if (key != 0u && key < parameters.certain_key) {
      keys_out[at] = key;
      at += 1u;
    }
  }
}

@compute @workgroup_size(256)
fn apply(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + local;
  if (i >= parameters.voxels) { return; }
  let key = tested_key(i);
  if (key >= parameters.certain_key) {
    out[i] = 1.0;
    return;
  }
  if (key != 0u && parameters.entries > 0u) {
    // First entry that is not below the key.
    var low = 0u;
    var high = parameters.entries - 1u;
    while (low < high) {
      let middle = (low + high) / 2u;
      if (table_keys[middle] < key) { low = middle + 1u; } else { high = middle; }
    }
    if (table_keys[low] == key) {
      out[i] = table_values[low];
      return;
    }
  }
  if (parameters.clear == 1u) { out[i] = 0.0; }
}
