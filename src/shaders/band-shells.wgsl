// Squared moduli of a half spectrum summed over shells, the origin left out (math/soft-scaling/tilts.ts).
//   source    planes of the spectrum (kz, ky, kx), complex, rows of `pitch`
//   squares   squared frequencies along z (`depth`), y (`height`) and x (`pitch`) in units of the spacing d
//   parts     sums of one workgroup, a value per shell
// One workgroup = `group_rows` neighbouring rows; one thread = every 64th shell, whose bins along x follow
// each other. Hazards: a coefficient next to the end of a shell may be counted in the one next to it, which
// moves 1e-5 of a shell's power; sums of float32 are as long as a shell's part of the rows, the host adds in
// float64.

const SHELLS_PER_BAND = 4.0;
const SHELL_START = 0.0123;

struct Parameters {
  rows: u32,        // of the slab
  first_row: u32,   // kz `height` + ky of the first
  group_rows: u32,
  pitch: u32,
  depth: u32,
  height: u32,
  width: u32,       // voxels along x
  shells: u32,
}

@group(0) @binding(1) var<uniform> parameters: Parameters;
@group(0) @binding(2) var<storage, read> source: array<vec2f>;
@group(0) @binding(3) var<storage, read> squares: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;

// First bin of a shell in a row, whose squared frequency along y and z is `rest`.
fn first_bin(shell: u32, rest: f32, unit: f32) -> u32 {
  let start = max(0.0, f32(shell) - SHELL_START) / SHELLS_PER_BAND;
  let left = start * start - rest;
  if (left <= 0.0) { return 0u; }
  return min(parameters.width / 2u + 1u, u32(ceil(sqrt(left / unit))));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = group.y * groups.x + group.x;
  let start = index * parameters.group_rows;
  let end = min(start + parameters.group_rows, parameters.rows);
  if (start >= end) { return; }
  let along_x = parameters.depth + parameters.height;
  let unit = squares[along_x + 1u];
  for (var shell = local; shell < parameters.shells; shell += 64u) {
    var sum = 0.0;
    for (var row = start; row < end; row++) {
      let place = parameters.first_row + row;
      let along_z = squares[place / parameters.height];
      let rest = along_z + squares[parameters.depth + place % parameters.height];
      let last = first_bin(shell + 1u, rest, unit);
      for (var x = first_bin(shell, rest, unit); x < last; x++) {
        let value = source[row * parameters.pitch + x];
        let square = dot(value, value);
        // Half of the spectrum is there: the other has the same moduli.
        var share = 2.0;
        if (x == 0u || 2u * x == parameters.width) { share = 1.0; }
        if (x == 0u && rest == 0.0) { share = 0.0; }
        sum += share * square;
      }
    }
    parts[index * parameters.shells + shell] = sum;
  }
}
