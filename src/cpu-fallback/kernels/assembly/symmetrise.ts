// Interpolates one copy of a map at voxels of a row (math/symmetry/rotation-kernel.ts): six neighbours along
// every axis.

/**
 * sums[i] += value at (z, y, x) + xs[i] (dz, dy, dx), and counts[i] += 1, where the position is inside.
 *   xs, count    u32 voxels along x
 *   box          f32 part of the fine grid, (z, y, x); its first voxel is at position 0; `rowBytes`,
 *                `planeBytes`
 *   low, high    f64 triples: positions between them (inclusive) are inside
 *   table        (1026, 8) weights; scratch: 64 bytes
 *   planar       positions along z are whole: one plane
 */
export function gatherRow(
  xs: usize,
  count: usize,
  sums: usize,
  counts: usize,
  z: f64,
  y: f64,
  x: f64,
  dz: f64,
  dy: f64,
  dx: f64,
  box: usize,
  rowBytes: usize,
  planeBytes: usize,
  low: usize,
  high: usize,
  table: usize,
  scratch: usize,
  planar: bool,
): void {
  const lowZ = load<f64>(low);
  const lowY = load<f64>(low, 8);
  const lowX = load<f64>(low, 16);
  const highZ = load<f64>(high);
  const highY = load<f64>(high, 8);
  const highX = load<f64>(high, 16);
  const planes: usize = planar ? 1 : 6;
  if (planar) store<f32>(scratch, 1);
  for (let i: usize = 0; i < count; i++) {
    const at = <f64>load<u32>(xs + (i << 2));
    const pz = z + at * dz;
    const py = y + at * dy;
    const px = x + at * dx;
    if (pz < lowZ || pz > highZ || py < lowY || py > highY || px < lowX || px > highX) continue;
    const fz = planar ? floor<f64>(pz + 0.5) : floor<f64>(pz);
    const fy = floor<f64>(py);
    const fx = floor<f64>(px);
    if (!planar) lerpWeights(scratch, table, pz - fz);
    lerpWeights(scratch + 32, table, py - fy);
    const tx = (px - fx) * 1024;
    const step = <usize>tx;
    const part = f32x4.splat(<f32>(tx - <f64>step));
    const row0 = table + (step << 5);
    const x0 = f32x4.add(v128.load(row0), f32x4.mul(part, f32x4.sub(v128.load(row0, 32), v128.load(row0))));
    const x1 = f32x4.add(
      v128.load(row0, 16),
      f32x4.mul(part, f32x4.sub(v128.load(row0, 48), v128.load(row0, 16))),
    );
    const before: isize = planar ? 0 : 2;
    let plane =
      box +
      <usize>(<isize>fz - before) * planeBytes +
      <usize>(<isize>fy - 2) * rowBytes +
      (<usize>(<isize>fx - 2) << 2);
    let total = f32x4.splat(0);
    for (let p: usize = 0; p < planes; p++, plane += planeBytes) {
      let sum0 = f32x4.splat(0);
      let sum1 = f32x4.splat(0);
      let row = plane;
      for (let r: usize = 0; r < 24; r += 4, row += rowBytes) {
        const weight = v128.load32_splat(scratch + r, 32);
        sum0 = f32x4.add(sum0, f32x4.mul(weight, v128.load(row)));
        sum1 = f32x4.add(sum1, f32x4.mul(weight, v128.load(row, 16)));
      }
      const both = f32x4.add(f32x4.mul(sum0, x0), f32x4.mul(sum1, x1));
      total = f32x4.add(total, f32x4.mul(v128.load32_splat(scratch + (p << 2)), both));
    }
    const value =
      f32x4.extract_lane(total, 0) +
      f32x4.extract_lane(total, 1) +
      (f32x4.extract_lane(total, 2) + f32x4.extract_lane(total, 3));
    const to = sums + (i << 2);
    store<f32>(to, load<f32>(to) + value);
    const counted = counts + (i << 2);
    store<f32>(counted, load<f32>(counted) + 1);
  }
}

/** Eight floats at `to`: weights for a fraction, linear between rows of the table. */
// @ts-ignore: decorator
@inline
function lerpWeights(to: usize, table: usize, fraction: f64): void {
  const t = fraction * 1024;
  const step = <usize>t;
  const part = f32x4.splat(<f32>(t - <f64>step));
  const row = table + (step << 5);
  v128.store(to, f32x4.add(v128.load(row), f32x4.mul(part, f32x4.sub(v128.load(row, 32), v128.load(row)))));
  v128.store(
    to,
    f32x4.add(v128.load(row, 16), f32x4.mul(part, f32x4.sub(v128.load(row, 48), v128.load(row, 16)))),
    16,
  );
}
