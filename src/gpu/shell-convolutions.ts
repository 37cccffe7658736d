/**
 * out(v) = sum_r s_r(v) (map * K_r)(v) at the unit voxels of a tile (shaders/shell-convolutions.wgsl):
 * one forward FFT of the box, then for all shells at once, or as many as fit, a product, an inverse FFT and a
 * weighted sum.
 */

import { shellKernels, shellKernelVoxels } from '../math/fourier/shell-kernels.ts';
import type { Shape } from '../math/grid.ts';
import { voxelCount } from '../math/grid.ts';
import { shellCountOf } from '../math/scaling/windows.ts';
import { type GpuDevice, type GpuLimits, STORAGE } from './device.ts';
import { createRealFft3d, type RealFft3d, type RealFft3dPlan } from './fft.ts';
import type { JobBuffers } from './job.ts';
import type { Bound, Kernel, UniformField } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import { submitPass, withScratch } from './scratch.ts';
import { UNIT_ROWS } from './tile-units.ts';
import type { UniformSlots } from './uniform-slots.ts';
import type { GpuVolume, Slab } from './volume.ts';
import type { WindowProfilesPlan } from './window-profiles.ts';
import { linearWorkgroups } from './workgroups.ts';

/** Prepared convolutions of one window size. */
export interface ShellConvolutions {
  /** Of the run, as far as they are used: what is verified before the first tile. */
  readonly kernels: readonly Kernel[];
  /** Sums over all shells into `scaled` (one float per unit voxel). `box` is the gathered map. */
  encode(
    pass: GPUComputePassEncoder,
    box: Bound,
    units: Bound,
    unitCount: number,
    factors: Bound,
    scaled: Bound,
    uniforms: UniformSlots,
  ): void;
  /** Writes `scaled` (and the fits) to the mask voxels of the volumes; the tile begins at voxel `start`. */
  encodePlace(
    pass: GPUComputePassEncoder,
    units: Bound,
    unitCount: number,
    start: Shape,
    scaled: Bound,
    mask: GpuVolume,
    out: GpuVolume,
    fits: { readonly fits: Bound; readonly bFactor: GpuVolume; readonly quality: GpuVolume } | undefined,
    uniforms: UniformSlots,
  ): void;
}

/** Shader file, and label of buffers. */
const NAME = 'shell-convolutions';

/** Bytes of the products of a batch of shells: about the last-level cache of a GPU. */
const BATCH_BYTES = 64 * 2 ** 20;

/** Shells per batch, in equal batches. */
function shellsPerBatch(shellCount: number, spectrumBytes: number, limits: GpuLimits): number {
  const largest = Math.min(limits.bindingBytes, limits.bufferBytes, BATCH_BYTES);
  const most = Math.max(1, Math.floor(largest / spectrumBytes));
  return Math.ceil(shellCount / Math.ceil(shellCount / most));
}

/** The kernels' spectra are computed once per job and stay on the device. `buffers`: of the job. */
export async function createShellConvolutions(
  gpu: GpuDevice,
  { own, granted }: JobBuffers,
  fftPlan: RealFft3dPlan,
  { windowVoxels, taper, tileSize, lanes }: WindowProfilesPlan,
  placesFits: boolean,
): Promise<ShellConvolutions> {
  const { spectrumBytes, shape: box } = fftPlan;
  const shellCount = shellCountOf(windowVoxels);
  const batch = shellsPerBatch(shellCount, spectrumBytes, gpu.limits);
  const [mapFft, batchFft, kernels] = await Promise.all([
    createRealFft3d(gpu, fftPlan, 1, 'forward'),
    createRealFft3d(gpu, fftPlan, batch),
    compileConvolutions(gpu, lanes, placesFits),
  ]);
  const { multiply, accumulate, place, placeFits, placeKernels } = kernels;
  own(mapFft);
  own(batchFft);
  const { mapSpectrum, products, shellMaps, batches } = allocate(gpu, own, fftPlan, shellCount, batch);
  await granted();
  const coefficients = spectrumBytes / 8;
  const margin = shellKernelVoxels(windowVoxels, taper) / 2;
  const fieldsOf = (unitCount: number, part: ShellBatch): UniformField[] =>
    batchFields(unitCount, part, margin, box, coefficients);
  await transformKernels(
    gpu,
    batchFft,
    shellKernels(windowVoxels, taper),
    box,
    { shellMaps, batches, placeKernels },
    (part) => [...fieldsOf(0, part), ...NOWHERE],
  );

  return {
    kernels: Object.values(kernels).filter((kernel) => kernel !== undefined),
    encode(pass, input, units, unitCount, factors, scaled, uniforms) {
      const groups: [number] = [Math.ceil((unitCount * lanes * UNIT_ROWS) / 64)];
      mapFft.forward(pass, input, mapSpectrum);
      for (const part of batches) {
        const parameters = uniforms.write([...fieldsOf(unitCount, part), ...NOWHERE]);
        multiply.run(
          pass,
          { parameters, map_spectrum: mapSpectrum, kernel_spectra: part.spectra, products },
          linearWorkgroups(gpu, coefficients),
        );
        batchFft.inverse(pass, products, shellMaps);
        accumulate.run(pass, { parameters, units, factors, shell_maps: shellMaps, scaled }, groups);
      }
    },
    encodePlace(pass, units, unitCount, start, scaled, mask, out, fits, uniforms) {
      const groups: [number] = [Math.ceil((unitCount * lanes * UNIT_ROWS) / 64)];
      out.slabs.forEach((slab, i) => {
        if (slab.firstPlane + slab.planes <= start[0] || slab.firstPlane >= start[0] + tileSize[0]) return;
        const parameters = uniforms.write([
          ...fieldsOf(unitCount, { firstShell: 0, shells: 0 }),
          ...placeFields(start, slab, out),
        ]);
        const maskSlab = mask.slabs[i].buffer;
        place.run(pass, { parameters, units, scaled, mask: maskSlab, volume: slab.buffer }, groups);
        if (!fits || !placeFits) return;
        const [bFactor, quality] = [fits.bFactor, fits.quality].map((volume) => volume.slabs[i].buffer);
        placeFits.run(
          pass,
          { parameters, units, fits: fits.fits, mask: maskSlab, b_factor: bFactor, quality },
          groups,
        );
      });
    },
  };
}

/** Consecutive shells transformed together. */
interface ShellBatch {
  /** Radius of the first one; shells follow without gaps. */
  readonly firstShell: number;
  /** Fewer in the last batch. */
  readonly shells: number;
}

/**
 * First fields of the shader's `Parameters`: the units and shells of a dispatch, and the FFT box (z, y, x).
 */
function batchFields(
  unitCount: number,
  { firstShell, shells }: ShellBatch,
  margin: number,
  box: Shape,
  coefficients: number,
): UniformField[] {
  return [
    ['u32', unitCount],
    ['u32', firstShell],
    ['u32', shells],
    ['u32', margin],
    ...box.map((n) => ['u32', n] as const),
    ['u32', coefficients],
  ];
}

/**
 * Last fields of `Parameters`: where the tile's voxel (0, 0, 0) lies in the volume, and the slab written to.
 */
function placeFields(start: Shape, { firstPlane, planes }: Slab, { shape }: GpuVolume): UniformField[] {
  return [...start, firstPlane, planes, shape[1], shape[2]].map((n) => ['i32', n] as const);
}

/** The same fields of entry points that write to no volume. */
const NOWHERE: readonly UniformField[] = Array.from({ length: 7 }, () => ['i32', 0] as const);

/** Allocates the buffers, and the batches of shells with the spectra of their kernels. */
function allocate(
  gpu: GpuDevice,
  own: JobBuffers['own'],
  { spectrumBytes, shape }: RealFft3dPlan,
  shellCount: number,
  batch: number,
) {
  const make = (label: string, bytes: number): GPUBuffer => {
    const buffer = gpu.createBuffer(`${NAME} ${label}`, bytes, STORAGE);
    own({ destroy: () => gpu.destroyBuffer(buffer) });
    return buffer;
  };
  return {
    mapSpectrum: make('map spectrum', spectrumBytes),
    products: make('products', batch * spectrumBytes),
    shellMaps: make('shell maps', batch * 4 * voxelCount(shape)),
    batches: Array.from({ length: Math.ceil(shellCount / batch) }, (_, i) => ({
      firstShell: i * batch,
      shells: Math.min(batch, shellCount - i * batch),
      spectra: make(`kernels ${i}`, batch * spectrumBytes),
    })),
  };
}

/** `lanes`: voxels along x per unit. `placesFits`: B factors and qualities are written, too. */
export async function compileConvolutions(gpu: GpuDevice, lanes: number, placesFits: boolean) {
  const [multiply, placeKernels, accumulate, place, placeFits] = await Promise.all([
    getKernel(gpu, NAME, 'multiply'),
    getKernel(gpu, NAME, 'place_kernels'),
    getKernel(gpu, NAME, 'accumulate', { lanes }),
    getKernel(gpu, NAME, 'place', { lanes }),
    placesFits ? getKernel(gpu, NAME, 'place_fits', { lanes }) : undefined,
  ]);
  return { multiply, placeKernels, accumulate, place, placeFits };
}

/** Computes the spectra of the shells' kernels; overwrites `shellMaps`. */
async function transformKernels(
  gpu: GpuDevice,
  fft: RealFft3d,
  values: readonly Float64Array[],
  box: Shape,
  buffers: {
    readonly shellMaps: GPUBuffer;
    readonly batches: readonly (ShellBatch & { readonly spectra: GPUBuffer })[];
    readonly placeKernels: Kernel;
  },
  fieldsOf: (batch: ShellBatch) => UniformField[],
): Promise<void> {
  const { shellMaps, batches, placeKernels } = buffers;
  await withScratch(gpu, async (scratch) => {
    const all = new Float32Array(values.length * values[0].length);
    values.forEach((kernel, shell) => {
      all.set(kernel, shell * kernel.length);
    });
    const kernels = scratch.table(`${NAME} kernels`, all);
    submitPass(gpu, `${NAME} kernels`, (pass) => {
      for (const batch of batches) {
        const parameters = scratch.uniform(NAME, fieldsOf(batch));
        placeKernels.run(
          pass,
          { parameters, kernels, kernel_maps: shellMaps },
          linearWorkgroups(gpu, voxelCount(box)),
        );
        fft.forward(pass, shellMaps, batch.spectra);
      }
    });
    await gpu.finish();
  });
}

/** Bytes of all buffers of `createShellConvolutions`. */
export function shellConvolutionsBytes(
  spectrumBytes: number,
  shellCount: number,
  box: Shape,
  limits: GpuLimits,
): number {
  const batch = shellsPerBatch(shellCount, spectrumBytes, limits);
  const batches = Math.ceil(shellCount / batch);
  return (1 + batch * (batches + 1)) * spectrumBytes + batch * 4 * voxelCount(box);
}
