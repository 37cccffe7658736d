// Sum of atoms on one slab of a volume: out[z, y, x] = sum over atoms and their five Gaussians of
// height exp(-exponent r^2). Gaussians are separable: per atom one table along each axis of the block.
//   atoms     17 numbers an atom: nearest voxel (z, y, x), offset from it in voxels, reach, five heights,
//             five exponents (1/A^2)
//   blocks    per block: first voxel z (within the slab), y, x; first entry; entries
//   entries   atom, and which periodic image of it: three fields of ten bits (z, y, x), 512 = the box itself
//   out       one slab, (z, y, x), x fastest; voxels of blocks that no atom reaches are not touched
// One workgroup = a block of 8^3 voxels; one thread = a column of 8 voxels along z, its sums in registers.
// Nothing is added atomically: sums are in the order of the entries, the same in every run.
// Hazards: exp is right to |argument| / 2^23; where that is large the Gaussian is small. Distances are
// differences of whole numbers and of an offset below one voxel, so positions lose nothing in large boxes.

struct Splat {
  blocks: u32,
  planes: u32,
  ny: u32,
  nx: u32,
  // Of the box along z, y, x, for its periodic images.
  nz: u32,
  first_plane: u32,
  step_z: f32,
  step_y: f32,
  step_x: f32,
}

const EDGE = 8u;
const BATCH = 16u;
const RECORD = 17u;
const BLOCK = 5u;

@group(0) @binding(0) var<uniform> parameters: Splat;
@group(0) @binding(1) var<storage, read> atoms: array<f32>;
@group(0) @binding(2) var<storage, read> blocks: array<u32>;
@group(0) @binding(3) var<storage, read> entries: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

// [atom][gaussian][voxel of the block]; heights are in those along y.
var<workgroup> along_z: array<vec4f, BATCH * 5u * 2u>;
var<workgroup> along_y: array<f32, BATCH * 5u * 8u>;
var<workgroup> along_x: array<f32, BATCH * 5u * 8u>;

// Distance (voxels) of voxel `at` of the box from an image of an atom.
fn offset_from(at: u32, record: u32, axis: u32, image: i32, n: u32) -> f32 {
  let whole = i32(at) - i32(atoms[record + axis]) - image * i32(n);
  return f32(whole) - atoms[record + 3u + axis];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let block = group.y * groups.x + group.x;
  if (block >= parameters.blocks) {
    return;
  }
  let corner = vec3u(blocks[block * BLOCK], blocks[block * BLOCK + 1u], blocks[block * BLOCK + 2u]);
  let first = blocks[block * BLOCK + 3u];
  let count = blocks[block * BLOCK + 4u];
  let y = thread / EDGE;
  let x = thread % EDGE;
  var low = vec4f();
  var high = vec4f();
  for (var done = 0u; done < count; done += BATCH) {
    let batch = min(BATCH, count - done);
    workgroupBarrier();
    for (var t = thread; t < batch * EDGE; t += 64u) {
      let a = t / EDGE;
      let i = t % EDGE;
      let entry = entries[first + done + a];
      let record = entry.x * RECORD;
      let image = vec3i(vec3u(entry.y & 1023u, (entry.y >> 10u) & 1023u, (entry.y >> 20u) & 1023u)) - 512;
      let at_z = parameters.first_plane + corner.x + i;
      let dz = offset_from(at_z, record, 0u, image.x, parameters.nz) * parameters.step_z;
      let dy = offset_from(corner.y + i, record, 1u, image.y, parameters.ny) * parameters.step_y;
      let dx = offset_from(corner.z + i, record, 2u, image.z, parameters.nx) * parameters.step_x;
      for (var g = 0u; g < 5u; g++) {
        let height = atoms[record + 7u + g];
        let exponent = atoms[record + 12u + g];
        let slot = a * 5u + g;
        along_z[slot * 2u + i / 4u][i % 4u] = exp(-exponent * dz * dz);
        along_y[slot * EDGE + i] = height * exp(-exponent * dy * dy);
        along_x[slot * EDGE + i] = exp(-exponent * dx * dx);
      }
    }
    workgroupBarrier();
    for (var a = 0u; a < batch; a++) {
      var sum_low = vec4f();
      var sum_high = vec4f();
      for (var g = 0u; g < 5u; g++) {
        let slot = a * 5u + g;
        let line = along_y[slot * EDGE + y] * along_x[slot * EDGE + x];
        sum_low += line * along_z[slot * 2u];
        sum_high += line * along_z[slot * 2u + 1u];
      }
      low += sum_low;
      high += sum_high;
    }
  }
  if (corner.y + y >= parameters.ny || corner.z + x >= parameters.nx) {
    return;
  }
  for (var i = 0u; i < EDGE; i++) {
    if (corner.x + i >= parameters.planes) {
      return;
    }
    let value = select(low[i % 4u], high[i % 4u], i >= 4u);
    out[((corner.x + i) * parameters.ny + corner.y + y) * parameters.nx + corner.z + x] = value;
  }
}
