// B_r = map * K_r in Fourier space, and out += s_r B_r at the voxels of the mask (method 4).

/** t = a * b for `groups` lane groups of complex values (re and im in separate arrays). */
export function multiplySpectra(
  ar: usize, ai: usize, br: usize, bi: usize, tr: usize, ti: usize, groups: usize
): void {
  for (let g: usize = 0; g < groups; g++) {
    const o = g << 4;
    const xr = v128.load(ar + o), xi = v128.load(ai + o);
    const yr = v128.load(br + o), yi = v128.load(bi + o);
    v128.store(tr + o, f32x4.sub(f32x4.mul(xr, yr), f32x4.mul(xi, yi)));
    v128.store(ti + o, f32x4.add(f32x4.mul(xr, yi), f32x4.mul(xi, yr)));
  }
}

/** out[i] += s[i][r] * volume[index[i]], s with `shells` floats per voxel. */
export function accumulateShell(
  out: usize, factors: usize, shells: usize, r: usize, volume: usize, index: usize, count: usize
): void {
  let s = factors + (r << 2);
  const pitch = shells << 2;
  for (let i: usize = 0; i < count; i++, s += pitch) {
    const v = load<f32>(volume + (load<u32>(index + (i << 2)) << 2));
    const o = out + (i << 2);
    store<f32>(o, load<f32>(o) + load<f32>(s) * v);
  }
}
