//#include lib/line-fft.wgsl
// Complex Fourier transform along y or z of a half spectrum, in place, unnormalised.
// Buffer: spectrum, complex numbers (re, im); column c of block o begins at o * block_stride + c and its
// values are element_stride apart (z, y, x order: along y a block is a plane; along z there is one block).
// One workgroup = LINES neighbouring columns, so that each access covers contiguous memory; one thread =
// every THREADS-th butterfly of every pass. Hazards: in place is safe, for a workgroup reads all of its
// columns before it writes any.

struct Columns {
  columns: u32,
  blocks: u32,
  block_stride: u32,
  element_stride: u32,
  // 0 forward, 1 inverse.
  inverse: u32,
}

@group(0) @binding(1) var<uniform> parameters: Columns;
@group(0) @binding(2) var<storage, read_write> spectrum: array<vec2f>;

// First value of the workgroup's first column, and its columns.
var<private> start: u32;
var<private> lines: u32;

fn input_value(i: u32, l: u32) -> vec2f {
  if (l >= lines) {
    return vec2f();
  }
  let value = spectrum[start + i * parameters.element_stride + l];
  return select(value, value.yx, parameters.inverse != 0u);
}

fn output_value(i: u32, l: u32, value: vec2f) {
  if (l < lines) {
    spectrum[start + i * parameters.element_stride + l] = select(value, value.yx, parameters.inverse != 0u);
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = id.x + id.y * groups.x;
  let groups_per_block = (parameters.columns + LINES - 1u) / LINES;
  let block = group / groups_per_block;
  if (block >= parameters.blocks) {
    return;
  }
  let first = (group - block * groups_per_block) * LINES;
  lines = min(LINES, parameters.columns - first);
  start = block * parameters.block_stride + first;
  transform(thread);
}
