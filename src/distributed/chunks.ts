/** Splits long messages: MPI counts are 32-bit, and so is the length of a single read or write. */

/** Bytes `start` up to and without `end`. */
export interface Chunk {
  readonly start: number;
  readonly end: number;
}

/** Consecutive ranges of at most `chunkBytes` bytes that cover [0, length); empty for length 0. */
export function* splitIntoChunks(length: number, chunkBytes: number): Generator<Chunk> {
  for (let start = 0; start < length; start += chunkBytes) {
    yield { start, end: Math.min(start + chunkBytes, length) };
  }
}
