//#include lib/line-fft.wgsl
//#include lib/strip-columns.wgsl
// Columns along z of a half spectrum: forward transform, coefficients beyond a frequency rotated by an angle
// that follows from their index (math/fourier/random-phases.ts), inverse transform, unnormalised.
//   spectrum   strip of rows ky (kz, ky - first_row, kx), complex (re, im), in place
//   squares    squared frequencies along z (N), y (`height`) and x (`pitch`), cycles per voxel
//   phasors    {cos, sin} of 2 pi i / PHASES
// One workgroup = LINES neighbouring columns; one thread = every THREADS-th butterfly of every pass.
// Hazards: columns of the padding of a row are rotated by meaningless angles.

const PHASES: u32 = 1024u;

struct Turn {
  columns: u32,
  pitch: u32,
  height: u32,
  width: u32,        // nx
  first_row: u32,
  seed: u32,
  first_square: f32, // squared frequency from which coefficients are rotated
}

@group(0) @binding(1) var<uniform> parameters: Turn;
@group(0) @binding(2) var<storage, read_write> spectrum: array<vec2f>;
@group(0) @binding(3) var<storage, read> squares: array<f32>;
@group(0) @binding(4) var<storage, read> phasors: array<vec2f>;

fn mix_bits(word: u32) -> u32 {
  var h = word ^ (word >> 16u);
  h *= 0x7feb352du;
  h ^= h >> 15u;
  h *= 0x846ca68bu;
  return h ^ (h >> 16u);
}

fn hashed(z: u32, y: u32, x: u32) -> u32 {
  var hash = mix_bits(parameters.seed ^ ((x + 1u) * 0x9e3779b1u));
  hash = mix_bits(hash ^ ((y + 1u) * 0x85ebca77u));
  return mix_bits(hash ^ ((z + 1u) * 0xc2b2ae3du)) % PHASES;
}

fn phase_of(z: u32, y: u32, x: u32) -> u32 {
  if (x != 0u && 2u * x != parameters.width) {
    return hashed(z, y, x);
  }
  // The Friedel mate is stored as well.
  let mate_z = (N - z) % N;
  let mate_y = (parameters.height - y) % parameters.height;
  if (mate_z == z && mate_y == y) {
    return (hashed(z, y, x) % 2u) * (PHASES / 2u);
  }
  if (z < mate_z || (z == mate_z && y < mate_y)) {
    return hashed(z, y, x);
  }
  return (PHASES - hashed(mate_z, mate_y, x)) % PHASES;
}

fn middle_value(i: u32, l: u32, coefficient: vec2f) -> vec2f {
  let row = (first + l) / parameters.pitch;
  let x = first + l - row * parameters.pitch;
  let y = min(parameters.first_row + row, parameters.height - 1u);
  let square = squares[i] + squares[N + y] + squares[N + parameters.height + x];
  var value = coefficient;
  if (square >= parameters.first_square) {
    value = times(value, phasors[phase_of(i, y, x)]);
  }
  // Parts exchanged for the inverse transform.
  return value.yx;
}
