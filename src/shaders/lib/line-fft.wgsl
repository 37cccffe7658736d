// Complex FFT of LINES lines of length N by one workgroup, in workgroup memory: Stockham passes of radix
// 2, 3, 4, 5, 7, 8, 11, 13 between the two halves of `work`; Bluestein's algorithm where N has a larger
// prime factor. A part of shaders, which load lines with `place`, call `transform_lines` and read the
// result with `transformed`.
//
// One pass of radix R with stride s (the product of the radices before it), on every line:
//   y[b + (R - 1) u + k s] = exp(-2 pi i u k / LENGTH) * sum_j x[b + j LENGTH / R] exp(-2 pi i j k / R)
// for the butterflies b < LENGTH / R, u = b - b mod s. One thread = one butterfly at a time.
// Memory order in `work`: columns (i, line) with line fastest, so that neighbouring threads touch
// neighbouring lines as they do in the volume; rows (line, i).
// Hazards: all roots of unity come from `table`, computed in float64 and rounded once. The inverse
// transform is the forward one with real and imaginary parts exchanged before and after.

override N: u32 = 1;            // line length
override LENGTH: u32 = 1;       // length transformed: N, or Bluestein's (at least 2 N - 1)
override LINES: u32 = 1;        // lines per workgroup; a power of two
override THREADS: u32 = 64;     // threads per workgroup
override WORK_SIZE: u32 = 2;    // 2 LENGTH LINES
override PASSES: u32 = 0;
override RADICES: u32 = 0;      // radix of pass i in bits 4 i ... 4 i + 3
override BLUESTEIN: bool = false;
override ROWS: bool = false;    // order of `work`
// Radices in use; the others are left out of the compiled program.
override USE_2: bool = true;
override USE_3: bool = true;
override USE_4: bool = true;
override USE_5: bool = true;
override USE_7: bool = true;
override USE_8: bool = true;
override USE_11: bool = true;
override USE_13: bool = true;

// exp(-2 pi i j / LENGTH), j < LENGTH; for Bluestein also exp(-pi i j^2 / N), j < N, and the transformed
// chirp divided by LENGTH.
@group(0) @binding(0) var<storage, read> table: array<vec2f>;

var<workgroup> work: array<vec2f, WORK_SIZE>;

fn times(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

// t / divisor for t below 2^21, exact: the half keeps the product away from whole numbers.
fn quotient(t: u32, divisor: u32) -> u32 {
  return u32((f32(t) + 0.5) * (1.0 / f32(divisor)));
}

fn index_in_work(i: u32, l: u32) -> u32 {
  if (ROWS) {
    return l * LENGTH + i;
  }
  return i * LINES + l;
}

// Value i of line l, before `transform_lines`.
fn place(i: u32, l: u32, value: vec2f) {
  if (BLUESTEIN) {
    work[index_in_work(i, l)] = times(value, table[LENGTH + i]);
  } else {
    work[index_in_work(i, l)] = value;
  }
}

// Value i of line l, after it; `half` is what `transform_lines` returned.
fn transformed(half: u32, i: u32, l: u32) -> vec2f {
  let value = work[half + index_in_work(i, l)];
  if (BLUESTEIN) {
    return times(value.yx, table[LENGTH + i]);
  }
  return value;
}

// Transforms what `place` has put into the first half of `work`; called by all threads. Returns where
// the result begins; the threads may read it at once.
fn transform_lines(thread: u32) -> u32 {
  if (!BLUESTEIN) {
    return run_passes(0, thread);
  }
  let tail = LENGTH - N;
  for (var t = thread; t < tail * LINES; t += THREADS) {
    work[index_in_work(N + t / LINES, t % LINES)] = vec2f();
  }
  let middle = run_passes(0, thread);
  // Convolution with the chirp; the exchange of parts makes the second transform the inverse one.
  for (var t = thread; t < LENGTH * LINES; t += THREADS) {
    let i = t / LINES;
    let at = middle + index_in_work(i, t % LINES);
    work[at] = times(work[at], table[LENGTH + N + i]).yx;
  }
  return run_passes(middle, thread);
}

fn run_passes(first: u32, thread: u32) -> u32 {
  var half = first;
  var stride = 1u;
  for (var i = 0u; i < PASSES; i++) {
    workgroupBarrier();
    let radix = (RADICES >> (4u * i)) & 15u;
    run_pass(radix, half, WORK_SIZE / 2u - half, stride, thread);
    half = WORK_SIZE / 2u - half;
    stride *= radix;
  }
  workgroupBarrier();
  return half;
}

fn run_pass(radix: u32, source: u32, destination: u32, stride: u32, thread: u32) {
  let count = quotient(LENGTH, radix);
  for (var t = thread; t < count * LINES; t += THREADS) {
    var l = t % LINES;
    var b = t / LINES;
    var unit = LINES;
    if (ROWS) {
      l = quotient(t, count);
      b = t - l * count;
      unit = 1u;
    }
    let u = quotient(b, stride) * stride;
    let input = source + index_in_work(b, l);
    let output = destination + index_in_work(b + u * (radix - 1u), l);
    switch (radix) {
      case 2u: { if (USE_2) { radix2(input, count * unit, output, stride * unit, u); } }
      case 3u: { if (USE_3) { radix3(input, count * unit, output, stride * unit, u); } }
      case 4u: { if (USE_4) { radix4(input, count * unit, output, stride * unit, u); } }
      case 5u: { if (USE_5) { radix5(input, count * unit, output, stride * unit, u); } }
      case 7u: { if (USE_7) { radix7(input, count * unit, output, stride * unit, u); } }
      case 8u: { if (USE_8) { radix8(input, count * unit, output, stride * unit, u); } }
      case 11u: { if (USE_11) { radix11(input, count * unit, output, stride * unit, u); } }
      default: { if (USE_13) { radix13(input, count * unit, output, stride * unit, u); } }
    }
  }
}

// Butterflies: inputs at work[input + j step], outputs at work[output + k out_step].

fn put(value: vec2f, output: u32, out_step: u32, u: u32, k: u32) {
  work[output + k * out_step] = times(value, table[u * k]);
}

// Outputs k and R - k of an odd radix: even -+ i odd.
fn put_pair(even: vec2f, odd: vec2f, output: u32, out_step: u32, u: u32, k: u32, mate: u32) {
  let turned = vec2f(odd.y, -odd.x);
  put(even + turned, output, out_step, u, k);
  put(even - turned, output, out_step, u, mate);
}

fn radix2(input: u32, step: u32, output: u32, out_step: u32, u: u32) {
  let a = work[input];
  let b = work[input + step];
  work[output] = a + b;
  put(a - b, output, out_step, u, 1u);
}

fn transform4(a: vec2f, b: vec2f, c: vec2f, d: vec2f) -> array<vec2f, 4> {
  let p = a + c;
  let q = b + d;
  let r = a - c;
  let s = vec2f(b.y - d.y, d.x - b.x);
  return array<vec2f, 4>(p + q, r + s, p - q, r - s);
}

fn radix4(input: u32, step: u32, output: u32, out_step: u32, u: u32) {
  let y = transform4(work[input], work[input + step], work[input + 2u * step], work[input + 3u * step]);
  work[output] = y[0];
  put(y[1], output, out_step, u, 1u);
  put(y[2], output, out_step, u, 2u);
  put(y[3], output, out_step, u, 3u);
}

const SQRT_HALF = 0.707106781187;

fn radix8(input: u32, step: u32, output: u32, out_step: u32, u: u32) {
  let e = transform4(work[input], work[input + 2u * step], work[input + 4u * step], work[input + 6u * step]);
  let o = transform4(
    work[input + step], work[input + 3u * step], work[input + 5u * step], work[input + 7u * step]);
  let o1 = SQRT_HALF * vec2f(o[1].x + o[1].y, o[1].y - o[1].x);
  let o2 = vec2f(o[2].y, -o[2].x);
  let o3 = SQRT_HALF * vec2f(o[3].y - o[3].x, -o[3].x - o[3].y);
  work[output] = e[0] + o[0];
  put(e[1] + o1, output, out_step, u, 1u);
  put(e[2] + o2, output, out_step, u, 2u);
  put(e[3] + o3, output, out_step, u, 3u);
  put(e[0] - o[0], output, out_step, u, 4u);
  put(e[1] - o1, output, out_step, u, 5u);
  put(e[2] - o2, output, out_step, u, 6u);
  put(e[3] - o3, output, out_step, u, 7u);
}

// Odd radices: cosines and sines of 2 pi j / R; sums s and differences d of the values j and R - j.

const COS_3_1 = -0.500000000000;
const SIN_3_1 = 0.866025403784;

fn radix3(input: u32, step: u32, output: u32, out_step: u32, u: u32) {
  let x0 = work[input];
  let a1 = work[input + step];
  let b1 = work[input + 2u * step];
  let s1 = a1 + b1;
  let d1 = a1 - b1;
  work[output] = x0 + s1;
  put_pair(x0 + COS_3_1 * s1,
    SIN_3_1 * d1, output, out_step, u, 1u, 2u);
}

const COS_5_1 = 0.309016994375;
const SIN_5_1 = 0.951056516295;
const COS_5_2 = -0.809016994375;
const SIN_5_2 = 0.587785252292;

fn radix5(input: u32, step: u32, output: u32, out_step: u32, u: u32) {
  let x0 = work[input];
  let a1 = work[input + step];
  let b1 = work[input + 4u * step];
  let s1 = a1 + b1;
  let d1 = a1 - b1;
  let a2 = work[input + 2u * step];
  let b2 = work[input + 3u * step];
  let s2 = a2 + b2;
  let d2 = a2 - b2;
  work[output] = x0 + s1 + s2;
  put_pair(x0 + COS_5_1 * s1 + COS_5_2 * s2,
    SIN_5_1 * d1 + SIN_5_2 * d2, output, out_step, u, 1u, 4u);
  put_pair(x0 + COS_5_2 * s1 + COS_5_1 * s2,
    SIN_5_2 * d1 - SIN_5_1 * d2, output, out_step, u, 2u, 3u);
}

const COS_7_1 = 0.623489801859;
const SIN_7_1 = 0.781831482468;
const COS_7_2 = -0.222520933956;
const SIN_7_2 = 0.974927912182;
const COS_7_3 = -0.900968867902;
const SIN_7_3 = 0.433883739118;

fn radix7(input: u32, step: u32, output: u32, out_step: u32, u: u32) {
  let x0 = work[input];
  let a1 = work[input + step];
  let b1 = work[input + 6u * step];
  let s1 = a1 + b1;
  let d1 = a1 - b1;
  let a2 = work[input + 2u * step];
  let b2 = work[input + 5u * step];
  let s2 = a2 + b2;
  let d2 = a2 - b2;
  let a3 = work[input + 3u * step];
  let b3 = work[input + 4u * step];
  let s3 = a3 + b3;
  let d3 = a3 - b3;
  work[output] = x0 + s1 + s2 + s3;
  put_pair(x0 + COS_7_1 * s1 + COS_7_2 * s2 + COS_7_3 * s3,
    SIN_7_1 * d1 + SIN_7_2 * d2 + SIN_7_3 * d3, output, out_step, u, 1u, 6u);
  put_pair(x0 + COS_7_2 * s1 + COS_7_3 * s2 + COS_7_1 * s3,
    SIN_7_2 * d1 - SIN_7_3 * d2 - SIN_7_1 * d3, output, out_step, u, 2u, 5u);
  put_pair(x0 + COS_7_3 * s1 + COS_7_1 * s2 + COS_7_2 * s3,
    SIN_7_3 * d1 - SIN_7_1 * d2 + SIN_7_2 * d3, output, out_step, u, 3u, 4u);
}

const COS_11_1 = 0.841253532831;
const SIN_11_1 = 0.540640817456;
const COS_11_2 = 0.415415013002;
const SIN_11_2 = 0.909631995355;
const COS_11_3 = -0.142314838273;
const SIN_11_3 = 0.989821441881;
const COS_11_4 = -0.654860733945;
const SIN_11_4 = 0.755749574354;
const COS_11_5 = -0.959492973614;
const SIN_11_5 = 0.281732556841;

fn radix11(input: u32, step: u32, output: u32, out_step: u32, u: u32) {
  let x0 = work[input];
  let a1 = work[input + step];
  let b1 = work[input + 10u * step];
  let s1 = a1 + b1;
  let d1 = a1 - b1;
  let a2 = work[input + 2u * step];
  let b2 = work[input + 9u * step];
  let s2 = a2 + b2;
  let d2 = a2 - b2;
  let a3 = work[input + 3u * step];
  let b3 = work[input + 8u * step];
  let s3 = a3 + b3;
  let d3 = a3 - b3;
  let a4 = work[input + 4u * step];
  let b4 = work[input + 7u * step];
  let s4 = a4 + b4;
  let d4 = a4 - b4;
  let a5 = work[input + 5u * step];
  let b5 = work[input + 6u * step];
  let s5 = a5 + b5;
  let d5 = a5 - b5;
  work[output] = x0 + s1 + s2 + s3 + s4 + s5;
  put_pair(x0 + COS_11_1 * s1 + COS_11_2 * s2 + COS_11_3 * s3 + COS_11_4 * s4 + COS_11_5 * s5,
    SIN_11_1 * d1 + SIN_11_2 * d2 + SIN_11_3 * d3 + SIN_11_4 * d4 + SIN_11_5 * d5, output, out_step, u, 1u, 10u);
  put_pair(x0 + COS_11_2 * s1 + COS_11_4 * s2 + COS_11_5 * s3 + COS_11_3 * s4 + COS_11_1 * s5,
    SIN_11_2 * d1 + SIN_11_4 * d2 - SIN_11_5 * d3 - SIN_11_3 * d4 - SIN_11_1 * d5, output, out_step, u, 2u, 9u);
  put_pair(x0 + COS_11_3 * s1 + COS_11_5 * s2 + COS_11_2 * s3 + COS_11_1 * s4 + COS_11_4 * s5,
    SIN_11_3 * d1 - SIN_11_5 * d2 - SIN_11_2 * d3 + SIN_11_1 * d4 + SIN_11_4 * d5, output, out_step, u, 3u, 8u);
  put_pair(x0 + COS_11_4 * s1 + COS_11_3 * s2 + COS_11_1 * s3 + COS_11_5 * s4 + COS_11_2 * s5,
    SIN_11_4 * d1 - SIN_11_3 * d2 + SIN_11_1 * d3 + SIN_11_5 * d4 - SIN_11_2 * d5, output, out_step, u, 4u, 7u);
  put_pair(x0 + COS_11_5 * s1 + COS_11_1 * s2 + COS_11_4 * s3 + COS_11_2 * s4 + COS_11_3 * s5,
    SIN_11_5 * d1 - SIN_11_1 * d2 + SIN_11_4 * d3 - SIN_11_2 * d4 + SIN_11_3 * d5, output, out_step, u, 5u, 6u);
}

const COS_13_1 = 0.885456025653;
const SIN_13_1 = 0.464723172044;
const COS_13_2 = 0.568064746731;
const SIN_13_2 = 0.822983865894;
const COS_13_3 = 0.120536680255;
const SIN_13_3 = 0.992708874098;
const COS_13_4 = -0.354604887043;
const SIN_13_4 = 0.935016242685;
const COS_13_5 = -0.748510748171;
const SIN_13_5 = 0.663122658241;
const COS_13_6 = -0.970941817426;
const SIN_13_6 = 0.239315664288;

fn radix13(input: u32, step: u32, output: u32, out_step: u32, u: u32) {
  let x0 = work[input];
  let a1 = work[input + step];
  let b1 = work[input + 12u * step];
  let s1 = a1 + b1;
  let d1 = a1 - b1;
  let a2 = work[input + 2u * step];
  let b2 = work[input + 11u * step];
  let s2 = a2 + b2;
  let d2 = a2 - b2;
  let a3 = work[input + 3u * step];
  let b3 = work[input + 10u * step];
  let s3 = a3 + b3;
  let d3 = a3 - b3;
  let a4 = work[input + 4u * step];
  let b4 = work[input + 9u * step];
  let s4 = a4 + b4;
  let d4 = a4 - b4;
  let a5 = work[input + 5u * step];
  let b5 = work[input + 8u * step];
  let s5 = a5 + b5;
  let d5 = a5 - b5;
  let a6 = work[input + 6u * step];
  let b6 = work[input + 7u * step];
  let s6 = a6 + b6;
  let d6 = a6 - b6;
  work[output] = x0 + s1 + s2 + s3 + s4 + s5 + s6;
  put_pair(x0 + COS_13_1 * s1 + COS_13_2 * s2 + COS_13_3 * s3 + COS_13_4 * s4 + COS_13_5 * s5 + COS_13_6 * s6,
    SIN_13_1 * d1 + SIN_13_2 * d2 + SIN_13_3 * d3 + SIN_13_4 * d4 + SIN_13_5 * d5 + SIN_13_6 * d6, output, out_step, u, 1u, 12u);
  put_pair(x0 + COS_13_2 * s1 + COS_13_4 * s2 + COS_13_6 * s3 + COS_13_5 * s4 + COS_13_3 * s5 + COS_13_1 * s6,
    SIN_13_2 * d1 + SIN_13_4 * d2 + SIN_13_6 * d3 - SIN_13_5 * d4 - SIN_13_3 * d5 - SIN_13_1 * d6, output, out_step, u, 2u, 11u);
  put_pair(x0 + COS_13_3 * s1 + COS_13_6 * s2 + COS_13_4 * s3 + COS_13_1 * s4 + COS_13_2 * s5 + COS_13_5 * s6,
    SIN_13_3 * d1 + SIN_13_6 * d2 - SIN_13_4 * d3 - SIN_13_1 * d4 + SIN_13_2 * d5 + SIN_13_5 * d6, output, out_step, u, 3u, 10u);
  put_pair(x0 + COS_13_4 * s1 + COS_13_5 * s2 + COS_13_1 * s3 + COS_13_3 * s4 + COS_13_6 * s5 + COS_13_2 * s6,
    SIN_13_4 * d1 - SIN_13_5 * d2 - SIN_13_1 * d3 + SIN_13_3 * d4 - SIN_13_6 * d5 - SIN_13_2 * d6, output, out_step, u, 4u, 9u);
  put_pair(x0 + COS_13_5 * s1 + COS_13_3 * s2 + COS_13_2 * s3 + COS_13_6 * s4 + COS_13_1 * s5 + COS_13_4 * s6,
    SIN_13_5 * d1 - SIN_13_3 * d2 + SIN_13_2 * d3 - SIN_13_6 * d4 - SIN_13_1 * d5 + SIN_13_4 * d6, output, out_step, u, 5u, 8u);
  put_pair(x0 + COS_13_6 * s1 + COS_13_1 * s2 + COS_13_5 * s3 + COS_13_2 * s4 + COS_13_4 * s5 + COS_13_3 * s6,
    SIN_13_6 * d1 - SIN_13_1 * d2 + SIN_13_5 * d3 - SIN_13_2 * d4 + SIN_13_4 * d5 - SIN_13_3 * d6, output, out_step, u, 6u, 7u);
}
