/** Streams of bytes from a file, a network response or a decompressor, with reads of exact length. */

/** Bytes of a file in pieces of any size, once. */
export interface ByteSource {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Exact length in bytes, if known (a plain file). */
  readonly byteLength?: number;
  /** Upper limit of the length in bytes, if it is unknown (a compressed file). */
  readonly byteLengthLimit?: number;
}

/** Pulls chunks on demand and returns them in the requested sizes. Call `close` when done. */
export class ByteReader {
  /** Bytes returned so far. */
  position = 0;
  private readonly iterator: AsyncIterator<Uint8Array>;
  private pending: Uint8Array = new Uint8Array(0);
  private ended = false;

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.iterator = bytes[Symbol.asyncIterator]();
  }

  /**
   * The next chunk, at most `limit` bytes long; undefined at the end. A view: use it before the next call.
   */
  async next(limit: number): Promise<Uint8Array | undefined> {
    while (this.pending.length === 0) {
      if (this.ended) return undefined;
      const step = await this.iterator.next();
      if (step.done) {
        this.ended = true;
        return undefined;
      }
      this.pending = step.value;
    }
    const chunk = this.pending.length > limit ? this.pending.subarray(0, limit) : this.pending;
    this.pending = this.pending.subarray(chunk.length);
    this.position += chunk.length;
    return chunk;
  }

  /**
   * A copy of the next `count` bytes; shorter only if the source ends first. Memory is allocated as bytes
   * arrive, so a false count in a short file costs nothing.
   */
  async read(count: number): Promise<Uint8Array<ArrayBuffer>> {
    let out = new Uint8Array(Math.min(count, 65_536));
    let filled = 0;
    while (filled < count) {
      const chunk = await this.next(count - filled);
      if (chunk === undefined) break;
      if (filled + chunk.length > out.length) {
        const larger = new Uint8Array(Math.min(count, Math.max(2 * out.length, filled + chunk.length)));
        larger.set(out.subarray(0, filled));
        out = larger;
      }
      out.set(chunk, filled);
      filled += chunk.length;
    }
    return filled === out.length ? out : out.slice(0, filled);
  }

  /** Peeks: a copy of the next `count` bytes, or of all that are left, without consuming them. */
  async peek(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.read(count);
    const rest = this.pending;
    this.pending = bytes;
    if (rest.length > 0) {
      this.pending = new Uint8Array(bytes.length + rest.length);
      this.pending.set(bytes);
      this.pending.set(rest, bytes.length);
    }
    this.position -= bytes.length;
    return bytes;
  }

  /** Releases the source's resources (file handle, decompressor), whether or not it was read to the end. */
  async close(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    this.pending = new Uint8Array(0);
    await this.iterator.return?.();
  }
}
