/**
 * One WebGPU device with its limits, features and late errors. Errors that WebGPU reports asynchronously
 * (validation, out of memory, device lost) are stored and thrown at the next `check`, so that no result of a
 * broken device is ever used.
 */
import { LocScaleError, named } from '../errors.ts';
import type { Verification } from './verification.ts';

/** Limits in bytes, from the adapter or smaller. */
export interface GpuLimits {
  /** Largest binding and largest buffer, bytes. */
  readonly bindingBytes: number;
  /** Applies to buffers that no shader reads whole, too. */
  readonly bufferBytes: number;
  /** Largest slab of a volume; at most the two above. */
  readonly slabBytes: number;
  /** Workgroup memory of a shader, all its `var<workgroup>` together. */
  readonly workgroupBytes: number;
  /**
   * Workgroup memory for the lines of a Fourier transform, if several fit: more memory means fewer concurrent
   * workgroups.
   */
  readonly lineBytes: number;
  /** Most threads per workgroup, x * y * z. */
  readonly workgroupInvocations: number;
  /** Most workgroups along one axis of a dispatch; longer work is folded (workgroups.ts). */
  readonly workgroupsPerDimension: number;
  /** Multiply-adds of one dispatch; default those of dispatch-work.ts. */
  readonly dispatchWork?: number;
  /** Limit for all buffers together, in bytes; Infinity if none is known. */
  readonly totalBytes: number;
}

/** The device as used by all GPU code; only this file calls `createBuffer` and `mapAsync` of WebGPU. */
export interface GpuDevice {
  /** For pipelines and encoders. Buffers are made by `createBuffer`, which counts their bytes. */
  readonly device: GPUDevice;
  /** For messages: "NVIDIA H200 (vulkan)". */
  readonly name: string;
  readonly limits: GpuLimits;
  /** Whether passes can be timed on the device; browsers round the times. */
  readonly timestamps: boolean;
  /** Where kernels are to be verified before their results are used. */
  readonly verification: Verification | undefined;
  /** Bytes of all live buffers made by `createBuffer`. */
  readonly allocatedBytes: number;
  /** Creates a labelled buffer; throws 'out-of-memory' if it would exceed a limit. */
  createBuffer(label: string, bytes: number, usage: GPUBufferUsageFlags): GPUBuffer;
  /** Frees it at once; harmless where it is destroyed already. */
  destroyBuffer(buffer: GPUBuffer): void;
  /** Throws the first stored error, if there is one. */
  check(): void;
  /**
   * After 'out-of-memory': true if the device remains usable with smaller buffers once the caller has
   * destroyed its own. Waits for all work, then clears the error and those that followed from it.
   */
  recover(): Promise<boolean>;
  /** Submits, and waits until the device has completed all work so far; throws stored errors. */
  finish(encoder?: GPUCommandEncoder): Promise<void>;
  /** Copies `bytes` of a buffer to the host. Throws stored errors (never hangs on a lost device). */
  read(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer>;
  /** The same into the caller's memory: `target.byteLength` bytes. */
  readInto(buffer: GPUBuffer, offset: number, target: Uint8Array): Promise<void>;
  /** Pending waits and all later calls fail with tag 'no-device'. */
  destroy(): void;
}

/**
 * Usage flags by value, because the global GPUBufferUsage exists only after a WebGPU implementation is
 * loaded.
 */
export const usage = {
  mapRead: 0x0001,
  copySource: 0x0004,
  copyTarget: 0x0008,
  uniform: 0x0040,
  storage: 0x0080,
  queryResolve: 0x0200,
} as const;

/** Storage writable by shaders, and source and target of copies. */
export const STORAGE = usage.storage | usage.copySource | usage.copyTarget;

/**
 * Bytes per read-back: of two buffers of this size, one is filled by the device while the host copies the
 * other.
 */
const READ_BYTES = 32 * 2 ** 20;

/** How long the event that explains a failure may come after it. */
const LATE_EVENT_MILLISECONDS = 20;

/** The device's limits, or smaller ones requested by tests and users. */
function limitsOf(device: GPUDevice, overrides: Partial<GpuLimits>): GpuLimits {
  return {
    bindingBytes: Math.min(
      device.limits.maxStorageBufferBindingSize,
      overrides.bindingBytes ?? Number.POSITIVE_INFINITY,
    ),
    bufferBytes: Math.min(device.limits.maxBufferSize, overrides.bufferBytes ?? Number.POSITIVE_INFINITY),
    slabBytes: Math.min(
      device.limits.maxStorageBufferBindingSize,
      device.limits.maxBufferSize,
      overrides.bindingBytes ?? Number.POSITIVE_INFINITY,
      overrides.bufferBytes ?? Number.POSITIVE_INFINITY,
      overrides.slabBytes ?? Number.POSITIVE_INFINITY,
    ),
    workgroupBytes: Math.min(
      device.limits.maxComputeWorkgroupStorageSize,
      overrides.workgroupBytes ?? Number.POSITIVE_INFINITY,
    ),
    lineBytes: overrides.lineBytes ?? 32 * 1024,
    workgroupInvocations: Math.min(
      device.limits.maxComputeInvocationsPerWorkgroup,
      overrides.workgroupInvocations ?? Number.POSITIVE_INFINITY,
    ),
    workgroupsPerDimension: device.limits.maxComputeWorkgroupsPerDimension,
    dispatchWork: overrides.dispatchWork,
    totalBytes: overrides.totalBytes ?? Number.POSITIVE_INFINITY,
  };
}

/** Errors of a device that WebGPU reports late, and its loss. */
interface DeviceHealth {
  /** Throws the stored error, if any. */
  check(): void;
  /** Ends all waits; an error stored before remains the reason. */
  lose(why: string): void;
  /**
   * Waits for work or for the loss of the device, whichever comes first. Work of a lost device may resolve
   * (which work does differs between Dawn and wgpu), so stored errors take precedence over its result.
   */
  survive<T>(work: Promise<T>): Promise<T>;
  /** See `GpuDevice.recover`. */
  recover(): Promise<boolean>;
}

/** Collects uncaptured errors and the loss of the device. */
function watchDevice(device: GPUDevice, name: string): DeviceHealth {
  let failure: LocScaleError | undefined;
  let lost = false;
  /** Rejects pending waits when the device is lost. */
  const waiting = new Set<(error: LocScaleError) => void>();

  device.addEventListener('uncapturederror', (event) => {
    failure ??= toError((event as GPUUncapturedErrorEvent).error, name);
    event.preventDefault();
  });
  device.lost.then((info) => lose(info.message));

  function lose(why: string): void {
    lost = true;
    failure ??= deviceLost(name, why);
    for (const reject of waiting) reject(failure);
    waiting.clear();
  }

  function check(): void {
    if (failure) throw failure;
  }

  async function survive<T>(work: Promise<T>): Promise<T> {
    let reject: (error: LocScaleError) => void = () => undefined;
    try {
      const result = await Promise.race([
        work,
        new Promise<never>((_, whenLost) => {
          reject = whenLost;
          waiting.add(reject);
        }),
      ]);
      check();
      return result;
    } catch (cause) {
      // The event that explains a failed map or submit may arrive just after the failure.
      if (failure === undefined) await new Promise((resolve) => setTimeout(resolve, LATE_EVENT_MILLISECONDS));
      check();
      throw new LocScaleError('internal', `The GPU ${name} did not finish its work: ${messageOf(cause)}`, {
        cause,
      });
    } finally {
      waiting.delete(reject);
    }
  }

  async function recover(): Promise<boolean> {
    if (failure === undefined) return true;
    if (failure.tag !== 'out-of-memory') return false;
    await Promise.race([device.queue.onSubmittedWorkDone(), device.lost]);
    await new Promise((resolve) => setTimeout(resolve, LATE_EVENT_MILLISECONDS));
    if (lost) return false;
    failure = undefined;
    return true;
  }

  return { check, lose, survive, recover };
}

/** `overrides` shrink limits, for tests of slabs and of scarce memory. */
export function wrapDevice(
  device: GPUDevice,
  name: string,
  overrides: Partial<GpuLimits> = {},
  verification?: Verification,
): GpuDevice {
  const limits = limitsOf(device, overrides);
  const { check, lose, survive, recover } = watchDevice(device, name);
  let allocatedBytes = 0;
  const sizes = new Map<GPUBuffer, number>();
  const self: GpuDevice = {
    device,
    name,
    limits,
    verification,
    timestamps: device.features.has('timestamp-query'),
    get allocatedBytes() {
      return allocatedBytes;
    },
    createBuffer(label, bytes, flags) {
      check();
      const size = Math.max(16, Math.ceil(bytes / 4) * 4);
      if (size > limits.bufferBytes || allocatedBytes + size > limits.totalBytes) {
        const free = mebibytes(Math.min(limits.bufferBytes, limits.totalBytes - allocatedBytes));
        throw new LocScaleError(
          'out-of-memory',
          `The GPU ${name} has no room for ${label}: ${mebibytes(size)} are needed, ${free} can be had.`,
          {
            where: label,
            expected: `at most ${free}`,
            found: mebibytes(size),
            hint: `Use ${named('engine', 'cpu')}, or a GPU with more memory.`,
          },
        );
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
    recover,
    async finish(encoder) {
      check();
      if (encoder) device.queue.submit([encoder.finish()]);
      await survive(device.queue.onSubmittedWorkDone());
    },
    async read(buffer, offset, bytes) {
      const data = new ArrayBuffer(bytes);
      await self.readInto(buffer, offset, new Uint8Array(data));
      return data;
    },
    readInto: (buffer, offset, target) => readBack(self, survive, buffer, offset, target),
    destroy() {
      lose('it was closed');
      for (const buffer of sizes.keys()) buffer.destroy();
      sizes.clear();
      allocatedBytes = 0;
      device.destroy();
    },
  };
  return self;
}

/** Double buffering: the device fills one staging buffer while the host copies the other. */
async function readBack(
  gpu: GpuDevice,
  survive: DeviceHealth['survive'],
  buffer: GPUBuffer,
  offset: number,
  target: Uint8Array,
): Promise<void> {
  gpu.check();
  const { device } = gpu;
  const chunk = Math.min(READ_BYTES, 4 * Math.ceil(target.length / 4));
  const count = Math.ceil(target.length / READ_BYTES);
  const staging: GPUBuffer[] = [];
  const start = async (i: number): Promise<void> => {
    const bytes = Math.min(chunk, 4 * Math.ceil((target.length - i * chunk) / 4));
    const encoder = device.createCommandEncoder({ label: 'read back' });
    encoder.copyBufferToBuffer(buffer, offset + i * chunk, staging[i % 2], 0, bytes);
    device.queue.submit([encoder.finish()]);
    await survive(staging[i % 2].mapAsync(1, 0, bytes));
  };
  try {
    for (let i = 0; i < Math.min(2, count); i++)
      staging.push(gpu.createBuffer(`${buffer.label} (read back)`, chunk, usage.mapRead | usage.copyTarget));
    const pending = staging.map((_, i) => start(i));
    // Avoids an unhandled rejection of the second while the first is awaited.
    for (const work of pending) work.catch(() => undefined);
    for (let i = 0; i < count; i++) {
      await pending[i % 2];
      const bytes = Math.min(chunk, target.length - i * chunk);
      const mapped = staging[i % 2].getMappedRange(0, 4 * Math.ceil(bytes / 4));
      target.set(new Uint8Array(mapped, 0, bytes), i * chunk);
      staging[i % 2].unmap();
      if (i + 2 < count) {
        pending[i % 2] = start(i + 2);
        pending[i % 2].catch(() => undefined);
      }
    }
  } finally {
    for (const part of staging) gpu.destroyBuffer(part);
  }
}

/** Translates WebGPU's error classes to tags. */
export function toError(error: GPUError, name: string): LocScaleError {
  const outOfMemory =
    error.constructor.name === 'GPUOutOfMemoryError' || /out of memory/i.test(error.message);
  return outOfMemory
    ? new LocScaleError('out-of-memory', `The GPU ${name} ran out of memory.`, {
        hint: `Use ${named('engine', 'cpu')}, or a GPU with more memory.`,
        cause: error,
      })
    : new LocScaleError('internal', `The GPU ${name} refused a command: ${error.message}`, { cause: error });
}

/** Drivers reset a GPU that hangs, laptops switch theirs off: one more run often succeeds. */
function deviceLost(name: string, message: string): LocScaleError {
  return new LocScaleError(
    'no-device',
    `The GPU ${name} was lost (${message.trim() || 'no reason given'}).`,
    {
      hint: `Run again; if it happens again, update the driver or use ${named('engine', 'cpu')}.`,
    },
  );
}

/** For a message that continues. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

/** For errors. */
function mebibytes(bytes: number): string {
  return `${(Math.max(0, bytes) / 2 ** 20).toFixed(1)} MiB`;
}
