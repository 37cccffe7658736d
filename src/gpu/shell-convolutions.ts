/**
 * out(v) = sum_r s_r(v) (map * K_r)(v) at the unit voxels of a tile (shaders/shell-convolutions.wgsl):
 * one forward FFT of the box, per shell a product, an inverse FFT and a weighted sum.
 */

import { shellKernels, shellKernelVoxels } from '../math/fourier/shell-kernels.ts';
import type { Shape } from '../math/grid.ts';
import { voxelCount } from '../math/grid.ts';
import { shellCountOf } from '../math/scaling/windows.ts';
import { type GpuDevice, STORAGE } from './device.ts';
import type { RealFft3d } from './fft.ts';
import type { Bound, Kernel, UniformField } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import { RUN } from './tile-units.ts';
import type { UniformSlots } from './uniform-slots.ts';
import type { GpuVolume } from './volume.ts';
import type { WindowProfilesPlan } from './window-profiles.ts';
import { linearWorkgroups } from './workgroups.ts';

export interface ShellConvolutions {
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
  destroy(): void;
}

const NAME = 'shell-convolutions';

export async function createShellConvolutions(
  gpu: GpuDevice,
  fft: RealFft3d,
  { windowVoxels, taper, box, tileSize, lanes }: WindowProfilesPlan,
): Promise<ShellConvolutions> {
  const [multiply, accumulate, place, placeFits] = await compile(gpu, lanes);
  const buffers: GPUBuffer[] = [];
  const make = (label: string, bytes: number): GPUBuffer => {
    const buffer = gpu.createBuffer(`${NAME} ${label}`, bytes, STORAGE);
    buffers.push(buffer);
    return buffer;
  };
  const coefficients = fft.spectrumBytes / 8;
  const mapSpectrum = make('map spectrum', fft.spectrumBytes);
  const product = make('product', fft.spectrumBytes);
  const shellMap = make('shell map', 4 * voxelCount(box));
  const spectra = Array.from({ length: shellCountOf(windowVoxels) }, (_, r) =>
    make(`kernel ${r}`, fft.spectrumBytes),
  );
  const margin = shellKernelVoxels(windowVoxels, taper) / 2;
  const kernels = shellKernels(windowVoxels, taper);
  await transformKernels(gpu, fft, kernels, margin, box, { shellMap, spectra });

  const fieldsOf = (unitCount: number, shell: number): UniformField[] => [
    ['u32', unitCount],
    ['u32', shell],
    ['u32', margin],
    ['u32', box[1]],
    ['u32', box[2]],
    ['u32', coefficients],
  ];

  return {
    encode(pass, input, units, unitCount, factors, scaled, uniforms) {
      const groups: [number] = [Math.ceil((unitCount * lanes * RUN) / 64)];
      fft.forward(pass, input, mapSpectrum);
      spectra.forEach((kernelSpectrum, shell) => {
        const parameters = uniforms.write([
          ...fieldsOf(unitCount, shell),
          ...Array.from({ length: 7 }, () => ['i32', 0] as const),
        ]);
        multiply.run(
          pass,
          { parameters, map_spectrum: mapSpectrum, kernel_spectrum: kernelSpectrum, product },
          linearWorkgroups(gpu, coefficients),
        );
        fft.inverse(pass, product, shellMap);
        accumulate.run(pass, { parameters, units, factors, shell_map: shellMap, scaled }, groups);
      });
    },
    encodePlace(pass, units, unitCount, start, scaled, mask, out, fits, uniforms) {
      const groups: [number] = [Math.ceil((unitCount * lanes * RUN) / 64)];
      out.slabs.forEach((slab, i) => {
        if (slab.firstPlane + slab.planes <= start[0] || slab.firstPlane >= start[0] + tileSize[0]) return;
        const parameters = uniforms.write([
          ...fieldsOf(unitCount, 0),
          ...start.map((n) => ['i32', n] as const),
          ['i32', slab.firstPlane],
          ['i32', slab.planes],
          ['i32', out.shape[1]],
          ['i32', out.shape[2]],
        ]);
        const maskSlab = mask.slabs[i].buffer;
        place.run(pass, { parameters, units, scaled, mask: maskSlab, volume: slab.buffer }, groups);
        if (!fits) return;
        const [bFactor, quality] = [fits.bFactor, fits.quality].map((volume) => volume.slabs[i].buffer);
        placeFits.run(
          pass,
          { parameters, units, fits: fits.fits, mask: maskSlab, b_factor: bFactor, quality },
          groups,
        );
      });
    },
    destroy() {
      for (const buffer of buffers) gpu.destroyBuffer(buffer);
    },
  };
}

function compile(gpu: GpuDevice, lanes: number): Promise<Kernel[]> {
  return Promise.all([
    getKernel(gpu, NAME, 'multiply'),
    ...['accumulate', 'place', 'place_fits'].map((entryPoint) => getKernel(gpu, NAME, entryPoint, { lanes })),
  ]);
}

/** Spectra of the shells' kernels; `shellMap` is overwritten. */
async function transformKernels(
  gpu: GpuDevice,
  fft: RealFft3d,
  kernels: readonly Float64Array[],
  margin: number,
  box: Shape,
  { shellMap, spectra }: { readonly shellMap: GPUBuffer; readonly spectra: readonly GPUBuffer[] },
): Promise<void> {
  for (const [r, values] of kernels.entries()) {
    gpu.device.queue.writeBuffer(shellMap, 0, placeKernel(values, margin, box));
    const encoder = gpu.device.createCommandEncoder({ label: `${NAME} kernel ${r}` });
    const pass = encoder.beginComputePass({ label: NAME });
    fft.forward(pass, shellMap, spectra[r]);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
  }
  await gpu.finish();
}

/** K(d), d = -h ... h - 1, at index -d modulo the box: correlation becomes a product of spectra. */
function placeKernel(values: Float64Array, h: number, [nz, ny, nx]: Shape): Float32Array<ArrayBuffer> {
  const placed = new Float32Array(nz * ny * nx);
  for (let dz = -h; dz < h; dz++) {
    for (let dy = -h; dy < h; dy++) {
      const row = (((nz - dz) % nz) * ny + ((ny - dy) % ny)) * nx;
      const from = (Math.abs(dz) * (h + 1) + Math.abs(dy)) * (h + 1);
      for (let dx = -h; dx < h; dx++) placed[row + ((nx - dx) % nx)] = values[from + Math.abs(dx)];
    }
  }
  return placed;
}

/** Bytes of all buffers of `createShellConvolutions`. */
export function shellConvolutionsBytes(spectrumBytes: number, shellCount: number, box: Shape): number {
  return (shellCount + 2) * spectrumBytes + 4 * voxelCount(box);
}
