// Radial amplitude profiles of the w^3 window around every voxel of a tile, by sliding DFTs (method 4).
//
// F_v(a,b,c) = sum over the window [v-h, v+h) of x(u) exp(-2 pi i (a u_z + b u_y + c u_x) / w)
// with *absolute* phases: the window is one period long, so sliding by one voxel adds (x(u + w) - x(u))
// exp(-2 pi i k u / w) without a rotation of the sum; only |F| is used. One axis after the other: x for every
// c, then y for every (b, c), then z for every (a, b, c).
//
// SIMD lanes run along x. A "cell" is 8 voxels along x of one complex value: re[8] im[8], 64 bytes.
// One call chain serves one x-block of 8 voxels of the tile:
//   slideX   planes X[c][y][z] of cells                                      (all y and z of the tile)
//   profileRow  for one y: Y[(b,c)][z] from X, then for every z-run and (a,b,c) |F| summed into shells
//   emitRow  mask voxels of the row, profile by profile

import { highHalves, highPairs, lowHalves, lowPairs, storeTransposed } from './vec';

let w: usize = 0; // window edge
let h: usize = 0; // w / 2
let shells: usize = 0; // h + 1
let cCount: usize = 0; // c = 0 ... h
let zIn: usize = 0; // input planes, a multiple of 4
let yIn: usize = 0; // input rows per plane
let rowBytes: usize = 0; // pitch of an input row
let planeBytes: usize = 0; // pitch of an input plane
let xTable: usize = 0; // {cos, sin} of 2 pi c x / w: [c][x], pitch xTablePitch
let xTablePitch: usize = 0;
let yTable: usize = 0; // [b mod w][y], pitch yTablePitch
let yTablePitch: usize = 0;
let zTable: usize = 0; // [a mod w][z]
let zTablePitch: usize = 0;
let xState: usize = 0; // running sums along x: [y][z/4][c] {re[4], im[4]}
let xCells: usize = 0; // [c][y][z] cells
let yCells: usize = 0; // [(b,c)][z] cells
let delta: usize = 0; // [z] cells: what enters minus what leaves
let folded: usize = 0; // [h] cells Y(u) + Y(u+h), [h] cells Y(u) - Y(u+h), [z] cells Y(z+w) - Y(z)
let sums: usize = 0; // [z][shell][8] float
// Per plane: u32 c, u32 number of b, per b: u32 b mod w, u32 entries, entries x {u32 a mod w, u32 shell};
// u32 doubling.
let pairs: usize = 0;

// The recursion along x, which local resolution has, too. Fields in the order of ../parameters.ts.
// @ts-ignore: decorator
@unmanaged
class Sliding {
  windowVoxels: usize;
  planes: usize;
  rows: usize;
  rowPitch: usize;
  planePitch: usize;
  xTable: usize;
  xTablePitch: usize;
  xState: usize;
  xCells: usize;
}

// @ts-ignore: decorator
@unmanaged
class Profiles {
  yTable: usize;
  yTablePitch: usize;
  zTable: usize;
  zTablePitch: usize;
  yCells: usize;
  delta: usize;
  folded: usize;
  sums: usize;
  pairs: usize;
}

export function configureSliding(parameters: usize): void {
  const p = changetype<Sliding>(parameters);
  w = p.windowVoxels;
  h = w >> 1;
  shells = h + 1;
  cCount = h + 1;
  zIn = p.planes;
  yIn = p.rows;
  rowBytes = p.rowPitch;
  planeBytes = p.planePitch;
  xTable = p.xTable;
  xTablePitch = p.xTablePitch;
  xState = p.xState;
  xCells = p.xCells;
}

export function configureProfiles(parameters: usize): void {
  const p = changetype<Profiles>(parameters);
  yTable = p.yTable;
  yTablePitch = p.yTablePitch;
  zTable = p.zTable;
  zTablePitch = p.zTablePitch;
  yCells = p.yCells;
  delta = p.delta;
  folded = p.folded;
  sums = p.sums;
  pairs = p.pairs;
}

/** Direct sums at x0 for every row: the start of the recursion. */
export function seedX(input: usize, x0: usize): void {
  const groups = zIn >> 2;
  for (let y: usize = 0; y < yIn; y++) {
    for (let g: usize = 0; g < groups; g++) {
      const state = xState + ((y * groups + g) * cCount << 5);
      memory.fill(state, 0, cCount << 5);
      let at = input + (g << 2) * planeBytes + y * rowBytes + (x0 << 2);
      for (let u: usize = 0; u < w; u++, at += 4) {
        let v = v128.load32_splat(at);
        v = v128.load_lane<f32>(at + planeBytes, v, 1);
        v = v128.load_lane<f32>(at + 2 * planeBytes, v, 2);
        v = v128.load_lane<f32>(at + 3 * planeBytes, v, 3);
        let tab = xTable + ((x0 + u) << 3);
        let s = state;
        for (let c: usize = 0; c < cCount; c++, tab += xTablePitch, s += 32) {
          v128.store(s, f32x4.add(v128.load(s), f32x4.mul(v, v128.load32_splat(tab))));
          v128.store(s, f32x4.sub(v128.load(s, 16), f32x4.mul(v, v128.load32_splat(tab, 4))), 16);
        }
      }
    }
  }
}

/** X cells of the block of 8 voxels that starts at x0; leaves the state at x0 + 8. */
export function slideX(input: usize, x0: usize): void {
  const groups = zIn >> 2;
  const wBytes = w << 2;
  const cellPitch = yIn * zIn << 6;
  for (let y: usize = 0; y < yIn; y++) {
    for (let g: usize = 0; g < groups; g++) {
      const state = xState + ((y * groups + g) * cCount << 5);
      const cells = xCells + (y * zIn + (g << 2) << 6);
      for (let half: usize = 0; half < 2; half++) {
        const x = x0 + (half << 2);
        const p0 = input + (g << 2) * planeBytes + y * rowBytes + (x << 2);
        const p1 = p0 + planeBytes, p2 = p1 + planeBytes, p3 = p2 + planeBytes;
        const d0 = f32x4.sub(v128.load(p0 + wBytes), v128.load(p0));
        const d1 = f32x4.sub(v128.load(p1 + wBytes), v128.load(p1));
        const d2 = f32x4.sub(v128.load(p2 + wBytes), v128.load(p2));
        const d3 = f32x4.sub(v128.load(p3 + wBytes), v128.load(p3));
        // e0..e3: lanes along z, one vector per x.
        const l01 = lowPairs(d0, d1), l23 = lowPairs(d2, d3);
        const h01 = highPairs(d0, d1), h23 = highPairs(d2, d3);
        const e0 = lowHalves(l01, l23), e1 = highHalves(l01, l23);
        const e2 = lowHalves(h01, h23), e3 = highHalves(h01, h23);
        let tab = xTable + (x << 3);
        let s = state;
        let to = cells + (half << 4);
        for (let c: usize = 0; c < cCount; c++, tab += xTablePitch, s += 32, to += cellPitch) {
          const r0 = v128.load(s), i0 = v128.load(s, 16);
          const r1 = f32x4.add(r0, f32x4.mul(e0, v128.load32_splat(tab)));
          const i1 = f32x4.sub(i0, f32x4.mul(e0, v128.load32_splat(tab, 4)));
          const r2 = f32x4.add(r1, f32x4.mul(e1, v128.load32_splat(tab, 8)));
          const i2 = f32x4.sub(i1, f32x4.mul(e1, v128.load32_splat(tab, 12)));
          const r3 = f32x4.add(r2, f32x4.mul(e2, v128.load32_splat(tab, 16)));
          const i3 = f32x4.sub(i2, f32x4.mul(e2, v128.load32_splat(tab, 20)));
          v128.store(s, f32x4.add(r3, f32x4.mul(e3, v128.load32_splat(tab, 24))));
          v128.store(s, f32x4.sub(i3, f32x4.mul(e3, v128.load32_splat(tab, 28))), 16);
          storeTransposed(r0, r1, r2, r3, to, 64);
          storeTransposed(i0, i1, i2, i3, to + 32, 64);
        }
      }
    }
  }
}

// to[z] += from[z] (c - i s) for `count` cells.
// @ts-ignore: decorator
@inline
function addRotated(to: usize, from: usize, count: usize, c: v128, s: v128): void {
  const end = from + (count << 6);
  for (; from < end; from += 64, to += 64) {
    const r0 = v128.load(from), r1 = v128.load(from, 16), i0 = v128.load(from, 32), i1 = v128.load(from, 48);
    v128.store(to, f32x4.add(v128.load(to), f32x4.add(f32x4.mul(r0, c), f32x4.mul(i0, s))));
    v128.store(to, f32x4.add(v128.load(to, 16), f32x4.add(f32x4.mul(r1, c), f32x4.mul(i1, s))), 16);
    v128.store(to, f32x4.add(v128.load(to, 32), f32x4.sub(f32x4.mul(i0, c), f32x4.mul(r0, s))), 32);
    v128.store(to, f32x4.add(v128.load(to, 48), f32x4.sub(f32x4.mul(i1, c), f32x4.mul(r1, s))), 48);
  }
}

// to[i] = a[i] - b[i] over `vectors` vectors
// @ts-ignore: decorator
@inline
function subtract(to: usize, a: usize, b: usize, vectors: usize): void {
  const end = to + (vectors << 4);
  for (; to < end; to += 16, a += 16, b += 16) v128.store(to, f32x4.sub(v128.load(a), v128.load(b)));
}

// @ts-ignore: decorator
@inline
function addVectors(to: usize, a: usize, b: usize, vectors: usize): void {
  const end = to + (vectors << 4);
  for (; to < end; to += 16, a += 16, b += 16) v128.store(to, f32x4.add(v128.load(a), v128.load(b)));
}

/**
 * One row of the block. `seed` = 1 starts the y recursion at this row, else it must be the row after
 * the last one. `runs`: count x {u32 first z, u32 end z} of the requested voxels of the row, whose shell sums
 * are written to `sums` (unnormalised).
 */
export function profileRow(seed: bool, y: usize, runs: usize, runCount: usize): void {
  for (let k: usize = 0; k < runCount; k++) {
    const z0 = <usize>load<u32>(runs + (k << 3)), z1 = <usize>load<u32>(runs + (k << 3), 4);
    memory.fill(sums + z0 * shells * 32, 0, (z1 - z0) * shells * 32);
  }
  const plane = zIn << 6;
  let entry = pairs;
  let cells = yCells;
  for (let p: usize = 0; p < cCount; p++) {
    const x = xCells + <usize>load<u32>(entry) * yIn * plane;
    if (!seed) subtract(delta, x + (y - 1 + w) * plane, x + (y - 1) * plane, zIn << 2);
    const bCount = <usize>load<u32>(entry, 4);
    entry += 8;
    for (let k: usize = 0; k < bCount; k++) {
      const b = <usize>load<u32>(entry), aCount = <usize>load<u32>(entry, 4);
      entry += 8;
      const tab = yTable + b * yTablePitch;
      if (seed) {
        memory.fill(cells, 0, plane);
        for (let u = y; u < y + w; u++) {
          addRotated(
            cells, x + u * plane, zIn, v128.load32_splat(tab + (u << 3)), v128.load32_splat(tab + (u << 3), 4)
          );
        }
      } else {
        addRotated(
          cells, delta, zIn, v128.load32_splat(tab + (y - 1 << 3)), v128.load32_splat(tab + (y - 1 << 3), 4)
        );
      }
      for (let r: usize = 0; r < runCount; r++) {
        slideZ(cells, <usize>load<u32>(runs + (r << 3)), <usize>load<u32>(runs + (r << 3), 4), entry, aCount);
      }
      entry += aCount << 3;
      cells += plane;
    }
    // Full-sphere profiles: planes 0 < c < h represent c and -c (Friedel), so their sums count twice.
    const doubling = <usize>load<u32>(entry);
    entry += 4;
    if (doubling) doubleSums(runs, runCount);
  }
}

function doubleSums(runs: usize, runCount: usize): void {
  for (let k: usize = 0; k < runCount; k++) {
    const z0 = <usize>load<u32>(runs + (k << 3)), z1 = <usize>load<u32>(runs + (k << 3), 4);
    const end = sums + z1 * shells * 32;
    for (let at = sums + z0 * shells * 32; at < end; at += 16) {
      const v = v128.load(at);
      v128.store(at, f32x4.add(v, v));
    }
  }
}

// z recursion of one (b, c): for every a, |F(a,b,c)| of z0 <= z < z1 added to its shell.
function slideZ(cells: usize, z0: usize, z1: usize, list: usize, aCount: usize): void {
  const wCells = w << 6;
  const hCells = h << 6;
  const start = cells + (z0 << 6);
  const steps = z1 - z0 - 1;
  // What enters minus what leaves, z0 <= z < z1 - 1.
  const d = folded + 2 * hCells;
  subtract(d, start + wCells, start, steps << 2);
  // exp(-2 pi i a (u + h) / w) = (-1)^a exp(-2 pi i a u / w): the seed needs half the products.
  addVectors(folded, start, start + hCells, h << 2);
  subtract(folded + hCells, start, start + hCells, h << 2);
  const pitch = shells << 5;
  for (let k: usize = 0; k < aCount; k++, list += 8) {
    const a = <usize>load<u32>(list);
    let tab = zTable + a * zTablePitch + (z0 << 3);
    const tabStart = tab;
    let r0 = f32x4.splat(0), r1 = f32x4.splat(0), i0 = f32x4.splat(0), i1 = f32x4.splat(0);
    let from = folded + (a & 1) * hCells;
    let end = from + hCells;
    for (; from < end; from += 64, tab += 8) {
      const c = v128.load32_splat(tab), s = v128.load32_splat(tab, 4);
      const dr0 = v128.load(from), dr1 = v128.load(from, 16), di0 = v128.load(from, 32), di1 = v128.load(from, 48);
      r0 = f32x4.add(r0, f32x4.add(f32x4.mul(dr0, c), f32x4.mul(di0, s)));
      r1 = f32x4.add(r1, f32x4.add(f32x4.mul(dr1, c), f32x4.mul(di1, s)));
      i0 = f32x4.add(i0, f32x4.sub(f32x4.mul(di0, c), f32x4.mul(dr0, s)));
      i1 = f32x4.add(i1, f32x4.sub(f32x4.mul(di1, c), f32x4.mul(dr1, s)));
    }
    let to = sums + z0 * pitch + (<usize>load<u32>(list, 4) << 5);
    v128.store(to, f32x4.add(v128.load(to), f32x4.sqrt(f32x4.add(f32x4.mul(r0, r0), f32x4.mul(i0, i0)))));
    v128.store(
      to, f32x4.add(v128.load(to, 16), f32x4.sqrt(f32x4.add(f32x4.mul(r1, r1), f32x4.mul(i1, i1)))), 16
    );
    tab = tabStart;
    from = d;
    end = from + (steps << 6);
    for (; from < end; from += 64, tab += 8) {
      to += pitch;
      const c = v128.load32_splat(tab), s = v128.load32_splat(tab, 4);
      const dr0 = v128.load(from), dr1 = v128.load(from, 16), di0 = v128.load(from, 32), di1 = v128.load(from, 48);
      r0 = f32x4.add(r0, f32x4.add(f32x4.mul(dr0, c), f32x4.mul(di0, s)));
      r1 = f32x4.add(r1, f32x4.add(f32x4.mul(dr1, c), f32x4.mul(di1, s)));
      i0 = f32x4.add(i0, f32x4.sub(f32x4.mul(di0, c), f32x4.mul(dr0, s)));
      i1 = f32x4.add(i1, f32x4.sub(f32x4.mul(di1, c), f32x4.mul(dr1, s)));
      v128.store(to, f32x4.add(v128.load(to), f32x4.sqrt(f32x4.add(f32x4.mul(r0, r0), f32x4.mul(i0, i0)))));
      v128.store(
        to, f32x4.add(v128.load(to, 16), f32x4.sqrt(f32x4.add(f32x4.mul(r1, r1), f32x4.mul(i1, i1)))), 16
      );
    }
  }
}

/**
 * Writes the profiles of the row's requested voxels, multiplied by `norms` (one per shell), to `out`: shells
 * floats each, in the order z, lane. `lanes`: one byte per z, bit l = voxel l of the block. Returns the
 * address after the last profile.
 */
export function emitRow(lanes: usize, runs: usize, runCount: usize, norms: usize, out: usize): usize {
  for (let k: usize = 0; k < runCount; k++) {
    const z1 = <usize>load<u32>(runs + (k << 3), 4);
    for (let z = <usize>load<u32>(runs + (k << 3)); z < z1; z++) {
      let bits = <u32>load<u8>(lanes + z);
      while (bits != 0) {
        let from = sums + z * shells * 32 + (ctz(bits) << 2);
        bits &= bits - 1;
        for (let r: usize = 0; r < shells; r++, from += 32, out += 4) {
          store<f32>(out, load<f32>(from) * load<f32>(norms + (r << 2)));
        }
      }
    }
  }
  return out;
}
