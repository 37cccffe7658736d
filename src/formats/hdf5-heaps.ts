/**
 * Checks the global heaps of an HDF5 file, which hold variable-length strings. The HDF5 library steps from
 * object to object by their declared lengths, of which this build uses 32 bits; a length of 0, or one that
 * wraps, makes it loop for ever. No writer produces such heaps. Layout: HDF5 File Format Specification 3.0,
 * section III.E.
 */

/** "GCOL", version 1 and three zero bytes: eight bytes, so that array data are not mistaken for it. */
const start = [0x47, 0x43, 0x4f, 0x4c, 1, 0, 0, 0];
/** Heap header: signature and length of the heap, including this header. */
const HEAD_BYTES = 16;
/** Object header: index (0: free space), reference count and length. */
const OBJECT_HEAD_BYTES = 16;
/** Objects begin at multiples of this. */
const OBJECT_ALIGNMENT_BYTES = 8;

/** Byte offset of a heap whose objects do not fit into it, if any. Lengths have 8 bytes. */
export function findBrokenHeap(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const last = file.length - HEAD_BYTES;
  for (let at = file.indexOf(start[0]); at >= 0 && at <= last; at = file.indexOf(start[0], at + 1)) {
    if (start.every((byte, i) => file[at + i] === byte) && isBroken(view, at)) return at;
  }
  return undefined;
}

/** Whether the objects of a global heap run beyond its end. */
function isBroken(view: DataView, heap: number): boolean {
  const end = heap + Number(view.getBigUint64(heap + 8, true));
  if (end > view.byteLength) return true;
  let at = heap + HEAD_BYTES;
  while (at + OBJECT_HEAD_BYTES <= end) {
    const length = Number(view.getBigUint64(at + 8, true));
    if (view.getUint16(at, true) === 0) {
      // Free space, whose length includes its header, ends the heap.
      return length < OBJECT_HEAD_BYTES || at + length > end;
    }
    at += OBJECT_HEAD_BYTES + Math.ceil(length / OBJECT_ALIGNMENT_BYTES) * OBJECT_ALIGNMENT_BYTES;
  }
  return at > end;
}
