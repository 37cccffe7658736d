/**
 * Uniform structs for many dispatches recorded before one submission: slots of a few long-lived buffers, so
 * that a loop over tiles creates no buffer per dispatch. A slot may be rewritten only after the work that
 * reads it has been submitted, which the owner declares by `reset`.
 */
import { type GpuDevice, usage } from './device.ts';
import { type Bound, encodeFields, type UniformField } from './kernel.ts';

/** Allocator of uniform structs. */
export interface UniformSlots {
  /** 32-bit fields in declaration order, at most 64. */
  write(fields: readonly UniformField[]): Bound;
  /** All work that uses slots written so far has been submitted: they may be reused. */
  reset(): void;
  /** Frees the buffer of all slots. */
  destroy(): void;
}

/** The largest offset alignment that WebGPU implementations may require for uniform bindings. */
const SLOT_BYTES = 256;
// 64 KiB per buffer.
const SLOTS_PER_BUFFER = 256;

/** Structs are uploaded immediately. */
export function createUniformSlots(gpu: GpuDevice, label: string): UniformSlots {
  return createSlots(gpu, label, false);
}

/**
 * The same for work recorded completely before it is submitted: `reset`, called in between, uploads all
 * structs written since the last one at once.
 */
export function createCollectedSlots(gpu: GpuDevice, label: string): UniformSlots {
  return createSlots(gpu, label, true);
}

/** `collected`: structs are staged on the host until `reset`. */
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
