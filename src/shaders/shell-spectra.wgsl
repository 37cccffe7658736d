// Sums over shells of two half spectra: Re(A conj B), |A|^2, |B|^2 and the number of coefficients.
//   a, b      strips (kz, ky - first_row, kx <= nx / 2), complex (re, im), rows of `pitch`
//   squares   (frequency * edge)^2 along z (`depth`), y (`height`) and x (`bins`) as unsigned fixed-point
//             numbers (fraction / 2^32, whole)
//   parts     (cross, power of a, power of b, coefficients) per block of rows and shell
// A row (kz, ky) meets shell r in one run of kx. One thread = one shell of one block of rows: it adds up
// the runs, neighbouring threads reading neighbouring runs; no two threads share a sum, so that results do
// not depend on the order of execution.
// Shell r holds the radii from r on, or, with `nearest`, from r - 1/2 on.
// Hazards: shells are distinguished in 64-bit integers; a sum of three rounded squares less than 2^-31 below
// r^2 counts as r^2, so that coefficients of exactly integer radius belong to shell r; (r - 1/2)^2 = r^2 - r
// + 1/4 is handled alike. Sums in two levels (row, block) of float32; the host adds up blocks in float64.

struct Shells {
  // Rows of this strip: row = kz * rows_per_plane + ky - first_row.
  rows: u32,
  rows_per_plane: u32,
  first_row: u32,
  rows_per_block: u32,
  depth: u32,
  height: u32,
  bins: u32,
  pitch: u32,
  shells: u32,
  // Where this strip's parts begin.
  first_part: u32,
  // 1: shells around whole radii.
  nearest: u32,
  // nx / edge, for the first guess of a run's end.
  bins_per_radius: f32,
}

@group(0) @binding(0) var<uniform> parameters: Shells;
@group(0) @binding(1) var<storage, read> a: array<vec2f>;
@group(0) @binding(2) var<storage, read> b: array<vec2f>;
@group(0) @binding(3) var<storage, read> squares: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> parts: array<vec4f>;

fn add(p: vec2u, q: vec2u) -> vec2u {
  let fraction = p.x + q.x;
  return vec2u(fraction, p.y + q.y + select(0u, 1u, fraction < p.x));
}

// Whether a squared radius belongs to shell r or beyond.
fn reaches(square: vec2u, r: u32) -> bool {
  if (r == 0u) {
    return true;
  }
  let whole = select(r * r - 1u, r * r - r, parameters.nearest == 1u);
  let fraction = select(0xfffffffeu, 0x3ffffffeu, parameters.nearest == 1u);
  return square.y > whole || (square.y == whole && square.x >= fraction);
}

fn square_along_x(k: u32) -> vec2u {
  return squares[parameters.depth + parameters.height + k];
}

// First kx of a row with the squared radius `rest` at kx = 0 that belongs to shell r or beyond.
fn first_bin(rest: vec2u, r: u32) -> u32 {
  let missing = f32(r * r) - f32(rest.y) - f32(rest.x) * 0x1p-32;
  var k = min(u32(sqrt(max(missing, 0.0)) * parameters.bins_per_radius), parameters.bins);
  while (k > 0u && reaches(add(rest, square_along_x(k - 1u)), r)) {
    k--;
  }
  while (k < parameters.bins && !reaches(add(rest, square_along_x(k)), r)) {
    k++;
  }
  return k;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) thread: u32) {
  let shell = id.x * 64u + thread;
  if (shell >= parameters.shells) {
    return;
  }
  var total = vec4f();
  let last = min((id.y + 1u) * parameters.rows_per_block, parameters.rows);
  for (var row = id.y * parameters.rows_per_block; row < last; row++) {
    let z = row / parameters.rows_per_plane;
    let y = parameters.first_row + row % parameters.rows_per_plane;
    let rest = add(squares[z], squares[parameters.depth + y]);
    if (reaches(rest, shell + 1u)) {
      continue;
    }
    let begin = first_bin(rest, shell);
    let end = first_bin(rest, shell + 1u);
    var sum = vec3f();
    for (var k = begin; k < end; k++) {
      let u = a[row * parameters.pitch + k];
      let v = b[row * parameters.pitch + k];
      sum += vec3f(dot(u, v), dot(u, u), dot(v, v));
    }
    total += vec4f(sum, f32(end - begin));
  }
  parts[parameters.first_part + id.y * parameters.shells + shell] = total;
}
