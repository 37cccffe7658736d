/**
 * One-dimensional transforms that fit in a workgroup's memory: plan (pure) and kernels. Shared by every
 * operation that includes shaders/lib/line-fft.wgsl; pipelines and tables are cached per device and length.
 */
import { planFft, rootsOfUnity } from '../math/fourier/fft-plan.ts';
import { loadShader } from '../shaders/load.ts';
import { verifyLines } from './check-lines.ts';
import type { GpuDevice, GpuLimits } from './device.ts';
import { lineFftCode, workHalves, workLength } from './fft-code.ts';
import { createKernel, createTable, type Kernel } from './kernel.ts';

/**
 * Rows along x are contiguous; columns run along y or z, and neighbouring columns are neighbours in memory.
 */
export type LineKind = 'rows' | 'columns';

/** How lines of one length are transformed by a workgroup. */
export interface LineFftPlan {
  /** Values per line, before any padding by Bluestein. */
  readonly n: number;
  /** Decides how neighbouring threads share the lines, so that reads from memory are contiguous. */
  readonly kind: LineKind;
  /** Transformed length: n, or Bluestein's. */
  readonly length: number;
  /** n has a prime factor beyond the radices: the DFT is a convolution of a longer, smooth length. */
  readonly bluestein: boolean;
  /** Radices of the passes, in order. */
  readonly radices: readonly number[];
  /** Lines (for rows: pairs of real rows) per workgroup. */
  readonly lines: number;
  /** Threads per workgroup; each computes whole butterflies. */
  readonly threads: number;
  /** Number of buffers for the lines in workgroup memory, and whether they are padded (fft-code.ts). */
  readonly halves: number;
  /** A gap after every radices[0] values, so that strided accesses fall into different banks. */
  readonly padded: boolean;
}

/** A plan, or the reason why the device does not support it. */
export type Planned<T> =
  | { readonly ok: true; readonly plan: T }
  | { readonly ok: false; readonly reason: string };

// A butterfly keeps its values in registers, 32 floats at radix 16.
const LARGEST_RADIX = 16;
/** Two float32. */
const COMPLEX_BYTES = 8;
/**
 * Lines per workgroup: 16 columns x 8 bytes are a whole cache line; half of one is still read at full speed.
 */
const MOST_LINES = 16;
// Half a cache line of 128 bytes per access.
const ENOUGH_LINES = 8;
/** Workgroup memory that allows several concurrent workgroups on every GPU. */
const GROUP_BYTES = 16 * 1024;
/** Rows are contiguous, so only enough of them to give every thread work. */
const ROW_VALUES = 1024;
/** Threads of a workgroup, which all WebGPU devices allow. */
const MOST_THREADS = 256;

/**
 * `middle`: for columns that stay in workgroup memory between two transforms, as rows always do before or
 * after one.
 */
export function planLineFft(
  n: number,
  kind: LineKind,
  limits: GpuLimits,
  middle: boolean = kind === 'rows',
): Planned<LineFftPlan> {
  const { bluestein } = planFft(n);
  const length = bluestein?.length ?? n;
  const radices = fewestRadices(length);
  const line = { n, kind, length, bluestein: bluestein !== undefined, radices };
  const halves = Math.max(1, workHalves(line, middle));
  const bytesOf = (padded: boolean): number => halves * workLength({ ...line, padded }) * COMPLEX_BYTES;
  const least = bytesOf(false);
  if (least > limits.workgroupBytes) {
    return {
      ok: false,
      reason:
        `a Fourier transform of length ${n} needs ${least} bytes of workgroup memory and ` +
        `the device has ${limits.workgroupBytes}`,
    };
  }
  const linesOf = (padded: boolean): number => {
    const within = (bytes: number): number => powerOfTwoUpTo(bytes / bytesOf(padded));
    const most = Math.min(limits.workgroupBytes, Math.max(limits.lineBytes, bytesOf(padded)));
    const lines = Math.max(within(Math.min(most, GROUP_BYTES)), Math.min(ENOUGH_LINES, within(most)));
    return Math.min(lines, MOST_LINES, kind === 'rows' ? powerOfTwoUpTo(ROW_VALUES / length) : MOST_LINES);
  };
  const padded =
    radices.length > 1 && bytesOf(true) <= limits.workgroupBytes && linesOf(true) === linesOf(false);
  const lines = linesOf(padded);
  const butterflies = Math.max(...radices.map((radix) => (length / radix) * lines));
  const threads = Math.min(
    powerOfTwoUpTo(limits.workgroupInvocations),
    MOST_THREADS,
    32 * Math.ceil(butterflies / 32),
  );
  return { ok: true, plan: { ...line, lines, threads, halves, padded } };
}

/** Results of `fewestRadices` by length. */
const fewest = new Map<number, readonly number[]>();

/** As few factors of at most 16 as possible, the most even choice, in descending order. */
function fewestRadices(length: number): readonly number[] {
  if (length <= LARGEST_RADIX) return [length];
  const known = fewest.get(length);
  if (known) return known;
  let best: readonly number[] | undefined;
  for (let radix = LARGEST_RADIX; radix > 1; radix--) {
    if (length % radix !== 0) continue;
    const rest = fewestRadices(length / radix);
    if (rest.length === 0) continue;
    const radices = [radix, ...rest].sort((a, b) => b - a);
    if (
      best === undefined ||
      radices.length < best.length ||
      (radices.length === best.length && radices[0] < best[0])
    )
      best = radices;
  }
  // A prime above the largest radix: such lengths use Bluestein's algorithm instead.
  const found = best ?? [];
  fewest.set(length, found);
  return found;
}

/** The largest power of two up to `limit`. */
function powerOfTwoUpTo(limit: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(limit)));
}

/**
 * `table` of lib/line-fft.wgsl: roots of unity, then chirp and transformed chirp of Bluestein's algorithm.
 */
export function lineTable(plan: LineFftPlan): Float64Array {
  const conjugate = (pairs: Float64Array): Float64Array => pairs.map((v, i) => (i % 2 === 0 ? v : -v));
  const roots = conjugate(rootsOfUnity(plan.length));
  const { bluestein } = planFft(plan.n);
  if (!bluestein) return roots;
  return Float64Array.from([...roots, ...conjugate(bluestein.chirp), ...bluestein.spectrum]);
}

/** Kernels and tables of a device; dropped with it. */
interface DeviceCache {
  /** By shader, entry point, kind and n. Promises, so that two operations compile a kernel once. */
  readonly kernels: Map<string, Promise<Kernel>>;
  /** Twiddle factors, with Bluestein's chirp and its spectrum where needed; by n. */
  readonly tables: Map<number, GPUBuffer>;
}

/** Kernels and tables of a device, which are the same for all volumes. */
const caches = new WeakMap<GpuDevice, DeviceCache>();

/** Entries die with the device: the map is weak. */
function cacheOf(gpu: GpuDevice): DeviceCache {
  let cache = caches.get(gpu);
  if (!cache) {
    cache = { kernels: new Map(), tables: new Map() };
    caches.set(gpu, cache);
  }
  return cache;
}

/**
 * Entry point of a shader that includes lib/line-fft.wgsl, for one length, with its table bound. Cached for
 * the lifetime of the device.
 */
export function lineKernel(
  gpu: GpuDevice,
  plan: LineFftPlan,
  shader: string,
  entryPoint: string,
): Promise<Kernel> {
  const { kernels } = cacheOf(gpu);
  const { n, kind } = plan;
  const key = `${shader} ${entryPoint} ${kind} ${n}`;
  let kernel = kernels.get(key);
  if (!kernel) {
    kernel = compile(gpu, plan, shader, entryPoint);
    kernel.catch(() => kernels.delete(key));
    kernels.set(key, kernel);
  }
  return kernel;
}

/** The kernel is verified against float64 transforms before its first use on a device. */
async function compile(
  gpu: GpuDevice,
  plan: LineFftPlan,
  shader: string,
  entryPoint: string,
): Promise<Kernel> {
  const { n, lines, threads } = plan;
  const code = await loadShader(shader);
  const kernel = await createKernel(gpu, {
    name: shader,
    code: `${code}\n${lineFftCode(plan, code)}`,
    entryPoint,
    constants: { N: n, LINES: lines, THREADS: threads },
  });
  const withTable = bindTable(gpu, plan, kernel);
  await verifyLines(gpu, plan, shader, entryPoint, withTable);
  return withTable;
}

/** Binds the table of the length, so that callers need not know it. */
function bindTable(gpu: GpuDevice, plan: LineFftPlan, kernel: Kernel): Kernel {
  // A single pass has no twiddle factors.
  if (plan.radices.length === 1 && !plan.bluestein) return kernel;
  const table = lineTableBuffer(gpu, plan);
  return { ...kernel, run: (pass, bound, groups) => kernel.run(pass, { ...bound, table }, groups) };
}

/** Table of a length, float32 on the device. A few kilobytes, cached for the lifetime of the device. */
function lineTableBuffer(gpu: GpuDevice, plan: LineFftPlan): GPUBuffer {
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
