/**
 * Uniform structs for many dispatches recorded before one submission: slots of a few long-lived buffers,
 * so that a loop over tiles creates no buffer per dispatch. A slot may be written anew only once the
 * work that reads it has been submitted, which the owner says by `reset`.
 */
import { type GpuDevice, usage } from './device.ts';
import { type Bound, encodeFields, type UniformField } from './kernel.ts';

export interface UniformSlots {
  /** 32-bit fields in declaration order, at most 64. */
  write(fields: readonly UniformField[]): Bound;
  /** Everything that uses slots written so far has been submitted: they may be used again. */
  reset(): void;
  destroy(): void;
}

/** The largest offset alignment a WebGPU implementation may ask for uniform bindings. */
const SLOT_BYTES = 256;
const SLOTS_PER_BUFFER = 256;

/**
 * The same for work that is recorded whole before it is submitted: `reset` sends the structs written since the last
 * one, all at once, and is called between the two.
 */
export function createCollectedSlots(gpu: GpuDevice, label: string): UniformSlots {
  const parts: { readonly buffer: GPUBuffer; readonly host: Uint8Array<ArrayBuffer> }[] = [];
  const bytes = SLOTS_PER_BUFFER * SLOT_BYTES;
  let next = 0;
  const make = (): (typeof parts)[number] => ({
    buffer: gpu.createBuffer(`${label} parameters`, bytes, usage.uniform | usage.copyTarget),
    host: new Uint8Array(bytes),
  });
  return {
    write(fields) {
      const index = Math.floor(next / SLOTS_PER_BUFFER);
      const offset = (next % SLOTS_PER_BUFFER) * SLOT_BYTES;
      next++;
      parts[index] ??= make();
      const data = encodeFields(fields);
      parts[index].host.set(new Uint8Array(data), offset);
      return { buffer: parts[index].buffer, offset, size: data.byteLength };
    },
    reset() {
      for (const [i, { buffer, host }] of parts.entries()) {
        const used = Math.min(bytes, next * SLOT_BYTES - i * bytes);
        if (used > 0) gpu.device.queue.writeBuffer(buffer, 0, host, 0, used);
      }
      next = 0;
    },
    destroy() {
      for (const { buffer } of parts) gpu.destroyBuffer(buffer);
      parts.length = 0;
      next = 0;
    },
  };
}

export function createUniformSlots(gpu: GpuDevice, label: string): UniformSlots {
  const buffers: GPUBuffer[] = [];
  let next = 0;
  return {
    write(fields) {
      const index = Math.floor(next / SLOTS_PER_BUFFER);
      const offset = (next % SLOTS_PER_BUFFER) * SLOT_BYTES;
      next++;
      buffers[index] ??= gpu.createBuffer(
        `${label} parameters`,
        SLOTS_PER_BUFFER * SLOT_BYTES,
        usage.uniform | usage.copyTarget,
      );
      const data = encodeFields(fields);
      gpu.device.queue.writeBuffer(buffers[index], offset, data);
      return { buffer: buffers[index], offset, size: data.byteLength };
    },
    reset() {
      next = 0;
    },
    destroy() {
      for (const buffer of buffers) gpu.destroyBuffer(buffer);
      buffers.length = 0;
      next = 0;
    },
  };
}
