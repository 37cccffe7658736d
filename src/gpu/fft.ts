/**
 * Real 3D Fourier transform of a volume that lies in one buffer: rows along x, then columns along y, then
 * columns along z. Volumes in several slabs: fft-slabs.ts.
 *
 * Spectrum: half spectrum F[kz, ky, kx], kx = 0 ... floor(nx / 2), complex float32 (re, im) pairs, row
 * (kz, ky) beginning at (kz ny + ky) * pitch complex numbers. The numbers between floor(nx / 2) + 1 and
 * pitch are padding of no meaning.
 */
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import type { Shape } from '../math/grid.ts';
import type { GpuDevice, GpuLimits } from './device.ts';
import { prepareColumns, prepareRows } from './fft-axes.ts';
import { type LineFftPlan, type Planned, planLineFft } from './fft-lines.ts';
import type { Bound } from './kernel.ts';

export interface RealFft3dPlan {
  readonly shape: Shape;
  readonly x: LineFftPlan;
  readonly y: LineFftPlan;
  readonly z: LineFftPlan;
  /** Complex numbers from one spectrum row to the next. */
  readonly pitch: number;
  readonly spectrumBytes: number;
}

export interface RealFft3d {
  readonly plan: RealFft3dPlan;
  readonly pitch: number;
  readonly spectrumBytes: number;
  /** `real`: (z, y, x) float32, dense; kept. Unnormalised. */
  forward(pass: GPUComputePassEncoder, real: Bound, spectrum: Bound): void;
  /** Includes the factor 1 / (nz ny nx). Destroys the spectrum. */
  inverse(pass: GPUComputePassEncoder, spectrum: Bound, real: Bound): void;
  /** Frees the parameters; pipelines and tables stay with the device. */
  destroy(): void;
}

/** Transforms along the three axes, whatever the size of the volume; `ok` as long as the lines fit. */
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

/**
 * `copies`: volumes that follow each other in one buffer, and so do their spectra; all are transformed at
 * once.
 */
export async function createRealFft3d(
  gpu: GpuDevice,
  plan: RealFft3dPlan,
  copies: number = 1,
): Promise<RealFft3d> {
  const { shape, pitch, spectrumBytes } = plan;
  const [nz, ny, nx] = shape;
  const range = { rows: copies * nz * ny, firstReal: 0, firstSpectrum: 0, pitch };
  const [rows, alongY, alongZ] = await Promise.all([
    prepareRows(gpu, plan.x, range, 1 / (nz * ny * nx)),
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
