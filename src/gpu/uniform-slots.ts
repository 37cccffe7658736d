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

/** Structs are sent as they are written. */
export function createUniformSlots(gpu: GpuDevice, label: string): UniformSlots {
  return createSlots(gpu, label, false);
}

/**
 * The same for work that is recorded whole before it is submitted: `reset` sends the structs written since
 * the last one, all at once, and is called between the two.
 */
export function createCollectedSlots(gpu: GpuDevice, label: string): UniformSlots {
  return createSlots(gpu, label, true);
}

function createSlots(gpu: GpuDevice, label: string, collected: boolean): UniformSlots {
  const bytes = SLOTS_PER_BUFFER * SLOT_BYTES;
  const parts: { readonly buffer: GPUBuffer; readonly host: Uint8Array<ArrayBuffer> }[] = [];
  let next = 0;
  const make = (): (typeof parts)[number] => ({
    buffer: gpu.createBuffer(`${label} parameters`, bytes, usage.uniform | usage.copyTarget),
    host: new Uint8Array(collected ? bytes : 0),
  });
  const { queue } = gpu.device;
  return {
    write(fields) {
      const index = Math.floor(next / SLOTS_PER_BUFFER);
      const offset = (next % SLOTS_PER_BUFFER) * SLOT_BYTES;
      next++;
      parts[index] ??= make();
      const { buffer, host } = parts[index];
      const data = encodeFields(fields);
      if (collected) host.set(new Uint8Array(data), offset);
      else queue.writeBuffer(buffer, offset, data);
      return { buffer, offset, size: data.byteLength };
    },
    reset() {
      for (const [i, { buffer, host }] of parts.entries()) {
        const used = Math.min(host.length, next * SLOT_BYTES - i * bytes);
        if (used > 0) queue.writeBuffer(buffer, 0, host, 0, used);
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
