/**
 * Memory of the CPU engine: shared buffers that grow as volumes need room and whose free parts are used again
 * by whatever comes next, of any size. Single buffers would not do: V8 does not count shared memory, so that
 * it collects them late or never, on every thread that has seen them. Memory that is not shared is left to
 * the collector.
 */

/** Pieces begin at cache lines. */
const ALIGNMENT = 64;
/**
 * Address space set aside for a buffer, bytes: what V8 of Node 20 allows. Pages are taken when they are
 * written.
 */
const RESERVED_BYTES = 4 * 2 ** 30;

interface Hole {
  start: number;
  end: number;
}

interface Region {
  readonly buffer: ArrayBufferLike;
  readonly capacity: number;
  /** Everything from here on was never used: it is zero, and takes no memory yet. */
  used: number;
  /** Free parts before `used`, by address; neighbours are one. */
  readonly holes: Hole[];
  /** Bytes of the pieces in use by their start. */
  readonly pieces: Map<number, number>;
  /** Some pieces were given away for good. */
  hasReaders: boolean;
}

type GrowableBuffer = SharedArrayBuffer & { readonly growable?: boolean; grow(bytes: number): void };
export class Arena {
  private regions: Region[] = [];
  private readonly shared: boolean;

  constructor(shared = true) {
    this.shared = shared;
  }

  /** Zeros; throws a RangeError where the system has no memory. */
  allocate(count: number): Float32Array {
    const size = sizeOf(4 * count);
    const fit = this.firstHole(size);
    if (fit) return take(fit.region, fit.hole, count).fill(0);
    return extend(this.regions.find((region) => room(region) >= size) ?? this.addRegion(size), count);
  }

  /** Whether it is a piece in use. */
  holds({ buffer, byteOffset, byteLength }: Float32Array): boolean {
    return this.regions.some(
      (region) => region.buffer === buffer && region.pieces.get(byteOffset) === byteLength,
    );
  }

  /** The piece may be used again. Arrays that are no piece, or a part of one, are the caller's. */
  free(piece: Float32Array): void {
    const region = this.remove(piece);
    if (region === undefined) return;
    addHole(region, { start: piece.byteOffset, end: piece.byteOffset + sizeOf(piece.byteLength) });
    this.retire(region);
  }

  /** The piece stays as it is for as long as anybody reads it. */
  giveAway(piece: Float32Array): void {
    const region = this.remove(piece);
    if (region === undefined) return;
    region.hasReaders = true;
    this.retire(region);
  }

  clear(): void {
    this.regions = [];
  }

  /** Its region, if it is a piece in use. */
  private remove({ buffer, byteOffset, byteLength }: Float32Array): Region | undefined {
    const region = this.regions.find((candidate) => candidate.buffer === buffer);
    if (region?.pieces.get(byteOffset) !== byteLength) return undefined;
    region.pieces.delete(byteOffset);
    return region;
  }

  /**
   * A region with nothing but pieces that were given away is left to its readers, plain memory to the
   * collector.
   */
  private retire(region: Region): void {
    if (region.pieces.size > 0 || (this.shared && !region.hasReaders)) return;
    this.regions = this.regions.filter((other) => other !== region);
  }

  /** The lowest that is large enough: what is free then gathers at the end, where it can grow. */
  private firstHole(size: number): { region: Region; hole: Hole } | undefined {
    for (const region of this.regions) {
      const hole = region.holes.find(({ start, end }) => end - start >= size);
      if (hole) return { region, hole };
    }
    return undefined;
  }

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

/** Address space for many pieces, or where that is scarce for this one. */
function reserve(size: number): Pick<Region, 'buffer' | 'capacity'> {
  const capacity = Math.max(size, RESERVED_BYTES);
  try {
    // TypeScript's library of this year lacks the second argument.
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

/** Bytes that a piece takes. */
function sizeOf(bytes: number): number {
  return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
}

/** Bytes of the largest piece that can begin at the end of what is used, or in the hole before it. */
function room({ capacity, used, holes }: Region): number {
  const last = holes.at(-1);
  return capacity - (last?.end === used ? last.start : used);
}

function take(region: Region, hole: Hole, count: number): Float32Array {
  const { start } = hole;
  hole.start += sizeOf(4 * count);
  if (hole.start === hole.end) region.holes.splice(region.holes.indexOf(hole), 1);
  region.pieces.set(start, 4 * count);
  return new Float32Array(region.buffer, start, count);
}

/** A piece at the end of what is used; a hole that ends there becomes its beginning. */
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
