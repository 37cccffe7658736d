/** Kernels compiled once per device, entry point and set of override constants. */
import { loadShader } from '../shaders/load.ts';
import type { GpuDevice } from './device.ts';
import { createKernel, type Kernel } from './kernel.ts';

/** By entry point, constants and generated code; compiled once, also for callers at the same time. */
const kernelsOf = new WeakMap<GpuDevice, Map<string, Promise<Kernel>>>();

/** The kernel of `shaders/<name>.wgsl`; `generated`: functions that the shader calls without having them. */
export function getKernel(
  gpu: GpuDevice,
  name: string,
  entryPoint = 'main',
  constants: Readonly<Record<string, number>> = {},
  generated = '',
): Promise<Kernel> {
  let kernels = kernelsOf.get(gpu);
  if (!kernels) {
    kernels = new Map();
    kernelsOf.set(gpu, kernels);
  }
  const key = `${name}.${entryPoint} ${JSON.stringify(constants)}${generated}`;
  let kernel = kernels.get(key);
  if (!kernel) {
    kernel = loadShader(name).then((code) =>
      createKernel(gpu, { name, code: `${code}\n${generated}`, entryPoint, constants }),
    );
    kernels.set(key, kernel);
  }
  return kernel;
}
