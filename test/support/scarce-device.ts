/**
 * A device whose GPU has less memory than anybody knows: what would bring the live buffers above `bytes` is refused as
 * WebGPU does it, late, by an event or by the innermost scope, and commands that use such a buffer are wrong.
 */
import type { GpuDevice } from '../../src/gpu/device.ts';

class GPUOutOfMemoryError {
  readonly message = 'no space left';
}

export interface Scarcity {
  /** Buffers refused so far. */
  readonly refused: number;
  /** So many more bytes than live now; Infinity: no limit. */
  allow(bytes: number): void;
  /** Most bytes that were live beside those of before. */
  peakOf(work: () => Promise<unknown>): Promise<number>;
}

export function makeScarce({ device }: GpuDevice): Scarcity {
  let limit = Number.POSITIVE_INFINITY;
  let live = 0;
  let most = 0;
  let refused = 0;
  const scopes: { filter: string; error: object | null }[] = [];
  const refuse = (): void => {
    refused++;
    const scope = scopes.findLast(({ filter }) => filter === 'out-of-memory');
    const error = new GPUOutOfMemoryError();
    if (scope !== undefined) scope.error ??= error;
    // Before the errors of commands that use the buffer, as WebGPU orders them.
    else device.dispatchEvent(Object.assign(new Event('uncapturederror', { cancelable: true }), { error }));
  };
  const own = {
    createBuffer: device.createBuffer.bind(device),
    pushErrorScope: device.pushErrorScope.bind(device),
    popErrorScope: device.popErrorScope.bind(device),
  };
  Object.assign(device, {
    createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer {
      const buffer = own.createBuffer(descriptor);
      if (live + descriptor.size > limit) {
        refuse();
        buffer.destroy();
        return buffer;
      }
      live += descriptor.size;
      most = Math.max(most, live);
      const destroy = buffer.destroy.bind(buffer);
      let alive = true;
      buffer.destroy = () => {
        if (alive) live -= descriptor.size;
        alive = false;
        return destroy();
      };
      return buffer;
    },
    pushErrorScope(filter: GPUErrorFilter): undefined {
      scopes.push({ filter, error: null });
      own.pushErrorScope(filter);
    },
    async popErrorScope(): Promise<object | null> {
      const scope = scopes.pop();
      const found = await own.popErrorScope();
      return scope?.error ?? found;
    },
  });
  return {
    get refused() {
      return refused;
    },
    async peakOf(work) {
      const before = live;
      most = live;
      await work();
      return most - before;
    },
    allow(bytes) {
      limit = bytes === Number.POSITIVE_INFINITY ? bytes : live + bytes;
    },
  };
}
