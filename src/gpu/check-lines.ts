/**
 * Kernels with Fourier transforms of one length, on random lines against a float64 transform: every value of
 * a whole workgroup and of one that is not full. Parseval's theorem over a job's own transform would be blind
 * to phases and to values in wrong places, and would have to read the spectrum back.
 */
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import { transformVolume } from '../math/fourier/host-fft.ts';
import { phaseOf, phasorTable } from '../math/fourier/random-phases.ts';
import { createRandom } from '../math/statistics/random.ts';
import type { GpuDevice } from './device.ts';
import type { LineFftPlan } from './fft-lines.ts';
import type { Kernel, UniformField } from './kernel.ts';
import { type Scratch, submitPass, withScratch } from './scratch.ts';
import { relativeError } from './verification.ts';

/** A line in float64. */
interface Complex {
  /** Real parts of one line, float64. */
  readonly re: Float64Array;
  /** Imaginary parts, same order. */
  readonly im: Float64Array;
}

/** Relative error by shader and entry point: the kernels that can be checked alone. */
const CHECKS: Readonly<Record<string, (job: LineCheck) => Promise<number>>> = {
  'fft-rows.forward': checkRowsForward,
  'fft-rows.inverse': checkRowsInverse,
  'fft-columns.main': checkColumns,
  'radial-filter.main': checkFilter,
  'translate.main': checkTranslation,
  'randomise-phases.main': checkPhases,
};

/** A kernel, and the transform that it was compiled for. */
interface LineCheck {
  /** Device under test. */
  readonly gpu: GpuDevice;
  /** Lines per workgroup decide how many are needed for one full and one partial group. */
  readonly plan: LineFftPlan;
  /** The kernel that the run itself will use, table bound. */
  readonly kernel: Kernel;
  /** Buffers of the check, freed at its end. */
  readonly scratch: Scratch;
}

/** Verifies a kernel where the device does so, once per length. Lengths of 1 have no transform. */
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

/** Real rows to half spectra, bins 0 to n / 2; what is behind them is padding. */
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

/** Half spectra to real rows. Imaginary parts of the bins without a mate do not count. */
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

/** Complex columns, both directions. */
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
async function checkFilter(job: LineCheck): Promise<number> {
  const { plan, scratch } = job;
  const { n } = plan;
  const columns = plan.lines + 1;
  const samples = 64;
  const gain = (frequency: number): number => 0.25 + frequency;
  const across = Array.from({ length: columns }, (_, x) => (x / (4 * columns)) ** 2);
  const along = Array.from({ length: n }, (_, k) => ((2 * k < n ? k : k - n) / n) ** 2);
  const bound = {
    parameters: scratch.uniform('radial-filter', [
      ...[columns, columns, 1, 0, samples].map((value) => ['u32', value] as const),
      ['f32', samples],
    ]),
    squares: scratch.table('squares', Float32Array.from([...along, 0, ...across])),
    gains: scratch.table(
      'gains',
      Float32Array.from({ length: samples + 1 }, (_, i) => gain(i / samples)),
    ),
  };
  const factorOf = (k: number, column: number) => [gain(Math.sqrt(along[k] + across[column])), 0] as const;
  return checkFiltered(job, columns, bound, factorOf);
}

/** Rows of a strip that begins within the box. */
const STRIP = { pitch: 3, height: 9, firstRow: 4 } as const;

/** Factors along the three axes. */
async function checkTranslation(job: LineCheck): Promise<number> {
  const { plan, scratch } = job;
  const { n } = plan;
  const { pitch, height, firstRow } = STRIP;
  const columns = plan.lines + 1;
  const angles = noise(n + height + pitch);
  const bound = {
    parameters: scratch.uniform(
      'translate',
      [columns, pitch, height, firstRow].map((value) => ['u32', value] as const),
    ),
    factors: scratch.table(
      'factors',
      Float32Array.from([...angles].flatMap((angle) => [Math.cos(angle), Math.sin(angle)])),
    ),
  };
  return checkFiltered(job, columns, bound, (k, column) => {
    const row = Math.min(firstRow + Math.floor(column / pitch), height - 1);
    const angle = angles[k] + angles[n + row] + angles[n + height + (column % pitch)];
    return [Math.cos(angle), Math.sin(angle)];
  });
}

/** Half of the coefficients; those on the planes of Friedel mates are among them. */
async function checkPhases(job: LineCheck): Promise<number> {
  const { plan, scratch } = job;
  const { n } = plan;
  const { pitch, height, firstRow } = STRIP;
  const width = 2 * (pitch - 1);
  const seed = 7;
  const columns = plan.lines + 1;
  // Sums are exact in float32, and none is the limit.
  const squares = noise(n + height + pitch).map((value) => Math.abs(Math.round(64 * value)) / 64);
  const [first, phasors] = [2 + 1 / 128, phasorTable()];
  const bound = {
    parameters: scratch.uniform('randomise-phases', [
      ...[columns, pitch, height, width, firstRow, seed].map((value) => ['u32', value] as const),
      ['f32', first],
    ]),
    squares: scratch.table('squares', squares),
    phasors: scratch.table('phasors', Float32Array.from(phasors)),
  };
  return checkFiltered(job, columns, bound, (k, column) => {
    const [row, x] = [Math.min(firstRow + Math.floor(column / pitch), height - 1), column % pitch];
    if (squares[k] + squares[n + row] + squares[n + height + x] < first) return [1, 0];
    const phase = phaseOf(k, row, x, [n, height, width], seed);
    return [phasors[2 * phase], phasors[2 * phase + 1]];
  });
}

/** Columns transformed, times factors, and transformed back, not divided by n. */
async function checkFiltered(
  { gpu, plan: { n, lines }, kernel, scratch }: LineCheck,
  columns: number,
  bound: Readonly<Record<string, GPUBuffer>>,
  factorOf: (k: number, column: number) => readonly [re: number, im: number],
): Promise<number> {
  const input = noise(2 * columns * n);
  const spectrum = scratch.table('columns', input);
  dispatch(gpu, kernel, { ...bound, spectrum }, Math.ceil(columns / lines));
  const values = new Float32Array(await gpu.read(spectrum, 0, 8 * columns * n));
  return worst(columns, (column) => {
    const { re, im } = columnOf(input, column, columns, n);
    const line = transform(re, im, false);
    for (let k = 0; k < n; k++) {
      const [c, s] = factorOf(k, column);
      const [x, y] = [n * line.re[k], n * line.im[k]];
      line.re[k] = x * c - y * s;
      line.im[k] = x * s + y * c;
    }
    const expected = transform(line.re, line.im, true);
    return relativeError(interleave(columnOf(values, column, columns, n)), interleave(expected));
  });
}

/** Fields of the struct of fft-rows.wgsl; the rows are not part of a larger volume. */
function rowFields(rows: number, pitch: number, scale: number): UniformField[] {
  return [...[rows, 0, 0, pitch].map((value) => ['u32', value] as const), ['f32', scale]];
}

/** One dispatch in a submission of its own. */
function dispatch(gpu: GpuDevice, kernel: Kernel, bound: Record<string, GPUBuffer>, groups: number): void {
  submitPass(gpu, 'self-test', (pass) => kernel.run(pass, bound, [groups]));
}

/** Gaussian, the same in every run. */
function noise(count: number): Float32Array {
  const random = createRandom(count);
  return Float32Array.from({ length: count }, () => random.gaussian());
}

/** In place. Inverse: divided by the length. */
function transform(re: Float64Array, im: Float64Array, inverse: boolean): Complex {
  transformVolume(re, im, [1, 1, re.length], inverse);
  return { re, im };
}

/** One column of complex values (k, column). */
function columnOf(values: Float32Array, column: number, columns: number, n: number): Complex {
  const at = (k: number): number => 2 * (k * columns + column);
  return {
    re: Float64Array.from({ length: n }, (_, k) => values[at(k)]),
    im: Float64Array.from({ length: n }, (_, k) => values[at(k) + 1]),
  };
}

/** As the kernels store them: re, im, re, im. */
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
