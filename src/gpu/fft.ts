/**
 * Real 3D Fourier transform of a volume in one buffer: rows along x, then columns along y, then columns along
 * z. For volumes in several slabs see fft-slabs.ts.
 *
 * Spectrum: half spectrum F[kz, ky, kx], kx = 0 ... floor(nx / 2), complex float32 (re, im) pairs, row
 * (kz, ky) beginning at (kz ny + ky) * pitch complex numbers. The numbers from floor(nx / 2) + 1 to pitch are
 * padding with undefined values.
 */
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import type { Shape } from '../math/grid.ts';
import type { GpuDevice, GpuLimits } from './device.ts';
import { prepareColumns, prepareRows, type RowsDirection } from './fft-axes.ts';
import { type LineFftPlan, lineKernel, type Planned, planLineFft } from './fft-lines.ts';
import type { Bound } from './kernel.ts';

/** Plan of a transform whose spectrum fits one binding. */
export interface RealFft3dPlan {
  /** Of the real volume (z, y, x). */
  readonly shape: Shape;
  /** Real rows, two of them per complex line. */
  readonly x: LineFftPlan;
  /** Complex columns within a plane. */
  readonly y: LineFftPlan;
  /** Complex columns across planes. */
  readonly z: LineFftPlan;
  /** Row pitch of the spectrum, in complex numbers. */
  readonly pitch: number;
  /** 8 bytes per complex number, padding of the rows included. */
  readonly spectrumBytes: number;
}

/** A prepared transform, recorded into compute passes. */
export interface RealFft3d {
  /** What it was prepared for; buffers must have its shape and pitch. */
  readonly plan: RealFft3dPlan;
  /** Of `plan`: complex numbers from one row (kz, ky) to the next. */
  readonly pitch: number;
  /** Of one volume, however many are transformed at once. */
  readonly spectrumBytes: number;
  /** `real`: (z, y, x) float32, dense, not modified. Unnormalised. */
  forward(pass: GPUComputePassEncoder, real: Bound, spectrum: Bound): void;
  /** Includes the factor 1 / (nz ny nx). Destroys the spectrum. */
  inverse(pass: GPUComputePassEncoder, spectrum: Bound, real: Bound): void;
  /** Frees the parameters; pipelines and tables stay cached. */
  destroy(): void;
}

/** Plans of the three axes, regardless of the volume's size; `ok` if the lines fit. */
export function planAxes(
  shape: Shape,
  limits: GpuLimits,
): Planned<{ readonly x: LineFftPlan; readonly y: LineFftPlan; readonly z: LineFftPlan }> {
  const x = planLineFft(shape[2], 'rows', limits);
  if (!x.ok) return x;
  const y = planLineFft(shape[1], 'columns', limits);
  if (!y.ok) return y;
  const z = planLineFft(shape[0], 'columns', limits);
  if (!z.ok) return z;
  return { ok: true, plan: { x: x.plan, y: y.plan, z: z.plan } };
}

/** Fails if the spectrum exceeds a binding; large volumes use fft-slabs.ts. */
export function planRealFft3d(shape: Shape, limits: GpuLimits): Planned<RealFft3dPlan> {
  const axes = planAxes(shape, limits);
  if (!axes.ok) return axes;
  const pitch = spectrumPitch(shape[2]);
  const spectrumBytes = 8 * shape[0] * shape[1] * pitch;
  const most = Math.min(limits.bindingBytes, limits.bufferBytes);
  if (spectrumBytes > most) {
    return {
      ok: false,
      reason: `a spectrum of ${spectrumBytes} bytes exceeds the binding limit of ${most} bytes`,
    };
  }
  return { ok: true, plan: { shape, ...axes.plan, pitch, spectrumBytes } };
}

/** The kernels of `createRealFft3d`, both directions. */
export async function compileRealFft3d(gpu: GpuDevice, { x, y, z }: RealFft3dPlan): Promise<void> {
  await Promise.all([
    lineKernel(gpu, x, 'fft-rows', 'forward'),
    lineKernel(gpu, x, 'fft-rows', 'inverse'),
    lineKernel(gpu, y, 'fft-columns', 'main'),
    lineKernel(gpu, z, 'fft-columns', 'main'),
  ]);
}

/**
 * `copies`: number of consecutive volumes in one buffer, likewise their spectra, transformed by the same
 * dispatches.
 */
export async function createRealFft3d(
  gpu: GpuDevice,
  plan: RealFft3dPlan,
  copies: number = 1,
  direction: RowsDirection = 'both',
): Promise<RealFft3d> {
  const { shape, pitch, spectrumBytes } = plan;
  const [nz, ny, nx] = shape;
  const range = { rows: copies * nz * ny, firstReal: 0, firstSpectrum: 0, pitch };
  const [rows, alongY, alongZ] = await Promise.all([
    prepareRows(gpu, plan.x, range, 1 / (nz * ny * nx), direction),
    prepareColumns(gpu, plan.y, {
      columns: Math.floor(nx / 2) + 1,
      blocks: copies * nz,
      blockStride: ny * pitch,
      elementStride: pitch,
    }),
    prepareColumns(gpu, plan.z, {
      columns: ny * pitch,
      blocks: copies,
      blockStride: nz * ny * pitch,
      elementStride: ny * pitch,
    }),
  ]);
  return {
    plan,
    pitch,
    spectrumBytes,
    forward(pass, real, spectrum) {
      rows.forward(pass, real, spectrum);
      alongY.forward(pass, spectrum);
      alongZ.forward(pass, spectrum);
    },
    inverse(pass, spectrum, real) {
      alongZ.inverse(pass, spectrum);
      alongY.inverse(pass, spectrum);
      rows.inverse(pass, spectrum, real);
    },
    destroy() {
      rows.destroy();
      alongY.destroy();
      alongZ.destroy();
    },
  };
}
