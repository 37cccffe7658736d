// Adds one atom, a sum of five separable Gaussians, to a tile of planes.

/**
 * tile[plane z + row y + x] += sum_g zg(z) yg(y) xg(x) inside a sphere.
 *   zTable       per plane: five values, squared distance (f32), byte offset of the plane (u32), unused
 *   yTable       per row: the same, byte offset of the row within its plane
 *   xTable       five lines of `groups` lane groups
 *   base         byte offset of the first lane within a row
 *   centre       position of the atom in lanes from there; `perStep` lanes per unit of distance
 *   squaredReach in units of the squared distances
 */
export function splatAtom(
  tile: usize,
  zTable: usize,
  planes: usize,
  yTable: usize,
  rows: usize,
  xTable: usize,
  groups: usize,
  base: usize,
  centre: f32,
  perStep: f32,
  squaredReach: f32,
): void {
  const line = groups << 4;
  const x1 = xTable + line;
  const x2 = x1 + line;
  const x3 = x2 + line;
  const x4 = x3 + line;
  const lastGroup = <i32>groups - 1;
  for (let z: usize = 0; z < planes; z++, zTable += 32) {
    const rest = squaredReach - load<f32>(zTable, 20);
    if (rest < 0) continue;
    const z0 = load<f32>(zTable);
    const z1 = load<f32>(zTable, 4);
    const z2 = load<f32>(zTable, 8);
    const z3 = load<f32>(zTable, 12);
    const z4 = load<f32>(zTable, 16);
    const plane = tile + <usize>load<u32>(zTable, 24) + base;
    let entry = yTable;
    for (let y: usize = 0; y < rows; y++, entry += 32) {
      const left = rest - load<f32>(entry, 20);
      if (left < 0) continue;
      const half = sqrt<f32>(left) * perStep;
      const first = max<i32>(0, <i32>(centre - half)) >> 2;
      const last = min<i32>(lastGroup, <i32>(centre + half) >> 2);
      const l0 = f32x4.splat(z0 * load<f32>(entry));
      const l1 = f32x4.splat(z1 * load<f32>(entry, 4));
      const l2 = f32x4.splat(z2 * load<f32>(entry, 8));
      const l3 = f32x4.splat(z3 * load<f32>(entry, 12));
      const l4 = f32x4.splat(z4 * load<f32>(entry, 16));
      let to = plane + <usize>load<u32>(entry, 24) + (<usize>first << 4);
      const end = plane + <usize>load<u32>(entry, 24) + (<usize>last << 4);
      for (let o = <usize>first << 4; to <= end; to += 16, o += 16) {
        const ab = f32x4.add(f32x4.mul(l0, v128.load(xTable + o)), f32x4.mul(l1, v128.load(x1 + o)));
        const cd = f32x4.add(f32x4.mul(l2, v128.load(x2 + o)), f32x4.mul(l3, v128.load(x3 + o)));
        const sum = f32x4.add(f32x4.add(ab, cd), f32x4.mul(l4, v128.load(x4 + o)));
        v128.store(to, f32x4.add(v128.load(to), sum));
      }
    }
  }
}
