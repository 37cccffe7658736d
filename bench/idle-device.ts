/**
 * A WebGPU device that takes every call and computes nothing, with the limits of a graphics card: what a job
 * would ask of such a card is counted on any machine, and the host's own share of the work can be timed.
 */
import { type GpuDevice, wrapDevice } from '../src/gpu/device.ts';

/** As NVIDIA's drivers report them. */
const LIMITS = {
  maxStorageBufferBindingSize: 2 ** 31 - 4,
  maxBufferSize: 2 ** 40,
  maxComputeWorkgroupStorageSize: 48 * 1024,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupsPerDimension: 65535,
};

const nothing = (): undefined => undefined;

function idleEncoder(): object {
  return {
    beginComputePass: () => ({
      setPipeline: nothing,
      setBindGroup: nothing,
      dispatchWorkgroups: nothing,
      end: nothing,
    }),
    copyBufferToBuffer: nothing,
    clearBuffer: nothing,
    finish: () => ({}),
  };
}

export function createIdleDevice(): GPUDevice {
  const device = {
    limits: LIMITS,
    features: new Set(),
    lost: new Promise(nothing),
    queue: { submit: nothing, writeBuffer: nothing, onSubmittedWorkDone: async () => undefined },
    addEventListener: nothing,
    pushErrorScope: nothing,
    popErrorScope: async () => null,
    createBuffer: (descriptor: GPUBufferDescriptor) => ({
      ...descriptor,
      destroy: nothing,
      mapAsync: async () => undefined,
      getMappedRange: (_: number, size: number) => new ArrayBuffer(size),
      unmap: nothing,
    }),
    createShaderModule: () => ({ getCompilationInfo: async () => ({ messages: [] }) }),
    createComputePipelineAsync: async () => ({ getBindGroupLayout: () => ({}) }),
    createBindGroup: () => ({}),
    createCommandEncoder: idleEncoder,
    destroy: nothing,
  };
  return device as unknown as GPUDevice;
}

/**
 * The same for an engine. A device that computes nothing reads back zeros; `occupancy`: what it reads back
 * for the mask voxels of every block instead.
 */
export function wrapIdleDevice(device: GPUDevice, occupancy: Uint32Array): GpuDevice {
  const gpu = wrapDevice(device, 'idle');
  const { read } = gpu;
  return Object.assign(gpu, {
    read: async (buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> =>
      buffer.label === 'block occupancy'
        ? (occupancy.slice(offset / 4, (offset + bytes) / 4).buffer as ArrayBuffer)
        : read(buffer, offset, bytes),
  });
}
