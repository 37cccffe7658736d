//#include lib/line-fft.wgsl
// One soft frequency band of a half spectrum: times hat_i = max(0, 1 - |x|), x = f / d - i, and its tilt,
// exp(x `below`) or, above the centre, exp(x `above`), and back along z, unnormalised.
//   source, result   strips of rows ky (kz, ky - first_row, kx), complex (re, im), rows of `pitch`
//   squares          squared frequencies along z (N), y (`height`) and x (`pitch`) in units of the spacing d
// Only bins kx < `bins` are written: those behind are 0 in this band and in all before it. One workgroup =
// LINES neighbouring columns of one row; one thread = every THREADS-th butterfly of every pass. Columns
// outside the band all along are not transformed, but set to 0: another band may have left values there.
// Hazards: f / d is right to a few units in the last place, 1e-6 of a band's width.

struct Band {
  rows: u32,
  pitch: u32,
  height: u32,
  first_row: u32,
  bins: u32,
  band: f32,
  below: f32,
  above: f32,
}

@group(0) @binding(1) var<uniform> parameters: Band;
@group(0) @binding(2) var<storage, read> source: array<vec2f>;
@group(0) @binding(3) var<storage, read> squares: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<vec2f>;

// First value and bin of the workgroup's first column, its columns, values between planes, squared frequency
// along y.
var<private> first: u32;
var<private> bin: u32;
var<private> lines: u32;
var<private> plane: u32;
var<private> across: f32;

fn input_value(i: u32, l: u32) -> vec2f {
  if (l >= lines) {
    return vec2f();
  }
  let f = sqrt(squares[i] + across + squares[N + parameters.height + bin + l]);
  let beyond = clamp(f - parameters.band, -1.0, 1.0);
  let tilt = exp(beyond * select(parameters.above, parameters.below, beyond < 0.0));
  let weight = (1.0 - abs(beyond)) * tilt;
  // Real and imaginary part exchanged: see lib/line-fft.wgsl.
  return weight * source[first + i * plane + l].yx;
}

fn output_value(i: u32, l: u32, value: vec2f) {
  if (l < lines) {
    result[first + i * plane + l] = value.yx;
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = id.x + id.y * groups.x;
  let groups_per_row = (parameters.bins + LINES - 1u) / LINES;
  let row = group / groups_per_row;
  if (row >= parameters.rows) {
    return;
  }
  let x = (group - row * groups_per_row) * LINES;
  let square = squares[N + parameters.first_row + row];
  bin = x;
  lines = min(LINES, parameters.bins - x);
  across = square;
  first = row * parameters.pitch + x;
  plane = parameters.rows * parameters.pitch;
  let end = parameters.band + 1.0;
  if (square + squares[N + parameters.height + x] >= end * end) {
    for (var t = thread; t < N * LINES; t += THREADS) {
      let l = t % LINES;
      if (l < lines) {
        result[first + t / LINES * plane + l] = vec2f();
      }
    }
    return;
  }
  transform(thread);
}
