// Fourier transforms of LINES lines of N complex numbers by one workgroup: what shaders need besides the
// functions `transform`, `transform_to_work`, `transform_from_work`, `work_value` and `place`, which
// gpu/fft-code.ts writes for the length. The shader gives `input_value`, `output_value` and `middle_value`,
// as far as these call them. The inverse transform is the forward one with real and imaginary parts exchanged
// before and after. Hazards: all roots of unity come from `table` or are written in the code, computed in
// float64 and rounded once.

override N: u32 = 1;        // line length
override LINES: u32 = 1;    // lines per workgroup; a power of two
override THREADS: u32 = 64; // threads per workgroup

// exp(-2 pi i j / L), j < L, L being N or the length that Bluestein's algorithm transforms; for the latter
// also exp(-pi i j^2 / N), j < N, and the transformed chirp divided by L.
@group(0) @binding(0) var<storage, read> table: array<vec2f>;

fn times(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
