//#include lib/unit-planes.wgsl
// Scale factors of every unit voxel from the profiles of its windows (method 5), in place of the map's
// profiles. One thread = one voxel. The rules of math/scaling/scaling-rules.ts; everything that does not
// depend on the voxel is tabulated there in float64 (math/scaling/scaling-tables.ts).
//
// Table sets, one after the other in `tables`, `table_floats` apart (two for the hybrid rule: the one for
// voxels outside the difference mask, then the one for those inside). A set holds
//   [0] kind (0 reference profile, 1 theoretical profile, 2 no reference)   [1] set_local_bfactor / 4
//   [2] end of the fit range   [3] end of the deviations
//   squared_frequency[shells]  weight[shells]  first_reference[shells + 1]
//   then per start = 0 ... shells: usable, mean squared frequency, slope_weight[shells], deviation[shells]
// first_reference[s]: smallest R_0 for which the local Wilson cut-off lets the fit start by shell s.
//
// Hazards: WGSL promises exp to 3 + 2 |x| units in the last place and log to 3, 2^-21 near 1: factors without a
// reference may be off by 3e-5 where a driver uses all of it (test/unit/gpu/wgsl-accuracy.test.ts).

override shell_count: u32 = 13u;

struct Parameters {
  unit_count: u32,
  table_floats: u32,
  hybrid: u32,
  tile_y: u32,
  tile_x: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> tables: array<f32>;
@group(0) @binding(2) var<storage, read_write> factors: array<f32>; // in: profiles of the map
@group(0) @binding(3) var<storage, read> reference: array<f32>;     // profiles of the reference
@group(0) @binding(4) var<storage, read> units: array<vec4u>;
@group(0) @binding(5) var<storage, read> difference_mask: array<f32>; // tile, read by the hybrid rule only
@group(0) @binding(6) var<storage, read_write> fits: array<vec2f>;   // B factor, quality

const LARGEST: f32 = 3.0e38;

fn divided(reference_amplitude: f32, map: f32) -> f32 {
  // No infinities or NaN in WGSL arithmetic: a shell without amplitude is tested for first.
  let p = abs(map);
  if (p == 0.0) {
    return 0.0;
  }
  let factor = abs(reference_amplitude) / p;
  return select(0.0, factor, factor < LARGEST);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let voxels = parameters.unit_count * lanes * ROWS;
  let i = id.x;
  if (i >= voxels) {
    return;
  }
  var chosen = 0u;
  if (parameters.hybrid == 1u) {
    let voxel = place_of_voxel(units[i / (lanes * ROWS)], i);
    let at = (voxel.x * parameters.tile_y + voxel.y) * parameters.tile_x + voxel.z;
    chosen = select(0u, parameters.table_floats, difference_mask[at] > 0.5);
  }
  let kind = u32(tables[chosen]);
  let fit_end = u32(tables[chosen + 2u]);
  let deviation_end = u32(tables[chosen + 3u]);
  let squared = chosen + 4u;
  let weight = squared + shell_count;
  let first_reference = weight + shell_count;
  let starts = first_reference + shell_count + 1u;

  var start = 0u;
  while (start < shell_count && reference[i] < tables[first_reference + start]) {
    start++;
  }
  let range = starts + start * (2u + 2u * shell_count);
  var usable = tables[range] == 1.0;
  let mean_squared = tables[range + 1u];
  let slopes = range + 2u;
  let deviations = slopes + shell_count;

  var slope = 0.0;
  var sum = 0.0;
  for (var r = start; r < fit_end; r++) {
    let amplitude = select(reference[r * voxels + i], factors[r * voxels + i], kind == 2u);
    usable = usable && amplitude > 0.0 && amplitude < LARGEST;
    let y = log(max(amplitude, 1.0e-37));
    slope += tables[slopes + r] * y;
    sum += y;
  }
  let mean = sum / f32(max(fit_end, start + 1u) - start);
  let intercept = mean - slope * mean_squared;
  var quality = 0.0;
  if (usable) {
    var residual = 0.0;
    var total = 0.0;
    for (var r = start; r < fit_end; r++) {
      let amplitude = select(reference[r * voxels + i], factors[r * voxels + i], kind == 2u);
      let y = log(max(amplitude, 1.0e-37));
      // About the mean, where the numbers are small.
      let deviation = y - mean;
      let line = slope * (tables[squared + r] - mean_squared);
      residual += (deviation - line) * (deviation - line);
      total += deviation * deviation;
    }
    quality = select(1.0 - residual / max(total, 1.0e-37), 1.0, total == 0.0);
  }
  fits[i] = select(vec2f(0.0), vec2f(-4.0 * slope, quality), usable);

  let sharpening = select(0.0, -slope - tables[chosen + 1u], usable);
  for (var r = 0u; r < shell_count; r++) {
    let at = r * voxels + i;
    if (kind == 2u) {
      factors[at] = select(0.0, exp(sharpening * tables[squared + r]) * tables[weight + r], factors[at] > 0.0);
      continue;
    }
    var amplitude = reference[at];
    if (kind == 1u && usable && r >= start && r < deviation_end) {
      amplitude += exp(intercept + slope * tables[squared + r]) * tables[deviations + r];
    }
    factors[at] = divided(amplitude, factors[at]);
  }
}
