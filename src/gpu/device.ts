/**
 * One WebGPU device and what the engine must know of it: limits, features, errors that arrived late.
 * Errors that WebGPU reports asynchronously (validation, out of memory, device lost) are stored and
 * thrown at the next `check`, so that no result of a broken device is ever taken for one.
 */
import { LocScaleError } from '../errors.ts';

export interface GpuLimits {
  /** Largest binding and largest buffer, bytes. */
  readonly bindingBytes: number;
  readonly bufferBytes: number;
  readonly workgroupBytes: number;
  readonly workgroupInvocations: number;
  readonly workgroupsPerDimension: number;
  /** Bytes that all buffers together may take; Infinity where the caller knows no limit. */
  readonly totalBytes: number;
}

export interface GpuDevice {
  readonly device: GPUDevice;
  /** In words: "NVIDIA H200 (vulkan)". */
  readonly name: string;
  readonly limits: GpuLimits;
  readonly timestamps: boolean;
  /** Bytes in buffers made by `createBuffer` and not destroyed yet. */
  readonly allocatedBytes: number;
  /** Creates a labelled buffer; refused with tag 'out-of-memory' when it would exceed a limit. */
  createBuffer(label: string, bytes: number, usage: GPUBufferUsageFlags): GPUBuffer;
  destroyBuffer(buffer: GPUBuffer): void;
  /** Throws the first stored error, if there is one. */
  check(): void;
  /** Submits, and waits until the device has done all work so far; throws stored errors. */
  finish(encoder?: GPUCommandEncoder): Promise<void>;
  /** Copies `bytes` of a buffer to the host. Throws stored errors (never hangs on a lost device). */
  read(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer>;
  destroy(): void;
}

/** Usage flags by value: the global GPUBufferUsage exists only once a WebGPU implementation is loaded. */
export const usage = {
  mapRead: 0x0001,
  copySource: 0x0004,
  copyTarget: 0x0008,
  uniform: 0x0040,
  storage: 0x0080,
  queryResolve: 0x0200,
} as const;

/** Storage that can be written by shaders and copied both ways. */
export const STORAGE = usage.storage | usage.copySource | usage.copyTarget;

export function wrapDevice(device: GPUDevice, name: string, overrides: Partial<GpuLimits> = {}): GpuDevice {
  const limits: GpuLimits = {
    bindingBytes: Math.min(
      device.limits.maxStorageBufferBindingSize,
      overrides.bindingBytes ?? Number.POSITIVE_INFINITY,
    ),
    bufferBytes: Math.min(device.limits.maxBufferSize, overrides.bufferBytes ?? Number.POSITIVE_INFINITY),
    workgroupBytes: Math.min(
      device.limits.maxComputeWorkgroupStorageSize,
      overrides.workgroupBytes ?? Number.POSITIVE_INFINITY,
    ),
    workgroupInvocations: Math.min(
      device.limits.maxComputeInvocationsPerWorkgroup,
      overrides.workgroupInvocations ?? Number.POSITIVE_INFINITY,
    ),
    workgroupsPerDimension: device.limits.maxComputeWorkgroupsPerDimension,
    totalBytes: overrides.totalBytes ?? Number.POSITIVE_INFINITY,
  };
  let failure: LocScaleError | undefined;
  let destroyed = false;
  let allocatedBytes = 0;
  const sizes = new Map<GPUBuffer, number>();

  device.addEventListener('uncapturederror', (event) => {
    failure ??= toError((event as GPUUncapturedErrorEvent).error, name);
  });
  const lost = device.lost.then((info) => {
    if (!destroyed) failure ??= deviceLost(name, info.message);
  });

  function check(): void {
    if (failure) throw failure;
  }

  /** Races work against the loss of the device, so that nothing waits for ever. */
  async function survive<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await Promise.race([
        work,
        lost.then(() => {
          check();
          throw deviceLost(name, 'it was destroyed');
        }),
      ]);
      check();
      return result;
    } catch (cause) {
      // A map or submit that fails because the device went away: say that, not the symptom.
      await Promise.race([lost, new Promise((resolve) => setTimeout(resolve, 20))]);
      check();
      throw cause;
    }
  }

  const self: GpuDevice = {
    device,
    name,
    limits,
    timestamps: device.features.has('timestamp-query'),
    get allocatedBytes() {
      return allocatedBytes;
    },
    createBuffer(label, bytes, flags) {
      check();
      const size = Math.max(16, Math.ceil(bytes / 4) * 4);
      if (size > limits.bufferBytes || allocatedBytes + size > limits.totalBytes) {
        throw new LocScaleError('out-of-memory', `The GPU ${name} has no room for ${label}.`, {
          where: label,
          expected: `at most ${mebibytes(Math.min(limits.bufferBytes, limits.totalBytes - allocatedBytes))}`,
          found: mebibytes(size),
          hint: 'Use --engine cpu, or a GPU with more memory.',
        });
      }
      const buffer = device.createBuffer({ label, size, usage: flags });
      allocatedBytes += size;
      sizes.set(buffer, size);
      return buffer;
    },
    destroyBuffer(buffer) {
      const size = sizes.get(buffer);
      if (size === undefined) return;
      sizes.delete(buffer);
      allocatedBytes -= size;
      buffer.destroy();
    },
    check,
    async finish(encoder) {
      check();
      if (encoder) device.queue.submit([encoder.finish()]);
      await survive(device.queue.onSubmittedWorkDone());
    },
    async read(buffer, offset, bytes) {
      check();
      const staging = self.createBuffer(
        `${buffer.label} (read back)`,
        bytes,
        usage.mapRead | usage.copyTarget,
      );
      try {
        const encoder = device.createCommandEncoder({ label: 'read back' });
        encoder.copyBufferToBuffer(buffer, offset, staging, 0, Math.ceil(bytes / 4) * 4);
        device.queue.submit([encoder.finish()]);
        await survive(staging.mapAsync(1));
        const copy = staging.getMappedRange().slice(0, bytes);
        staging.unmap();
        return copy;
      } finally {
        self.destroyBuffer(staging);
      }
    },
    destroy() {
      destroyed = true;
      for (const buffer of sizes.keys()) buffer.destroy();
      sizes.clear();
      allocatedBytes = 0;
      device.destroy();
    },
  };
  return self;
}

function toError(error: GPUError, name: string): LocScaleError {
  const outOfMemory =
    error.constructor.name === 'GPUOutOfMemoryError' || /out of memory/i.test(error.message);
  return outOfMemory
    ? new LocScaleError('out-of-memory', `The GPU ${name} ran out of memory.`, {
        hint: 'Use --engine cpu, or a GPU with more memory.',
        cause: error,
      })
    : new LocScaleError('internal', `The GPU ${name} refused a command: ${error.message}`, { cause: error });
}

function deviceLost(name: string, message: string): LocScaleError {
  return new LocScaleError(
    'no-device',
    `The GPU ${name} was lost (${message.trim() || 'no reason given'}).`,
    {
      hint: 'Run again; if it happens again, update the driver or use --engine cpu.',
    },
  );
}

function mebibytes(bytes: number): string {
  return `${(Math.max(0, bytes) / 2 ** 20).toFixed(1)} MiB`;
}
