/**
 * The two kinds of pass of a 3D transform: real rows along x, complex columns along y or z. Each pass is
 * prepared (pipeline, table, parameters) and then recorded as one dispatch.
 */
import type { GpuDevice } from './device.ts';
import { dispatchSize, type LineFftPlan, lineKernel } from './fft-lines.ts';
import { type Bound, createUniform, unneededKernel } from './kernel.ts';

/** Rows to transform; two real rows form one complex line. */
export interface RowRange {
  /** Number of real rows. */
  readonly rows: number;
  /** Index of the first row in the buffer of real rows and in the spectrum. */
  readonly firstReal: number;
  /** Index of the row of the spectrum that the first of them belongs to, at `pitch` numbers each. */
  readonly firstSpectrum: number;
  /** Row pitch of the spectrum, in complex numbers. */
  readonly pitch: number;
}

/** What a pass of rows is prepared for: the other direction is not compiled. */
export type RowsDirection = 'forward' | 'inverse' | 'both';

/** Transforms along x. */
export interface RowsPass {
  /** Unnormalised. Writes kx = 0 ... floor(nx / 2); the padding up to the pitch stays undefined. */
  forward(pass: GPUComputePassEncoder, real: Bound, spectrum: Bound): void;
  /** Multiplies by `scale`. The spectrum is not modified. */
  inverse(pass: GPUComputePassEncoder, spectrum: Bound, real: Bound): void;
  /** Frees the parameters; the pipeline stays in the device's cache. */
  destroy(): void;
}

/** `scale`: factor of the inverse, usually 1 / number of voxels. */
export async function prepareRows(
  gpu: GpuDevice,
  plan: LineFftPlan,
  range: RowRange,
  scale: number,
  direction: RowsDirection,
): Promise<RowsPass> {
  const [forward, inverse] = await Promise.all(
    (['forward', 'inverse'] as const).map((entry) =>
      direction === entry || direction === 'both'
        ? lineKernel(gpu, plan, 'fft-rows', entry)
        : unneededKernel(`fft-rows ${entry}`),
    ),
  );
  const parameters = createUniform(gpu, 'fft-rows', [
    ['u32', range.rows],
    ['u32', range.firstReal],
    ['u32', range.firstSpectrum],
    ['u32', range.pitch],
    ['f32', scale],
  ]);
  const groups = dispatchSize(Math.ceil(range.rows / (2 * plan.lines)), gpu.limits);
  return {
    forward: (pass, real, spectrum) =>
      forward.run(pass, { parameters, real_rows: real, spectrum_out: spectrum }, groups),
    inverse: (pass, spectrum, real) =>
      inverse.run(pass, { parameters, spectrum_rows: spectrum, real_out: real }, groups),
    destroy: () => gpu.destroyBuffer(parameters),
  };
}

/** Columns to transform: along y a block is a plane, along z there is one block. */
export interface ColumnRange {
  /** Neighbouring columns of a block, and number of blocks. */
  readonly columns: number;
  /** Planes, for columns along y; 1 along z. */
  readonly blocks: number;
  /** In complex numbers. */
  readonly blockStride: number;
  /** From one value of a column to the next, in complex numbers. */
  readonly elementStride: number;
}

/** Transforms along y or z, in place. */
export interface ColumnsPass {
  /** exp(-2 pi i k n / N), unnormalised. */
  forward(pass: GPUComputePassEncoder, spectrum: Bound): void;
  /** exp(+2 pi i k n / N), without 1 / N: the rows' inverse carries the factor of all three axes. */
  inverse(pass: GPUComputePassEncoder, spectrum: Bound): void;
  /** Frees the parameters of both directions. */
  destroy(): void;
}

/** In place and unnormalised, both ways. */
export async function prepareColumns(
  gpu: GpuDevice,
  plan: LineFftPlan,
  range: ColumnRange,
): Promise<ColumnsPass> {
  const kernel = await lineKernel(gpu, plan, 'fft-columns', 'main');
  const [forward, inverse] = [0, 1].map((direction) =>
    createUniform(gpu, 'fft-columns', [
      ['u32', range.columns],
      ['u32', range.blocks],
      ['u32', range.blockStride],
      ['u32', range.elementStride],
      ['u32', direction],
    ]),
  );
  const groups = dispatchSize(range.blocks * Math.ceil(range.columns / plan.lines), gpu.limits);
  const record = (parameters: GPUBuffer) => (pass: GPUComputePassEncoder, spectrum: Bound) => {
    // A line of one value is its own transform.
    if (plan.n > 1) kernel.run(pass, { parameters, spectrum }, groups);
  };
  return {
    forward: record(forward),
    inverse: record(inverse),
    destroy: () => [forward, inverse].forEach(gpu.destroyBuffer),
  };
}
