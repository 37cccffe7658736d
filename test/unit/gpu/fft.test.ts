/** The real 3D FFT in WGSL: every kind of length along rows and columns, shapes, round trips, limits. */
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { type GpuDevice, type GpuLimits, STORAGE } from '../../../src/gpu/device.ts';
import { createRealFft3d, planRealFft3d } from '../../../src/gpu/fft.ts';
import { workLength } from '../../../src/gpu/fft-code.ts';
import { planLineFft } from '../../../src/gpu/fft-lines.ts';
import { planSlabFft, stripsOf } from '../../../src/gpu/fft-slabs.ts';
import { type Shape, voxelCount } from '../../../src/math/grid.ts';
import { isDeno } from '../../../src/platform/index.ts';
import { relativeL2 } from '../../support/compare.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { noiseVolume } from '../../support/random-volume.ts';
import { referenceFft3d } from '../../support/reference-fft.ts';
import { usesHardware } from '../../support/software-gpu.ts';

/**
 * float32 with tables rounded once: errors grow like sqrt(log n) * 6e-8; the worst of all of these is
 * 2.4e-7 forward and 3.5e-7 there and back (Bluestein along three axes).
 */
const TOLERANCE = 1e-6;

const ALL_LENGTHS = [
  ...Array.from({ length: 256 }, (_, i) => i + 1),
  ...[263, 288, 300, 320, 360, 384, 400, 440, 480, 512],
];
/**
 * Every radix, powers of it, products, primes beyond the radices, the longest. LOCSCALE_FFT_LENGTHS=all:
 * every length.
 */
const SOME_LENGTHS = [
  1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 17, 37, 49, 64, 77, 125, 210, 256, 263, 360, 512,
];
/** Pipelines with much workgroup memory take seconds to compile there (SLOWLY_CLEARED_LINE_BYTES). */
const slowWorkgroupMemory = isDeno && !usesHardware;
const SHORT_LENGTHS = [1, 2, 3, 4, 5, 7, 8, 11, 13, 17, 37, 60, 64, 77, 128];
const LENGTHS =
  process.env.LOCSCALE_FFT_LENGTHS === 'all'
    ? ALL_LENGTHS
    : slowWorkgroupMemory
      ? SHORT_LENGTHS
      : SOME_LENGTHS;

const SHAPES: Shape[] = [
  [24, 24, 24],
  [5, 6, 7],
  [17, 23, 29], // primes, Bluestein
  [64, 3, 40],
  [31, 48, 9],
  [2, 2, 2],
  [1, 1, 1],
  [33, 1, 70],
];

interface Transformed {
  /** Half spectrum (kz, ky, kx <= nx / 2), re and im interleaved, without padding. */
  readonly spectrum: Float32Array;
  readonly back: Float32Array;
}

async function transform(gpu: GpuDevice, shape: Shape, data: Float32Array): Promise<Transformed> {
  const planned = planRealFft3d(shape, gpu.limits);
  if (!planned.ok) throw new Error(planned.reason);
  const fft = await createRealFft3d(gpu, planned.plan);
  const before = gpu.allocatedBytes;
  const real = gpu.createBuffer('test real', data.byteLength, STORAGE);
  const spectrum = gpu.createBuffer('test spectrum', fft.spectrumBytes, STORAGE);
  const record = (run: (pass: GPUComputePassEncoder) => void): Promise<void> => {
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    run(pass);
    pass.end();
    return gpu.finish(encoder);
  };
  gpu.device.queue.writeBuffer(real, 0, data as Float32Array<ArrayBuffer>);
  await record((pass) => fft.forward(pass, real, spectrum));
  const padded = new Float32Array(await gpu.read(spectrum, 0, fft.spectrumBytes));
  await record((pass) => fft.inverse(pass, spectrum, real));
  const back = new Float32Array(await gpu.read(real, 0, data.byteLength));
  gpu.destroyBuffer(real);
  gpu.destroyBuffer(spectrum);
  expect(gpu.allocatedBytes).toBe(before);
  fft.destroy();
  const bins = Math.floor(shape[2] / 2) + 1;
  const kept = padded.filter((_, i) => Math.floor(i / 2) % fft.pitch < bins);
  return { spectrum: kept, back };
}

function expectedSpectrum(shape: Shape, data: Float32Array): Float64Array {
  const { re, im } = referenceFft3d(data, undefined, shape);
  const [, , nx] = shape;
  const bins = Math.floor(nx / 2) + 1;
  return Float64Array.from({ length: 2 * shape[0] * shape[1] * bins }, (_, i) => {
    const value = Math.floor(i / 2);
    const at = Math.floor(value / bins) * nx + (value % bins);
    return i % 2 === 0 ? re[at] : im[at];
  });
}

async function expectTransform(gpu: GpuDevice, shape: Shape): Promise<void> {
  const data = noiseVolume(shape, voxelCount(shape));
  const { spectrum, back } = await transform(gpu, shape, data);
  expect(relativeL2(spectrum, expectedSpectrum(shape, data)), `forward ${shape}`).toBeLessThan(TOLERANCE);
  expect(relativeL2(back, data), `there and back ${shape}`).toBeLessThan(TOLERANCE);
}

describeGpu('real 3D FFT (gpu)', (open) => {
  // An odd number of rows: the last one has no partner. Few enough columns to leave lanes idle.
  it.each(LENGTHS)('length %i along x and z (1e-6)', async (n) => {
    const gpu = await open();
    await expectTransform(gpu, [1, 3, n]);
    await expectTransform(gpu, [n, 1, 10]);
  });

  it.each(SHAPES)('%i x %i x %i (1e-6)', async (...shape) => {
    await expectTransform(await open(), shape);
  });

  it('takes as many lines at once as the memory of GPUs allows (1e-6)', async () => {
    await expectTransform(await open({ lineBytes: 32768 }), [24, 12, 24]);
  });

  it.skipIf(slowWorkgroupMemory)(
    'needs no more than the 16 KiB of workgroup memory and 128 threads that it is given (1e-6)',
    async () => {
      const gpu = await open({ workgroupBytes: 16384, workgroupInvocations: 128 });
      await expectTransform(gpu, [3, 512, 5]);
      await expectTransform(gpu, [3, 1024, 4]);
      await expectTransform(gpu, [1, 499, 31]);
    },
  );

  it('spreads workgroups over two dimensions where one is not enough (1e-6)', async () => {
    const gpu = await open();
    const limits = { ...gpu.limits, workgroupsPerDimension: 24 };
    await expectTransform(Object.create(gpu, { limits: { value: limits } }), [30, 28, 36]);
  });
});

describe('plans of the FFT in WGSL', () => {
  const limits: GpuLimits = {
    bindingBytes: 2 ** 27,
    slabBytes: 2 ** 27,
    bufferBytes: 2 ** 28,
    workgroupBytes: 16384,
    lineBytes: 16384,
    workgroupInvocations: 256,
    workgroupsPerDimension: 65535,
    totalBytes: Number.POSITIVE_INFINITY,
  };

  it('lengths to 512, and smooth ones to 1024, fit 16 KiB; primes to 1021 fit 32 KiB', () => {
    const fits = (n: number, workgroupBytes: number): boolean =>
      planLineFft(n, 'columns', { ...limits, workgroupBytes }).ok;
    for (let n = 1; n <= 512; n++) expect(fits(n, 16384), `${n}`).toBe(true);
    expect([640, 720, 768, 1000, 1024].map((n) => fits(n, 16384))).toEqual(Array(5).fill(true));
    expect([521, 1021, 1025].map((n) => fits(n, 16384))).toEqual([false, false, false]);
    expect([521, 1021].map((n) => fits(n, 32768))).toEqual([true, true]);
  });

  it('the radices multiply to the length, and the work fits memory and threads', () => {
    for (let n = 1; n <= 512; n++) {
      for (const kind of ['rows', 'columns'] as const) {
        const planned = planLineFft(n, kind, limits);
        if (!planned.ok) throw new Error(planned.reason);
        const { plan } = planned;
        expect(plan.radices.reduce((product, radix) => product * radix, 1)).toBe(plan.length);
        expect(plan.length).toBeGreaterThanOrEqual(plan.bluestein ? 2 * n - 1 : n);
        expect(8 * plan.halves * workLength(plan) * plan.lines).toBeLessThanOrEqual(limits.workgroupBytes);
        expect(plan.threads).toBeLessThanOrEqual(limits.workgroupInvocations);
      }
    }
  });

  it('explains what does not fit', () => {
    const reason = (shape: Shape, changes: Partial<GpuLimits> = {}): string => {
      const planned = planRealFft3d(shape, { ...limits, ...changes });
      return planned.ok ? 'ok' : planned.reason;
    };
    expect(reason([256, 256, 256])).toBe('ok');
    expect(reason([8, 8, 2048])).toBe(
      'a Fourier transform of length 2048 needs 32768 bytes of workgroup memory and the device has 16384',
    );
    expect(reason([512, 512, 512])).toBe(
      `a spectrum of ${8 * 512 * 512 * 260} bytes exceeds the binding limit of ${2 ** 27} bytes`,
    );
  });

  it('a 512 box is cut into slabs and strips of at most one binding each', () => {
    const planned = planSlabFft([512, 512, 512], limits, 2, 2.2 * 2 ** 30);
    if (!planned.ok) throw new Error(planned.reason);
    const { plan } = planned;
    expect(8 * plan.planesPerSlab * 512 * plan.pitch).toBeLessThanOrEqual(2 ** 27);
    expect(8 * plan.rowsPerStrip * 512 * plan.pitch).toBeLessThanOrEqual(2 ** 27);
    expect(stripsOf(plan).reduce((rows, strip) => rows + strip.rows, 0)).toBe(512);
    const refused = planSlabFft([512, 512, 512], limits, 2, 2 ** 30);
    expect(refused.ok).toBe(false);
  });
});
