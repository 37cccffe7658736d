/**
 * Multiplies the Fourier transform of a volume by a function of |f|: rows along x, columns along y, then
 * per column along z forward, transfer, inverse in one kernel; back along y and x.
 */

import { LocScaleError } from '../errors.ts';
import type { RadialTransfer } from '../math/fourier/radial-transfer.ts';
import type { Shape } from '../math/grid.ts';
import type { GpuDevice } from './device.ts';
import { dispatchSize, lineKernel, planLineFft } from './fft-lines.ts';
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
import type { UniformField } from './kernel.ts';
import { makeVolume, withScratch } from './scratch.ts';
import type { GpuVolume } from './volume.ts';

/** Room for FFT tables, squared frequencies and parameters. */
const SMALL_BUFFERS_BYTES = 128 * 1024;

/** The map times a function of |f|; a new volume. */
export function radialFilter(
  gpu: GpuDevice,
  volume: GpuVolume,
  transfer: RadialTransfer,
): Promise<GpuVolume> {
  const name = 'radial-filter';
  return throughSpectrum(gpu, name, volume, transfer.table.byteLength, (spectrum) => {
    const { pitch, shape } = spectrum.plan;
    const last = transfer.table.length - 1;
    return filterColumns(gpu, spectrum, name, {
      tables: { squares: squaredFrequencies(shape, pitch, transfer.axisScale), gains: transfer.table },
      parametersOf: (columns, firstRow) => [
        ['u32', columns],
        ['u32', pitch],
        ['u32', shape[1]],
        ['u32', firstRow],
        ['u32', last],
        ['f32', last / transfer.maxFrequency],
      ],
    });
  });
}

/** A volume whose columns along z are changed between the transforms along y. */
export async function throughSpectrum(
  gpu: GpuDevice,
  name: string,
  volume: GpuVolume,
  tableBytes: number,
  change: (spectrum: Spectrum) => Promise<void>,
): Promise<GpuVolume> {
  const { shape } = volume;
  const plan = requireSlabFft(gpu, shape, 1, tableBytes + SMALL_BUFFERS_BYTES);
  return withScratch(gpu, async (scratch) => {
    const spectrum = createSpectrum(scratch, name, plan);
    await transformPlanes(gpu, volume, spectrum);
    await change(spectrum);
    // The result takes its memory only when the strips have given theirs back.
    const { volume: filtered } = await makeVolume(gpu, name, shape, async (out) => {
      await restorePlanes(gpu, spectrum, out);
      await gpu.finish();
    });
    return filtered;
  });
}

/** What a shader does between the transforms along z. */
export interface ColumnFilter {
  /** By the names of their bindings. */
  readonly tables: Readonly<Record<string, Float32Array>>;
  /** Of a strip: so many columns, from this row on. */
  parametersOf(columns: number, firstRow: number): UniformField[];
}

/** `name`: of the shader. */
export async function filterColumns(
  gpu: GpuDevice,
  spectrum: Spectrum,
  name: string,
  { tables, parametersOf }: ColumnFilter,
): Promise<void> {
  const { plan } = spectrum;
  const planned = planLineFft(plan.shape[0], 'columns', gpu.limits, true);
  if (!planned.ok) throw new LocScaleError('out-of-memory', `The GPU ${gpu.name}: ${planned.reason}.`);
  const z = planned.plan;
  const kernel = await lineKernel(gpu, z, name, 'main');
  await withScratch(gpu, async (scratch) => {
    const tabulated = Object.fromEntries(
      Object.entries(tables).map(([binding, values]) => [binding, scratch.table(binding, values)]),
    );
    const buffer = stripBuffer(scratch, name, spectrum);
    for (const strip of stripsOf(plan)) {
      const columns = strip.rows * plan.pitch;
      const parameters = scratch.uniform(name, parametersOf(columns, strip.firstRow));
      const encoder = gpu.device.createCommandEncoder({ label: name });
      copyStrip(encoder, spectrum, strip, buffer, 'gather');
      const pass = encoder.beginComputePass({ label: name });
      kernel.run(
        pass,
        { parameters, spectrum: buffer, ...tabulated },
        dispatchSize(Math.ceil(columns / z.lines), gpu.limits),
      );
      pass.end();
      copyStrip(encoder, spectrum, strip, buffer, 'scatter');
      gpu.check();
      gpu.device.queue.submit([encoder.finish()]);
    }
  });
}

/** Squares of the frequencies along z, y and x (cycles per voxel), one after the other; x up to the pitch. */
export function squaredFrequencies(
  [nz, ny, nx]: Shape,
  pitch: number,
  [sz, sy, sx]: NonNullable<RadialTransfer['axisScale']> = [1, 1, 1],
): Float32Array {
  const along = (n: number, count: number, scale: number): number[] =>
    Array.from({ length: count }, (_, k) => ((scale * (2 * k < n ? k : k - n)) / n) ** 2);
  return Float32Array.from([...along(nz, nz, sz), ...along(ny, ny, sy), ...along(nx, pitch, sx)]);
}
