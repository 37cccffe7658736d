/**
 * Real 3D FFTs out of the fastest FFT packages on npm, to compare with. None of them transforms real
 * volumes of these sizes itself: rows along x by their real transform, columns along y and z by their
 * complex one, columns gathered eight at a time so that cache lines are used whole.
 * A package that is not installed is left out.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface PackageFft {
  /** Package and version. */
  readonly name: string;
  /** Spectrum of the volume (edge^3 values, x fastest) stays inside. */
  forward(volume: Float32Array): void;
  /** Inverse of what `forward` left, unnormalised, over the spectrum. */
  inverse(out: Float32Array): void;
  /** Coefficient of the half spectrum. */
  coefficient(kz: number, ky: number, kx: number): [re: number, im: number];
}

/** Exports of an Emscripten module: C functions with a leading underscore. */
interface WasmModule {
  readonly HEAPF32: Float32Array;
  readonly HEAPF64: Float64Array;
  _malloc(bytes: number): number;
}

interface PffftModule extends WasmModule {
  _pffft_new_setup(n: number, kind: number): number;
  _pffft_aligned_malloc(bytes: number): number;
  _pffft_transform_ordered(setup: number, from: number, to: number, work: number, direction: number): void;
}

interface KissModule extends WasmModule {
  _kiss_fft_alloc(n: number, inverse: number, memory: number, length: number): number;
  _kiss_fftr_alloc(n: number, inverse: number, memory: number, length: number): number;
  _kiss_fft(setup: number, from: number, to: number): void;
  _kiss_fftr(setup: number, from: number, to: number): void;
  _kiss_fftri(setup: number, from: number, to: number): void;
}

/** One-dimensional transforms on addresses inside a WASM module. */
interface Lines {
  readonly module: WasmModule;
  allocate(bytes: number): number;
  /** Real row of n floats at `from` to n/2 + 1 interleaved complex bins at `to`, and back. */
  realForward(from: number, to: number): void;
  realInverse(from: number, to: number): void;
  /** n interleaved complex values at `at`, in place. */
  complex(at: number, inverse: boolean): void;
}

export async function openPackages(folder: string, edge: number): Promise<PackageFft[]> {
  const opened = [await openPffft(folder, edge), await openKiss(folder, edge)].filter((p) => p !== undefined);
  // Tens of times slower, and the only one with odd lengths.
  const any = opened.length > 0 ? undefined : openNdarray(folder, edge);
  return any ? [any] : opened;
}

/** Names that `openPackages` knows. */
export const PACKAGE_NAMES = ['@echogarden/pffft-wasm', '@echogarden/kissfft-wasm', 'ndarray-fft'];

/** Version and file of an installed package, if it is installed. */
function locate(folder: string, name: string, file: string): { label: string; path: string } | undefined {
  const home = join(folder, 'node_modules', name);
  try {
    const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string };
    return { label: `${name} ${version}`, path: join(home, file) };
  } catch {
    return undefined;
  }
}

async function loadModule(path: string): Promise<unknown> {
  const { default: create } = (await import(pathToFileURL(path).href)) as { default: () => Promise<unknown> };
  return create();
}

/** PFFFT with WASM SIMD: lengths 2^a 3^b 5^c that are multiples of 32. */
async function openPffft(folder: string, edge: number): Promise<PackageFft | undefined> {
  const rest = [2, 3, 5].reduce((n, p) => {
    while (n % p === 0) n /= p;
    return n;
  }, edge);
  const found = locate(folder, '@echogarden/pffft-wasm', 'dist/simd/pffft.js');
  if (!found || edge % 32 !== 0 || rest !== 1) return undefined;
  const module = (await loadModule(found.path)) as PffftModule;
  const real = module._pffft_new_setup(edge, 0);
  const complex = module._pffft_new_setup(edge, 1);
  return volumeFft(found.label, edge, {
    module,
    allocate: (bytes) => module._pffft_aligned_malloc(bytes),
    realForward: (from, to) => {
      module._pffft_transform_ordered(real, from, to, 0, 0);
      // The last bin comes as the imaginary part of the first.
      const floats = module.HEAPF32;
      floats[to / 4 + edge] = floats[to / 4 + 1];
      floats[to / 4 + edge + 1] = 0;
      floats[to / 4 + 1] = 0;
    },
    realInverse: (from, to) => {
      module.HEAPF32[from / 4 + 1] = module.HEAPF32[from / 4 + edge];
      module._pffft_transform_ordered(real, from, to, 0, 1);
    },
    complex: (at, inverse) => module._pffft_transform_ordered(complex, at, at, 0, inverse ? 1 : 0),
  });
}

/** KISS FFT in WASM, any even length (its real transform has no odd ones). */
async function openKiss(folder: string, edge: number): Promise<PackageFft | undefined> {
  const found = locate(folder, '@echogarden/kissfft-wasm', 'kissfft.js');
  if (!found || edge % 2 !== 0) return undefined;
  const module = (await loadModule(found.path)) as KissModule;
  const [forwardReal, inverseReal] = [0, 1].map((i) => module._kiss_fftr_alloc(edge, i, 0, 0));
  const [forward, inverse] = [0, 1].map((i) => module._kiss_fft_alloc(edge, i, 0, 0));
  const line = module._malloc(8 * edge);
  return volumeFft(found.label, edge, {
    module,
    allocate: (bytes) => module._malloc(bytes),
    realForward: (from, to) => module._kiss_fftr(forwardReal, from, to),
    realInverse: (from, to) => module._kiss_fftri(inverseReal, from, to),
    complex: (at, isInverse) => {
      module._kiss_fft(isInverse ? inverse : forward, at, line);
      module.HEAPF32.copyWithin(at / 4, line / 4, line / 4 + 2 * edge);
    },
  });
}

/** Columns per gather: eight complex float32 are a cache line. */
const COLUMNS = 8;

function volumeFft(name: string, edge: number, lines: Lines): PackageFft {
  const { module } = lines;
  const bins = Math.floor(edge / 2) + 1;
  const row = lines.allocate(4 * (edge + 2));
  const rowBins = lines.allocate(8 * (bins + 1));
  const columns = lines.allocate(8 * edge * COLUMNS);
  const spectrum = lines.allocate(8 * edge * edge * bins);

  /** All lines of `edge` values `stride` apart that start at `first` + i, i < count (in complex values). */
  const transformColumns = (first: number, stride: number, count: number, inverse: boolean): void => {
    // One complex float32 is moved as one float64; only NaNs could change in that.
    const heap = module.HEAPF64;
    for (let i = 0; i < count; i += COLUMNS) {
      const width = Math.min(COLUMNS, count - i);
      const from = spectrum / 8 + first + i;
      const to = columns / 8;
      for (let k = 0; k < edge; k++) {
        for (let j = 0; j < width; j++) heap[to + j * edge + k] = heap[from + k * stride + j];
      }
      for (let j = 0; j < width; j++) lines.complex(columns + 8 * j * edge, inverse);
      for (let k = 0; k < edge; k++) {
        for (let j = 0; j < width; j++) heap[from + k * stride + j] = heap[to + j * edge + k];
      }
    }
  };
  const planes = (inverse: boolean): void => {
    for (let z = 0; z < edge; z++) transformColumns(z * edge * bins, bins, bins, inverse);
  };

  return {
    name,
    forward(volume) {
      const heap = module.HEAPF32;
      for (let i = 0; i < edge * edge; i++) {
        heap.set(volume.subarray(i * edge, (i + 1) * edge), row / 4);
        lines.realForward(row, rowBins);
        heap.copyWithin(spectrum / 4 + 2 * i * bins, rowBins / 4, rowBins / 4 + 2 * bins);
      }
      planes(false);
      transformColumns(0, edge * bins, edge * bins, false);
    },
    inverse(out) {
      transformColumns(0, edge * bins, edge * bins, true);
      planes(true);
      const heap = module.HEAPF32;
      for (let i = 0; i < edge * edge; i++) {
        const at = spectrum / 4 + 2 * i * bins;
        heap.copyWithin(rowBins / 4, at, at + 2 * bins);
        lines.realInverse(rowBins, row);
        out.set(heap.subarray(row / 4, row / 4 + edge), i * edge);
      }
    },
    coefficient(kz, ky, kx) {
      const at = spectrum / 4 + 2 * ((kz * edge + ky) * bins + kx);
      return [module.HEAPF32[at], module.HEAPF32[at + 1]];
    },
  };
}

/** ndarray-fft: plain JavaScript in float64, complex volumes, any length by Bluestein's algorithm. */
function openNdarray(folder: string, edge: number): PackageFft | undefined {
  const found = locate(folder, 'ndarray-fft', 'fft.js');
  if (!found) return undefined;
  const require = createRequire(found.path);
  const transform = require(found.path) as (direction: number, re: unknown, im: unknown) => void;
  const ndarray = require('ndarray') as (data: Float64Array, shape: number[]) => unknown;
  const shape = [edge, edge, edge];
  const re = new Float64Array(edge ** 3);
  const im = new Float64Array(edge ** 3);
  return {
    name: found.label,
    forward(volume) {
      re.set(volume);
      im.fill(0);
      transform(1, ndarray(re, shape), ndarray(im, shape));
    },
    inverse(out) {
      transform(-1, ndarray(re, shape), ndarray(im, shape));
      // The package divides by the number of voxels; the others do not.
      for (let i = 0; i < re.length; i++) out[i] = re[i] * re.length;
    },
    coefficient(kz, ky, kx) {
      const at = (kz * edge + ky) * edge + kx;
      // Its forward transform has the other sign in the exponent.
      return [re[at], -im[at]];
    },
  };
}
