//#include lib/line-fft.wgsl
//#include lib/strip-columns.wgsl
// Columns along z of a half spectrum: forward transform, times the factors of a translation
// (math/fourier/translation.ts), inverse transform, unnormalised.
//   spectrum   strip of rows ky (kz, ky - first_row, kx), complex (re, im), in place
//   factors    complex (re, im), along z (N), y (`height`) and x (`pitch`)
// One workgroup = LINES neighbouring columns; one thread = every THREADS-th butterfly of every pass.
// Hazards: three factors of modulus at most 1, each rounded once. Columns of the padding of a row get factors
// that mean nothing.

struct Translation {
  columns: u32,
  pitch: u32,
  height: u32,
  first_row: u32,
}

@group(0) @binding(1) var<uniform> parameters: Translation;
@group(0) @binding(2) var<storage, read_write> spectrum: array<vec2f>;
@group(0) @binding(3) var<storage, read> factors: array<vec2f>;

fn middle_value(i: u32, l: u32, coefficient: vec2f) -> vec2f {
  let row = (first + l) / parameters.pitch;
  let x = first + l - row * parameters.pitch;
  let y = min(parameters.first_row + row, parameters.height - 1u);
  let along_zy = times(factors[i], factors[N + y]);
  let value = times(coefficient, times(along_zy, factors[N + parameters.height + x]));
  // Parts exchanged for the inverse transform.
  return value.yx;
}
