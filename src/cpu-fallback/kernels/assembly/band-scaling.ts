// Inner loops of soft scaling: weights of a band, local sums of squares, Gaussian windows, interpolation and
// application of gains.

/** to = (a - centreA) scaleA + (b - centreB) scaleB for `groups` lane groups. */
export function combineRows(
  to: usize, a: usize, b: usize, groups: usize, centreA: f32, scaleA: f32, centreB: f32, scaleB: f32
): void {
  const ca = f32x4.splat(centreA), sa = f32x4.splat(scaleA);
  const cb = f32x4.splat(centreB), sb = f32x4.splat(scaleB);
  for (let o: usize = 0; o < groups << 4; o += 16) {
    const x = f32x4.mul(f32x4.sub(v128.load(a + o), ca), sa);
    v128.store(to + o, f32x4.add(x, f32x4.mul(f32x4.sub(v128.load(b + o), cb), sb)));
  }
}

/**
 * Coefficients of a row, `groups` lane groups, times hat_i = max(0, 1 - |sqrt(rest + squares[k]) - i|):
 * squared frequencies in units of the band spacing.
 */
export function bandRow(
  toRe: usize, toIm: usize, re: usize, im: usize, groups: usize, rest: f32, squares: usize, band: f32
): void {
  const offset = f32x4.splat(rest), i = f32x4.splat(band);
  const one = f32x4.splat(1), zero = f32x4.splat(0);
  for (let o: usize = 0; o < groups << 4; o += 16) {
    const f = f32x4.sqrt(f32x4.add(offset, v128.load(squares + o)));
    const weight = f32x4.max(zero, f32x4.sub(one, f32x4.abs(f32x4.sub(f, i))));
    v128.store(toRe + o, f32x4.mul(v128.load(re + o), weight));
    v128.store(toIm + o, f32x4.mul(v128.load(im + o), weight));
  }
}

/** exp(x) for |x| <= 4 or so, to 2e-7: the 16th power of the Taylor series at x / 16. */
function exp(x: v128): v128 {
  const t = f32x4.mul(x, f32x4.splat(1.0 / 16.0));
  let y = f32x4.splat(1.0 / 720.0);
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(1.0 / 120.0));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(1.0 / 24.0));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(1.0 / 6.0));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(0.5));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(1));
  y = f32x4.add(f32x4.mul(y, t), f32x4.splat(1));
  y = f32x4.mul(y, y);
  y = f32x4.mul(y, y);
  y = f32x4.mul(y, y);
  return f32x4.mul(y, y);
}

/** bandRow with weights times exp(x below) or, where x = f - i is not below 0, exp(x above). */
export function tiltedBandRow(
  toRe: usize, toIm: usize, re: usize, im: usize, groups: usize, rest: f32, squares: usize, band: f32,
  below: f32, above: f32
): void {
  const offset = f32x4.splat(rest), i = f32x4.splat(band);
  const one = f32x4.splat(1), zero = f32x4.splat(0);
  const falling = f32x4.splat(below), rising = f32x4.splat(above);
  for (let o: usize = 0; o < groups << 4; o += 16) {
    const x = f32x4.sub(f32x4.sqrt(f32x4.add(offset, v128.load(squares + o))), i);
    const hat = f32x4.max(zero, f32x4.sub(one, f32x4.abs(x)));
    const inside = f32x4.max(f32x4.neg(one), f32x4.min(one, x));
    const slope = v128.bitselect(falling, rising, f32x4.lt(x, zero));
    const weight = f32x4.mul(hat, exp(f32x4.mul(inside, slope)));
    v128.store(toRe + o, f32x4.mul(v128.load(re + o), weight));
    v128.store(toIm + o, f32x4.mul(v128.load(im + o), weight));
  }
}

/**
 * Squares of a plane of ny rows of nx values, `rowBytes` apart: adds those of ky x kx voxels to each of the
 * blocks (rows `blockBytes` apart), and returns the sum of those where the mask (dense rows) is above 0.5; 0
 * without a mask.
 * `squares`: room for one row.
 */
export function addBlockSquares(
  rows: usize, rowBytes: usize, ny: usize, nx: usize, ky: usize, kx: usize, blocks: usize, blockBytes: usize,
  mask: usize, squares: usize
): f64 {
  const half = f32x4.splat(0.5);
  const whole = nx & ~3;
  let total: f64 = 0;
  for (let first: usize = 0; first < ny; first += ky, blocks += blockBytes) {
    const last = min(ny, first + ky);
    let inside = f32x4.splat(0);
    let rest: f32 = 0;
    for (let x: usize = 0; x < whole; x += 4) {
      let sum = f32x4.splat(0);
      for (let y = first; y < last; y++) {
        const v = v128.load(rows + y * rowBytes + (x << 2));
        const s = f32x4.mul(v, v);
        sum = f32x4.add(sum, s);
        if (mask) inside = f32x4.add(inside, v128.and(s, f32x4.gt(v128.load(mask + ((y * nx + x) << 2)), half)));
      }
      v128.store(squares + (x << 2), sum);
    }
    for (let x = whole; x < nx; x++) {
      let sum: f32 = 0;
      for (let y = first; y < last; y++) {
        const v = load<f32>(rows + y * rowBytes + (x << 2));
        sum += v * v;
        if (mask && load<f32>(mask + ((y * nx + x) << 2)) > 0.5) rest += v * v;
      }
      store<f32>(squares + (x << 2), sum);
    }
    total += <f64>f32x4.extract_lane(inside, 0) + <f64>f32x4.extract_lane(inside, 1);
    total += <f64>f32x4.extract_lane(inside, 2) + <f64>f32x4.extract_lane(inside, 3) + <f64>rest;
    let to = blocks;
    for (let x: usize = 0; x < nx; x += kx, to += 4) {
      const end = min(nx, x + kx);
      let sum: f32 = 0;
      for (let i = x; i < end; i++) sum += load<f32>(squares + (i << 2));
      store<f32>(to, load<f32>(to) + sum);
    }
  }
  return total;
}

/** to[i] = sum over t < taps of weights[t] from[i + t stride], for `groups` lane groups; stride in bytes. */
export function convolve(
  to: usize, from: usize, groups: usize, stride: usize, weights: usize, taps: usize
): void {
  let g: usize = 0;
  for (; g + 4 <= groups; g += 4, to += 64, from += 64) {
    let a = f32x4.splat(0), b = a, c = a, d = a;
    let at = from;
    for (let t: usize = 0; t < taps; t++, at += stride) {
      const w = v128.load32_splat(weights + (t << 2));
      a = f32x4.add(a, f32x4.mul(w, v128.load(at)));
      b = f32x4.add(b, f32x4.mul(w, v128.load(at, 16)));
      c = f32x4.add(c, f32x4.mul(w, v128.load(at, 32)));
      d = f32x4.add(d, f32x4.mul(w, v128.load(at, 48)));
    }
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  for (; g < groups; g++, to += 16, from += 16) {
    let a = f32x4.splat(0);
    for (let t: usize = 0; t < taps; t++) a = f32x4.add(a, f32x4.mul(v128.load32_splat(weights + (t << 2)), v128.load(from + t * stride)));
    v128.store(to, a);
  }
}

/** to = a + share (b - a) for `groups` lane groups. */
export function blend(to: usize, a: usize, b: usize, groups: usize, share: f32): void {
  const s = f32x4.splat(share);
  for (let o: usize = 0; o < groups << 4; o += 16) {
    const x = v128.load(a + o);
    v128.store(to + o, f32x4.add(x, f32x4.mul(s, f32x4.sub(v128.load(b + o), x))));
  }
}

/**
 * out[x] += band[x] g(x), g linear between gains[lower[x]] and its neighbour, for `groups` lane groups.
 * `lower`: bytes from the first gain; the last gain's neighbour is read with weight 0.
 */
export function accumulateRow(
  out: usize, band: usize, groups: usize, gains: usize, lower: usize, share: usize
): void {
  for (let o: usize = 0; o < groups << 4; o += 16) {
    const p0 = v128.load64_zero(gains + <usize>load<u32>(lower + o));
    const p1 = v128.load64_zero(gains + <usize>load<u32>(lower + o, 4));
    const p2 = v128.load64_zero(gains + <usize>load<u32>(lower + o, 8));
    const p3 = v128.load64_zero(gains + <usize>load<u32>(lower + o, 12));
    const near = v128.shuffle<f32>(v128.shuffle<f32>(p0, p1, 0, 1, 4, 5), v128.shuffle<f32>(p2, p3, 0, 1, 4, 5), 0, 2, 4, 6);
    const far = v128.shuffle<f32>(v128.shuffle<f32>(p0, p1, 0, 1, 4, 5), v128.shuffle<f32>(p2, p3, 0, 1, 4, 5), 1, 3, 5, 7);
    const gain = f32x4.add(near, f32x4.mul(v128.load(share + o), f32x4.sub(far, near)));
    v128.store(out + o, f32x4.add(v128.load(out + o), f32x4.mul(v128.load(band + o), gain)));
  }
}
