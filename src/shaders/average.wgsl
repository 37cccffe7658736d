// out = (a + b) / 2 in float32. All buffers are one slab each, (z, y, x), x fastest.
// One thread = one voxel. Rounded once, by the addition: halving is exact.

struct Parameters {
  voxels: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + local;
  if (i >= parameters.voxels) { return; }
  out[i] = (a[i] + b[i]) * 0.5;
}
