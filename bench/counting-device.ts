/**
 * What a job asks of WebGPU, counted from outside: calls that cost host time, pipelines with their code and
 * constants, and, on a device that computes, the bytes that every dispatch reads and writes
 * (count-accesses.ts).
 */
import { usage } from '../src/gpu/device.ts';
import { COUNTER_GROUP, COUNTER_WORDS, countAccesses } from './count-accesses.ts';

export interface PipelineUse {
  /** shader.entry_point */
  readonly label: string;
  readonly code: string;
  readonly entryPoint: string;
  readonly constants: Readonly<Record<string, number>>;
  dispatches: number;
  bytesRead: number;
  bytesWritten: number;
  /** Bytes read and written in workgroup memory. */
  localBytes: number;
  /** Arithmetic executed, and invocations (count-operations.ts). */
  operations: number;
  invocations: number;
}

export interface Calls {
  dispatches: number;
  bindGroups: number;
  submits: number;
  bufferWrites: number;
  bytesSent: number;
  bufferCopies: number;
  bytesCopied: number;
  bytesCleared: number;
  buffers: number;
  maps: number;
  shaderModules: number;
}

export interface CountingDevice {
  readonly calls: Calls;
  readonly pipelines: readonly PipelineUse[];
  /** Calls and bytes count from zero again; pipelines stay known. */
  reset(): void;
  /** Adds the bytes of all dispatches so far to their pipelines. */
  settle(): Promise<void>;
}

/** Bytes of one dispatch's counters, the largest alignment that a device may ask for. */
const SLOT = 256;
const SLOTS = 4096;

const noCalls = (): Calls => ({
  dispatches: 0,
  bindGroups: 0,
  submits: 0,
  bufferWrites: 0,
  bytesSent: 0,
  bufferCopies: 0,
  bytesCopied: 0,
  bytesCleared: 0,
  buffers: 0,
  maps: 0,
  shaderModules: 0,
});

const noCounts = () => ({
  dispatches: 0,
  bytesRead: 0,
  bytesWritten: 0,
  localBytes: 0,
  operations: 0,
  invocations: 0,
});

/** From now on `device` counts. `bytes`: shaders count their accesses too; the device must compute. */
export function countDevice(device: GPUDevice, { bytes }: { readonly bytes: boolean }): CountingDevice {
  const calls = noCalls();
  const pipelines: PipelineUse[] = [];
  const codeOf = new WeakMap<GPUShaderModule, string>();
  const useOf = new WeakMap<GPUComputePipeline, PipelineUse>();
  const counters = bytes ? new DispatchCounters(device) : undefined;

  replace(device, 'createShaderModule', (original) => (descriptor) => {
    calls.shaderModules++;
    const { code } = descriptor;
    const shader = original(counters ? { ...descriptor, code: countAccesses(code) } : descriptor);
    codeOf.set(shader, code);
    return shader;
  });
  replace(device, 'createComputePipelineAsync', (original) => async (descriptor) => {
    const pipeline = await original(descriptor);
    const { module, entryPoint = 'main', constants = {} } = descriptor.compute;
    const use: PipelineUse = {
      label: descriptor.label ?? entryPoint,
      code: codeOf.get(module) ?? '',
      entryPoint,
      constants,
      ...noCounts(),
    };
    pipelines.push(use);
    useOf.set(pipeline, use);
    return pipeline;
  });
  replace(device, 'createBindGroup', (original) => (descriptor) => {
    calls.bindGroups++;
    return original(descriptor);
  });
  replace(device, 'createBuffer', (original) => (descriptor) => {
    calls.buffers++;
    const buffer = original(descriptor);
    if (descriptor.usage & usage.mapRead) {
      replace(buffer, 'mapAsync', (map) => (...args) => {
        calls.maps++;
        return map(...args);
      });
    }
    return buffer;
  });
  replace(device, 'createCommandEncoder', (original) => (descriptor) => {
    const encoder = original(descriptor);
    replace(encoder, 'copyBufferToBuffer', (copy) => (...args: unknown[]) => {
      calls.bufferCopies++;
      calls.bytesCopied += Number(args.at(-1));
      return (copy as (...all: unknown[]) => undefined)(...args);
    });
    replace(encoder, 'clearBuffer', (clear) => (buffer, offset, size) => {
      calls.bytesCleared += size ?? buffer.size - (offset ?? 0);
      return clear(buffer, offset, size);
    });
    replace(encoder, 'beginComputePass', (begin) => (passDescriptor) => {
      const pass = begin(passDescriptor);
      let current: GPUComputePipeline | undefined;
      replace(pass, 'setPipeline', (set) => (pipeline) => {
        current = pipeline;
        return set(pipeline);
      });
      replace(pass, 'dispatchWorkgroups', (dispatch) => (...groups) => {
        calls.dispatches++;
        const use = current && useOf.get(current);
        if (use) use.dispatches++;
        if (counters && current && use) counters.bind(pass, current, use);
        return dispatch(...groups);
      });
      return pass;
    });
    return encoder;
  });
  const { queue } = device;
  replace(queue, 'submit', (original) => (buffers) => {
    calls.submits++;
    return original(buffers);
  });
  replace(queue, 'writeBuffer', (original) => (buffer, offset, data, ...rest) => {
    calls.bufferWrites++;
    calls.bytesSent += data.byteLength;
    return original(buffer, offset, data, ...rest);
  });
  return {
    calls,
    pipelines,
    reset() {
      Object.assign(calls, noCalls());
      counters?.forget();
      for (const use of pipelines) Object.assign(use, noCounts());
    },
    settle: () => counters?.settle() ?? Promise.resolve(),
  };
}

/** A method of one object, which its own code calls too. */
function replace<T extends object, K extends keyof T>(
  object: T,
  name: K,
  make: (original: T[K] & ((...args: never[]) => unknown)) => T[K],
): void {
  const original = object[name] as ((...args: unknown[]) => unknown) & T[K];
  const bound = original.bind(object) as unknown as T[K] & ((...args: never[]) => unknown);
  Object.defineProperty(object, name, { value: make(bound), configurable: true, writable: true });
}

class DispatchCounters {
  private readonly device: GPUDevice;
  private readonly buffers: GPUBuffer[] = [];
  private uses: PipelineUse[] = [];
  private readonly createBuffer: GPUDevice['createBuffer'];
  private readonly createBindGroup: GPUDevice['createBindGroup'];

  constructor(device: GPUDevice) {
    this.device = device;
    this.createBuffer = device.createBuffer.bind(device);
    this.createBindGroup = device.createBindGroup.bind(device);
  }

  bind(pass: GPUComputePassEncoder, pipeline: GPUComputePipeline, use: PipelineUse): void {
    const index = this.uses.length;
    this.uses.push(use);
    const part = Math.floor(index / SLOTS);
    this.buffers[part] ??= this.createBuffer({
      label: 'access counters',
      size: SLOT * SLOTS,
      usage: usage.storage | usage.copySource | usage.copyTarget,
    });
    pass.setBindGroup(
      COUNTER_GROUP,
      this.createBindGroup({
        layout: pipeline.getBindGroupLayout(COUNTER_GROUP),
        entries: [
          {
            binding: 0,
            resource: { buffer: this.buffers[part], offset: (index % SLOTS) * SLOT, size: 4 * COUNTER_WORDS },
          },
        ],
      }),
    );
  }

  async settle(): Promise<void> {
    const { uses } = this;
    for (const [part, buffer] of this.buffers.entries()) {
      const staging = this.createBuffer({
        label: 'access counters (read back)',
        size: SLOT * SLOTS,
        usage: usage.mapRead | usage.copyTarget,
      });
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, SLOT * SLOTS);
      this.device.queue.submit([encoder.finish()]);
      await staging.mapAsync(1);
      const words = new Uint32Array(staging.getMappedRange().slice(0));
      staging.destroy();
      for (let slot = 0; slot < SLOTS && part * SLOTS + slot < uses.length; slot++) {
        const at = (slot * SLOT) / 4;
        const sum = (i: number): number => words[at + i] + 2 ** 32 * words[at + i + 1];
        const use = uses[part * SLOTS + slot];
        use.bytesRead += sum(0);
        use.bytesWritten += sum(2);
        use.localBytes += sum(4);
        use.operations += sum(6);
        use.invocations += sum(8);
      }
    }
    this.forget();
  }

  forget(): void {
    for (const buffer of this.buffers) buffer.destroy();
    this.buffers.length = 0;
    this.uses = [];
  }
}
