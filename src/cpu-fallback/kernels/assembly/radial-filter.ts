// Multiplies rows of Fourier coefficients by g(|f|), linearly interpolated in a table.

/**
 * `groups` lane groups of one row: position = sqrt(rest + squares[k]) * perSample in the table, whose last
 * interval begins at `last`. `squares`: squared frequency of each bin of the row.
 */
export function filterRow(
  re: usize, im: usize, groups: usize, rest: f32, squares: usize, table: usize, perSample: f32, last: i32
): void {
  const offset = f32x4.splat(rest);
  const scale = f32x4.splat(perSample);
  const highest = i32x4.splat(last);
  for (let g: usize = 0; g < groups; g++, re += 16, im += 16, squares += 16) {
    const position = f32x4.mul(f32x4.sqrt(f32x4.add(offset, v128.load(squares))), scale);
    const lower = i32x4.min_s(i32x4.trunc_sat_f32x4_s(position), highest);
    const a0 = table + (<usize>i32x4.extract_lane(lower, 0) << 2);
    const a1 = table + (<usize>i32x4.extract_lane(lower, 1) << 2);
    const a2 = table + (<usize>i32x4.extract_lane(lower, 2) << 2);
    const a3 = table + (<usize>i32x4.extract_lane(lower, 3) << 2);
    let from = v128.load32_splat(a0);
    from = v128.load_lane<f32>(a1, from, 1);
    from = v128.load_lane<f32>(a2, from, 2);
    from = v128.load_lane<f32>(a3, from, 3);
    let to = v128.load32_splat(a0, 4);
    to = v128.load_lane<f32>(a1, to, 1, 4);
    to = v128.load_lane<f32>(a2, to, 2, 4);
    to = v128.load_lane<f32>(a3, to, 3, 4);
    const t = f32x4.sub(position, f32x4.convert_i32x4_s(lower));
    const gain = f32x4.add(from, f32x4.mul(t, f32x4.sub(to, from)));
    v128.store(re, f32x4.mul(v128.load(re), gain));
    v128.store(im, f32x4.mul(v128.load(im), gain));
  }
}
