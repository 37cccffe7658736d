/** Cross and power spectra of two volumes in shells: shaders/shell-spectra.wgsl. */

import { requireSameShape } from '../engine/checks.ts';
import type { ShellSpectra } from '../engine/engine.ts';
import type { ShellRule } from '../math/fourier/fsc.ts';
import type { Shape } from '../math/grid.ts';
import { checkShells } from './check-shells.ts';
import type { GpuDevice } from './device.ts';
import { planAxes } from './fft.ts';
import { prepareColumns } from './fft-axes.ts';
import { lineKernel } from './fft-lines.ts';
import {
  copyStrip,
  createSpectrum,
  requireSlabFft,
  type SlabFftPlan,
  stripBuffer,
  stripsOf,
  transformPlanes,
} from './fft-slabs.ts';
import { getKernel } from './kernel-cache.ts';
import { withScratch } from './scratch.ts';

import type { GpuVolume } from './volume.ts';

/** Shells per workgroup, @workgroup_size of the shader. */
const SHELLS_PER_GROUP = 64;
/** Rows per float32 sum: at least this many to limit the parts, at most this many to preserve precision. */
const LEAST_ROWS_PER_BLOCK = 16;
/** Longer float32 sums would lose digits. */
const MOST_ROWS_PER_BLOCK = 256;
// Enough blocks to occupy large GPUs.
const USEFUL_BLOCKS = 1024;
/** Room for FFT tables, squared radii and parameters. */
const SMALL_BUFFERS_BYTES = 128 * 1024;

/** What two maps of this shape need. */
export async function compileShellSpectra(gpu: GpuDevice, shape: Shape): Promise<void> {
  const axes = planAxes(shape, gpu.limits);
  if (!axes.ok) return;
  const { x, y, z } = axes.plan;
  await Promise.all([
    lineKernel(gpu, x, 'fft-rows', 'forward'),
    lineKernel(gpu, y, 'fft-columns', 'main'),
    lineKernel(gpu, z, 'fft-columns', 'main'),
    getKernel(gpu, 'shell-spectra'),
  ]);
}

/** Transforms both volumes, then reduces strip by strip; the host adds the parts in float64. */
export async function shellSpectra(
  gpu: GpuDevice,
  a: GpuVolume,
  b: GpuVolume,
  rule: ShellRule = 'floor',
): Promise<ShellSpectra> {
  requireSameShape(a, b);
  const { shape } = a;
  const shells = Math.floor(Math.min(...shape) / 2);
  if (shells === 0) return addUp(new Float32Array(0), 0);
  const [nz, ny] = shape;
  const rowsPerBlock = Math.min(
    MOST_ROWS_PER_BLOCK,
    Math.max(LEAST_ROWS_PER_BLOCK, Math.ceil((nz * ny) / USEFUL_BLOCKS)),
  );
  // One more block for the end of each strip, and a second copy of the parts while they are read back.
  // Four float32 each: cross power, both powers, number of coefficients.
  const partsBytes = 2 * 16 * shells * (Math.ceil((nz * ny) / rowsPerBlock) + ny);
  const plan = requireSlabFft(gpu, shape, 2, partsBytes + SMALL_BUFFERS_BYTES);
  const layout = stripsOf(plan).map((strip) => ({
    strip,
    blocks: Math.ceil((nz * strip.rows) / rowsPerBlock),
  }));
  const blockCount = layout.reduce((sum, { blocks }) => sum + blocks, 0);
  const parts = await withScratch(gpu, async (scratch) => {
    const spectra = ['a', 'b'].map((name) => createSpectrum(scratch, name, plan));
    for (const [i, volume] of [a, b].entries()) await transformPlanes(gpu, volume, spectra[i]);
    const kernel = await getKernel(gpu, 'shell-spectra');
    await gpu.verification?.verify('FSC', [kernel], () => checkShells(gpu, kernel, squaredRadii));
    const buffers = spectra.map((spectrum, i) => stripBuffer(scratch, 'ab'[i], spectrum));
    const squares = scratch.table('squared radii', squaredRadii(shape));
    const sums = scratch.storage('shell-spectra parts', 16 * blockCount * shells);
    let firstBlock = 0;
    for (const { strip, blocks } of layout) {
      const encoder = gpu.device.createCommandEncoder({ label: 'shell-spectra' });
      for (const [i, spectrum] of spectra.entries()) {
        copyStrip(encoder, spectrum, strip, buffers[i], 'gather');
      }
      const columns = await prepareColumns(gpu, plan.z, {
        columns: strip.rows * plan.pitch,
        blocks: 1,
        blockStride: 0,
        elementStride: strip.rows * plan.pitch,
      });
      const parameters = scratch.uniform('shell-spectra', [
        ['u32', nz * strip.rows],
        ['u32', strip.rows],
        ['u32', strip.firstRow],
        ['u32', rowsPerBlock],
        ...describeShells(plan, shells),
        ['u32', firstBlock * shells],
        ['u32', rule === 'nearest' ? 1 : 0],
        ['f32', shape[2] / Math.min(...shape)],
      ]);
      const pass = encoder.beginComputePass({ label: 'shell-spectra' });
      for (const buffer of buffers) columns.forward(pass, buffer);
      kernel.run(pass, { parameters, a: buffers[0], b: buffers[1], squares, parts: sums }, [
        Math.ceil(shells / SHELLS_PER_GROUP),
        blocks,
      ]);
      pass.end();
      gpu.check();
      gpu.device.queue.submit([encoder.finish()]);
      columns.destroy();
      firstBlock += blocks;
    }
    return new Float32Array(await gpu.read(sums, 0, 16 * blockCount * shells));
  });
  return addUp(parts, shells);
}

/** Fields of the shader's struct that are the same for all strips. */
function describeShells({ shape, pitch }: SlabFftPlan, shells: number): ['u32', number][] {
  const [nz, ny, nx] = shape;
  return [nz, ny, Math.floor(nx / 2) + 1, pitch, shells].map((value) => ['u32', value]);
}

/**
 * (k edge / n)^2, k signed, of all indices along z and y and of kx = 0 ... nx / 2, as pairs (fraction / 2^32,
 * whole): exact wherever the radii along the axis are whole numbers, as in a cubic box.
 */
export function squaredRadii(shape: Shape): Uint32Array<ArrayBuffer> {
  const edge = Math.min(...shape);
  const [nz, ny, nx] = shape;
  const along = (n: number, count: number): number[] =>
    Array.from({ length: count }, (_, k) => (((2 * k < n ? k : k - n) * edge) / n) ** 2);
  const values = [...along(nz, nz), ...along(ny, ny), ...along(nx, Math.floor(nx / 2) + 1)];
  return Uint32Array.from(
    values.flatMap((value) => {
      const whole = Math.floor(value);
      const fraction = Math.round((value - whole) * 2 ** 32);
      return fraction === 2 ** 32 ? [0, whole + 1] : [fraction, whole];
    }),
  );
}

/** `parts`: (block, shell, 4) float32. */
function addUp(parts: Float32Array, shells: number): ShellSpectra {
  const sums = Array.from({ length: 4 }, () => new Float64Array(shells));
  parts.forEach((value, i) => {
    sums[i % 4][Math.floor(i / 4) % shells] += value;
  });
  const [cross, powerA, powerB, counts] = sums;
  return { cross, powerA, powerB, counts };
}
