// The columns of a strip along z, transformed, changed by the shader's `middle_value` in workgroup memory,
// and transformed back: what shaders with `spectrum` and `parameters.columns` share that include
// lib/line-fft.wgsl, too.

// First column of the workgroup, and its columns.
var<private> first: u32;
var<private> lines: u32;

fn input_value(i: u32, l: u32) -> vec2f {
  if (l >= lines) {
    return vec2f();
  }
  return spectrum[first + i * parameters.columns + l];
}

fn output_value(i: u32, l: u32, value: vec2f) {
  if (l < lines) {
    spectrum[first + i * parameters.columns + l] = value.yx;
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let own_first = (id.x + id.y * groups.x) * LINES;
  if (own_first >= parameters.columns) {
    return;
  }
  first = own_first;
  lines = min(LINES, parameters.columns - own_first);
  transform_to_work(thread);
  transform_from_work(thread);
}
