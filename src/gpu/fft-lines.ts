/**
 * One-dimensional transforms that fit a workgroup's memory: plan (pure) and kernels. Shared by every
 * operation that includes shaders/lib/line-fft.wgsl; pipelines and tables are kept per device and length.
 */
import { planFft, rootsOfUnity } from '../math/fourier/fft-plan.ts';
import { loadShader } from '../shaders/load.ts';
import type { GpuDevice, GpuLimits } from './device.ts';
import { createKernel, createTable, type Kernel } from './kernel.ts';

/** Rows lie along x (contiguous); columns along y or z, neighbours in memory being neighbouring columns. */
export type LineKind = 'rows' | 'columns';

export interface LineFftPlan {
  readonly n: number;
  readonly kind: LineKind;
  /** Transformed length: n, or Bluestein's. */
  readonly length: number;
  readonly bluestein: boolean;
  readonly radices: readonly number[];
  /** Lines (for rows: pairs of real rows) per workgroup. */
  readonly lines: number;
  readonly threads: number;
}

export type Planned<T> =
  | { readonly ok: true; readonly plan: T }
  | { readonly ok: false; readonly reason: string };

const RADICES = [2, 3, 4, 5, 7, 8, 11, 13] as const;
/** Radices are packed four bits each into 32 bits. */
const MOST_PASSES = 8;
const COMPLEX_BYTES = 8;
/** Lines per workgroup: 16 columns x 8 bytes are a whole cache line. */
const MOST_LINES = 16;
/** Rows are contiguous anyway: only enough of them to give every thread work. */
const ROW_VALUES = 1024;

export function planLineFft(n: number, kind: LineKind, limits: GpuLimits): Planned<LineFftPlan> {
  const { bluestein, passes } = planFft(n);
  const length = bluestein?.length ?? n;
  const radices = fewestRadices((bluestein ? bluestein.inner.passes : passes).map(({ radix }) => radix));
  const bytesPerLine = 2 * length * COMPLEX_BYTES;
  if (bytesPerLine > limits.workgroupBytes || radices.length > MOST_PASSES) {
    return {
      ok: false,
      reason:
        `a Fourier transform of length ${n} needs ${bytesPerLine} bytes of workgroup memory and ` +
        `the device has ${limits.workgroupBytes}`,
    };
  }
  const most = Math.min(limits.workgroupBytes, limits.lineBytes) / bytesPerLine;
  const lines = Math.min(
    powerOfTwoUpTo(most),
    MOST_LINES,
    kind === 'rows' ? powerOfTwoUpTo(ROW_VALUES / length) : Number.POSITIVE_INFINITY,
  );
  const threads = Math.min(
    powerOfTwoUpTo(limits.workgroupInvocations),
    256,
    Math.max(32, powerOfTwoUpTo((lines * length) / 4)),
  );
  return { ok: true, plan: { n, kind, length, bluestein: bluestein !== undefined, radices, lines, threads } };
}

/** Joins the passes of radix 2 and 4 into as many of radix 8 as possible: fewer rounds through memory. */
function fewestRadices(radices: readonly number[]): number[] {
  const odd = radices.filter((radix) => radix % 2 === 1);
  let twos = radices.reduce((sum, radix) => sum + (radix === 4 ? 2 : radix === 2 ? 1 : 0), 0);
  const even: number[] = [];
  while (twos > 0) {
    // 16 = 4 x 4 rather than 8 x 2.
    const exponent = twos === 4 || twos < 3 ? Math.min(2, twos) : 3;
    even.push(2 ** exponent);
    twos -= exponent;
  }
  return [...even, ...odd];
}

function powerOfTwoUpTo(limit: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(limit)));
}

/** Override constants of lib/line-fft.wgsl. */
export function lineConstants(plan: LineFftPlan): Record<string, number> {
  const { n, length, lines, threads, radices, bluestein, kind } = plan;
  return {
    N: n,
    LENGTH: length,
    LINES: lines,
    THREADS: threads,
    WORK_SIZE: 2 * length * lines,
    PASSES: radices.length,
    RADICES: radices.reduce((packed, radix, i) => packed + radix * 16 ** i, 0),
    BLUESTEIN: bluestein ? 1 : 0,
    ROWS: kind === 'rows' ? 1 : 0,
    ...Object.fromEntries(RADICES.map((radix) => [`USE_${radix}`, radices.includes(radix) ? 1 : 0])),
  };
}

/** `table` of lib/line-fft.wgsl: roots of unity, then chirp and transformed chirp of Bluestein's algorithm. */
export function lineTable(plan: LineFftPlan): Float64Array {
  const conjugate = (pairs: Float64Array): Float64Array => pairs.map((v, i) => (i % 2 === 0 ? v : -v));
  const roots = conjugate(rootsOfUnity(plan.length));
  const { bluestein } = planFft(plan.n);
  if (!bluestein) return roots;
  return Float64Array.from([...roots, ...conjugate(bluestein.chirp), ...bluestein.spectrum]);
}

interface DeviceCache {
  readonly kernels: Map<string, Promise<Kernel>>;
  readonly tables: Map<number, GPUBuffer>;
}

const caches = new WeakMap<GpuDevice, DeviceCache>();

function cacheOf(gpu: GpuDevice): DeviceCache {
  let cache = caches.get(gpu);
  if (!cache) {
    cache = { kernels: new Map(), tables: new Map() };
    caches.set(gpu, cache);
  }
  return cache;
}

/** Entry point of a shader that includes lib/line-fft.wgsl, for one length. Kept until the device goes. */
export function lineKernel(
  gpu: GpuDevice,
  plan: LineFftPlan,
  shader: string,
  entryPoint: string,
): Promise<Kernel> {
  const { kernels } = cacheOf(gpu);
  const key = `${shader} ${entryPoint} ${plan.kind} ${plan.n}`;
  let kernel = kernels.get(key);
  if (!kernel) {
    kernel = loadShader(shader).then((code) =>
      createKernel(gpu, { name: shader, code, entryPoint, constants: lineConstants(plan) }),
    );
    kernel.catch(() => kernels.delete(key));
    kernels.set(key, kernel);
  }
  return kernel;
}

/** Table of a length, float32 on the device. A few kilobytes, kept until the device goes. */
export function lineTableBuffer(gpu: GpuDevice, plan: LineFftPlan): GPUBuffer {
  const { tables } = cacheOf(gpu);
  let buffer = tables.get(plan.n);
  if (!buffer) {
    buffer = createTable(gpu, `FFT table of length ${plan.n}`, lineTable(plan));
    tables.set(plan.n, buffer);
  }
  return buffer;
}

/** `groups` workgroups as a dispatch within the limit per dimension; shaders count x first. */
export function dispatchSize(groups: number, limits: GpuLimits): readonly [number, number] {
  const rows = Math.ceil(groups / limits.workgroupsPerDimension);
  return rows === 0 ? [0, 1] : [Math.ceil(groups / rows), rows];
}
