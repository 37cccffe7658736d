// Crops or pads a half spectrum along one axis: out[k] = weight (source[first] + source[second]).
//   source, result   complex (re, im): blocks of lines of `source_pitch`, `result_pitch` numbers
//   taps             for every line of a block of the result: first and second line of the source (none:
//                    0xffffffff), bits of the weight (f32), 0
// The lines are rows along x: with blocks = planes they are the rows ky of a plane; with one block they are
// the planes kz of a strip, laid out without gaps. Numbers of a line from `bins` on become 0; number bins - 1
// is multiplied by `last_weight`, all by `scale`.
// One thread = one number of the result. Weights and sums of two: nothing is lost but the rounding of
// `scale`.

struct Resample {
  // Blocks, their lines and the numbers of a line, in the result.
  blocks: u32,
  lines: u32,
  result_pitch: u32,
  source_lines: u32,
  source_pitch: u32,
  // First block to be read and written.
  source_block: u32,
  result_block: u32,
  bins: u32,
  last_weight: f32,
  scale: f32,
}

const NONE = 0xffffffffu;

@group(0) @binding(0) var<uniform> parameters: Resample;
@group(0) @binding(1) var<storage, read> source: array<vec2f>;
@group(0) @binding(2) var<storage, read> taps: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> result: array<vec2f>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + local;
  let row = i / parameters.result_pitch;
  let block = row / parameters.lines;
  if (block >= parameters.blocks) {
    return;
  }
  let k = i - row * parameters.result_pitch;
  let line = row - block * parameters.lines;
  var value = vec2f();
  let tap = taps[line];
  if (k < parameters.bins && tap.x != NONE) {
    let begin = (parameters.source_block + block) * parameters.source_lines;
    value = source[(begin + tap.x) * parameters.source_pitch + k];
    if (tap.y != NONE) {
      value += source[(begin + tap.y) * parameters.source_pitch + k];
    }
    value *= bitcast<f32>(tap.z) * parameters.scale;
    if (k + 1u == parameters.bins) {
      value *= parameters.last_weight;
    }
  }
  result[(parameters.result_block * parameters.lines + row) * parameters.result_pitch + k] = value;
}
