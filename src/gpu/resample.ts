/**
 * Fourier resampling (math/fourier/resample-plan.ts). Planes of the old box are transformed a chunk at a time
 * and cropped or padded to the new rows and columns; columns along z go through strips: forward over the old
 * planes, cropped or padded, inverse over the new ones; then the new planes are transformed back. The
 * spectrum in between has the new rows and columns and as many planes as the longer of the two boxes.
 */
import { LocScaleError, named } from '../errors.ts';
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import { type AxisTaps, axisTaps, halfAxis, resampleScale } from '../math/fourier/resample-plan.ts';
import type { Shape } from '../math/grid.ts';
import type { GpuDevice, GpuLimits } from './device.ts';
import { planAxes } from './fft.ts';
import { prepareColumns } from './fft-axes.ts';
import type { Planned } from './fft-lines.ts';
import { evenParts, restorePlanes, type SlabFftPlan, type Strip, transformPlanes } from './fft-slabs.ts';
import { makeVolume, type Scratch, withScratch } from './scratch.ts';
import { getVerifiedKernel } from './verified-kernel.ts';
import type { GpuVolume, Slab } from './volume.ts';
import { linearWorkgroups } from './workgroups.ts';

/** Chunks, strips and slabs of a resampling. */
export interface ResamplePlan {
  /** Plan of the old box. */
  readonly from: SlabFftPlan;
  /** Plan of the new box. */
  readonly to: SlabFftPlan;
  /** Planes of the old box per chunk. */
  readonly chunkPlanes: number;
  /** Planes of the intermediate spectrum: those of the longer box. */
  readonly depth: number;
  /** Of the intermediate spectrum, in planes z. */
  readonly planesPerSlab: number;
  /** Rows ky per strip of columns along z. */
  readonly rowsPerStrip: number;
  /** Peak bytes, excluding the input volume and parameters. */
  readonly workingBytes: number;
}

/** Chunks and strips of this size, in bytes, keep a GPU busy; larger ones only cost memory. */
const PART_BYTES = 128 * 2 ** 20;
/** Room for FFT tables, taps and parameters. */
const SMALL_BUFFERS_BYTES = 256 * 1024;

/** Fits chunks and strips into `freeBytes`, or returns the reason why that is impossible. */
export function planResample(
  from: Shape,
  to: Shape,
  limits: GpuLimits,
  freeBytes: number,
): Planned<ResamplePlan> {
  const [fromAxes, toAxes] = [planAxes(from, limits), planAxes(to, limits)];
  if (!fromAxes.ok) return fromAxes;
  if (!toAxes.ok) return toAxes;
  const bufferBytes = Math.min(limits.bindingBytes, limits.bufferBytes);
  const pitches = [spectrumPitch(from[2]), spectrumPitch(to[2])];
  const depth = Math.max(from[0], to[0]);
  const [fromPlaneBytes, planeBytes] = [8 * from[1] * pitches[0], 8 * to[1] * pitches[1]];
  const spectrumBytes = depth * planeBytes;
  const left = freeBytes - spectrumBytes;
  const planesPerSlab = evenParts(depth, bufferBytes / planeBytes);
  const chunkPlanes = evenParts(from[0], Math.min(bufferBytes, PART_BYTES, left) / fromPlaneBytes);
  // One strip of the old and one of the new planes.
  const stripRowBytes = 8 * pitches[1] * (from[0] + to[0]);
  const rowsPerStrip = evenParts(
    to[1],
    Math.min(bufferBytes / (8 * pitches[1] * depth), Math.min(PART_BYTES, left) / stripRowBytes),
  );
  const resultBytes = 4 * to[0] * to[1] * to[2];
  const partBytes = Math.max(chunkPlanes * fromPlaneBytes, rowsPerStrip * stripRowBytes, resultBytes);
  const workingBytes = spectrumBytes + partBytes;
  if (planesPerSlab === 0 || chunkPlanes === 0 || rowsPerStrip === 0 || workingBytes > freeBytes) {
    return {
      ok: false,
      reason:
        `resampling a box of ${from.join(' x ')} to ${to.join(' x ')} needs ` +
        `${spectrumBytes + resultBytes} bytes in buffers of at most ${bufferBytes} bytes, ` +
        `and ${Math.max(0, freeBytes)} bytes are free`,
    };
  }
  const slabPlan = (shape: Shape, axes: typeof fromAxes.plan, planes: number): SlabFftPlan => ({
    shape,
    ...axes,
    pitch: spectrumPitch(shape[2]),
    planesPerSlab: planes,
    rowsPerStrip,
  });
  return {
    ok: true,
    plan: {
      from: slabPlan(from, fromAxes.plan, chunkPlanes),
      to: slabPlan(to, toAxes.plan, planesPerSlab),
      chunkPlanes,
      depth,
      planesPerSlab,
      rowsPerStrip,
      workingBytes,
    },
  };
}

/**
 * Records a change of the new coefficients: a strip of the rows ky from strip.firstRow on, complex,
 * (kz, ky - firstRow, kx) with rows of `pitch` numbers.
 */
export type StripFilter = (
  pass: GPUComputePassEncoder,
  target: GPUBuffer,
  strip: Strip,
  pitch: number,
) => void;

/** `filter` modifies the new spectrum before it is transformed back. */
export async function resample(
  gpu: GpuDevice,
  volume: GpuVolume,
  shape: Shape,
  filter?: StripFilter,
): Promise<GpuVolume> {
  const freeBytes = gpu.limits.totalBytes - gpu.allocatedBytes - SMALL_BUFFERS_BYTES;
  const planned = planResample(volume.shape, shape, gpu.limits, freeBytes);
  if (!planned.ok) {
    throw new LocScaleError('out-of-memory', `The GPU ${gpu.name} cannot do this: ${planned.reason}.`, {
      hint: `Use ${named('engine', 'cpu')}, or a GPU with more memory.`,
    });
  }
  const { plan } = planned;
  return withScratch(gpu, async (scratch) => {
    const slabs = createSlabs(scratch, plan);
    await cropPlanes(gpu, plan, volume, slabs);
    await cropColumns(gpu, plan, slabs, filter);
    // The result is allocated after chunks and strips have been freed.
    const { volume: resampled } = await makeVolume(gpu, 'resample', shape, async (out) => {
      // Slabs have room for the larger box; planes beyond the new one are not transformed.
      const filled = slabs
        .filter(({ firstPlane }) => firstPlane < shape[0])
        .map((slab) => ({ ...slab, planes: Math.min(slab.planes, shape[0] - slab.firstPlane) }));
      await restorePlanes(gpu, { plan: plan.to, slabs: filled }, out);
      await gpu.finish();
    });
    return resampled;
  });
}

/** Slabs of the intermediate spectrum. */
function createSlabs(scratch: Scratch, { to, depth, planesPerSlab }: ResamplePlan): Slab[] {
  const slabs: Slab[] = [];
  for (let firstPlane = 0; firstPlane < depth; firstPlane += planesPerSlab) {
    const planes = Math.min(planesPerSlab, depth - firstPlane);
    const buffer = scratch.storage('resample spectrum', 8 * planes * to.shape[1] * to.pitch);
    slabs.push({ firstPlane, planes, buffer });
  }
  return slabs;
}

/** Transforms the planes of the volume and stores the rows and columns common to both boxes in the slabs. */
async function cropPlanes(
  gpu: GpuDevice,
  { from, to, chunkPlanes }: ResamplePlan,
  volume: GpuVolume,
  slabs: readonly Slab[],
): Promise<void> {
  const kernel = await getVerifiedKernel(gpu, 'resample');
  // Along x cropping is a matter of how many bins are copied.
  const { bins, lastWeight } = halfAxis(from.shape[2], to.shape[2]);
  await withScratch(gpu, async (scratch) => {
    const taps = scratch.table('taps along y', packTaps(axisTaps(from.shape[1], to.shape[1])));
    const chunk = scratch.storage('resample planes', 8 * chunkPlanes * from.shape[1] * from.pitch);
    for (let firstPlane = 0; firstPlane < from.shape[0]; firstPlane += chunkPlanes) {
      const planes = Math.min(chunkPlanes, from.shape[0] - firstPlane);
      await transformPlanes(gpu, volume, { plan: from, slabs: [{ firstPlane, planes, buffer: chunk }] });
      const encoder = gpu.device.createCommandEncoder({ label: 'resample planes' });
      const pass = encoder.beginComputePass({ label: 'resample planes' });
      for (const slab of slabs) {
        const first = Math.max(firstPlane, slab.firstPlane);
        const last = Math.min(firstPlane + planes, slab.firstPlane + slab.planes);
        if (first >= last) continue;
        const parameters = scratch.uniform('resample', [
          ['u32', last - first],
          ['u32', to.shape[1]],
          ['u32', to.pitch],
          ['u32', from.shape[1]],
          ['u32', from.pitch],
          ['u32', first - firstPlane],
          ['u32', first - slab.firstPlane],
          ['u32', bins],
          ['f32', lastWeight],
          ['f32', 1],
        ]);
        const bound = { parameters, source: chunk, taps, result: slab.buffer };
        kernel.run(pass, bound, linearWorkgroups(gpu, (last - first) * to.shape[1] * to.pitch));
      }
      pass.end();
      gpu.check();
      gpu.device.queue.submit([encoder.finish()]);
    }
  });
}

/** Columns along z: forward over the old planes, cropped or padded, inverse over the new ones, in place. */
async function cropColumns(
  gpu: GpuDevice,
  plan: ResamplePlan,
  slabs: readonly Slab[],
  filter?: StripFilter,
): Promise<void> {
  const { from, to, rowsPerStrip } = plan;
  const kernel = await getVerifiedKernel(gpu, 'resample');
  const [nz, mz] = [from.shape[0], to.shape[0]];
  await withScratch(gpu, async (scratch) => {
    const taps = scratch.table('taps along z', packTaps(axisTaps(nz, mz)));
    const rowBytes = 8 * to.pitch;
    const source = scratch.storage('resample strip', nz * rowsPerStrip * rowBytes);
    const target = scratch.storage('resampled strip', mz * rowsPerStrip * rowBytes);
    for (let firstRow = 0; firstRow < to.shape[1]; firstRow += rowsPerStrip) {
      const strip: Strip = { firstRow, rows: Math.min(rowsPerStrip, to.shape[1] - firstRow) };
      const columns = strip.rows * to.pitch;
      const range = { columns, blocks: 1, blockStride: 0, elementStride: columns };
      const [forward, inverse] = [
        await prepareColumns(gpu, from.z, range),
        await prepareColumns(gpu, to.z, range),
      ];
      const parameters = scratch.uniform('resample', [
        ['u32', 1],
        ['u32', mz],
        ['u32', columns],
        ['u32', nz],
        ['u32', columns],
        ['u32', 0],
        ['u32', 0],
        ['u32', columns],
        ['f32', 1],
        ['f32', resampleScale(from.shape, to.shape)],
      ]);
      const encoder = gpu.device.createCommandEncoder({ label: 'resample columns' });
      copyRows(encoder, to, slabs, strip, source, nz, 'gather');
      const pass = encoder.beginComputePass({ label: 'resample columns' });
      forward.forward(pass, source);
      kernel.run(pass, { parameters, source, taps, result: target }, linearWorkgroups(gpu, mz * columns));
      filter?.(pass, target, strip, to.pitch);
      inverse.inverse(pass, target);
      pass.end();
      copyRows(encoder, to, slabs, strip, target, mz, 'scatter');
      gpu.check();
      gpu.device.queue.submit([encoder.finish()]);
      forward.destroy();
      inverse.destroy();
    }
  });
}

/**
 * The rows of a strip, planes 0 ... planes - 1, from the slabs to `buffer` (kz, ky - firstRow, kx) or back.
 */
function copyRows(
  encoder: GPUCommandEncoder,
  { shape, pitch }: SlabFftPlan,
  slabs: readonly Slab[],
  { firstRow, rows }: Strip,
  buffer: GPUBuffer,
  planes: number,
  direction: 'gather' | 'scatter',
): void {
  const rowBytes = 8 * pitch;
  for (const slab of slabs) {
    const last = Math.min(planes, slab.firstPlane + slab.planes);
    for (let plane = slab.firstPlane; plane < last; plane++) {
      const inSlab = ((plane - slab.firstPlane) * shape[1] + firstRow) * rowBytes;
      const inStrip = plane * rows * rowBytes;
      if (direction === 'gather') {
        encoder.copyBufferToBuffer(slab.buffer, inSlab, buffer, inStrip, rows * rowBytes);
      } else {
        encoder.copyBufferToBuffer(buffer, inStrip, slab.buffer, inSlab, rows * rowBytes);
      }
    }
  }
}

/** (first, second, bits of the weight, 0) of every line; -1 becomes 0xffffffff. */
function packTaps({ first, second, weight }: AxisTaps): Uint32Array {
  const packed = new Uint32Array(4 * first.length);
  const bits = new Uint32Array(weight.buffer);
  first.forEach((line, k) => {
    packed.set([line, second[k], bits[k]], 4 * k);
  });
  return packed;
}
