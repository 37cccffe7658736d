// Mixed-radix Stockham FFT on four lines at once (one line per SIMD lane), float32.
//
// x[q + s(p + m k)], k < R  ->  y[q + s(R p + k)] = twiddle(p k) * DFT_R(x)[k], for p < m, q < s;
// the length shrinks by R and the stride s grows by R in every pass (autosort, no bit reversal).
// Real and imaginary parts are separate arrays, so the inverse transform is the forward one with
// the two pointers exchanged. Tables come from the host, computed in float64 and rounded once.
//
// Plan in memory (i32 words): [0] n, [1] passes, [2] Bluestein length M or 0, [3] scratch address,
// [4] address of the plan for M, [5] chirp table, [6] transformed chirp, then per pass:
// radix, address of twiddles (m x x {cos, sin}), address of the DFT_R table for odd R >= 7.

import { storeTransposed } from './vec';

const HEADER: usize = 28;

// @ts-ignore: decorator
@inline
function pass2(
  sr: usize, si: usize, ss: usize, dr: usize, di: usize, ds: usize, m: usize, s: usize, tw: usize
): void {
  const half = m * s * ss;
  for (let p: usize = 0; p < m; p++) {
    const c = v128.load32_splat(tw);
    const w = v128.load32_splat(tw, 4);
    tw += 8;
    let a = p * s * ss;
    let o = 2 * p * s * ds;
    for (let q: usize = 0; q < s; q++, a += ss, o += ds) {
      const ar = v128.load(sr + a), ai = v128.load(si + a);
      const br = v128.load(sr + a + half), bi = v128.load(si + a + half);
      v128.store(dr + o, f32x4.add(ar, br));
      v128.store(di + o, f32x4.add(ai, bi));
      const er = f32x4.sub(ar, br), ei = f32x4.sub(ai, bi);
      const o1 = o + s * ds;
      v128.store(dr + o1, f32x4.add(f32x4.mul(er, c), f32x4.mul(ei, w)));
      v128.store(di + o1, f32x4.sub(f32x4.mul(ei, c), f32x4.mul(er, w)));
    }
  }
}

// @ts-ignore: decorator
@inline
function storeRotated(re: v128, im: v128, c: v128, w: v128, dr: usize, di: usize): void {
  // (re + i im) (c - i w)
  v128.store(dr, f32x4.add(f32x4.mul(re, c), f32x4.mul(im, w)));
  v128.store(di, f32x4.sub(f32x4.mul(im, c), f32x4.mul(re, w)));
}

function pass3(
  sr: usize, si: usize, ss: usize, dr: usize, di: usize, ds: usize, m: usize, s: usize, tw: usize
): void {
  const third = m * s * ss;
  const step = s * ds;
  const minusHalf = f32x4.splat(-0.5);
  const sin60 = f32x4.splat(0.8660254037844386);
  for (let p: usize = 0; p < m; p++) {
    const c1 = v128.load32_splat(tw), w1 = v128.load32_splat(tw, 4);
    const c2 = v128.load32_splat(tw, 8), w2 = v128.load32_splat(tw, 12);
    tw += 16;
    let a = p * s * ss;
    let o = 3 * p * step;
    for (let q: usize = 0; q < s; q++, a += ss, o += ds) {
      const x0r = v128.load(sr + a), x0i = v128.load(si + a);
      const x1r = v128.load(sr + a + third), x1i = v128.load(si + a + third);
      const x2r = v128.load(sr + a + 2 * third), x2i = v128.load(si + a + 2 * third);
      const tr = f32x4.add(x1r, x2r), ti = f32x4.add(x1i, x2i);
      v128.store(dr + o, f32x4.add(x0r, tr));
      v128.store(di + o, f32x4.add(x0i, ti));
      const hr = f32x4.add(x0r, f32x4.mul(tr, minusHalf)), hi = f32x4.add(x0i, f32x4.mul(ti, minusHalf));
      const ur = f32x4.mul(f32x4.sub(x1r, x2r), sin60), ui = f32x4.mul(f32x4.sub(x1i, x2i), sin60);
      // X1 = h - i u, X2 = h + i u
      storeRotated(f32x4.add(hr, ui), f32x4.sub(hi, ur), c1, w1, dr + o + step, di + o + step);
      storeRotated(f32x4.sub(hr, ui), f32x4.add(hi, ur), c2, w2, dr + o + 2 * step, di + o + 2 * step);
    }
  }
}

function pass4(
  sr: usize, si: usize, ss: usize, dr: usize, di: usize, ds: usize, m: usize, s: usize, tw: usize
): void {
  const quarter = m * s * ss;
  const step = s * ds;
  for (let p: usize = 0; p < m; p++) {
    const c1 = v128.load32_splat(tw), w1 = v128.load32_splat(tw, 4);
    const c2 = v128.load32_splat(tw, 8), w2 = v128.load32_splat(tw, 12);
    const c3 = v128.load32_splat(tw, 16), w3 = v128.load32_splat(tw, 20);
    tw += 24;
    let ar = sr + p * s * ss, ai = si + p * s * ss;
    let or = dr + 4 * p * step, oi = di + 4 * p * step;
    for (let q: usize = 0; q < s; q++, ar += ss, ai += ss, or += ds, oi += ds) {
      const x0r = v128.load(ar), x0i = v128.load(ai);
      const x2r = v128.load(ar + 2 * quarter), x2i = v128.load(ai + 2 * quarter);
      const er = f32x4.add(x0r, x2r), ei = f32x4.add(x0i, x2i);
      const fr = f32x4.sub(x0r, x2r), fi = f32x4.sub(x0i, x2i);
      const x1r = v128.load(ar + quarter), x1i = v128.load(ai + quarter);
      const x3r = v128.load(ar + 3 * quarter), x3i = v128.load(ai + 3 * quarter);
      const gr = f32x4.add(x1r, x3r), gi = f32x4.add(x1i, x3i);
      const hr = f32x4.sub(x1r, x3r), hi = f32x4.sub(x1i, x3i);
      v128.store(or, f32x4.add(er, gr));
      v128.store(oi, f32x4.add(ei, gi));
      // X1 = f - i h, X2 = e - g, X3 = f + i h
      storeRotated(f32x4.add(fr, hi), f32x4.sub(fi, hr), c1, w1, or + step, oi + step);
      storeRotated(f32x4.sub(er, gr), f32x4.sub(ei, gi), c2, w2, or + 2 * step, oi + 2 * step);
      storeRotated(f32x4.sub(fr, hi), f32x4.add(fi, hr), c3, w3, or + 3 * step, oi + 3 * step);
    }
  }
}

function pass5(
  sr: usize, si: usize, ss: usize, dr: usize, di: usize, ds: usize, m: usize, s: usize, tw: usize
): void {
  const fifth = m * s * ss;
  const step = s * ds;
  const cosA = f32x4.splat(0.30901699437494745), cosB = f32x4.splat(-0.8090169943749475);
  const sinA = f32x4.splat(0.9510565162951535), sinB = f32x4.splat(0.5877852522924731);
  for (let p: usize = 0; p < m; p++) {
    let a = p * s * ss;
    let o = 5 * p * step;
    for (let q: usize = 0; q < s; q++, a += ss, o += ds) {
      const x0r = v128.load(sr + a), x0i = v128.load(si + a);
      const x1r = v128.load(sr + a + fifth), x1i = v128.load(si + a + fifth);
      const x4r = v128.load(sr + a + 4 * fifth), x4i = v128.load(si + a + 4 * fifth);
      const x2r = v128.load(sr + a + 2 * fifth), x2i = v128.load(si + a + 2 * fifth);
      const x3r = v128.load(sr + a + 3 * fifth), x3i = v128.load(si + a + 3 * fifth);
      const t1r = f32x4.add(x1r, x4r), t1i = f32x4.add(x1i, x4i);
      const t2r = f32x4.add(x2r, x3r), t2i = f32x4.add(x2i, x3i);
      const u1r = f32x4.sub(x1r, x4r), u1i = f32x4.sub(x1i, x4i);
      const u2r = f32x4.sub(x2r, x3r), u2i = f32x4.sub(x2i, x3i);
      v128.store(dr + o, f32x4.add(x0r, f32x4.add(t1r, t2r)));
      v128.store(di + o, f32x4.add(x0i, f32x4.add(t1i, t2i)));
      const g1r = f32x4.add(x0r, f32x4.add(f32x4.mul(t1r, cosA), f32x4.mul(t2r, cosB)));
      const g1i = f32x4.add(x0i, f32x4.add(f32x4.mul(t1i, cosA), f32x4.mul(t2i, cosB)));
      const g2r = f32x4.add(x0r, f32x4.add(f32x4.mul(t1r, cosB), f32x4.mul(t2r, cosA)));
      const g2i = f32x4.add(x0i, f32x4.add(f32x4.mul(t1i, cosB), f32x4.mul(t2i, cosA)));
      const h1r = f32x4.add(f32x4.mul(u1r, sinA), f32x4.mul(u2r, sinB));
      const h1i = f32x4.add(f32x4.mul(u1i, sinA), f32x4.mul(u2i, sinB));
      const h2r = f32x4.sub(f32x4.mul(u1r, sinB), f32x4.mul(u2r, sinA));
      const h2i = f32x4.sub(f32x4.mul(u1i, sinB), f32x4.mul(u2i, sinA));
      storeRotated(
        f32x4.add(g1r, h1i), f32x4.sub(g1i, h1r), v128.load32_splat(tw), v128.load32_splat(tw, 4),
        dr + o + step, di + o + step
      );
      storeRotated(
        f32x4.add(g2r, h2i), f32x4.sub(g2i, h2r), v128.load32_splat(tw, 8), v128.load32_splat(tw, 12),
        dr + o + 2 * step, di + o + 2 * step
      );
      storeRotated(
        f32x4.sub(g2r, h2i), f32x4.add(g2i, h2r), v128.load32_splat(tw, 16), v128.load32_splat(tw, 20),
        dr + o + 3 * step, di + o + 3 * step
      );
      storeRotated(
        f32x4.sub(g1r, h1i), f32x4.add(g1i, h1r), v128.load32_splat(tw, 24), v128.load32_splat(tw, 28),
        dr + o + 4 * step, di + o + 4 * step
      );
    }
    tw += 32;
  }
}

// Any odd radix: `table` holds {cos, sin} of 2 pi j / R for j < R; `scratch` takes the sums and
// differences of the pairs x[j], x[R - j] (j = 1 ... (R-1)/2), 64 bytes each.
function passOdd(
  radix: usize, table: usize, scratch: usize, sr: usize, si: usize, ss: usize, dr: usize, di: usize,
  ds: usize, m: usize, s: usize, tw: usize
): void {
  const part = m * s * ss;
  const step = s * ds;
  const pairs = (radix - 1) >> 1;
  for (let p: usize = 0; p < m; p++) {
    for (let q: usize = 0; q < s; q++) {
      const a = (q + p * s) * ss;
      const o = (q + radix * p * s) * ds;
      const x0r = v128.load(sr + a), x0i = v128.load(si + a);
      let sumR = x0r, sumI = x0i;
      let at = scratch;
      for (let j: usize = 1; j <= pairs; j++, at += 64) {
        const f = a + j * part, b = a + (radix - j) * part;
        const fr = v128.load(sr + f), fi = v128.load(si + f);
        const br = v128.load(sr + b), bi = v128.load(si + b);
        const tr = f32x4.add(fr, br), ti = f32x4.add(fi, bi);
        v128.store(at, tr);
        v128.store(at, ti, 16);
        v128.store(at, f32x4.sub(fr, br), 32);
        v128.store(at, f32x4.sub(fi, bi), 48);
        sumR = f32x4.add(sumR, tr);
        sumI = f32x4.add(sumI, ti);
      }
      v128.store(dr + o, sumR);
      v128.store(di + o, sumI);
      for (let k: usize = 1; k <= pairs; k++) {
        let gr = x0r, gi = x0i;
        let hr = f32x4.splat(0), hi = f32x4.splat(0);
        let index: usize = 0;
        at = scratch;
        for (let j: usize = 1; j <= pairs; j++, at += 64) {
          index += k;
          if (index >= radix) index -= radix;
          const c = v128.load32_splat(table + (index << 3)), w = v128.load32_splat(table + (index << 3), 4);
          gr = f32x4.add(gr, f32x4.mul(v128.load(at), c));
          gi = f32x4.add(gi, f32x4.mul(v128.load(at, 16), c));
          hr = f32x4.add(hr, f32x4.mul(v128.load(at, 32), w));
          hi = f32x4.add(hi, f32x4.mul(v128.load(at, 48), w));
        }
        const l = radix - k;
        const twk = tw + ((k - 1) << 3), twl = tw + ((l - 1) << 3);
        storeRotated(
          f32x4.add(gr, hi), f32x4.sub(gi, hr), v128.load32_splat(twk), v128.load32_splat(twk, 4),
          dr + o + k * step, di + o + k * step
        );
        storeRotated(
          f32x4.sub(gr, hi), f32x4.add(gi, hr), v128.load32_splat(twl), v128.load32_splat(twl, 4),
          dr + o + l * step, di + o + l * step
        );
      }
    }
    tw += (radix - 1) << 3;
  }
}

function passAny(
  radix: usize, table: usize, scratch: usize, sr: usize, si: usize, ss: usize, dr: usize, di: usize,
  ds: usize, m: usize, s: usize, tw: usize
): void {
  if (radix == 4) pass4(sr, si, ss, dr, di, ds, m, s, tw);
  else if (radix == 2) pass2(sr, si, ss, dr, di, ds, m, s, tw);
  else if (radix == 3) pass3(sr, si, ss, dr, di, ds, m, s, tw);
  else if (radix == 5) pass5(sr, si, ss, dr, di, ds, m, s, tw);
  else passOdd(radix, table, scratch, sr, si, ss, dr, di, ds, m, s, tw);
}

/**
 * Transforms four interleaved lines. Element j of lane l is at `sr + j * ss + 4 l`.
 * Scratch: 64 n bytes (two buffers of n complex lane groups) + 1024 bytes for odd radices.
 */
export function fft4(plan: usize, sr: usize, si: usize, ss: usize, dr: usize, di: usize, ds: usize): void {
  const n = <usize>load<u32>(plan);
  if (load<u32>(plan, 8) != 0) {
    bluestein4(plan, sr, si, ss, dr, di, ds);
    return;
  }
  const passes = <usize>load<u32>(plan, 4);
  const scratch = <usize>load<u32>(plan, 12);
  const bytes = n << 4;
  // Behind two buffers of complex values: room for radices without a pass of their own.
  const odd = scratch + 4 * bytes;
  // Length 1.
  if (passes == 0) {
    v128.store(dr, v128.load(sr));
    v128.store(di, v128.load(si));
    return;
  }
  let fromR = sr, fromI = si, fromS = ss;
  // Passes alternate between two halves of the scratch; the last writes to its destination.
  let flip: usize = 0;
  let s: usize = 1;
  let rest = n;
  let entry = plan + HEADER;
  for (let k: usize = 0; k < passes; k++, entry += 12) {
    const radix = <usize>load<u32>(entry);
    rest /= radix;
    let toR = scratch + flip * 2 * bytes, toI = toR + bytes;
    let toS: usize = 16;
    if (k == passes - 1) {
      toR = dr;
      toI = di;
      toS = ds;
    }
    passAny(
      radix, <usize>load<u32>(entry, 8), odd, fromR, fromI, fromS, toR, toI, toS, rest, s,
      <usize>load<u32>(entry, 4)
    );
    fromR = toR;
    fromI = toI;
    fromS = toS;
    flip ^= 1;
    s *= radix;
  }
}

// Bluestein: X[k] = b*[k] sum_j (x[j] b*[j]) b[k - j], b[j] = exp(i pi j^2 / n), as a circular
// convolution of length M >= 2n - 1. Scratch: 2 buffers of M complex lane groups.
function bluestein4(plan: usize, sr: usize, si: usize, ss: usize, dr: usize, di: usize, ds: usize): void {
  const n = <usize>load<u32>(plan);
  const m = <usize>load<u32>(plan, 8);
  const bufR = <usize>load<u32>(plan, 12), bufI = bufR + (m << 4);
  const inner = <usize>load<u32>(plan, 16);
  const chirp = <usize>load<u32>(plan, 20);
  const spectrum = <usize>load<u32>(plan, 24);
  for (let j: usize = 0; j < n; j++) {
    const c = v128.load32_splat(chirp + (j << 3)), w = v128.load32_splat(chirp + (j << 3), 4);
    storeRotated(v128.load(sr + j * ss), v128.load(si + j * ss), c, w, bufR + (j << 4), bufI + (j << 4));
  }
  memory.fill(bufR + (n << 4), 0, (m - n) << 4);
  memory.fill(bufI + (n << 4), 0, (m - n) << 4);
  fft4(inner, bufR, bufI, 16, bufR, bufI, 16);
  for (let j: usize = 0; j < m; j++) {
    const c = v128.load32_splat(spectrum + (j << 3)), w = v128.load32_splat(spectrum + (j << 3), 4);
    const re = v128.load(bufR + (j << 4)), im = v128.load(bufI + (j << 4));
    v128.store(bufR + (j << 4), f32x4.sub(f32x4.mul(re, c), f32x4.mul(im, w)));
    v128.store(bufI + (j << 4), f32x4.add(f32x4.mul(im, c), f32x4.mul(re, w)));
  }
  fft4(inner, bufI, bufR, 16, bufI, bufR, 16);
  for (let j: usize = 0; j < n; j++) {
    const c = v128.load32_splat(chirp + (j << 3)), w = v128.load32_splat(chirp + (j << 3), 4);
    storeRotated(v128.load(bufR + (j << 4)), v128.load(bufI + (j << 4)), c, w, dr + j * ds, di + j * ds);
  }
}

/** In-place transform of `groups` adjacent lane groups along an axis with stride `stride` bytes. */
export function fftColumns(plan: usize, re: usize, im: usize, stride: usize, groups: usize): void {
  for (let g: usize = 0; g < groups; g++) {
    fft4(plan, re + (g << 4), im + (g << 4), stride, re + (g << 4), im + (g << 4), stride);
  }
}

/**
 * Real-to-complex transform of eight rows: rows 0-3 form the real and rows 4-7 the imaginary parts of four
 * complex lines, which are separated afterwards by Hermitian symmetry. Works for every length. `rows`: row i
 * at rows + i * pitch, readable up to a multiple of 4 floats. Output rows of n/2 + 1 values, rounded up to a
 * multiple of 4, `outPitch` bytes apart. `work`: 64 (n + 4) bytes.
 */
export function rfftRows8(
  plan: usize, rows: usize, pitch: usize, outR: usize, outI: usize, outPitch: usize, work: usize
): void {
  const n = <usize>load<u32>(plan);
  const re = work, im = re + ((n + 4) << 4);
  const zr = im + ((n + 4) << 4), zi = zr + ((n + 4) << 4);
  for (let x: usize = 0; x < n; x += 4) {
    const at = rows + (x << 2);
    storeTransposed(
      v128.load(at), v128.load(at + pitch), v128.load(at + 2 * pitch), v128.load(at + 3 * pitch),
      re + (x << 4), 16
    );
    const bt = at + 4 * pitch;
    storeTransposed(
      v128.load(bt), v128.load(bt + pitch), v128.load(bt + 2 * pitch), v128.load(bt + 3 * pitch),
      im + (x << 4), 16
    );
  }
  fft4(plan, re, im, 16, zr, zi, 16);
  const half = f32x4.splat(0.5);
  const bins = (n >> 1) + 1;
  for (let k: usize = 0; k < bins; k += 4) {
    // Four bins at a time: A and B spectra of the lanes, stored in `re`/`im` (free by now) before
    // transposing.
    for (let j: usize = 0; j < 4; j++) {
      const f = min(k + j, n - 1);
      const b = f == 0 ? 0 : n - f;
      const fr = v128.load(zr + (f << 4)), fi = v128.load(zi + (f << 4));
      const br = v128.load(zr + (b << 4)), bi = v128.load(zi + (b << 4));
      v128.store(re + (j << 4), f32x4.mul(f32x4.add(fr, br), half));
      v128.store(re + (j << 4), f32x4.mul(f32x4.sub(fi, bi), half), 64);
      v128.store(re + (j << 4), f32x4.mul(f32x4.add(fi, bi), half), 128);
      v128.store(re + (j << 4), f32x4.mul(f32x4.sub(br, fr), half), 192);
    }
    const o = k << 2;
    storeTransposed(
      v128.load(re), v128.load(re, 16), v128.load(re, 32), v128.load(re, 48), outR + o, outPitch
    );
    storeTransposed(
      v128.load(re, 64), v128.load(re, 80), v128.load(re, 96), v128.load(re, 112), outI + o, outPitch
    );
    storeTransposed(
      v128.load(re, 128), v128.load(re, 144), v128.load(re, 160), v128.load(re, 176), outR + o + 4 * outPitch,
      outPitch
    );
    storeTransposed(
      v128.load(re, 192), v128.load(re, 208), v128.load(re, 224), v128.load(re, 240), outI + o + 4 * outPitch,
      outPitch
    );
  }
}

/**
 * Complex-to-real inverse of `rfftRows8`, multiplied by `scale`; imaginary parts of bins 0 and n/2 are
 * ignored. Bins from `filled` on, a multiple of 4, are 0 and not read.
 */
export function irfftRows8(
  plan: usize, inR: usize, inI: usize, inPitch: usize, rows: usize, pitch: usize, scale: f32, work: usize,
  filled: usize
): void {
  const n = <usize>load<u32>(plan);
  const zr = work, zi = zr + ((n + 4) << 4);
  const re = zi + ((n + 4) << 4), im = re + ((n + 4) << 4);
  const bins = min(filled, (n >> 1) + 1);
  const even = (n & 1) == 0;
  if (n >= 2 * bins) {
    memory.fill(zr + (bins << 4), 0, (n - 2 * bins + 1) << 4);
    memory.fill(zi + (bins << 4), 0, (n - 2 * bins + 1) << 4);
  }
  for (let k: usize = 0; k < bins; k += 4) {
    const i = k << 2;
    // Block of four bins x (A re, A im, B re, B im), lanes = rows, staged in `re`.
    storeTransposed(
      v128.load(inR + i), v128.load(inR + i + inPitch), v128.load(inR + i + 2 * inPitch),
      v128.load(inR + i + 3 * inPitch), re, 16
    );
    storeTransposed(
      v128.load(inI + i), v128.load(inI + i + inPitch), v128.load(inI + i + 2 * inPitch),
      v128.load(inI + i + 3 * inPitch), re + 64, 16
    );
    const l = i + 4 * inPitch;
    storeTransposed(
      v128.load(inR + l), v128.load(inR + l + inPitch), v128.load(inR + l + 2 * inPitch),
      v128.load(inR + l + 3 * inPitch), re + 128, 16
    );
    storeTransposed(
      v128.load(inI + l), v128.load(inI + l + inPitch), v128.load(inI + l + 2 * inPitch),
      v128.load(inI + l + 3 * inPitch), re + 192, 16
    );
    const last = min(bins, k + 4);
    for (let f = k; f < last; f++) {
      const j = (f - k) << 4;
      const ar = v128.load(re + j), ai = v128.load(re + j, 64);
      const br = v128.load(re + j, 128), bi = v128.load(re + j, 192);
      if (f == 0 || (even && f == n >> 1)) {
        v128.store(zr + (f << 4), ar);
        v128.store(zi + (f << 4), br);
      } else {
        v128.store(zr + (f << 4), f32x4.sub(ar, bi));
        v128.store(zi + (f << 4), f32x4.add(ai, br));
        v128.store(zr + ((n - f) << 4), f32x4.add(ar, bi));
        v128.store(zi + ((n - f) << 4), f32x4.sub(br, ai));
      }
    }
  }
  fft4(plan, zi, zr, 16, im, re, 16);
  const factor = f32x4.splat(scale);
  for (let x: usize = 0; x < n; x += 4) {
    const o = x << 4;
    const to = rows + (x << 2);
    storeTransposed(
      f32x4.mul(v128.load(re + o), factor), f32x4.mul(v128.load(re + o, 16), factor),
      f32x4.mul(v128.load(re + o, 32), factor), f32x4.mul(v128.load(re + o, 48), factor), to, pitch
    );
    storeTransposed(
      f32x4.mul(v128.load(im + o), factor), f32x4.mul(v128.load(im + o, 16), factor),
      f32x4.mul(v128.load(im + o, 32), factor), f32x4.mul(v128.load(im + o, 48), factor), to + 4 * pitch,
      pitch
    );
  }
}
