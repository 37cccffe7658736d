//#include lib/line-fft.wgsl
// Fourier transform of real rows along x and back, two rows as one complex line: works for every length.
//   forward: Z = FFT(row0 + i row1); X0[k] = (Z[k] + conj Z[N - k]) / 2, X1[k] = (Z[k] - conj Z[N - k]) / 2i
//   inverse: Z[k] = X0[k] + i X1[k], Z[N - k] = conj X0[k] + i conj X1[k]; rows = Re, Im of FFT^-1(Z) * scale
// Buffers: real rows of N float32, dense; spectrum rows of `pitch` complex numbers (re, im), the first
// N / 2 + 1 of which are written or read.
// One workgroup = LINES pairs of rows; one thread = every THREADS-th value, and butterfly of every pass.
// Hazards: imaginary parts of the coefficients 0 and N / 2 are taken as 0 by the inverse transform.

struct Rows {
  // Rows to be done, and the first one's number in either buffer.
  count: u32,
  first_real: u32,
  first_spectrum: u32,
  pitch: u32,
  // Factor of the inverse transform.
  scale: f32,
}

@group(0) @binding(1) var<uniform> parameters: Rows;
@group(0) @binding(2) var<storage, read> real_rows: array<f32>;
@group(0) @binding(3) var<storage, read_write> spectrum_out: array<vec2f>;
@group(0) @binding(4) var<storage, read> spectrum_rows: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> real_out: array<f32>;

// First row of the workgroup.
var<private> first: u32;

fn input_value(i: u32, l: u32) -> vec2f {
  let row = first + 2u * l;
  var value = vec2f();
  if (row < parameters.count) {
    value.x = real_rows[(parameters.first_real + row) * N + i];
  }
  if (row + 1u < parameters.count) {
    value.y = real_rows[(parameters.first_real + row + 1u) * N + i];
  }
  return value;
}

fn middle_value(i: u32, l: u32, value: vec2f) -> vec2f {
  return value;
}

fn output_value(i: u32, l: u32, value: vec2f) {
  let row = first + 2u * l;
  let at = (parameters.first_real + row) * N + i;
  // Real and imaginary part exchanged: see lib/line-fft.wgsl.
  if (row < parameters.count) {
    real_out[at] = parameters.scale * value.y;
  }
  if (row + 1u < parameters.count) {
    real_out[at + N] = parameters.scale * value.x;
  }
}

@compute @workgroup_size(THREADS)
fn forward(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  first = 2u * LINES * (id.x + id.y * groups.x);
  transform_to_work(thread);
  workgroupBarrier();
  let bins = N / 2u + 1u;
  for (var t = thread; t < LINES * bins; t += THREADS) {
    let l = t / bins;
    let k = t % bins;
    let row = first + 2u * l;
    let a = work_value(k, l);
    let b = work_value(select(N - k, 0u, k == 0u), l);
    let at = (parameters.first_spectrum + row) * parameters.pitch + k;
    if (row < parameters.count) {
      spectrum_out[at] = 0.5 * vec2f(a.x + b.x, a.y - b.y);
    }
    if (row + 1u < parameters.count) {
      spectrum_out[at + parameters.pitch] = 0.5 * vec2f(a.y + b.y, b.x - a.x);
    }
  }
}

@compute @workgroup_size(THREADS)
fn inverse(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  first = 2u * LINES * (id.x + id.y * groups.x);
  let bins = N / 2u + 1u;
  for (var t = thread; t < LINES * bins; t += THREADS) {
    let l = t / bins;
    let k = t % bins;
    let row = first + 2u * l;
    let at = (parameters.first_spectrum + row) * parameters.pitch + k;
    var a = vec2f();
    var b = vec2f();
    if (row < parameters.count) {
      a = spectrum_rows[at];
    }
    if (row + 1u < parameters.count) {
      b = spectrum_rows[at + parameters.pitch];
    }
    let alone = k == 0u || 2u * k == N;
    if (alone) {
      a.y = 0.0;
      b.y = 0.0;
    }
    // Parts exchanged.
    place(k, l, vec2f(a.y + b.x, a.x - b.y));
    if (!alone) {
      place(N - k, l, vec2f(b.x - a.y, a.x + b.y));
    }
  }
  transform_from_work(thread);
}
