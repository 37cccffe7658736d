//#include lib/float-order.wgsl
// mask = 1 where volume >= threshold, else 0 (also for NaN); counts the ones.
//   volume, mask   one slab each, (z, y, x), x fastest
//   counts         one counter per slab
// One thread = 16 voxels, a workgroup 4096 in a row; each workgroup adds its count once. The threshold comes
// as the order key of the smallest float32 that reaches it.

struct Parameters {
  voxels: u32,
  threshold_key: u32,
  counter: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> volume: array<u32>;
@group(0) @binding(2) var<storage, read_write> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>;

const THREADS = 256u;
const VOXELS_PER_THREAD = 16u;

var<workgroup> ones: atomic<u32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.y * groups.x + group.x) * (THREADS * VOXELS_PER_THREAD) + local;
  var own = 0u;
  for (var k = 0u; k < VOXELS_PER_THREAD; k++) {
    let i = first + k * THREADS;
    if (i < parameters.voxels) {
      let bits = volume[i];
      let reached = !is_nan(bits) && order_key(bits) >= parameters.threshold_key;
      mask[i] = select(0.0, 1.0, reached);
      own += select(0u, 1u, reached);
    }
  }
  if (own > 0u) { atomicAdd(&ones, own); }
  workgroupBarrier();
  if (local == 0u) {
    let count = atomicLoad(&ones);
    if (count > 0u) { atomicAdd(&counts[parameters.counter], count); }
  }
}
