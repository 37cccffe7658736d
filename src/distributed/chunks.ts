/** Long messages in pieces: counts of MPI are 32-bit, and so are those of a single read or write. */

export interface Chunk {
  readonly start: number;
  readonly end: number;
}

/** Consecutive ranges of at most `chunkBytes` that cover 0 ... length. None for length 0. */
export function* splitIntoChunks(length: number, chunkBytes: number): Generator<Chunk> {
  for (let start = 0; start < length; start += chunkBytes) {
    yield { start, end: Math.min(start + chunkBytes, length) };
  }
}
