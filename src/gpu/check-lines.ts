/**
 * Kernels with Fourier transforms of one length, on random lines against a float64 transform: every value of a
 * whole workgroup and of one that is not full. Parseval's theorem over a job's own transform would be blind to
 * phases and to values in wrong places, and would have to read the spectrum back.
 */
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import { transformVolume } from '../math/fourier/host-fft.ts';
import { createRandom } from '../math/statistics/random.ts';
import type { GpuDevice } from './device.ts';
import type { LineFftPlan } from './fft-lines.ts';
import type { Kernel, UniformField } from './kernel.ts';
import { type Scratch, submitPass, withScratch } from './scratch.ts';
import { relativeError } from './verification.ts';

interface Complex {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Relative error by shader and entry point: the kernels that can be checked alone. */
const CHECKS: Readonly<Record<string, (job: LineCheck) => Promise<number>>> = {
  'fft-rows.forward': checkRowsForward,
  'fft-rows.inverse': checkRowsInverse,
  'fft-columns.main': checkColumns,
  'radial-filter.main': checkFilter,
};

interface LineCheck {
  readonly gpu: GpuDevice;
  readonly plan: LineFftPlan;
  readonly kernel: Kernel;
  readonly scratch: Scratch;
}

export function verifyLines(
  gpu: GpuDevice,
  plan: LineFftPlan,
  shader: string,
  entryPoint: string,
  kernel: Kernel,
): Promise<void> {
  const check = CHECKS[`${shader}.${entryPoint}`];
  if (gpu.verification === undefined || check === undefined || plan.n === 1) return Promise.resolve();
  return gpu.verification.verify(`${shader} of ${plan.n} values`, [kernel], () =>
    withScratch(gpu, (scratch) => check({ gpu, plan, kernel, scratch })),
  );
}

async function checkRowsForward({ gpu, plan, kernel, scratch }: LineCheck): Promise<number> {
  const { n } = plan;
  const rows = 2 * plan.lines + 1;
  const pitch = spectrumPitch(n);
  const input = noise(rows * n);
  const output = scratch.storage('rows', 8 * rows * pitch);
  const bound = {
    parameters: scratch.uniform('fft-rows', rowFields(rows, pitch, 1)),
    real_rows: scratch.table('rows', input),
    spectrum_out: output,
  };
  dispatch(gpu, kernel, bound, Math.ceil(rows / (2 * plan.lines)));
  const spectrum = new Float32Array(await gpu.read(output, 0, 8 * rows * pitch));
  return worst(rows, (row) => {
    const values = Float64Array.from(input.subarray(row * n, (row + 1) * n));
    const line = transform(values, new Float64Array(n), false);
    const bins = Math.floor(n / 2) + 1;
    return relativeError(
      spectrum.subarray(2 * row * pitch, 2 * (row * pitch + bins)),
      interleave(line).subarray(0, 2 * bins),
    );
  });
}

async function checkRowsInverse({ gpu, plan, kernel, scratch }: LineCheck): Promise<number> {
  const { n } = plan;
  const rows = 2 * plan.lines + 1;
  const pitch = spectrumPitch(n);
  const input = noise(2 * rows * pitch);
  const output = scratch.storage('rows', 4 * rows * n);
  const bound = {
    parameters: scratch.uniform('fft-rows', rowFields(rows, pitch, 1 / n)),
    spectrum_rows: scratch.table('rows', input),
    real_out: output,
  };
  dispatch(gpu, kernel, bound, Math.ceil(rows / (2 * plan.lines)));
  const real = new Float32Array(await gpu.read(output, 0, 4 * rows * n));
  return worst(rows, (row) => {
    const [re, im] = [new Float64Array(n), new Float64Array(n)];
    for (let k = 0; 2 * k <= n; k++) {
      const at = 2 * (row * pitch + k);
      const alone = k === 0 || 2 * k === n;
      const mate = (n - k) % n;
      re[k] = re[mate] = input[at];
      im[k] = alone ? 0 : input[at + 1];
      im[mate] = alone ? 0 : -input[at + 1];
    }
    return relativeError(real.subarray(row * n, (row + 1) * n), transform(re, im, true).re);
  });
}

async function checkColumns({ gpu, plan, kernel, scratch }: LineCheck): Promise<number> {
  const { n } = plan;
  const columns = plan.lines + 1;
  const input = noise(2 * columns * n);
  let error = 0;
  for (const inverse of [0, 1]) {
    const spectrum = scratch.table('columns', input);
    const fields = [columns, 1, 0, columns, inverse].map((value) => ['u32', value] as const);
    dispatch(
      gpu,
      kernel,
      { parameters: scratch.uniform('fft-columns', fields), spectrum },
      Math.ceil(columns / plan.lines),
    );
    const values = new Float32Array(await gpu.read(spectrum, 0, 8 * columns * n));
    const wrong = worst(columns, (column) => {
      const { re, im } = columnOf(input, column, columns, n);
      const expected = transform(re, im, inverse === 1);
      // The kernel does not divide by n.
      const scale = inverse === 1 ? n : 1;
      return relativeError(
        interleave(columnOf(values, column, columns, n)),
        interleave(expected).map((value) => scale * value),
      );
    });
    error = Math.max(error, wrong);
  }
  return error;
}

/** With a gain that rises in a straight line: interpolation of the table gives it back. */
async function checkFilter({ gpu, plan, kernel, scratch }: LineCheck): Promise<number> {
  const { n } = plan;
  const columns = plan.lines + 1;
  const input = noise(2 * columns * n);
  const spectrum = scratch.table('columns', input);
  const samples = 64;
  const gain = (frequency: number): number => 0.25 + frequency;
  const across = Array.from({ length: columns }, (_, x) => (x / (4 * columns)) ** 2);
  const along = Array.from({ length: n }, (_, k) => ((2 * k < n ? k : k - n) / n) ** 2);
  const bound = {
    parameters: scratch.uniform('radial-filter', [
      ...[columns, columns, 1, 0, samples].map((value) => ['u32', value] as const),
      ['f32', samples],
    ]),
    spectrum,
    squares: scratch.table('squares', Float32Array.from([...along, 0, ...across])),
    gains: scratch.table(
      'gains',
      Float32Array.from({ length: samples + 1 }, (_, i) => gain(i / samples)),
    ),
  };
  dispatch(gpu, kernel, bound, Math.ceil(columns / plan.lines));
  const values = new Float32Array(await gpu.read(spectrum, 0, 8 * columns * n));
  return worst(columns, (column) => {
    const { re, im } = columnOf(input, column, columns, n);
    const line = transform(re, im, false);
    for (let k = 0; k < n; k++) {
      const factor = n * gain(Math.sqrt(along[k] + across[column]));
      line.re[k] *= factor;
      line.im[k] *= factor;
    }
    const expected = transform(line.re, line.im, true);
    return relativeError(interleave(columnOf(values, column, columns, n)), interleave(expected));
  });
}

function rowFields(rows: number, pitch: number, scale: number): UniformField[] {
  return [...[rows, 0, 0, pitch].map((value) => ['u32', value] as const), ['f32', scale]];
}

function dispatch(gpu: GpuDevice, kernel: Kernel, bound: Record<string, GPUBuffer>, groups: number): void {
  submitPass(gpu, 'self-test', (pass) => kernel.run(pass, bound, [groups]));
}

function noise(count: number): Float32Array {
  const random = createRandom(count);
  return Float32Array.from({ length: count }, () => random.gaussian());
}

/** In place. Inverse: divided by the length. */
function transform(re: Float64Array, im: Float64Array, inverse: boolean): Complex {
  transformVolume(re, im, [1, 1, re.length], inverse);
  return { re, im };
}

function columnOf(values: Float32Array, column: number, columns: number, n: number): Complex {
  const at = (k: number): number => 2 * (k * columns + column);
  return {
    re: Float64Array.from({ length: n }, (_, k) => values[at(k)]),
    im: Float64Array.from({ length: n }, (_, k) => values[at(k) + 1]),
  };
}

function interleave({ re, im }: Complex): Float64Array {
  return Float64Array.from({ length: 2 * re.length }, (_, i) => (i % 2 === 0 ? re[i / 2] : im[(i - 1) / 2]));
}

/** NaN counts as the worst. */
function worst(count: number, errorOf: (i: number) => number): number {
  let most = 0;
  for (let i = 0; i < count; i++) {
    const error = errorOf(i);
    if (!(error <= most)) most = error;
    if (Number.isNaN(most)) break;
  }
  return most;
}
