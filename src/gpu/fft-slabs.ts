/**
 * Real 3D Fourier transform of volumes in several z-slabs. Rows along x and columns along y are
 * transformed slab by slab; for the columns along z, strips of rows ky are gathered from the slabs into one
 * buffer and, if needed, scattered back. A spectrum of one slab is one strip and is never copied. Layout of a
 * slab: as in fft.ts; of a strip: (kz, ky - firstRow, kx), same pitch.
 */

import { LocScaleError, named } from '../errors.ts';
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import type { Shape } from '../math/grid.ts';
import type { GpuDevice, GpuLimits } from './device.ts';
import { planAxes } from './fft.ts';
import { prepareColumns, prepareRows } from './fft-axes.ts';
import type { LineFftPlan, Planned } from './fft-lines.ts';
import type { Scratch } from './scratch.ts';
import type { GpuVolume, Slab } from './volume.ts';

/** Lines, slabs and strips of a transform; shape (z, y, x). */
export interface SlabFftPlan {
  /** Of the real volume; the half spectrum has floor(nx / 2) + 1 numbers per row. */
  readonly shape: Shape;
  readonly x: LineFftPlan;
  readonly y: LineFftPlan;
  readonly z: LineFftPlan;
  /** Row pitch of the spectrum, in complex numbers. */
  readonly pitch: number;
  /** Planes z, or kz, per slab; the last slab may have fewer. */
  readonly planesPerSlab: number;
  /** All rows if the spectrum is one slab. */
  readonly rowsPerStrip: number;
}

/** Rows firstRow <= ky < firstRow + rows of all planes. */
export interface Strip {
  /** Smallest ky of the strip. */
  readonly firstRow: number;
  /** Rows ky; each holds all kx, so that copies are contiguous per plane. */
  readonly rows: number;
}

/** A half spectrum in slabs of planes. */
export interface Spectrum {
  /** Fixes pitch and slabs; spectra of one plan can be combined coefficient by coefficient. */
  readonly plan: SlabFftPlan;
  /** In the order of kz. */
  readonly slabs: readonly Slab[];
}

/** Plans for `spectra` at a time, each with its own strip, in `freeBytes` of memory. */
export function planSlabFft(
  shape: Shape,
  limits: GpuLimits,
  spectra: number,
  freeBytes: number,
): Planned<SlabFftPlan> {
  const axes = planAxes(shape, limits);
  if (!axes.ok) return axes;
  const [nz, ny, nx] = shape;
  const pitch = spectrumPitch(nx);
  const bufferBytes = Math.min(limits.bindingBytes, limits.bufferBytes);
  const planeBytes = 8 * ny * pitch;
  const planes = evenParts(nz, bufferBytes / planeBytes);
  const left = freeBytes / spectra - nz * planeBytes;
  const rows = planes === nz ? ny : evenParts(ny, Math.min(bufferBytes, left) / (8 * nz * pitch));
  if (planes === 0 || rows === 0 || left < 0) {
    return {
      ok: false,
      reason:
        `the Fourier transform of a box of ${shape.join(' x ')} needs ${spectra * nz * planeBytes} bytes ` +
        `in buffers of at most ${bufferBytes} bytes, and ${Math.max(0, freeBytes)} bytes are free`,
    };
  }
  return { ok: true, plan: { shape, ...axes.plan, pitch, planesPerSlab: planes, rowsPerStrip: rows } };
}

/** Size of equal parts of `count` with at most `most` items; 0 if not even one fits. */
export function evenParts(count: number, most: number): number {
  if (most < 1) return 0;
  return Math.ceil(count / Math.ceil(count / Math.floor(most)));
}

/**
 * The plan for the currently free memory minus `reservedBytes` for other buffers of the operation, or an
 * error with the reason.
 */
export function requireSlabFft(
  gpu: GpuDevice,
  shape: Shape,
  spectra: number,
  reservedBytes: number,
): SlabFftPlan {
  const freeBytes = gpu.limits.totalBytes - gpu.allocatedBytes - reservedBytes;
  const planned = planSlabFft(shape, gpu.limits, spectra, freeBytes);
  if (planned.ok) return planned.plan;
  throw new LocScaleError('out-of-memory', `The GPU ${gpu.name} cannot do this: ${planned.reason}.`, {
    hint: `Use ${named('engine', 'cpu')}, or a GPU with more memory.`,
  });
}

/** The buffers live as long as the scratch scope. */
export function createSpectrum(scratch: Scratch, label: string, plan: SlabFftPlan): Spectrum {
  const [nz, ny] = plan.shape;
  const slabs: Slab[] = [];
  for (let z = 0; z < nz; z += plan.planesPerSlab) {
    const planes = Math.min(plan.planesPerSlab, nz - z);
    const buffer = scratch.storage(`${label} spectrum`, 8 * planes * ny * plan.pitch);
    slabs.push({ firstPlane: z, planes, buffer });
  }
  return { plan, slabs };
}

/** All strips, in order of rows. */
export function stripsOf({ shape, rowsPerStrip }: SlabFftPlan): Strip[] {
  const strips: Strip[] = [];
  for (let firstRow = 0; firstRow < shape[1]; firstRow += rowsPerStrip) {
    strips.push({ firstRow, rows: Math.min(rowsPerStrip, shape[1] - firstRow) });
  }
  return strips;
}

/** Buffer for the strips of a spectrum: the spectrum's own if it is one slab. */
export function stripBuffer(scratch: Scratch, label: string, { plan, slabs }: Spectrum): GPUBuffer {
  if (slabs.length === 1) return slabs[0].buffer;
  return scratch.storage(`${label} strip`, 8 * plan.shape[0] * plan.rowsPerStrip * plan.pitch);
}

/** Copies a strip from the slabs to `buffer` or back; no-op if the spectrum is one slab. */
export function copyStrip(
  encoder: GPUCommandEncoder,
  spectrum: Spectrum,
  { firstRow, rows }: Strip,
  buffer: GPUBuffer,
  direction: 'gather' | 'scatter',
): void {
  const { plan, slabs } = spectrum;
  if (slabs.length === 1) return;
  const rowBytes = 8 * plan.pitch;
  for (const slab of slabs) {
    for (let plane = 0; plane < slab.planes; plane++) {
      const inSlab = (plane * plan.shape[1] + firstRow) * rowBytes;
      const inStrip = (slab.firstPlane + plane) * rows * rowBytes;
      if (direction === 'gather') {
        encoder.copyBufferToBuffer(slab.buffer, inSlab, buffer, inStrip, rows * rowBytes);
      } else {
        encoder.copyBufferToBuffer(buffer, inStrip, slab.buffer, inSlab, rows * rowBytes);
      }
    }
  }
}

/** Rows along x and columns along y of all planes, forward. The volume is not modified. */
export async function transformPlanes(gpu: GpuDevice, volume: GpuVolume, spectrum: Spectrum): Promise<void> {
  await doPlanes(gpu, volume, spectrum, 'forward');
}

/**
 * Columns along y and rows along x, inverse, divided by the number of voxels. Destroys the spectrum. `bins`:
 * number of non-zero columns of a plane; default all.
 */
export async function restorePlanes(
  gpu: GpuDevice,
  spectrum: Spectrum,
  volume: GpuVolume,
  bins?: number,
): Promise<void> {
  await doPlanes(gpu, volume, spectrum, 'inverse', bins);
}

/** One command buffer for all slabs; each slab has its own parameters. */
async function doPlanes(
  gpu: GpuDevice,
  volume: GpuVolume,
  { plan, slabs }: Spectrum,
  direction: 'forward' | 'inverse',
  bins = Math.floor(plan.shape[2] / 2) + 1,
): Promise<void> {
  const { pitch, shape } = plan;
  const [nz, ny, nx] = shape;
  const used: { destroy(): void }[] = [];
  const encoder = gpu.device.createCommandEncoder({ label: `planes, ${direction}` });
  try {
    for (const slab of slabs) {
      const columns = await prepareColumns(gpu, plan.y, {
        columns: bins,
        blocks: slab.planes,
        blockStride: ny * pitch,
        elementStride: pitch,
      });
      used.push(columns);
      const pass = encoder.beginComputePass({ label: `planes, ${direction}` });
      if (direction === 'inverse') columns.inverse(pass, slab.buffer);
      for (const part of volume.slabs) {
        const first = Math.max(slab.firstPlane, part.firstPlane);
        const last = Math.min(slab.firstPlane + slab.planes, part.firstPlane + part.planes);
        if (first >= last) continue;
        const range = {
          rows: (last - first) * ny,
          firstReal: (first - part.firstPlane) * ny,
          firstSpectrum: (first - slab.firstPlane) * ny,
          pitch,
        };
        const rows = await prepareRows(gpu, plan.x, range, 1 / (nz * ny * nx), direction);
        used.push(rows);
        if (direction === 'forward') rows.forward(pass, part.buffer, slab.buffer);
        else rows.inverse(pass, slab.buffer, part.buffer);
      }
      if (direction === 'forward') columns.forward(pass, slab.buffer);
      pass.end();
    }
    gpu.check();
    gpu.device.queue.submit([encoder.finish()]);
  } finally {
    for (const prepared of used) prepared.destroy();
  }
}
