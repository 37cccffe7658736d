/**
 * Multiplies the Fourier transform of a volume by a function of |f|: rows along x, columns along y, then
 * per column along z forward, transfer, inverse in one kernel; back along y and x.
 */

import type { RadialTransfer } from '../math/fourier/radial-transfer.ts';
import type { Shape } from '../math/grid.ts';
import type { GpuDevice } from './device.ts';
import { dispatchSize, lineKernel, lineTableBuffer } from './fft-lines.ts';
import {
  copyStrip,
  createSpectrum,
  requireSlabFft,
  restorePlanes,
  type Spectrum,
  stripBuffer,
  stripsOf,
  transformPlanes,
} from './fft-slabs.ts';
import { makeVolume, withScratch } from './scratch.ts';
import type { GpuVolume } from './volume.ts';

/** Room for FFT tables, squared frequencies and parameters. */
const SMALL_BUFFERS_BYTES = 128 * 1024;

export async function radialFilter(
  gpu: GpuDevice,
  volume: GpuVolume,
  transfer: RadialTransfer,
): Promise<GpuVolume> {
  const { shape } = volume;
  const plan = requireSlabFft(gpu, shape, 1, transfer.table.byteLength + SMALL_BUFFERS_BYTES);
  return withScratch(gpu, async (scratch) => {
    const spectrum = createSpectrum(scratch, 'radial-filter', plan);
    await transformPlanes(gpu, volume, spectrum);
    await filterColumns(gpu, spectrum, transfer);
    // The result takes its memory only when the strips have given theirs back.
    const { volume: filtered } = await makeVolume(gpu, 'radial-filter', shape, async (out) => {
      await restorePlanes(gpu, spectrum, out);
      await gpu.finish();
    });
    return filtered;
  });
}

async function filterColumns(gpu: GpuDevice, spectrum: Spectrum, transfer: RadialTransfer): Promise<void> {
  const { plan } = spectrum;
  const kernel = await lineKernel(gpu, plan.z, 'radial-filter', 'main');
  const table = lineTableBuffer(gpu, plan.z);
  await withScratch(gpu, async (scratch) => {
    const gains = scratch.table('transfer function', transfer.table);
    const squares = scratch.table(
      'squared frequencies',
      squaredFrequencies(plan.shape, plan.pitch, transfer),
    );
    const buffer = stripBuffer(scratch, 'radial-filter', spectrum);
    for (const strip of stripsOf(plan)) {
      const columns = strip.rows * plan.pitch;
      const parameters = scratch.uniform('radial-filter', [
        ['u32', columns],
        ['u32', plan.pitch],
        ['u32', plan.shape[1]],
        ['u32', strip.firstRow],
        ['u32', transfer.table.length - 1],
        ['f32', (transfer.table.length - 1) / transfer.maxFrequency],
      ]);
      const encoder = gpu.device.createCommandEncoder({ label: 'radial-filter' });
      copyStrip(encoder, spectrum, strip, buffer, 'gather');
      const pass = encoder.beginComputePass({ label: 'radial-filter' });
      kernel.run(
        pass,
        { table, parameters, spectrum: buffer, squares, gains },
        dispatchSize(Math.ceil(columns / plan.z.lines), gpu.limits),
      );
      pass.end();
      copyStrip(encoder, spectrum, strip, buffer, 'scatter');
      gpu.check();
      gpu.device.queue.submit([encoder.finish()]);
    }
  });
}

/** Squares of the frequencies along z, y and x (cycles per voxel), one after the other; x up to the pitch. */
function squaredFrequencies(
  [nz, ny, nx]: Shape,
  pitch: number,
  { axisScale: [sz, sy, sx] = [1, 1, 1] }: RadialTransfer,
): Float32Array {
  const along = (n: number, count: number, scale: number): number[] =>
    Array.from({ length: count }, (_, k) => ((scale * (2 * k < n ? k : k - n)) / n) ** 2);
  return Float32Array.from([...along(nz, nz, sz), ...along(ny, ny, sy), ...along(nx, pitch, sx)]);
}
