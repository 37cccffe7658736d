// out += hat(1 / cutoff) filtered: the share of one bin of a local low-pass (math/fourier/local-filter.ts).
// All buffers are one slab each, (z, y, x), x fastest. One thread = one voxel. Voxels with cut-off 0 stay.

struct Parameters {
  voxels: u32,
  below: f32, // frequencies, 1/A
  at: f32,
  above: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> filtered: array<f32>;
@group(0) @binding(2) var<storage, read> cutoffs: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + local;
  if (i >= parameters.voxels) { return; }
  let cutoff = cutoffs[i];
  if (cutoff <= 0.0) { return; }
  let f = 1.0 / cutoff;
  let rising = (f - parameters.below) / (parameters.at - parameters.below);
  let falling = (parameters.above - f) / (parameters.above - parameters.at);
  out[i] += max(0.0, select(falling, rising, f < parameters.at)) * filtered[i];
}
