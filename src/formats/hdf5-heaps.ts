/**
 * Global heaps of an HDF5 file, in which texts of any length lie. The HDF5 library goes through the objects
 * of a heap by the lengths they declare, of which it takes 32 bits here: at free space of no bytes, or where
 * such a length has led it astray, it stays for ever. No writer makes such heaps.
 * Layout: HDF5 File Format Specification 3.0, section III.E.
 */

/**
 * "GCOL", version 1, and three bytes that are 0: eight bytes, so that no numbers of an array look like it.
 */
const start = [0x47, 0x43, 0x4f, 0x4c, 1, 0, 0, 0];
/** With the length of the heap, itself included. */
const HEAD_BYTES = 16;
/** Number (0: free space), references, and length. */
const OBJECT_HEAD_BYTES = 16;
const OBJECT_ALIGNMENT_BYTES = 8;

/** Byte offset of a heap whose objects do not fit into it, or undefined. Lengths of 8 bytes. */
export function findBrokenHeap(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const last = file.length - HEAD_BYTES;
  for (let at = file.indexOf(start[0]); at >= 0 && at <= last; at = file.indexOf(start[0], at + 1)) {
    if (start.every((byte, i) => file[at + i] === byte) && isBroken(view, at)) return at;
  }
  return undefined;
}

function isBroken(view: DataView, heap: number): boolean {
  const end = heap + Number(view.getBigUint64(heap + 8, true));
  if (end > view.byteLength) return true;
  let at = heap + HEAD_BYTES;
  while (at + OBJECT_HEAD_BYTES <= end) {
    const length = Number(view.getBigUint64(at + 8, true));
    if (view.getUint16(at, true) === 0) {
      // Free space, whose length counts its head, is the end of a heap.
      return length < OBJECT_HEAD_BYTES || at + length > end;
    }
    at += OBJECT_HEAD_BYTES + Math.ceil(length / OBJECT_ALIGNMENT_BYTES) * OBJECT_ALIGNMENT_BYTES;
  }
  return at > end;
}
