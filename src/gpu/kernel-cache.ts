/** Kernels without override constants, compiled once per device. */
import { loadShader } from '../shaders/load.ts';
import type { GpuDevice } from './device.ts';
import { createKernel, type Kernel } from './kernel.ts';

const kernelsOf = new WeakMap<GpuDevice, Map<string, Promise<Kernel>>>();

/** The kernel of `shaders/<name>.wgsl`. */
export function getKernel(gpu: GpuDevice, name: string, entryPoint = 'main'): Promise<Kernel> {
  let kernels = kernelsOf.get(gpu);
  if (!kernels) {
    kernels = new Map();
    kernelsOf.set(gpu, kernels);
  }
  const key = `${name}.${entryPoint}`;
  let kernel = kernels.get(key);
  if (!kernel) {
    kernel = loadShader(name).then((code) => createKernel(gpu, { name, code, entryPoint }));
    kernels.set(key, kernel);
  }
  return kernel;
}
