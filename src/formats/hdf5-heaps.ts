/**
 * Global heaps of an HDF5 file, in which texts of any length lie. The HDF5 library goes through the objects
 * of a heap by the sizes they declare, and stays for ever at free space of no bytes, which no writer makes.
 * Layout: HDF5 File Format Specification 3.0, section III.E.
 */
const signature = [0x47, 0x43, 0x4f, 0x4c];
const VERSION = 1;
/** Signature, version, three bytes of nothing, and the length of the heap. */
const HEAD_BYTES = 16;
/** Number (0: free space), references, and length. */
const OBJECT_HEAD_BYTES = 16;
const OBJECT_ALIGNMENT_BYTES = 8;

/** Where the library would go on for ever (byte offset of the heap), or undefined. Lengths of 8 bytes. */
export function findEndlessHeap(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = file.indexOf(signature[0]); at >= 0; at = file.indexOf(signature[0], at + 1)) {
    if (at + HEAD_BYTES > file.length) return undefined;
    const isHeap = signature.every((byte, i) => file[at + i] === byte) && file[at + 4] === VERSION;
    if (isHeap && isEndless(view, at)) return at;
  }
  return undefined;
}

function isEndless(view: DataView, heap: number): boolean {
  const end = Math.min(view.byteLength, heap + Number(view.getBigUint64(heap + 8, true)));
  let at = heap + HEAD_BYTES;
  while (at + OBJECT_HEAD_BYTES <= end) {
    const length = Number(view.getBigUint64(at + 8, true));
    const isFree = view.getUint16(at, true) === 0;
    if (isFree && length === 0) return true;
    // The length of free space counts its head, that of an object does not.
    at += isFree
      ? length
      : OBJECT_HEAD_BYTES + Math.ceil(length / OBJECT_ALIGNMENT_BYTES) * OBJECT_ALIGNMENT_BYTES;
  }
  return false;
}
