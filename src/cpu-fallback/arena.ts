/**
 * Allocator of the CPU engine: growable shared buffers whose free parts are reused for volumes of any size.
 * One buffer per volume would leak: V8 does not count shared memory, so that it collects such buffers late or
 * never, on every thread that has seen them. Memory that is not shared is garbage-collected.
 */

/** Pieces are aligned to cache lines. */
const ALIGNMENT = 64;
/**
 * Address space reserved per buffer in bytes, the limit of V8 in Node 20. Pages are committed when written.
 */
const RESERVED_BYTES = 4 * 2 ** 30;

/** A free part, in bytes from the start of its buffer. */
interface Hole {
  /** First byte. */
  start: number;
  /** Byte after the last. */
  end: number;
}

/** One buffer and its division into pieces. */
interface Region {
  /** Shared where threads are; it grows in place if it can. */
  readonly buffer: ArrayBufferLike;
  /** Bytes that it can grow to. */
  readonly capacity: number;
  /** Bytes from here on were never used: they are zero and not committed. */
  used: number;
  /** Free parts before `used`, by address; adjacent ones are merged. */
  readonly holes: Hole[];
  /** Start of each piece in use → its length in bytes. */
  readonly pieces: Map<number, number>;
  /** Some pieces were given away and never return. */
  hasReaders: boolean;
}

/** Newer than the type library. */
type GrowableBuffer = SharedArrayBuffer & { readonly growable?: boolean; grow(bytes: number): void };
/** Hands out float32 arrays from few large buffers, and takes them back for arrays of any other length. */
export class Arena {
  /** In the order in which they were made; the first that fits is used. */
  private regions: Region[] = [];
  /** False where pages are not isolated: there is one thread then. */
  private readonly shared: boolean;

  constructor(shared = true) {
    this.shared = shared;
  }

  /** A zeroed piece; throws a RangeError if the system is out of memory. */
  allocate(count: number): Float32Array {
    const size = sizeOf(4 * count);
    const fit = this.firstHole(size);
    if (fit) return take(fit.region, fit.hole, count).fill(0);
    return extend(this.regions.find((region) => room(region) >= size) ?? this.addRegion(size), count);
  }

  /** Whether the array is a piece in use. */
  holds({ buffer, byteOffset, byteLength }: Float32Array): boolean {
    return this.regions.some(
      (region) => region.buffer === buffer && region.pieces.get(byteOffset) === byteLength,
    );
  }

  /** Frees a piece for reuse. Other arrays, and parts of pieces, are ignored. */
  free(piece: Float32Array): void {
    const region = this.remove(piece);
    if (region === undefined) return;
    addHole(region, { start: piece.byteOffset, end: piece.byteOffset + sizeOf(piece.byteLength) });
    this.retire(region);
  }

  /** Gives a piece away: it stays valid as long as anybody references it. */
  handOver(piece: Float32Array): void {
    const region = this.remove(piece);
    if (region === undefined) return;
    region.hasReaders = true;
    this.retire(region);
  }

  /** Forgets all memory; the collector frees buffers that nobody references. */
  clear(): void {
    this.regions = [];
  }

  /** The region of a piece in use. */
  private remove({ buffer, byteOffset, byteLength }: Float32Array): Region | undefined {
    const region = this.regions.find((candidate) => candidate.buffer === buffer);
    if (region?.pieces.get(byteOffset) !== byteLength) return undefined;
    region.pieces.delete(byteOffset);
    return region;
  }

  /**
   * Drops a region that contains only pieces given away; the garbage collector frees it after its last
   * reader.
   */
  private retire(region: Region): void {
    if (region.pieces.size > 0 || (this.shared && !region.hasReaders)) return;
    this.regions = this.regions.filter((other) => other !== region);
  }

  /** First fit by address, so that free space accumulates at the end, where it can grow. */
  private firstHole(size: number): { region: Region; hole: Hole } | undefined {
    for (const region of this.regions) {
      const hole = region.holes.find(({ start, end }) => end - start >= size);
      if (hole) return { region, hole };
    }
    return undefined;
  }

  /** A buffer for at least `size` bytes; a shared one can grow up to its capacity without moving. */
  private addRegion(size: number): Region {
    const region: Region = {
      ...(this.shared ? reserve(size) : { buffer: new ArrayBuffer(size), capacity: size }),
      used: 0,
      holes: [],
      pieces: new Map(),
      hasReaders: false,
    };
    this.regions.push(region);
    return region;
  }
}

/** Address space for many pieces, or if that is scarce for this one only. */
function reserve(size: number): Pick<Region, 'buffer' | 'capacity'> {
  const capacity = Math.max(size, RESERVED_BYTES);
  try {
    // TypeScript's library lacks the second argument.
    const Growable = SharedArrayBuffer as unknown as new (
      bytes: number,
      options: { maxByteLength: number },
    ) => GrowableBuffer;
    const buffer = new Growable(0, { maxByteLength: capacity });
    if (buffer.growable) return { buffer, capacity };
  } catch {
    // Too little address space.
  }
  return { buffer: new SharedArrayBuffer(size), capacity: size };
}

/** Bytes occupied by a piece. */
function sizeOf(bytes: number): number {
  return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
}

/** Largest piece, in bytes, that can start at the end of the used part or in the hole before it. */
function room({ capacity, used, holes }: Region): number {
  const last = holes.at(-1);
  return capacity - (last?.end === used ? last.start : used);
}

/** The first `count` floats of a hole, which shrinks or disappears. */
function take(region: Region, hole: Hole, count: number): Float32Array {
  const { start } = hole;
  hole.start += sizeOf(4 * count);
  if (hole.start === hole.end) region.holes.splice(region.holes.indexOf(hole), 1);
  region.pieces.set(start, 4 * count);
  return new Float32Array(region.buffer, start, count);
}

/** Allocates at the end of the used part, including a hole that ends there. */
function extend(region: Region, count: number): Float32Array {
  const { buffer, holes, used } = region;
  const last = holes.at(-1);
  const start = last?.end === used ? last.start : used;
  const end = start + sizeOf(4 * count);
  if (end > buffer.byteLength) (buffer as GrowableBuffer).grow(end);
  if (start < used) holes.pop();
  region.used = end;
  region.pieces.set(start, 4 * count);
  return new Float32Array(buffer, start, count).fill(0, 0, (used - start) / 4);
}

/** Inserts a hole in the order of addresses, merged with its neighbours. */
function addHole(region: Region, hole: Hole): void {
  const { holes } = region;
  let at = holes.length;
  while (at > 0 && holes[at - 1].start > hole.start) at--;
  const before = holes[at - 1];
  const after = holes[at];
  if (after?.start === hole.end) {
    hole.end = after.end;
    holes.splice(at, 1);
  }
  if (before?.end === hole.start) before.end = hole.end;
  else holes.splice(at, 0, hole);
}
