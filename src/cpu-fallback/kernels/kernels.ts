/**
 * The WASM kernels of one thread: an instance with its own memory and a bump allocator. Operations lay out
 * the memory in TypeScript; kernels only receive addresses.
 */
import { type FftPlan, planFft, rootsOfUnity } from '../../math/fourier/fft-plan.ts';

/** Functions of kernels.wasm. All pointers are byte addresses into `memory`. */
export interface KernelExports {
  /** Grows as needed; views of it become invalid then. */
  readonly memory: WebAssembly.Memory;
  /** In place, along an axis with `strideBytes` between its values, `groups` times four columns. */
  fftColumns(plan: number, re: number, im: number, strideBytes: number, groups: number): void;
  /** Eight real rows to half spectra. Pitches in bytes; `work`: 64 (n + 4) bytes. */
  rfftRows8(
    plan: number,
    rows: number,
    pitch: number,
    outRe: number,
    outIm: number,
    outPitch: number,
    work: number,
  ): void;
  /** Address of a struct: parameters.ts. */
  configureSliding(parameters: number): void;
  /** Address of a struct, as above; so for configureCorrelations. */
  configureProfiles(parameters: number): void;
  /** Sums over x0 <= x < x0 + w of every row: where the recursion along x starts. */
  seedX(input: number, x0: number): void;
  /** Sums for the eight windows from x0 on; the recursion continues at x0 + 8. */
  slideX(input: number, x0: number): void;
  /** Shell sums of the row's voxels in `runs` (pairs: first z, end z); `seed` starts anew along y. */
  profileRow(seed: boolean, y: number, runs: number, runCount: number): void;
  /** Profiles, normalised, in the order z, lane; returns the address behind the last. */
  emitRow(lanes: number, runs: number, runCount: number, norms: number, out: number): number;
  configureCorrelations(parameters: number): void;
  /** Hann weights along x, in place, on the block at x0. */
  softenX(x0: number): void;
  /** As profileRow, for cross and power spectra of both half maps. */
  correlateRow(seed: boolean, y: number, runs: number, runCount: number): void;
  /** One row times a radial table: linear at sqrt(rest + squares[k]) perSample. */
  filterRow(
    re: number,
    im: number,
    groups: number,
    rest: number,
    squares: number,
    table: number,
    perSample: number,
    last: number,
  ): void;
  /** Product of complex values, real and imaginary parts apart. */
  multiplySpectra(
    aRe: number,
    aIm: number,
    bRe: number,
    bIm: number,
    toRe: number,
    toIm: number,
    groups: number,
  ): void;
  /** out[i] += factors[i][r] volume[index[i]]: shell r of the sum over shells. */
  accumulateShell(
    out: number,
    factors: number,
    shells: number,
    r: number,
    volume: number,
    index: number,
    count: number,
  ): void;
  /** to = (a - centreA) scaleA + (b - centreB) scaleB. */
  combineRows(
    to: number,
    a: number,
    b: number,
    groups: number,
    centreA: number,
    scaleA: number,
    centreB: number,
    scaleB: number,
  ): void;
  /** One row times the hat of a band; squared frequencies in units of the band spacing. */
  bandRow(
    toRe: number,
    toIm: number,
    re: number,
    im: number,
    groups: number,
    rest: number,
    squares: number,
    band: number,
  ): void;
  /** The same with the slope of the band on either side of its centre. */
  tiltedBandRow(
    toRe: number,
    toIm: number,
    re: number,
    im: number,
    groups: number,
    rest: number,
    squares: number,
    band: number,
    below: number,
    above: number,
  ): void;
  /** Squares of a plane to its blocks; returns the sum within the mask, 0 without one. */
  addBlockSquares(
    rows: number,
    rowBytes: number,
    ny: number,
    nx: number,
    ky: number,
    kx: number,
    blocks: number,
    blockBytes: number,
    mask: number,
    squares: number,
  ): number;
  /** to[i] = sum over t of weights[t] from[i + t stride]; stride in bytes. */
  convolve(to: number, from: number, groups: number, stride: number, weights: number, taps: number): void;
  /** to = a + share (b - a). */
  blend(to: number, a: number, b: number, groups: number, share: number): void;
  /** out += band gain, gains linear between blocks; `lower`: byte offset of each voxel's lower block. */
  accumulateRow(out: number, band: number, groups: number, gains: number, lower: number, share: number): void;
  /** Five Gaussians of an atom into a tile, inside a sphere: assembly/model-map.ts has the tables. */
  splatAtom(
    tile: number,
    zTable: number,
    planes: number,
    yTable: number,
    rows: number,
    xTable: number,
    groups: number,
    base: number,
    centre: number,
    perStep: number,
    squaredReach: number,
  ): void;
  /** Interpolated values along a line of rotated positions, and how many lay inside. */
  gatherRow(
    xs: number,
    count: number,
    sums: number,
    counts: number,
    z: number,
    y: number,
    x: number,
    dz: number,
    dy: number,
    dx: number,
    box: number,
    rowBytes: number,
    planeBytes: number,
    low: number,
    high: number,
    table: number,
    scratch: number,
    planar: boolean,
  ): void;
  /** Inverse of rfftRows8, times `scale`. Bins from `filledBins` on, a multiple of 4, are taken as 0. */
  irfftRows8(
    plan: number,
    inRe: number,
    inIm: number,
    inPitch: number,
    rows: number,
    pitch: number,
    scale: number,
    work: number,
    filledBins: number,
  ): void;
}

/** Bytes of a page of WebAssembly memory. */
const PAGE = 65536;

/** Kernels with a memory of their own, which is allocated like a stack: `mark`, then `release`. */
export class Kernels {
  /** Of this instance. */
  readonly exports: KernelExports;
  /** First free address. */
  private next = 1024;
  /** Address of each plan by length. */
  private readonly fftPlans = new Map<number, number>();

  constructor(module: WebAssembly.Module) {
    // AssemblyScript's stub runtime requires an abort import; no kernel can reach it.
    const imports = {
      env: {
        abort: () => {
          throw new Error('WASM kernel aborted');
        },
      },
    };
    this.exports = new WebAssembly.Instance(module, imports).exports as unknown as KernelExports;
  }

  /** Address of `bytes` zeroed bytes, 64-byte aligned, valid until `release`. */
  allocate(bytes: number): number {
    const address = this.next;
    this.next = Math.ceil((address + bytes) / 64) * 64;
    const missing = this.next - this.exports.memory.buffer.byteLength;
    if (missing > 0) this.exports.memory.grow(Math.ceil(missing / PAGE));
    new Uint8Array(this.exports.memory.buffer, address, bytes).fill(0);
    return address;
  }

  /** `release(mark)` frees everything allocated after `mark()`. */
  mark(): number {
    return this.next;
  }

  /** Frees all that was allocated since the mark; FFT plans among it are made again when needed. */
  release(mark: number): void {
    this.next = mark;
    for (const [key, address] of this.fftPlans) if (address >= mark) this.fftPlans.delete(key);
  }

  /** View of memory as float32; invalid after the next `allocate`. */
  floats(address: number, count: number): Float32Array {
    return new Float32Array(this.exports.memory.buffer, address, count);
  }

  /** Views as bytes and words are invalid after the next `allocate`, too. */
  bytes(address: number, count: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, address, count);
  }

  /** For tables of indices. */
  words(address: number, count: number): Uint32Array {
    return new Uint32Array(this.exports.memory.buffer, address, count);
  }

  /** Copies values into kernel memory; returns their address. */
  putFloats(values: ArrayLike<number>): number {
    const address = this.allocate(4 * values.length);
    this.floats(address, values.length).set(values);
    return address;
  }

  /** The same for 32-bit words. */
  putWords(values: ArrayLike<number>): number {
    const address = this.allocate(4 * values.length);
    this.words(address, values.length).set(values);
    return address;
  }

  /** Address of the FFT plan for length n, with its tables and scratch (see assembly/fft.ts). */
  fftPlan(n: number): number {
    const known = this.fftPlans.get(n);
    if (known !== undefined) return known;
    const address = this.putPlan(planFft(n));
    this.fftPlans.set(n, address);
    return address;
  }

  /** An FFT plan with its tables, in the layout of assembly/fft.ts. */
  private putPlan(plan: FftPlan): number {
    if (plan.bluestein) {
      const { length, inner, chirp, spectrum } = plan.bluestein;
      const innerPlan = this.putPlan(inner);
      const scratch = this.allocate(32 * length);
      return this.putWords([
        plan.n,
        0,
        length,
        scratch,
        innerPlan,
        this.putFloats(chirp),
        this.putFloats(spectrum),
      ]);
    }
    const scratch = this.allocate(64 * plan.n + 1024);
    const words = [plan.n, plan.passes.length, 0, scratch, 0, 0, 0];
    for (const { radix, twiddles } of plan.passes) {
      words.push(radix, this.putFloats(twiddles), radix > 5 ? this.putFloats(rootsOfUnity(radix)) : 0);
    }
    return this.putWords(words);
  }
}
