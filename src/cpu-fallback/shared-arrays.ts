/**
 * Passes arguments to a worker thread: float32 arrays in shared memory are sent as their buffer and recreated
 * on arrival. Deno copies the memory of a cloned typed array (80 ms for a 96^3 volume), but never that of a
 * SharedArrayBuffer.
 */

/** A float array as a message: the buffer itself is shared, not copied. */
interface SharedFloats {
  readonly sharedFloats: SharedArrayBuffer;
  /** Start of the array in the buffer. */
  readonly byteOffset: number;
  /** Floats. */
  readonly length: number;
}

/** Replaces shared arrays by messages, at any depth; other values are copied as usual. */
export function packShared(value: unknown): unknown {
  if (value instanceof Float32Array && value.buffer instanceof SharedArrayBuffer) {
    const packed: SharedFloats = {
      sharedFloats: value.buffer,
      byteOffset: value.byteOffset,
      length: value.length,
    };
    return packed;
  }
  return mapFields(value, packShared);
}

/** The opposite, on the other thread. */
export function unpackShared(value: unknown): unknown {
  if (isPacked(value)) return new Float32Array(value.sharedFloats, value.byteOffset, value.length);
  return mapFields(value, unpackShared);
}

/** No argument of a task has a field of this name by itself. */
function isPacked(value: unknown): value is SharedFloats {
  return typeof value === 'object' && value !== null && 'sharedFloats' in value;
}

/** Applies `change` to the fields of a plain object; other values are unchanged. */
function mapFields(value: unknown, change: (field: unknown) => unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, change(field)]));
}
