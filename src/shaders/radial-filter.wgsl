//#include lib/line-fft.wgsl
//#include lib/strip-columns.wgsl
// Columns along z of a half spectrum: forward transform, times g(|f|), inverse transform, unnormalised.
//   spectrum   strip of rows ky (kz, ky - first_row, kx), complex (re, im), in place
//   squares    squared frequencies along z (N), y (`height`) and x (`pitch`), cycles per voxel
//   gains      g, last_gain + 1 samples, 1 / per_cycle cycles per voxel apart; interpolated linearly
// One workgroup = LINES neighbouring columns; one thread = every THREADS-th butterfly of every pass.
// Hazards: |f| is right to a few units in the last place, 0.01 of a sample of the table. Columns of the
// padding of a row are filtered with a frequency that means nothing.

struct Filter {
  columns: u32,
  pitch: u32,
  height: u32,
  first_row: u32,
  last_gain: u32,
  per_cycle: f32,
}

@group(0) @binding(1) var<uniform> parameters: Filter;
@group(0) @binding(2) var<storage, read_write> spectrum: array<vec2f>;
@group(0) @binding(3) var<storage, read> squares: array<f32>;
@group(0) @binding(4) var<storage, read> gains: array<f32>;

fn gain_at(square: f32) -> f32 {
  let position = sqrt(square) * parameters.per_cycle;
  let lower = min(u32(position), parameters.last_gain - 1u);
  let g = gains[lower];
  return g + (position - f32(lower)) * (gains[lower + 1u] - g);
}

fn middle_value(i: u32, l: u32, value: vec2f) -> vec2f {
  let row = (first + l) / parameters.pitch;
  let x = first + l - row * parameters.pitch;
  let y = parameters.first_row + row;
  let square = squares[i] + squares[N + min(y, parameters.height - 1u)] + squares[N + parameters.height + x];
  // Parts exchanged for the inverse transform.
  return gain_at(square) * value.yx;
}
