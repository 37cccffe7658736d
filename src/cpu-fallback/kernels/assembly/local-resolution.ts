// Cross and power spectra of the windows of two half maps around every voxel of a tile, summed over shells
// (math/scaling/local-resolution.ts), by sliding DFTs.
//
// The x recursion is that of window-profiles.ts (seedX, slideX), run once for both maps: the planes of map B
// follow those of map A, so that a plane of "cells" (8 voxels along x of one complex value: re[8] im[8],
// 64 bytes) has `planes` cells of A and then `planes` cells of B.
//
// Hann weights cos^2(pi d / w) = (1 - cos(2 pi (u - v + h) / w)) / 2 mix neighbouring frequencies. With
// phases relative to the window's first voxel p,
//   4 H(k) = 2 F(k) - F(k - 1) - F(k + 1),
// with absolute phases (x and y here) F(k -+ 1) is first multiplied by exp(-+ 2 pi i p / w). So a soft window
// costs a sum of three neighbours per axis, and one more frequency on each side.
//
// One call chain serves one x-block: slideX, softenX (Hann), then correlateRow for every y.

let w: usize = 0;
let h: usize = 0;
let shells: usize = 0;
let planes: usize = 0; // input planes of one map, a multiple of 4
let yIn: usize = 0;
let soft: usize = 0; // 1: Hann weights
let amplitudes: usize = 0; // 1, with Hann weights: sums of |A| and |B| in place of the products
let xCells: usize = 0; // [c][y][map][z] cells
let yCells: usize = 0; // [(b,c), one b more at both ends for Hann][map][z] cells, absolute phases
let delta: usize = 0; // [map][z] cells
let column: usize = 0; // [map][z] cells of one (b, c), Hann weights applied
// Per map [h] cells F(u) + F(u+h), [h] cells F(u) - F(u+h), [planes] cells F(z+w) - F(z).
let folded: usize = 0;
let series: usize = 0; // three series over z: [3][map][planes] cells
let sums: usize = 0; // [z][shell][cross, |A|^2, |B|^2][8] float
let yTable: usize = 0; // {cos, sin} of 2 pi b y / w: [b mod w][y]
let yTablePitch: usize = 0;
let zTable: usize = 0; // {cos, sin} of 2 pi a u / w: [a mod w][u], u < h
let xTable: usize = 0; // cos[x], then sin[x], of 2 pi x / w
let xTablePitch: usize = 0;
// Per plane: u32 c, number of b listed, 1 if all sums so far are to be doubled afterwards; per b:
// u32 b mod w, entries (0 for a neighbour only), first a mod w, entries x u32 shell.
let list: usize = 0;
let listedPlanes: usize = 0;

// Fields in the order of ../parameters.ts.
// @ts-ignore: decorator
@unmanaged
class Correlations {
  windowVoxels: usize;
  planes: usize;
  rows: usize;
  soft: usize;
  amplitudes: usize;
  xCells: usize;
  yCells: usize;
  delta: usize;
  column: usize;
  folded: usize;
  series: usize;
  sums: usize;
  yTable: usize;
  yTablePitch: usize;
  zTable: usize;
  xTable: usize;
  xTablePitch: usize;
  list: usize;
  listedPlanes: usize;
}

export function configureCorrelations(parameters: usize): void {
  const p = changetype<Correlations>(parameters);
  w = p.windowVoxels;
  h = w >> 1;
  shells = h + 1;
  planes = p.planes;
  yIn = p.rows;
  soft = p.soft;
  amplitudes = p.amplitudes;
  xCells = p.xCells;
  yCells = p.yCells;
  delta = p.delta;
  column = p.column;
  folded = p.folded;
  series = p.series;
  sums = p.sums;
  yTable = p.yTable;
  yTablePitch = p.yTablePitch;
  zTable = p.zTable;
  xTable = p.xTable;
  xTablePitch = p.xTablePitch;
  list = p.list;
  listedPlanes = p.listedPlanes;
}

// re part of conj(e) a + e b, e = c + i s, doubled F taken in by the caller: see softened() uses below.
// @ts-ignore: decorator
@inline
function mulConjAddRe(ar: v128, ai: v128, br: v128, bi: v128, c: v128, s: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.add(ar, br), c), f32x4.mul(f32x4.sub(ai, bi), s));
}

// im part of conj(e) a + e b
// @ts-ignore: decorator
@inline
function mulConjAddIm(ar: v128, ai: v128, br: v128, bi: v128, c: v128, s: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.add(ai, bi), c), f32x4.mul(f32x4.sub(br, ar), s));
}

// @ts-ignore: decorator
@inline
function softened(middle: v128, sides: v128): v128 {
  return f32x4.sub(f32x4.add(middle, middle), sides);
}

/** Hann weights along x on the cells of the block that starts at x0, in place. */
export function softenX(x0: usize): void {
  const pitch = yIn * planes << 7; // two maps
  const end = xCells + pitch;
  for (let half: usize = 0; half < 32; half += 16) {
    const cos = v128.load(xTable + (x0 << 2) + half), sin = v128.load(xTable + xTablePitch + (x0 << 2) + half);
    for (let cell = xCells + half; cell < end; cell += 64) {
      // F(-1) and F(h + 1) are the conjugates of F(1) and F(h - 1).
      let at = cell;
      let beforeRe = v128.load(cell + pitch), beforeIm = f32x4.neg(v128.load(cell + pitch, 32));
      let re = v128.load(cell), im = v128.load(cell, 32);
      const lastRe = v128.load(cell + (h - 1) * pitch), lastIm = f32x4.neg(v128.load(cell + (h - 1) * pitch, 32));
      for (let c: usize = 0; c < h; c++, at += pitch) {
        const nextRe = v128.load(at + pitch), nextIm = v128.load(at + pitch, 32);
        v128.store(at, softened(re, mulConjAddRe(beforeRe, beforeIm, nextRe, nextIm, cos, sin)));
        v128.store(at, softened(im, mulConjAddIm(beforeRe, beforeIm, nextRe, nextIm, cos, sin)), 32);
        beforeRe = re;
        beforeIm = im;
        re = nextRe;
        im = nextIm;
      }
      v128.store(at, softened(re, mulConjAddRe(beforeRe, beforeIm, lastRe, lastIm, cos, sin)));
      v128.store(at, softened(im, mulConjAddIm(beforeRe, beforeIm, lastRe, lastIm, cos, sin)), 32);
    }
  }
}

// to[z] += from[z] (c - i s) for `count` cells.
// @ts-ignore: decorator
@inline
function addMulConj(to: usize, from: usize, count: usize, c: v128, s: v128): void {
  const end = from + (count << 6);
  for (; from < end; from += 64, to += 64) {
    const r0 = v128.load(from), r1 = v128.load(from, 16), i0 = v128.load(from, 32), i1 = v128.load(from, 48);
    v128.store(to, f32x4.add(v128.load(to), f32x4.add(f32x4.mul(r0, c), f32x4.mul(i0, s))));
    v128.store(to, f32x4.add(v128.load(to, 16), f32x4.add(f32x4.mul(r1, c), f32x4.mul(i1, s))), 16);
    v128.store(to, f32x4.add(v128.load(to, 32), f32x4.sub(f32x4.mul(i0, c), f32x4.mul(r0, s))), 32);
    v128.store(to, f32x4.add(v128.load(to, 48), f32x4.sub(f32x4.mul(i1, c), f32x4.mul(r1, s))), 48);
  }
}

// @ts-ignore: decorator
@inline
function difference(to: usize, a: usize, b: usize, vectors: usize): void {
  const end = to + (vectors << 4);
  for (; to < end; to += 16, a += 16, b += 16) v128.store(to, f32x4.sub(v128.load(a), v128.load(b)));
}

// @ts-ignore: decorator
@inline
function total(to: usize, a: usize, b: usize, vectors: usize): void {
  const end = to + (vectors << 4);
  for (; to < end; to += 16, a += 16, b += 16) v128.store(to, f32x4.add(v128.load(a), v128.load(b)));
}

/**
 * One row of the block. `seed` = 1 starts the y recursion at this row, else it must be the row after the
 * last one. `runs`: count x {u32 first z, u32 end z} of the requested voxels, whose sums are written to
 * `sums`.
 */
export function correlateRow(seed: bool, y: usize, runs: usize, runCount: usize): void {
  const voxelSums = shells * 96;
  for (let k: usize = 0; k < runCount; k++) {
    const z0 = <usize>load<u32>(runs + (k << 3)), z1 = <usize>load<u32>(runs + (k << 3), 4);
    memory.fill(sums + z0 * voxelSums, 0, (z1 - z0) * voxelSums);
  }
  const cells = planes << 1;
  const pitch = cells << 6;
  let entry = list;
  let state = yCells;
  for (let p: usize = 0; p < listedPlanes; p++) {
    const x = xCells + <usize>load<u32>(entry) * yIn * pitch;
    const bCount = <usize>load<u32>(entry, 4);
    const doubling = <usize>load<u32>(entry, 8);
    entry += 12;
    if (!seed) difference(delta, x + (y - 1 + w) * pitch, x + (y - 1) * pitch, cells << 2);
    let at = entry;
    for (let k: usize = 0; k < bCount; k++) {
      const tab = yTable + <usize>load<u32>(at) * yTablePitch;
      at += 12 + (<usize>load<u32>(at, 4) << 2);
      const to = state + k * pitch;
      if (seed) {
        memory.fill(to, 0, pitch);
        for (let u = y; u < y + w; u++)
          addMulConj(
            to, x + u * pitch, cells, v128.load32_splat(tab + (u << 3)), v128.load32_splat(tab + (u << 3), 4)
          );
      } else {
        addMulConj(
          to, delta, cells, v128.load32_splat(tab + (y - 1 << 3)), v128.load32_splat(tab + (y - 1 << 3), 4)
        );
      }
    }
    for (let k: usize = 0; k < bCount; k++) {
      const aCount = <usize>load<u32>(entry, 4), aFirst = <usize>load<u32>(entry, 8);
      entry += 12;
      if (aCount != 0 && runCount != 0) {
        let source = state + k * pitch;
        if (soft) {
          softenY(source, pitch, y);
          source = column;
        }
        for (let r: usize = 0; r < runCount; r++)
          correlateRun(
            source, <usize>load<u32>(runs + (r << 3)), <usize>load<u32>(runs + (r << 3), 4), aFirst, aCount,
            entry
          );
      }
      entry += aCount << 2;
    }
    state += bCount * pitch;
    if (doubling) doubleRuns(runs, runCount);
  }
}

// Hann weights along y: the column of one (b, c) from those of b - 1, b, b + 1.
function softenY(from: usize, pitch: usize, y: usize): void {
  const tab = yTable + yTablePitch + (y << 3); // b = 1
  const cos = v128.load32_splat(tab), sin = v128.load32_splat(tab, 4);
  let to = column;
  const end = from + pitch;
  for (; from < end; from += 64, to += 64) {
    const before = from - pitch, next = from + pitch;
    for (let half: usize = 0; half < 32; half += 16) {
      const br = v128.load(before + half), bi = v128.load(before + half, 32);
      const nr = v128.load(next + half), ni = v128.load(next + half, 32);
      v128.store(to + half, softened(v128.load(from + half), mulConjAddRe(br, bi, nr, ni, cos, sin)));
      v128.store(to + half, softened(v128.load(from + half, 32), mulConjAddIm(br, bi, nr, ni, cos, sin)), 32);
    }
  }
}

function doubleRuns(runs: usize, runCount: usize): void {
  const voxelSums = shells * 96;
  for (let k: usize = 0; k < runCount; k++) {
    const z0 = <usize>load<u32>(runs + (k << 3)), z1 = <usize>load<u32>(runs + (k << 3), 4);
    const end = sums + z1 * voxelSums;
    for (let at = sums + z0 * voxelSums; at < end; at += 16) {
      const v = v128.load(at);
      v128.store(at, f32x4.add(v, v));
    }
  }
}

// All a of one (b, c) for z0 <= z < z1: products of A and B added to the sums of their shells.
function correlateRun(
  source: usize, z0: usize, z1: usize, aFirst: usize, aCount: usize, shellList: usize
): void {
  const count = z1 - z0;
  const mapFolded = (w + planes) << 6;
  for (let m: usize = 0; m < 2; m++) {
    const start = source + (m * planes + z0 << 6);
    const to = folded + m * mapFolded;
    // exp(-2 pi i a (u + h) / w) = (-1)^a exp(-2 pi i a u / w): the seed needs half the products.
    total(to, start, start + (h << 6), h << 2);
    difference(to + (h << 6), start, start + (h << 6), h << 2);
    difference(to + (w << 6), start + (w << 6), start, count - 1 << 2);
  }
  const size = planes << 7;
  let before = series, here = series + size, next = series + 2 * size;
  if (soft) {
    fillSeries(before, aFirst == 0 ? w - 1 : aFirst - 1, count);
    fillSeries(here, aFirst, count);
  }
  let a = aFirst;
  for (let k: usize = 0; k < aCount; k++) {
    const to = sums + (z0 * shells + <usize>load<u32>(shellList + (k << 2))) * 96;
    const following = a + 1 == w ? 0 : a + 1;
    if (soft) {
      fillSeries(next, following, count);
      if (amplitudes) addSoftAmplitudes(to, before, here, next, count);
      else addSoftProducts(to, before, here, next, count);
      const freed = before;
      before = here;
      here = next;
      next = freed;
    } else {
      fillSeries(here, a, count);
      addProducts(to, here, count);
    }
    a = following;
  }
}

// F(a) of both maps at `count` successive z, with phases relative to each window's first voxel: F(z + 1) =
// (F(z) + x(z + w) - x(z)) exp(2 pi i a / w).
function fillSeries(to: usize, a: usize, count: usize): void {
  const mapFolded = (w + planes) << 6;
  const table = zTable + a * (h << 3);
  const c1 = v128.load32_splat(table + 8), s1 = v128.load32_splat(table + 8, 4);
  for (let m: usize = 0; m < 2; m++) {
    const base = folded + m * mapFolded;
    let r0 = f32x4.splat(0), r1 = f32x4.splat(0), i0 = f32x4.splat(0), i1 = f32x4.splat(0);
    let from = base + (a & 1) * (h << 6);
    const seedEnd = from + (h << 6);
    for (let tab = table; from < seedEnd; from += 64, tab += 8) {
      const c = v128.load32_splat(tab), s = v128.load32_splat(tab, 4);
      const dr0 = v128.load(from), dr1 = v128.load(from, 16), di0 = v128.load(from, 32), di1 = v128.load(from, 48);
      r0 = f32x4.add(r0, f32x4.add(f32x4.mul(dr0, c), f32x4.mul(di0, s)));
      r1 = f32x4.add(r1, f32x4.add(f32x4.mul(dr1, c), f32x4.mul(di1, s)));
      i0 = f32x4.add(i0, f32x4.sub(f32x4.mul(di0, c), f32x4.mul(dr0, s)));
      i1 = f32x4.add(i1, f32x4.sub(f32x4.mul(di1, c), f32x4.mul(dr1, s)));
    }
    let at = to + m * (planes << 6);
    v128.store(at, r0);
    v128.store(at, r1, 16);
    v128.store(at, i0, 32);
    v128.store(at, i1, 48);
    from = base + (w << 6);
    const end = from + (count - 1 << 6);
    for (; from < end; from += 64) {
      at += 64;
      r0 = f32x4.add(r0, v128.load(from));
      r1 = f32x4.add(r1, v128.load(from, 16));
      i0 = f32x4.add(i0, v128.load(from, 32));
      i1 = f32x4.add(i1, v128.load(from, 48));
      const t0 = f32x4.sub(f32x4.mul(r0, c1), f32x4.mul(i0, s1));
      const t1 = f32x4.sub(f32x4.mul(r1, c1), f32x4.mul(i1, s1));
      i0 = f32x4.add(f32x4.mul(i0, c1), f32x4.mul(r0, s1));
      i1 = f32x4.add(f32x4.mul(i1, c1), f32x4.mul(r1, s1));
      r0 = t0;
      r1 = t1;
      v128.store(at, r0);
      v128.store(at, r1, 16);
      v128.store(at, i0, 32);
      v128.store(at, i1, 48);
    }
  }
}

// @ts-ignore: decorator
@inline
function accumulate(to: usize, ar: v128, ai: v128, br: v128, bi: v128): void {
  v128.store(to, f32x4.add(v128.load(to), f32x4.add(f32x4.mul(ar, br), f32x4.mul(ai, bi))));
  v128.store(to, f32x4.add(v128.load(to, 32), f32x4.add(f32x4.mul(ar, ar), f32x4.mul(ai, ai))), 32);
  v128.store(to, f32x4.add(v128.load(to, 64), f32x4.add(f32x4.mul(br, br), f32x4.mul(bi, bi))), 64);
}

function addProducts(to: usize, at: usize, count: usize): void {
  const other = planes << 6;
  const pitch = shells * 96;
  const end = at + (count << 6);
  for (; at < end; at += 64, to += pitch) {
    accumulate(to, v128.load(at), v128.load(at, 32), v128.load(at + other), v128.load(at + other, 32));
    accumulate(
      to + 16, v128.load(at, 16), v128.load(at, 48), v128.load(at + other, 16), v128.load(at + other, 48)
    );
  }
}

// @ts-ignore: decorator
@inline
function softAt(before: usize, here: usize, next: usize): v128 {
  return softened(v128.load(here), f32x4.add(v128.load(before), v128.load(next)));
}

function addSoftProducts(to: usize, before: usize, here: usize, next: usize, count: usize): void {
  const other = planes << 6;
  const pitch = shells * 96;
  const end = here + (count << 6);
  for (; here < end; here += 64, before += 64, next += 64, to += pitch) {
    accumulate(
      to,
      softAt(before, here, next),
      softAt(before + 32, here + 32, next + 32),
      softAt(before + other, here + other, next + other),
      softAt(before + other + 32, here + other + 32, next + other + 32),
    );
    accumulate(
      to + 16,
      softAt(before + 16, here + 16, next + 16),
      softAt(before + 48, here + 48, next + 48),
      softAt(before + other + 16, here + other + 16, next + other + 16),
      softAt(before + other + 48, here + other + 48, next + other + 48),
    );
  }
}

// @ts-ignore: decorator
@inline
function addLength(to: usize, re: v128, im: v128): void {
  v128.store(to, f32x4.add(v128.load(to), f32x4.sqrt(f32x4.add(f32x4.mul(re, re), f32x4.mul(im, im)))));
}

function addSoftAmplitudes(to: usize, before: usize, here: usize, next: usize, count: usize): void {
  const other = planes << 6;
  const pitch = shells * 96;
  const end = here + (count << 6);
  for (; here < end; here += 64, before += 64, next += 64, to += pitch) {
    for (let m: usize = 0; m < 2; m++) {
      const at = m * other, sum = to + (m << 5);
      addLength(
        sum, softAt(before + at, here + at, next + at),
        softAt(before + at + 32, here + at + 32, next + at + 32)
      );
      addLength(
        sum + 16, softAt(before + at + 16, here + at + 16, next + at + 16),
        softAt(before + at + 48, here + at + 48, next + at + 48)
      );
    }
  }
}
